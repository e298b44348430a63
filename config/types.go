package config

import (
	"errors"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// friendly names a value's type for people, never its content.
func friendly(v cty.Value) string {
	if addr, ok := identityOf(v); ok {
		return addr.String() + ", " + article(string(addr.Kind))
	}
	if v.IsNull() {
		return "null"
	}
	ty := v.Type()
	switch {
	case ty.IsTupleType(), ty.IsListType():
		return "a list"
	case ty.IsSetType():
		return "a set"
	case ty.IsObjectType(), ty.IsMapType():
		return "a map"
	default:
		return friendlyType(ty)
	}
}

func friendlyType(ty cty.Type) string {
	switch {
	case ty == cty.String:
		return "a text"
	case ty == cty.Number:
		return "a number"
	case ty == cty.Bool:
		return "true or false"
	case ty.IsListType(), ty.IsSetType():
		return "a list of " + strings.TrimPrefix(plural(ty.ElementType()), "a ")
	case ty.IsMapType():
		return "a map of " + plural(ty.ElementType())
	default:
		return ty.FriendlyName()
	}
}

// firstOf is the address of the first resource in a collection.
func firstOf(v cty.Value, otherwise string) string {
	it := v.ElementIterator()
	if !it.Next() {
		return otherwise
	}
	_, element := it.Element()
	if addr, ok := identityOf(element); ok {
		return addr.String()
	}
	return otherwise
}

func plural(ty cty.Type) string {
	switch ty {
	case cty.String:
		return "texts"
	case cty.Number:
		return "numbers"
	default:
		return ty.FriendlyName() + "s"
	}
}

// explain is a conversion's error with the path inside of the value.
func explain(err error) string {
	var at cty.PathError
	if !errors.As(err, &at) || len(at.Path) == 0 {
		return err.Error()
	}
	var b strings.Builder
	for _, s := range at.Path {
		switch step := s.(type) {
		case cty.GetAttrStep:
			b.WriteString("." + step.Name)
		case cty.IndexStep:
			key, _ := step.Key.Unmark()
			switch {
			case !key.IsKnown() || key.IsNull():
				b.WriteString("[?]")
			case key.Type() == cty.String:
				b.WriteString(`["` + key.AsString() + `"]`)
			case key.Type() == cty.Number:
				b.WriteString("[" + key.AsBigFloat().Text('f', -1) + "]")
			}
		}
	}
	return "at " + strings.TrimPrefix(b.String(), ".") + ": " + at.Error()
}

// noNulls refuses null among the elements of a list. In a map it means absent.
func noNulls(v cty.Value) error {
	if !v.Type().IsListType() && !v.Type().IsSetType() {
		return nil
	}
	for it := v.ElementIterator(); it.Next(); {
		key, element := it.Element()
		if element.IsNull() {
			return cty.Path{cty.IndexStep{Key: key}}.NewErrorf("a value is needed, not null")
		}
	}
	return nil
}

// textList turns any list of texts into Go's.
func textList(v cty.Value) ([]string, error) {
	v, err := convert.Convert(v, texts)
	if err != nil {
		return nil, err
	}
	if v.IsNull() || !v.IsWhollyKnown() {
		return nil, errors.New("a list of texts is needed")
	}
	if err := noNulls(v); err != nil {
		return nil, err
	}
	out := make([]string, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		_, element := it.Element()
		out = append(out, element.AsString())
	}
	return out, nil
}
