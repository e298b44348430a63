package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/resource"
)

// identity says which resource a value is. It travels inside of the value as a hidden attribute, so that a reference
// stays one through `for`, `? :`, lists and functions, and nobody can forge it.
type identity struct{ address resource.Address }

const identityName = "@"

var identityType = cty.CapsuleWithOps("resource", reflect.TypeFor[identity](), &cty.CapsuleOps{
	Equals: func(a, b any) cty.Value {
		return cty.BoolVal(a.(*identity).address == b.(*identity).address)
	},
	RawEquals: func(a, b any) bool { return a.(*identity).address == b.(*identity).address },
	HashKey:   func(v any) string { return v.(*identity).address.String() },
	GoString:  func(v any) string { return v.(*identity).address.String() },
})

// identify is the one identity of an address.
func (r *reader) identify(addr resource.Address) cty.Value {
	id := r.refs[addr]
	if id == nil {
		id = &identity{address: addr}
		r.refs[addr] = id
	}
	return cty.CapsuleVal(identityType, id)
}

// identityOf reads the identity out of a value, if it is a resource.
func identityOf(v cty.Value) (resource.Address, bool) {
	v, _ = v.Unmark()
	if !v.Type().IsObjectType() || !v.IsKnown() || v.IsNull() || !v.Type().HasAttribute(identityName) {
		return resource.Address{}, false
	}
	id := v.GetAttr(identityName)
	if !id.Type().Equals(identityType) || !id.IsKnown() || id.IsNull() {
		return resource.Address{}, false
	}
	return id.EncapsulatedValue().(*identity).address, true
}

// plain takes the identities out of a value, for whatever leaves the language.
func plain(v cty.Value) (cty.Value, error) {
	return cty.Transform(v, func(_ cty.Path, leaf cty.Value) (cty.Value, error) {
		ty := leaf.Type()
		switch {
		case ty.IsCapsuleType():
			return cty.NullVal(cty.String), nil
		case !ty.IsObjectType() || !ty.HasAttribute(identityName) || leaf.IsNull() || !leaf.IsKnown():
			return leaf, nil
		}
		unmarked, marks := leaf.Unmark()
		attrs := unmarked.AsValueMap()
		delete(attrs, identityName)
		return cty.ObjectVal(attrs).WithMarks(marks), nil
	})
}

// context builds what a block's expressions see: the variables, and of locals and resources only those that are named.
// It is built once per block, so that a reference costs the same however large the configuration is.
func (r *reader) context(refs []reference) *hcl.EvalContext {
	roots := map[string]map[string]cty.Value{}
	for _, ref := range refs {
		root, name, _ := strings.Cut(ref.id, ".")
		if roots[root] == nil {
			roots[root] = map[string]cty.Value{}
		}
		value, ok := r.values[ref.id]
		if !ok {
			value, r.poisoned = cty.DynamicVal, true
		}
		roots[root][name] = value
	}
	aliases := r.aliasValue()
	vars := map[string]cty.Value{
		theProvider: aliases,
		"provider":  cty.ObjectVal(map[string]cty.Value{theProvider: aliases}),
		"var":       r.varValue,
		"path":      cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal("."), "root": cty.StringVal(".")}),
	}
	for root, attrs := range roots {
		vars[root] = cty.ObjectVal(attrs)
	}
	return &hcl.EvalContext{Variables: vars, Functions: r.functions}
}

// eval evaluates an argument. Not ok: it was reported, here or by the scan.
func (r *reader) eval(attr *hclsyntax.Attribute, ctx *hcl.EvalContext) (cty.Value, bool) {
	if r.bad[attr] {
		r.poisoned = true
		return cty.DynamicVal, false
	}
	v, found := attr.Expr.Value(ctx)
	r.take(found)
	if found.HasErrors() {
		r.poisoned = true
		return cty.DynamicVal, false
	}
	return v, true
}

// evaluateLocals gives the wanted locals (nil: all) their values.
func (r *reader) evaluateNode(n *node) {
	if _, done := r.values[n.id]; done {
		return
	}
	r.values[n.id] = cty.DynamicVal
	if n.failed {
		r.poisoned = true
		return
	}
	if n.attr != nil {
		if v, ok := r.eval(n.attr, r.context(n.refs)); ok {
			r.values[n.id] = v
			r.rememberMarked(v)
		}
		return
	}
	r.values[n.id] = r.evaluateKind(n)
}

// absent names the variables without a value that a value was made from.
func absent(marks cty.ValueMarks) []string {
	var names []string
	for m := range marks {
		if a, ok := m.(absentMark); ok {
			names = append(names, a.variable)
		}
	}
	slices.Sort(names)
	return names
}

// failAbsent says that a value cannot do without a variable that nobody gave.
func (r *reader) failAbsent(at hcl.Range, names []string, what string) {
	for _, name := range names {
		if !r.variables[name].sensitive {
			continue // reported as missing already
		}
		r.fail(at, "Variable without a value", fmt.Sprintf("Give it by %s%s.", variablePrefix, name),
			"%s needs the variable %q, which was given no value.", what, name)
	}
}
