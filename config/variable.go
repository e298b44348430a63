package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is one variable block and the value it got.
type variable struct {
	name        string
	at          hcl.Range
	typ         cty.Type
	defaults    *typeexpr.Defaults
	described   string
	sensitive   bool
	nullable    bool
	hasDefault  bool
	fallback    cty.Value
	validations []*hclsyntax.Block

	assigned bool // value is one that somebody gave, or the default
	value    cty.Value
	given    string // by what: "-var", a file, ...; empty: by its default
	givenAt  hcl.Range
}

var variableArguments = []string{"type", "default", "description", "sensitive", "nullable"}

// addVariable reads a variable block. Everything in it but validation is literal.
func (r *reader) addVariable(b *hclsyntax.Block) {
	v := &variable{name: b.Labels[0], at: b.DefRange(), typ: cty.DynamicPseudoType, nullable: true}
	if first, taken := r.variables[v.name]; taken {
		r.duplicate(v.at, first.at, "a variable "+v.name)
		return
	}
	r.variables[v.name] = v
	attrs := b.Body.Attributes
	for _, attr := range inOrder(attrs) {
		r.known(attr, variableArguments, "a variable")
	}
	for _, inner := range b.Body.Blocks {
		if inner.Type == "validation" && len(inner.Labels) == 0 {
			v.validations = append(v.validations, inner)
			continue
		}
		r.fail(inner.TypeRange, "Unexpected block", didYouMean(inner.Type, []string{"validation"}, ""), "A variable holds validation blocks only.")
	}
	if attr := attrs["type"]; attr != nil {
		typ, defaults, found := typeexpr.TypeConstraintWithDefaults(attr.Expr)
		r.take(found)
		if !found.HasErrors() {
			v.typ, v.defaults = typ, defaults
		}
	}
	v.described = r.literalText(attrs["description"])
	v.sensitive = r.literalBool(attrs["sensitive"], false)
	v.nullable = r.literalBool(attrs["nullable"], true)
	if attr := attrs["default"]; attr != nil {
		r.addDefault(v, attr)
	}
}

func (r *reader) addDefault(v *variable, attr *hclsyntax.Attribute) {
	v.hasDefault, v.fallback = true, cty.DynamicVal
	raw, found := attr.Expr.Value(nil)
	r.take(found)
	if found.HasErrors() {
		return
	}
	if v.sensitive {
		r.remember(raw)
		if !raw.IsNull() && hasText(raw) {
			r.warn("password-literal", attr.Expr.Range(), "Secret in a configuration file",
				"Remove the default and give the value by TROVE_VAR_"+v.name+".",
				"The variable %q is sensitive, but its default stands in a file that others can read.", v.name)
		}
	}
	value, err := v.accept(raw)
	if err != nil {
		r.fail(attr.Expr.Range(), "Wrong type", "", "The default of the variable %q does not fit its type: %s.", v.name, explain(err))
		return
	}
	v.fallback = value
}

// accept converts a raw value to the variable's type, with the defaults of optional attributes.
func (v *variable) accept(raw cty.Value) (cty.Value, error) {
	if v.defaults != nil && !raw.IsNull() {
		raw = v.defaults.Apply(raw)
	}
	return convert.Convert(raw, v.typ)
}

// take gives the variable a raw value. The error says why it does not fit.
func (r *reader) give(v *variable, raw cty.Value, by string, at hcl.Range) {
	if v.sensitive {
		r.remember(raw)
	}
	v.assigned, v.given, v.givenAt = true, by, at
	v.value = cty.DynamicVal
	value, err := v.accept(raw)
	if err != nil {
		r.poisoned = true
		subject := at
		if subject.Filename == "" {
			subject = v.at
		}
		r.fail(subject, "Wrong type", "", "The value of the variable %q, given by %s, does not fit its type %s: %s.",
			v.name, by, typeexpr.TypeString(v.typ), explain(err))
		return
	}
	v.value = value
}

// known checks an argument's name against those of a block.
func (r *reader) known(attr *hclsyntax.Attribute, names []string, block string) bool {
	for _, n := range names {
		if n == attr.Name {
			return true
		}
	}
	r.strangeArgument(attr, names, block)
	return false
}

func (r *reader) strangeArgument(attr *hclsyntax.Attribute, names []string, block string) {
	if hint, ok := habitArguments[attr.Name]; ok {
		r.fail(attr.NameRange, "Unknown argument", hint, "%s has no argument %q.", capital(block), attr.Name)
		return
	}
	r.fail(attr.NameRange, "Unknown argument", didYouMean(attr.Name, names, offer(names)), "%s has no argument %q.", capital(block), attr.Name)
}

func (r *reader) literalText(attr *hclsyntax.Attribute) string {
	v, ok := r.literal(attr, cty.String)
	if !ok {
		return ""
	}
	return v.AsString()
}

func (r *reader) literalBool(attr *hclsyntax.Attribute, otherwise bool) bool {
	v, ok := r.literal(attr, cty.Bool)
	if !ok {
		return otherwise
	}
	return v.True()
}

// literal is the value of an argument that may name nothing. Not ok: absent, null, or reported.
func (r *reader) literal(attr *hclsyntax.Attribute, want cty.Type) (cty.Value, bool) {
	if attr == nil {
		return cty.NilVal, false
	}
	v, found := attr.Expr.Value(nil)
	r.take(found)
	if found.HasErrors() {
		return cty.NilVal, false
	}
	v, err := convert.Convert(v, want)
	if err != nil {
		r.fail(attr.Expr.Range(), "Wrong type", "", "%s: %s.", attr.Name, explain(err))
		return cty.NilVal, false
	}
	return v, !v.IsNull() && v.IsKnown()
}
