package config

import (
	"maps"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
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
	"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "keys": stdlib.KeysFunc,
	"lookup": stdlib.LookupFunc, "merge": stdlib.MergeFunc, "range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc,
	"setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc, "setsubtract": stdlib.SetSubtractFunc,
	"setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "values": stdlib.ValuesFunc,
	"zipmap": stdlib.ZipmapFunc,

	"csvdecode": stdlib.CSVDecodeFunc, "jsondecode": stdlib.JSONDecodeFunc,
	"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc,
	"can": tryfunc.CanFunc, "try": tryfunc.TryFunc,

	"tobool": stdlib.MakeToFunc(cty.Bool), "tonumber": stdlib.MakeToFunc(cty.Number), "tostring": stdlib.MakeToFunc(cty.String),
	"tolist": toList, "tomap": toMap, "toset": toSet,
}

// refused is why a function of Terraform is not here, and what to do instead.
type refused struct{ why, instead string }

const sameEachTime = "the same files and variables give the same plan"

var refusedFunctions = map[string]refused{
	"timestamp":       {sameEachTime, "Give the time by a variable."},
	"plantimestamp":   {sameEachTime, "Give the time by a variable."},
	"uuid":            {sameEachTime, "Use uuidv5, or give it by a variable."},
	"bcrypt":          {sameEachTime, "Give the hash by a variable."},
	"rsadecrypt":      {"its padding (PKCS #1 v1.5) is broken", "Give the secret by a variable with sensitive = true."},
	"ephemeralasnull": {"no value is ephemeral", "Leave it out: what is sensitive is never kept."},
}

// functionTable is every function of the language. None of them depends on the time, on chance or on the network.
func (r *reader) functionTable() map[string]function.Function {
	table := maps.Clone(libraryFunctions)
	maps.Copy(table, map[string]function.Function{
		"alltrue": allTrue, "anytrue": anyTrue, "base64decode": base64Decode, "base64encode": base64Encode, "base64gzip": base64Gzip,
		"cidrhost": cidrHost, "cidrnetmask": cidrNetmask, "cidrsubnet": cidrSubnet, "cidrsubnets": cidrSubnets, "endswith": endsWith,
		"index": indexOf, "issensitive": isSensitive, "jsonencode": jsonEncode, "length": length, "matchkeys": matchKeys,
		"nonsensitive": nonsensitive, "one": one, "replace": replace, "sensitive": sensitive,
		"startswith": startsWith, "strcontains": contains, "sum": sum, "textdecodebase64": textDecodeBase64,
		"textencodebase64": textEncodeBase64, "timecmp": timeCompare, "transpose": transpose, "urlencode": urlEncode,
		"uuidv5": uuidv5, "yamldecode": yamlDecode, "yamlencode": yamlEncode,
	})
	maps.Copy(table, r.hashFunctions())
	maps.Copy(table, r.fileFunctions())
	return table
}

// templateFunctions are those that a template may use: a template that fills in templates need not end.
func (r *reader) templateFunctions() map[string]function.Function {
	table := maps.Clone(r.functions)
	delete(table, "templatefile")
	delete(table, "templatestring")
	return table
}

// functionNames are the names of all functions.
var functionNames = keys((&reader{}).functionTable())

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
