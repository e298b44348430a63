package config

import (
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

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

// indexOf finds a value in a list.
var indexOf = function.New(&function.Spec{
	Description: "the place of a value in a list, from 0",
	Params:      []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType}},
	Type:        function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
		if ty := args[0].Type(); !ty.IsListType() && !ty.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "it must be a list")
		}
		for it := args[0].ElementIterator(); it.Next(); {
			key, element := it.Element()
			same, err := stdlib.Equal(element, args[1])
			if err == nil && !same.IsKnown() {
				return cty.UnknownVal(want), nil
			}
			if err == nil && same.True() {
				return key, nil
			}
		}
		return cty.NilVal, function.NewArgErrorf(1, "the list does not hold it")
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

// matchKeys are the values whose keys, at the same places, are among those that are looked for.
var matchKeys = function.New(&function.Spec{
	Description: "the elements of values whose keys, at the same places, are in searchset",
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType)}, {Name: "keys", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
	},
	Type: func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
		values, names := args[0].AsValueSlice(), args[1].AsValueSlice()
		if len(values) != len(names) {
			return cty.NilVal, function.NewArgErrorf(1, "it must be as long as values")
		}
		var out []cty.Value
		for i, name := range names {
			found, err := stdlib.Contains(args[2], name)
			if err != nil {
				return cty.NilVal, function.NewArgError(2, err)
			}
			if !found.IsKnown() {
				return cty.UnknownVal(want), nil
			}
			if found.True() {
				out = append(out, values[i])
			}
		}
		if len(out) == 0 {
			return cty.ListValEmpty(want.ElementType()), nil
		}
		return cty.ListVal(out), nil
	},
})

// transpose turns a map of lists of texts around: each text becomes a key, with the keys that had it.
var transpose = function.New(&function.Spec{
	Description: "a map of lists of texts, turned around",
	Params:      []function.Parameter{{Name: "map", Type: cty.Map(texts)}},
	Type:        function.StaticReturnType(cty.Map(texts)),
	Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(want), nil
		}
		lists := map[string][]cty.Value{}
		for it := args[0].ElementIterator(); it.Next(); { // in the order of the keys
			key, list := it.Element()
			elements, err := textList(list)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			for _, text := range elements {
				lists[text] = append(lists[text], key)
			}
		}
		if len(lists) == 0 {
			return cty.MapValEmpty(texts), nil
		}
		out := map[string]cty.Value{}
		for text, list := range lists {
			out[text] = cty.ListVal(list)
		}
		return cty.MapVal(out), nil
	},
})

// timeCompare tells which of two times is earlier.
var timeCompare = function.New(&function.Spec{
	Description: "-1, 0 or 1: whether a time (RFC 3339) is before, at or after another",
	Params:      []function.Parameter{{Name: "a", Type: cty.String}, {Name: "b", Type: cty.String}},
	Type:        function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var times [2]time.Time
		for i, arg := range args {
			at, err := time.Parse(time.RFC3339, arg.AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(i, "it is not a time such as 2026-01-31T12:00:00Z")
			}
			times[i] = at
		}
		return cty.NumberIntVal(int64(times[0].Compare(times[1]))), nil
	},
})
