package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/trovectl/trovectl/config/resource"
)

// form is a block that was filled in: the values of its arguments and its inner blocks, by the words of its spec.
type form struct {
	spec    *spec
	address resource.Address // of the resource; zero in settings
	label   string
	alias   string // the second label
	at      hcl.Range
	args    map[string]filled
	blocks  map[string][]*form
	value   cty.Value // of an inner block, once it was asked for
	failed  bool      // something in it was reported: the rest is still worth checking
}

// filled is an argument's value: known, not null, of the argument's type, without marks.
type filled struct {
	value  cty.Value
	ref    resource.Address
	at     hcl.Range // of the value
	attr   *hclsyntax.Attribute
	absent bool // a secret that nobody supplied
	failed bool // reported
	hidden bool // it was sensitive
}

// checkShape checks the names in a block and its inner blocks, once, without evaluating. outer are more specs that the
// block follows (count, lifecycle and the like).
func (r *reader) checkShape(body *hclsyntax.Body, what string, specs ...*spec) {
	var names []string
	for _, s := range specs {
		if s.open {
			return
		}
		names = append(names, s.names()...)
	}
	for _, attr := range inOrder(body.Attributes) {
		a, ok := findArgument(specs, attr.Name)
		switch {
		case ok && a.later:
			r.bad[attr] = true
			r.fail(attr.NameRange, "Not available yet", "Remove the argument.", "%s belongs to the language, but this version of trovectl cannot do it yet.", attr.Name)
		case !ok && isNested(specs, attr.Name):
			r.bad[attr] = true
			r.fail(attr.NameRange, "A block, not an argument", fmt.Sprintf("Write `%s { ... }` without an equals sign.", attr.Name), "%s is a block.", attr.Name)
		case !ok:
			r.bad[attr] = true
			r.strangeArgument(attr, names, article(what))
		}
	}
	for _, b := range body.Blocks {
		r.checkInner(b, what, names, specs)
	}
}

func (r *reader) checkInner(b *hclsyntax.Block, what string, names []string, specs []*spec) {
	if b.Type == "dynamic" {
		r.checkDynamic(b, what, names, specs)
		return
	}
	inner, ok := findNested(specs, b.Type, b.Labels)
	switch {
	case ok && inner.later:
		r.fail(b.TypeRange, "Not available yet", "Remove the block.", "%s belongs to the language, but this version of trovectl cannot do it yet.", b.Type)
	case !ok && isArgument(specs, b.Type):
		r.fail(b.TypeRange, "An argument, not a block", fmt.Sprintf("Write `%s = ...` with an equals sign.", b.Type), "%s is an argument.", b.Type)
	case !ok:
		hint := habitArguments[b.Type]
		if hint == "" {
			hint = didYouMean(b.Type, names, offer(names))
		}
		r.fail(b.TypeRange, "Unknown block", hint, "%s has no block %q.", capital(article(what)), b.Type)
	default:
		if !r.checkLabels(b, inner, specs) {
			return
		}
		r.checkShape(b.Body, b.Type+" block", inner.spec)
	}
}

// checkLabels tells whether a block has the labels of one that is known.
func (r *reader) checkLabels(b *hclsyntax.Block, n nested, specs []*spec) bool {
	want := 0
	if n.label != "" {
		want = 1
	}
	if has := len(b.Labels); has != want && (!n.alias || has != want+1) {
		example := n.name + " { ... }"
		if n.label != "" {
			example = fmt.Sprintf("%s %q { ... }", n.name, n.label)
		}
		r.fail(b.DefRange(), "Wrong number of labels", "", "This block is written `%s`.", example)
		return has > 0 || !n.only
	}
	if n.means(b.Labels) {
		return true
	}
	var known []string
	for _, s := range specs {
		for _, other := range s.nested(n.name) {
			known = append(known, other.label)
		}
	}
	r.fail(b.LabelRanges[0], "Unknown "+n.name, didYouMean(b.Labels[0], known, fmt.Sprintf("Use %s.", strings.Join(known, " or "))), "There is no %s %q.", n.name, b.Labels[0])
	return false
}

func findArgument(specs []*spec, name string) (argument, bool) {
	for _, s := range specs {
		if a, ok := s.argument(name); ok {
			return a, true
		}
	}
	return argument{}, false
}

// findNested finds the block with a name and these labels; where only the name is known, one of that name.
func findNested(specs []*spec, name string, labels []string) (found nested, ok bool) {
	for _, s := range specs {
		for _, n := range s.nested(name) {
			if n.means(labels) {
				return n, true
			}
			found, ok = n, true
		}
	}
	return found, ok
}

func isArgument(specs []*spec, name string) bool { _, ok := findArgument(specs, name); return ok }
func isNested(specs []*spec, name string) bool   { _, ok := findNested(specs, name, nil); return ok }

// decode fills a form from a block's body. Whatever is wrong is reported and marks the form.
func (r *reader) decode(addr resource.Address, body *hclsyntax.Body, at hcl.Range, s *spec, ctx *hcl.EvalContext) *form {
	f := &form{spec: s, address: addr, at: at, args: make(map[string]filled, len(body.Attributes))}
	for _, a := range s.args {
		attr := body.Attributes[a.name]
		if attr == nil {
			if a.required {
				f.failed = true
				r.missingArgument(f, a.name, "argument")
			}
			continue
		}
		got, ok := r.decodeArgument(f, a, attr, ctx)
		if ok {
			f.args[a.name] = got
		} else if a.required {
			f.failed = true
			r.failFor(addr, attr.Expr.Range(), "Missing argument", "", "%s must have a value, but it is null.", a.name)
		}
		f.failed = f.failed || got.failed
	}
	if s.open {
		for _, attr := range inOrder(body.Attributes) {
			if got, ok := r.decodeArgument(f, argument{name: attr.Name, typ: cty.String}, attr, ctx); ok {
				f.args[attr.Name] = got
				f.failed = f.failed || got.failed
			}
		}
	}
	for _, inner := range s.blocks {
		r.decodeInner(f, inner, body, ctx)
	}
	return f
}

// missingArgument says that something required is not there. In a file with syntax errors it may well be there.
func (r *reader) missingArgument(f *form, name, what string) {
	r.poisoned = true
	if r.broken[f.at.Filename] {
		return
	}
	r.failFor(f.address, f.at, "Missing "+what, "", "The %s %q is required here.", what, name)
}

// decodeArgument evaluates and converts one argument. Not ok: it is null, which is the same as absent. What is the same in every
// repetition of a block is evaluated once.
func (r *reader) decodeArgument(f *form, a argument, attr *hclsyntax.Attribute, ctx *hcl.EvalContext) (filled, bool) {
	if once, seen := r.decoded[attr]; seen {
		return once.filled, once.ok
	}
	got, ok := r.decodeAnew(f, a, attr, ctx)
	if sameInEach(attr.Expr, ctx) {
		r.decoded[attr] = decoded{got, ok}
	}
	return got, ok
}

// decoded is what became of an argument that is the same in every repetition of its block.
type decoded struct {
	filled filled
	ok     bool
}

// sameInEach tells whether an expression names nothing that differs between the repetitions of its block: each, count and the
// iterators of dynamic blocks are in contexts below the block's.
func sameInEach(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	for _, t := range expr.Variables() {
		for c := ctx; c.Parent() != nil; c = c.Parent() {
			if _, varies := c.Variables[t.RootName()]; varies {
				return false
			}
		}
	}
	return true
}

func (r *reader) decodeAnew(f *form, a argument, attr *hclsyntax.Attribute, ctx *hcl.EvalContext) (filled, bool) {
	got := filled{at: attr.Expr.Range(), attr: attr, failed: true}
	v, ok := r.eval(attr, ctx)
	if !ok || a.later {
		return got, true
	}
	if _, ref := identityOf(v); ref && !v.IsMarked() && (a.free || len(a.refs) > 0) { // there are no marks in a resource
		if a.free {
			got.value, got.failed = v, false
			return got, true
		}
		return r.decodeReference(f, a, v, got)
	}
	v, paths := v.UnmarkDeepWithPaths()
	marks := cty.NewValueMarks()
	for _, p := range paths {
		marks = cty.NewValueMarks(marks, p.Marks)
	}
	_, got.hidden = marks[sensitiveMark]
	if names := absent(marks); len(names) > 0 && !v.IsWhollyKnown() {
		if a.secret {
			got.absent, got.failed = true, false
		} else {
			r.poisoned = true
			r.failAbsent(got.at, names, a.name)
		}
		return got, true
	}
	if got.hidden && !a.secret {
		r.poisoned = true
		r.failFor(f.address, got.at, "Sensitive value", "Use a value that is no secret, or nonsensitive(...) on the part that is none.",
			"%s is shown in plans and kept in the state, so it cannot be sensitive.", a.name)
		return got, true
	}
	if len(a.refs) > 0 && !v.IsNull() {
		return r.decodeReference(f, a, v, got)
	}
	if !v.IsWhollyKnown() && !a.free {
		r.poisoned = true
		return got, true
	}
	if v.IsNull() {
		got.failed = false
		return got, false
	}
	if !a.free {
		converted, err := convert.Convert(v, a.typ)
		if err == nil {
			err = noNulls(converted)
		}
		if err != nil {
			r.poisoned = true
			r.failFor(f.address, got.at, "Wrong type", "", "%s is %s: %s.", a.name, friendlyType(a.typ), explain(err))
			return got, true
		}
		v = converted
	}
	got.value, got.failed = v, false
	return got, true
}

// decodeReference reads an argument that names a resource.
func (r *reader) decodeReference(f *form, a argument, v cty.Value, got filled) (filled, bool) {
	addr, ok := identityOf(v)
	switch {
	case ok && slices.Contains(a.refs, addr.Kind):
		got.value, got.ref, got.failed = v, addr, false
		return got, true
	case !ok && !v.IsKnown():
		r.poisoned = true
		return got, true
	}
	r.poisoned = true
	want := string(a.refs[0])
	hint := fmt.Sprintf("Write %s = %s.%s.", a.name, want, or(r.nodeNames(want), "NAME"))
	if elements := v.Type(); !ok && v.IsKnown() && (elements.IsListType() || elements.IsMapType()) && elements.ElementType().IsObjectType() {
		hint = fmt.Sprintf("The block is repeated: name one of it, such as %s.", firstOf(v, want+".NAME[0]"))
	}
	r.failFor(f.address, got.at, "Wrong type", hint, "%s names %s; this is %s.", a.name, article(want), friendly(v))
	return got, true
}
