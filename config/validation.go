package config

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/trovectl/trovectl/config/resource"
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
	r.checkShape(b.Body, "validation block", conditionSpec)
	c, ok := r.readCondition(b, scope{varsOnly: "a validation may name variables only"})
	if !ok {
		return
	}
	for _, ref := range c.refs {
		r.fail(ref.at, "Reference not possible here", "", "A validation may name variables only.")
	}
	if len(c.refs) > 0 {
		return
	}
	status, words := r.judge(c, r.context(nil))
	if status != resource.CheckFail {
		return
	}
	at := v.at
	if v.givenAt.Filename != "" {
		at = v.givenAt
	}
	r.fail(at, "Invalid value for variable", "Checked by the rule at "+c.at.String()+".", "The variable %q: %s", v.name, words)
}
