package config

import (
	"maps"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// libraryFunctions are those that the libraries bring, under their Terraform names.
var libraryFunctions = map[string]function.Function{
	"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc, "max": stdlib.MaxFunc,
	"min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "signum": stdlib.SignumFunc,

	"chomp": stdlib.ChompFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc, "indent": stdlib.IndentFunc,
	"join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
	"split": stdlib.SplitFunc, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc,
	"title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc,
	"trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc,

	"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
	"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
	"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "index": stdlib.IndexFunc, "keys": stdlib.KeysFunc,
	"lookup": stdlib.LookupFunc, "merge": stdlib.MergeFunc, "range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc,
	"setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc, "setsubtract": stdlib.SetSubtractFunc,
	"setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "values": stdlib.ValuesFunc,
	"zipmap": stdlib.ZipmapFunc,

	"csvdecode": stdlib.CSVDecodeFunc, "jsondecode": stdlib.JSONDecodeFunc,
	"can": tryfunc.CanFunc, "try": tryfunc.TryFunc,

	"tobool": stdlib.MakeToFunc(cty.Bool), "tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
	"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "tonumber": stdlib.MakeToFunc(cty.Number),
	"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String),
}

// functionTable is every function of the language. None of them depends on the time, on chance or on the network.
func (r *reader) functionTable() map[string]function.Function {
	table := maps.Clone(libraryFunctions)
	maps.Copy(table, map[string]function.Function{
		"alltrue": allTrue, "anytrue": anyTrue, "base64decode": base64Decode, "base64encode": base64Encode,
		"cidrhost": cidrHost, "cidrnetmask": cidrNetmask, "cidrsubnet": cidrSubnet, "endswith": endsWith,
		"issensitive": isSensitive, "jsonencode": jsonEncode, "length": length, "md5": md5Hex, "nonsensitive": nonsensitive,
		"one": one, "replace": replace, "sensitive": sensitive, "sha256": sha256Hex, "startswith": startsWith, "sum": sum,
		"yamldecode": yamlDecode,
		"file":       r.fileFunction(), "fileexists": r.fileExistsFunction(),
	})
	return table
}

// length is the number of elements, or of characters of a text.
var length = function.New(&function.Spec{
	Description: "the number of elements of a collection, or of characters of a text",
	Params: []function.Parameter{{
		Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowMarked: true,
	}},
	Type: function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		switch ty := v.Type(); {
		case ty == cty.DynamicPseudoType && v.IsKnown(), v.IsNull():
			return cty.NilVal, function.NewArgErrorf(0, "it must not be null")
		case ty == cty.DynamicPseudoType:
			return cty.UnknownVal(want).WithMarks(marks), nil
		case ty == cty.String:
			out, err := stdlib.Strlen(v)
			return out.WithMarks(marks), err
		case ty.IsTupleType() || ty.IsObjectType() || ty.IsCollectionType():
			return v.Length().WithMarks(marks), nil
		default:
			return cty.NilVal, function.NewArgErrorf(0, "it must be a list, a set, a map or a text")
		}
	},
})

// replace puts one text for another; /.../ is a regular expression.
var replace = function.New(&function.Spec{
	Description: "replaces a text, or what a regular expression between slashes matches",
	Params: []function.Parameter{
		{Name: "text", Type: cty.String}, {Name: "search", Type: cty.String}, {Name: "replacement", Type: cty.String},
	},
	Type: function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if search := args[1].AsString(); len(search) > 1 && search[0] == '/' && search[len(search)-1] == '/' {
			return stdlib.RegexReplace(args[0], cty.StringVal(search[1:len(search)-1]), args[2])
		}
		return stdlib.Replace(args[0], args[1], args[2])
	},
})

// one is the only element of a list of at most one, or null.
var one = function.New(&function.Spec{
	Description: "the only element of a list or a set of at most one, else null",
	Params:      []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: func(args []cty.Value) (cty.Type, error) {
		ty := args[0].Type()
		switch {
		case ty.IsListType() || ty.IsSetType():
			return ty.ElementType(), nil
		case ty.IsTupleType() && ty.Length() == 0:
			return cty.DynamicPseudoType, nil
		case ty.IsTupleType() && ty.Length() == 1:
			return ty.TupleElementType(0), nil
		default:
			return cty.NilType, function.NewArgErrorf(0, "it must be a list or a set of at most one element")
		}
	},
	Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
		switch args[0].LengthInt() {
		case 0:
			return cty.NullVal(want), nil
		case 1:
			it := args[0].ElementIterator()
			it.Next()
			_, v := it.Element()
			return v, nil
		default:
			return cty.NilVal, function.NewArgErrorf(0, "it has more than one element")
		}
	},
})

// sum adds the numbers of a list or a set.
var sum = function.New(&function.Spec{
	Description: "the sum of a list or a set of numbers",
	Params:      []function.Parameter{{Name: "numbers", Type: cty.DynamicPseudoType}},
	Type:        function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		list, err := convert.Convert(args[0], cty.List(cty.Number))
		if err != nil || list.IsNull() || noNulls(list) != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it must be a list of numbers")
		}
		if !list.IsWhollyKnown() {
			return cty.UnknownVal(cty.Number), nil
		}
		total := cty.Zero
		for it := list.ElementIterator(); it.Next(); {
			_, v := it.Element()
			total = total.Add(v)
		}
		return total, nil
	},
})

var (
	allTrue = quantifier("whether all elements are true", true)
	anyTrue = quantifier("whether at least one element is true", false)
)

func quantifier(doc string, all bool) function.Function {
	return function.New(&function.Spec{
		Description: doc,
		Params:      []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				if !v.IsKnown() {
					return cty.UnknownVal(want), nil
				}
				if truth := !v.IsNull() && v.True(); truth != all {
					return cty.BoolVal(!all), nil
				}
			}
			return cty.BoolVal(all), nil
		},
	})
}
