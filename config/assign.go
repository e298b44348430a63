package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/diag"
)

// mark tells what is special about a value; it follows the value through expressions.
type mark string

// sensitiveMark is on everything that came from a sensitive variable or from sensitive().
const sensitiveMark = mark("sensitive")

// absentMark is on what came from a variable that nobody gave a value.
type absentMark struct{ variable string }

// assignVariables gives the variables their values: environment, trovevars.hcl, *.auto.trovevars.hcl, then the command
// line in its order; the last one wins. only (nil: all) are the variables that must have a value.
func (r *reader) assignVariables(only map[string]bool) {
	r.fromEnviron()
	for _, name := range r.listFiles(func(n string) bool { return n == valuesName }) {
		r.fromFile(filepath.Join(r.dir, name), name)
	}
	for _, name := range r.listFiles(func(n string) bool { return strings.HasSuffix(n, autoValues) }) {
		r.fromFile(filepath.Join(r.dir, name), name)
	}
	for _, path := range r.in.VarFiles {
		r.fromFile(path, path)
	}
	for _, a := range r.in.Assignments {
		if a.Kind == AssignFile {
			r.fromFile(a.Text, a.Text)
		} else {
			r.fromArgument(a.Text)
		}
	}
	attrs := map[string]cty.Value{}
	for _, name := range keys(r.variables) {
		v := r.variables[name]
		r.settle(v, only == nil || only[name])
		attrs[name] = v.value
	}
	r.varValue = cty.ObjectVal(attrs)
}

// fromEnviron reads TROVE_VAR_x. Undeclared ones are nobody's business here.
func (r *reader) fromEnviron() {
	for _, entry := range r.in.Environ {
		name, text, _ := strings.Cut(entry, "=")
		name, ok := strings.CutPrefix(name, variablePrefix)
		if v := r.variables[name]; ok && v != nil {
			r.giveText(v, text, "the environment variable "+variablePrefix+name)
		}
	}
}

// fromArgument reads one -var.
func (r *reader) fromArgument(argument string) {
	name, text, ok := strings.Cut(argument, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		r.report(diag.Diagnostic{
			Severity: diag.Error, Summary: "Malformed -var", Detail: "It has no equals sign or no name in front of it.",
			Hint: "Write -var 'name=value'.",
		})
		return
	}
	v := r.variables[name]
	if v == nil {
		r.report(diag.Diagnostic{
			Severity: diag.Error, Summary: "Value for an undeclared variable",
			Detail: fmt.Sprintf("-var gives a value to %q, but there is no such variable.", name),
			Hint:   didYouMean(name, keys(r.variables), fmt.Sprintf("Declare it: variable %q { }.", name)),
		})
		return
	}
	r.giveText(v, text, "-var")
}

// giveText gives a variable a value from the outside: the text itself for strings, numbers and booleans, an expression
// without references for everything else. A secret is never shown, so its text is not kept as a source.
func (r *reader) giveText(v *variable, text, by string) {
	if v.typ == cty.DynamicPseudoType || v.typ.IsPrimitiveType() {
		r.give(v, cty.StringVal(text), by, hcl.Range{})
		return
	}
	if v.sensitive && len(text) > 0 {
		r.secrets[text] = true
	}
	expr, found := hclsyntax.ParseExpression([]byte(text), "value of "+v.name, hcl.InitialPos)
	var raw cty.Value
	if !found.HasErrors() {
		var more hcl.Diagnostics
		raw, more = expr.Value(nil)
		found = append(found, more...)
	}
	if !found.HasErrors() {
		r.give(v, raw, by, hcl.Range{})
		return
	}
	v.assigned, v.given, v.value = true, by, cty.DynamicVal
	r.poisoned = true
	why := ""
	if !v.sensitive {
		why = ": " + strings.TrimSuffix(found[0].Detail, ".")
	}
	r.fail(v.at, "Malformed value", "Write it as in a file of values, such as {app = \"x\"} or [\"a\", \"b\"], in quotes for the shell.",
		"The value of the variable %q, given by %s, is not an expression%s.", v.name, by, why)
}

// fromFile reads a file of values. Undeclared variables in it are a warning: such files are shared.
func (r *reader) fromFile(path, name string) {
	src, ok := r.readFile(path, name)
	if !ok {
		return
	}
	file, found := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	r.take(found)
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok || found.HasErrors() {
		r.poisoned = true
		return
	}
	for _, b := range body.Blocks {
		r.fail(b.DefRange(), "Unexpected block", "Move it to a file whose name ends in "+configSuffix+".", "A file of values holds `name = value` lines only.")
	}
	for _, attr := range inOrder(body.Attributes) {
		r.giveAttribute(attr, name)
	}
}

func (r *reader) giveAttribute(attr *hclsyntax.Attribute, file string) {
	v := r.variables[attr.Name]
	if v == nil {
		r.warn("undeclared-variable", attr.NameRange, "Value for an undeclared variable",
			didYouMean(attr.Name, keys(r.variables), "Remove it, or declare the variable."), "There is no variable %q.", attr.Name)
		return
	}
	raw, found := attr.Expr.Value(nil)
	r.take(found)
	if found.HasErrors() {
		v.assigned, v.value = true, cty.DynamicVal
		r.poisoned = true
		return
	}
	r.give(v, raw, file, attr.Expr.Range())
}

// settle decides the value of a variable after all sources were read.
func (r *reader) settle(v *variable, wanted bool) {
	if !v.assigned && v.hasDefault {
		v.assigned, v.value = true, v.fallback
	}
	if v.assigned && !v.nullable && v.value.IsKnown() && v.value.IsNull() {
		if v.hasDefault && v.given != "" {
			v.value = v.fallback
		} else {
			r.fail(v.at, "Value is null", "", "The variable %q is not nullable, but its value is null.", v.name)
			v.value, r.poisoned = cty.UnknownVal(v.typ), true
		}
	}
	if !v.assigned {
		v.value = cty.UnknownVal(v.typ).Mark(absentMark{v.name})
		r.missingValue(v, wanted)
	}
	if v.sensitive {
		r.remember(v.value)
		v.value = v.value.Mark(sensitiveMark)
	}
}

// missingValue: a sensitive variable may be left out, since plan and drift need no secret; the code that must have it says so.
func (r *reader) missingValue(v *variable, wanted bool) {
	if !wanted {
		return
	}
	r.missing = append(r.missing, MissingVariable{Name: v.name, Description: v.described, Sensitive: v.sensitive})
	if v.sensitive {
		return
	}
	r.poisoned = true
	r.report(diag.Diagnostic{
		Severity: diag.Error, Code: "variable-missing", Summary: "Variable without a value", Subject: place(v.at),
		Detail: fmt.Sprintf("The variable %q has no default and was given no value.", v.name),
		Hint: fmt.Sprintf("Give it by -var '%s=...', by %s%s, or in %s.",
			v.name, variablePrefix, v.name, valuesName),
	})
}

// remember keeps every text in a sensitive value, so that it can be scrubbed from whatever is told.
func (r *reader) remember(v cty.Value) {
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, leaf cty.Value) (bool, error) { // the callback never fails
		if leaf.IsKnown() && !leaf.IsNull() && leaf.Type() == cty.String && leaf.AsString() != "" {
			r.secrets[leaf.AsString()] = true
		}
		return true, nil
	})
}

// hasText tells whether a value holds a string that is not empty.
func hasText(v cty.Value) bool {
	found := false
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, leaf cty.Value) (bool, error) { // the callback never fails
		found = found || (leaf.IsKnown() && !leaf.IsNull() && leaf.Type() == cty.String && leaf.AsString() != "")
		return true, nil
	})
	return found
}
