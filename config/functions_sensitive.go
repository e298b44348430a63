package config

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func markedParameter() []function.Parameter {
	return []function.Parameter{{
		Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowNull: true, AllowUnknown: true, AllowMarked: true,
	}}
}

func sameType(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil }

var (
	sensitive = function.New(&function.Spec{
		Description: "the value, hidden wherever it goes",
		Params:      markedParameter(), Type: sameType,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0].Mark(sensitiveMark), nil },
	})
	nonsensitive = function.New(&function.Spec{
		Description: "the value, no longer hidden",
		Params:      markedParameter(), Type: sameType,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, marks := args[0].Unmark()
			delete(marks, sensitiveMark)
			return v.WithMarks(marks), nil
		},
	})
	isSensitive = function.New(&function.Spec{
		Description: "whether the value is hidden",
		Params:      markedParameter(),
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(args[0].HasMark(sensitiveMark)), nil
		},
	})
)
