package config

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// toCollection is a conversion of the library, with a short way for elements of one type: the library compares the type
// of every element with that of every other, which ten thousand names in toset([...]) would feel.
func toCollection(want cty.Type, alike func(elements cty.Type) cty.Type, build func(cty.Value) cty.Value) function.Function {
	library := stdlib.MakeToFunc(want)
	return function.New(&function.Spec{
		Description: "the value as " + want.FriendlyName(),
		Params:      markedParameter(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if element, ok := oneType(args[0]); ok {
				return alike(element), nil
			}
			return library.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if _, ok := oneType(args[0]); ok {
				v, marks := args[0].Unmark()
				return build(v).WithMarks(marks), nil
			}
			return library.Call(args)
		},
	})
}

// oneType is the type of all elements of a tuple, or of all attributes of an object, when it is one.
func oneType(v cty.Value) (cty.Type, bool) {
	ty := v.Type()
	if v, _ = v.Unmark(); v.IsNull() || !v.IsKnown() || (!ty.IsTupleType() && !ty.IsObjectType()) || v.LengthInt() == 0 {
		return cty.NilType, false
	}
	first := cty.NilType
	same := func(next cty.Type) bool {
		if first == cty.NilType {
			first = next
		}
		return first.Equals(next)
	}
	if ty.IsTupleType() {
		for _, element := range ty.TupleElementTypes() {
			if !same(element) {
				return cty.NilType, false
			}
		}
	} else {
		for _, element := range ty.AttributeTypes() {
			if !same(element) {
				return cty.NilType, false
			}
		}
	}
	return first, first != cty.DynamicPseudoType
}

var (
	toList = toCollection(cty.List(cty.DynamicPseudoType), cty.List, func(v cty.Value) cty.Value { return cty.ListVal(v.AsValueSlice()) })
	toSet  = toCollection(cty.Set(cty.DynamicPseudoType), cty.Set, func(v cty.Value) cty.Value { return cty.SetVal(v.AsValueSlice()) })
	toMap  = toCollection(cty.Map(cty.DynamicPseudoType), cty.Map, func(v cty.Value) cty.Value { return cty.MapVal(v.AsValueMap()) })
)
