package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/trovectl/trovectl/config/resource"
)

// condition is something that must hold, with what to say where it does not.
type condition struct {
	at      hcl.Range // of the block
	holds   *hclsyntax.Attribute
	message *hclsyntax.Attribute
	refs    []reference
}

var conditionSpec = &spec{args: []argument{
	{name: "condition", typ: cty.Bool, required: true, doc: "What must be true."},
	{name: "error_message", typ: cty.String, required: true, doc: "What to say where it is not."},
}}

// readCondition reads a block whose shape was checked. Not ok: something is missing, which was reported.
func (r *reader) readCondition(b *hclsyntax.Block, s scope) (condition, bool) {
	c := condition{at: b.DefRange(), holds: b.Body.Attributes["condition"], message: b.Body.Attributes["error_message"]}
	if c.holds == nil || c.message == nil {
		r.missingArgument(&form{at: c.at}, or(absentNames(b.Body.Attributes, conditionSpec), ""), "argument")
		return c, false
	}
	c.refs = append(r.scan(c.holds, s), r.scan(c.message, s)...)
	return c, true
}

func absentNames(given hclsyntax.Attributes, s *spec) []string {
	var out []string
	for _, a := range s.args {
		if given[a.name] == nil {
			out = append(out, a.name)
		}
	}
	return out
}

// judge evaluates a condition. The problem is the message of one that does not hold, without secrets; an error was reported.
func (r *reader) judge(c condition, ctx *hcl.EvalContext) (status resource.CheckStatus, problem string) {
	value, ok := r.eval(c.holds, ctx)
	if !ok {
		return resource.CheckError, ""
	}
	value, _ = value.UnmarkDeep()
	value, err := convert.Convert(value, cty.Bool)
	if err != nil || value.IsNull() {
		r.fail(c.holds.Expr.Range(), "Wrong type", "", "A condition is true or false.")
		return resource.CheckError, ""
	}
	if value.IsKnown() && value.True() {
		return resource.CheckPass, ""
	}
	text, ok := r.eval(c.message, ctx)
	if !ok {
		return resource.CheckError, ""
	}
	text, marks := text.UnmarkDeep()
	text, err = convert.Convert(text, cty.String)
	if err != nil || text.IsNull() {
		r.fail(c.message.Expr.Range(), "Wrong type", "", "An error_message is a text.")
		return resource.CheckError, ""
	}
	_, hidden := marks[sensitiveMark]
	switch {
	case !value.IsKnown():
		return resource.CheckUnknown, ""
	case hidden:
		return resource.CheckFail, "(the message holds sensitive values)"
	case !text.IsKnown():
		return resource.CheckFail, "(the message is known after apply)"
	default:
		return resource.CheckFail, text.AsString()
	}
}
