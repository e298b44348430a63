package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/resource"
)

// decodeInner fills the forms of one sort of inner block.
func (r *reader) decodeInner(f *form, n nested, body *hclsyntax.Body, ctx *hcl.EvalContext) {
	if n.later || n.rule {
		return
	}
	for _, b := range body.Blocks {
		switch {
		case b.Type == n.name:
			r.addInner(f, n, b.Labels, b.Body, b.DefRange(), ctx)
		case b.Type == "dynamic" && len(b.Labels) == 1 && b.Labels[0] == n.name:
			r.expandDynamic(f, n, b, ctx)
		}
	}
	if n.required && len(f.blocks[n.name]) == 0 && !f.failed {
		f.failed = true
		r.missingArgument(f, n.name, "block")
	}
}

func (r *reader) addInner(f *form, n nested, labels []string, body *hclsyntax.Body, at hcl.Range, ctx *hcl.EvalContext) {
	if f.blocks == nil {
		f.blocks = map[string][]*form{}
	}
	if !n.means(labels) {
		return // of another label
	}
	inner := r.decodeBlock(f.address, body, at, n, ctx)
	if n.label != "" {
		if len(labels) != 1 && (!n.alias || len(labels) != 2) {
			f.failed = true
			return
		}
		inner.label = labels[0]
		inner.alias = strings.Join(labels[1:], "")
	}
	for _, other := range f.blocks[n.name] {
		if !n.many || (n.label != "" && other.label == inner.label && other.alias == inner.alias) {
			what := "a block " + n.name
			if n.label != "" {
				what += fmt.Sprintf(" %q", inner.label)
			}
			r.duplicate(at, other.at, what)
			f.failed, r.poisoned = true, true
			return
		}
	}
	f.failed = f.failed || inner.failed
	f.blocks[n.name] = append(f.blocks[n.name], inner)
}

// decodeBlock is decode for an inner block. One that is the same in every repetition has one form.
func (r *reader) decodeBlock(addr resource.Address, body *hclsyntax.Body, at hcl.Range, n nested, ctx *hcl.EvalContext) *form {
	if shared := r.forms[body]; shared != nil {
		return shared
	}
	f := r.decode(addr, body, at, n.spec, ctx)
	for _, attr := range body.Attributes {
		if !sameInEach(attr.Expr, ctx) {
			return f
		}
	}
	if len(body.Blocks) == 0 && n.label == "" { // the label of a dynamic block may differ
		r.forms[body] = f
	}
	return f
}

// checkDynamic checks the shape of a dynamic block: for_each, iterator, labels and one content block.
func (r *reader) checkDynamic(b *hclsyntax.Block, what string, names []string, specs []*spec) {
	if len(b.Labels) != 1 {
		r.fail(b.DefRange(), "Wrong number of labels", "", "This block is written `dynamic \"BLOCK\" { ... }`.")
		return
	}
	inner, ok := findNested(specs, b.Labels[0], nil)
	if !ok || inner.later || inner.rule || !inner.many || inner.only {
		hint := didYouMean(b.Labels[0], names, "")
		if ok {
			hint = "Write it out."
		}
		r.fail(b.LabelRanges[0], "Unknown block", hint, "%s has no block %q that can be repeated.", capital(article(what)), b.Labels[0])
		return
	}
	for _, attr := range inOrder(b.Body.Attributes) {
		if attr.Name == "labels" && inner.label != "" {
			continue
		}
		r.known(attr, []string{"for_each", "iterator"}, "a dynamic block")
	}
	if b.Body.Attributes["for_each"] == nil {
		r.fail(b.DefRange(), "Missing argument", "", "A dynamic block needs for_each.")
	}
	contents := 0
	for _, c := range b.Body.Blocks {
		if c.Type != "content" || len(c.Labels) > 0 {
			r.fail(c.TypeRange, "Unexpected block", "", "A dynamic block holds one content block.")
			continue
		}
		contents++
		r.checkShape(c.Body, b.Labels[0]+" block", inner.spec)
	}
	if contents != 1 {
		r.fail(b.DefRange(), "Missing block", "", "A dynamic block holds exactly one content block.")
	}
}

// expandDynamic fills one inner form for each element of a dynamic block's for_each.
func (r *reader) expandDynamic(f *form, n nested, b *hclsyntax.Block, ctx *hcl.EvalContext) {
	each, name := b.Body.Attributes["for_each"], iteratorName(b)
	content := contentOf(b)
	if each == nil || content == nil || name == "" {
		f.failed, r.poisoned = true, true
		return
	}
	v, ok := r.evalKeys(each, ctx)
	if !ok {
		f.failed = true
		return
	}
	if v.IsNull() || !v.CanIterateElements() {
		r.fail(each.Expr.Range(), "Wrong type", "", "for_each of a dynamic block is a list, a set or a map, not %s.", friendly(v))
		f.failed = true
		return
	}
	if v.LengthInt() > maxRepetition {
		r.fail(each.Expr.Range(), "Too many", "", "for_each has more than %d elements.", maxRepetition)
		f.failed = true
		return
	}
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		inner := ctx.NewChild()
		inner.Variables = map[string]cty.Value{name: cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})}
		labels, ok := r.dynamicLabels(b, inner)
		if !ok {
			f.failed = true
			return
		}
		r.addInner(f, n, labels, content.Body, content.DefRange(), inner)
	}
}

func (r *reader) dynamicLabels(b *hclsyntax.Block, ctx *hcl.EvalContext) ([]string, bool) {
	attr := b.Body.Attributes["labels"]
	if attr == nil {
		return nil, true
	}
	v, ok := r.evalKeys(attr, ctx)
	if !ok {
		return nil, false
	}
	list, err := textList(v)
	if err != nil {
		r.fail(attr.Expr.Range(), "Wrong type", "", "labels is a list of texts.")
	}
	return list, err == nil
}

func contentOf(b *hclsyntax.Block) *hclsyntax.Block {
	for _, c := range b.Body.Blocks {
		if c.Type == "content" {
			return c
		}
	}
	return nil
}

// has tells whether an argument has a value.
func (f *form) has(name string) bool {
	got, ok := f.args[name]
	return ok && !got.failed && !got.absent
}

// text is the value of a text argument; empty when it has none.
func (f *form) text(name string) string {
	if !f.has(name) {
		return ""
	}
	return f.args[name].value.AsString()
}

// list is the value of a list of texts.
func (f *form) list(name string) []string {
	if !f.has(name) {
		return nil
	}
	list, err := textList(f.args[name].value)
	if err != nil {
		return nil
	}
	return list
}

// textMap is the value of a map of texts. A null in it is an absent one.
func (f *form) textMap(name string) map[string]string {
	if !f.has(name) {
		return nil
	}
	out := map[string]string{}
	for key, value := range f.args[name].value.AsValueMap() {
		if !value.IsNull() {
			out[key] = value.AsString()
		}
	}
	return out
}

// truth is the value of a boolean argument.
func (f *form) truth(name string, otherwise bool) bool {
	if !f.has(name) {
		return otherwise
	}
	return f.args[name].value.True()
}

// place is where an argument's value stands, or the block when it has none.
func (f *form) place(name string) hcl.Range {
	if got, ok := f.args[name]; ok {
		return got.at
	}
	return f.at
}

// one is the only inner block of a name, or nil.
func (f *form) one(name string) *form {
	if list := f.blocks[name]; len(list) > 0 {
		return list[0]
	}
	return nil
}

func offer(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "It takes " + strings.Join(names, ", ") + "."
}
