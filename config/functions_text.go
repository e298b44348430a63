package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"gopkg.in/yaml.v3"
)

// textFunction is a function of one text to another.
func textFunction(doc string, fn func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Description: doc,
		Params:      []function.Parameter{{Name: "text", Type: cty.String}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			out, err := fn(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(out), nil
		},
	})
}

var (
	base64Encode = textFunction("a text in Base64", func(s string) (string, error) {
		return base64.StdEncoding.EncodeToString([]byte(s)), nil
	})
	base64Decode = textFunction("the text behind Base64", func(s string) (string, error) {
		out, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return "", errors.New("it is not Base64")
		}
		if !utf8.Valid(out) {
			return "", errors.New("what it holds is not a text in UTF-8")
		}
		return string(out), nil
	})
	startsWith = affix("whether a text starts with another", strings.HasPrefix)
	endsWith   = affix("whether a text ends with another", strings.HasSuffix)
	contains   = affix("whether a text holds another", strings.Contains)
)

func affix(doc string, fn func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Description: doc,
		Params:      []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(fn(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// jsonEncode writes a value as JSON; resources without their identity.
var jsonEncode = function.New(&function.Spec{
	Description: "a value as JSON",
	Params:      []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowNull: true}},
	Type:        function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
		v, err := plain(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		if !v.IsWhollyKnown() {
			return cty.UnknownVal(want), nil
		}
		return stdlib.JSONEncode(v)
	},
})

// yamlDecode reads YAML by way of JSON: maps with texts as keys, lists, texts, numbers, booleans and null.
var yamlDecode = function.New(&function.Spec{
	Description: "the value behind YAML",
	Params:      []function.Parameter{{Name: "text", Type: cty.String}},
	Type: func(args []cty.Value) (cty.Type, error) {
		if !args[0].IsKnown() {
			return cty.DynamicPseudoType, nil
		}
		v, err := decodeYAML(args[0].AsString())
		return v.Type(), err
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return decodeYAML(args[0].AsString()) },
})

func decodeYAML(text string) (cty.Value, error) {
	var raw any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return cty.DynamicVal, function.NewArgErrorf(0, "it is not YAML")
	}
	v, err := fromGo(raw)
	if err != nil {
		return cty.DynamicVal, function.NewArgError(0, err)
	}
	return v, nil
}

func fromGo(raw any) (cty.Value, error) {
	switch x := raw.(type) {
	case nil:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case string:
		return cty.StringVal(x), nil
	case bool:
		return cty.BoolVal(x), nil
	case []any:
		out := make([]cty.Value, len(x))
		for i, e := range x {
			v, err := fromGo(e)
			if err != nil {
				return cty.NilVal, err
			}
			out[i] = v
		}
		return cty.TupleVal(out), nil
	case map[string]any:
		out := map[string]cty.Value{}
		for k, e := range x {
			v, err := fromGo(e)
			if err != nil {
				return cty.NilVal, err
			}
			out[k] = v
		}
		return cty.ObjectVal(out), nil
	case int, int64, uint64, float64:
		n, err := cty.ParseNumberVal(fmt.Sprint(x))
		if err != nil {
			return cty.NilVal, errors.New("it holds a number that is none")
		}
		return n, nil
	default:
		return cty.NilVal, fmt.Errorf("it holds something that is neither map with texts as keys, list, text, number nor boolean")
	}
}
