package config

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// validateVariables checks the validation blocks. They may name any variable, and nothing else.
func (r *reader) validateVariables(only map[string]bool) {
	for _, name := range keys(r.variables) {
		if only != nil && !only[name] {
			continue
		}
		for _, b := range r.variables[name].validations {
			r.validate(r.variables[name], b)
		}
	}
}

func (r *reader) validate(v *variable, b *hclsyntax.Block) {
	attrs := b.Body.Attributes
	s := scope{varsOnly: "a validation may name variables only"}
	for _, attr := range inOrder(attrs) {
		if !r.known(attr, []string{"condition", "error_message"}, "a validation") {
			return
		}
		for _, ref := range r.scan(attr, s) {
			r.fail(ref.at, "Reference not possible here", "", "A validation may name variables only.")
			r.bad[attr] = true
		}
	}
	condition, message := attrs["condition"], attrs["error_message"]
	if condition == nil || message == nil {
		r.fail(b.DefRange(), "Missing argument", "", "A validation needs condition and error_message.")
		return
	}
	ctx := r.context(nil)
	value, ok := r.eval(condition, ctx)
	if !ok {
		return
	}
	value, _ = value.UnmarkDeep()
	value, err := convert.Convert(value, cty.Bool)
	if err != nil || value.IsNull() {
		r.fail(condition.Expr.Range(), "Wrong type", "", "A condition is true or false.")
		return
	}
	if !value.IsKnown() || value.True() {
		return
	}
	text, ok := r.eval(message, ctx)
	if !ok {
		return
	}
	text, marks := text.UnmarkDeep()
	text, err = convert.Convert(text, cty.String)
	if err != nil || text.IsNull() || !text.IsKnown() {
		r.fail(message.Expr.Range(), "Wrong type", "", "An error_message is a text.")
		return
	}
	words := text.AsString()
	if _, hidden := marks[sensitiveMark]; hidden {
		words = "(the message holds sensitive values)"
	}
	at := v.at
	if v.givenAt.Filename != "" {
		at = v.givenAt
	}
	r.fail(at, "Invalid value for variable", "Checked by the rule at "+b.DefRange().String()+".", "The variable %q: %s", v.name, words)
}
