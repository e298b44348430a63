package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// evaluateFor gives values to the locals that settings need, so that settings are read before any resource.
func (r *reader) evaluateFor(needed map[string]bool) {
	for _, n := range r.sorted {
		if needed[n.id] && n.attr != nil {
			r.evaluateNode(n)
		}
	}
}

// evaluate gives every local and every block its value.
func (r *reader) evaluate() {
	for _, n := range r.sorted {
		r.evaluateNode(n)
	}
}

// evaluateKind repeats a block, decodes each turn, and makes the value that references see.
func (r *reader) evaluateKind(n *node) cty.Value {
	ctx := r.context(n.refs)
	turns, repetition, ok := r.repetition(n, ctx)
	if !ok {
		r.poisoned = true
		return cty.DynamicVal
	}
	r.set.Blocks[n.address()] = repetition
	if len(n.after) > 0 {
		n.turns = turns
	}
	depends := r.wholeDepends(n, len(turns))
	ranges := map[string]diag.Range{}
	byKey, list := map[string]cty.Value{}, []cty.Value{}
	for _, t := range turns {
		inner := ctx
		if t.vars != nil {
			inner = ctx.NewChild()
			inner.Variables = t.vars
		}
		addr := resource.Address{Kind: n.kind, Name: n.name, Key: t.key}
		r.turnsOf[n.id] = append(r.turnsOf[n.id], addr)
		value := r.evaluateTurn(n, addr, inner, depends, ranges)
		if n.named {
			byKey[t.key.Plain()] = value
			list = append(list, value)
		}
	}
	if !n.named {
		return cty.DynamicVal
	}
	return collect(repetition, kindTypes[false][n.kind], byKey, list)
}

// collect makes the value behind the name of a block.
func collect(rep resource.Repetition, ty cty.Type, byKey map[string]cty.Value, list []cty.Value) cty.Value {
	switch {
	case rep.Mode == "single":
		return list[0]
	case len(list) == 0 && rep.Mode == "count":
		return cty.ListValEmpty(ty)
	case len(list) == 0:
		return cty.MapValEmpty(ty)
	case rep.Mode == "count":
		return cty.ListVal(list)
	default:
		return cty.MapVal(byKey)
	}
}

// evaluateTurn decodes one repetition of a block, and keeps the resource that it makes.
func (r *reader) evaluateTurn(n *node, addr resource.Address, ctx *hcl.EvalContext, depends []resource.Address, ranges map[string]diag.Range) cty.Value {
	f := r.decode(addr, n.block.Body, n.block.DefRange(), kindSpecs[n.kind], ctx)
	b := &builder{r: r, f: f, overrides: map[string]cty.Value{}, ranges: ranges}
	if len(ranges) == 0 {
		b.placeForm("", f)
	}
	body := b.build(n.kind)
	value := cty.DynamicVal
	if n.named {
		value = r.valueOf(f, n.kind, b.overrides)
	}
	res := &resource.Resource{Address: addr, Body: body, DependsOn: r.dependsOn(n, ctx, depends), Range: place(n.block.DefRange()), Ranges: b.ranges}
	if n.block.Body.Blocks != nil {
		if l := r.decode(addr, n.block.Body, n.block.DefRange(), lifecycleSpec, ctx).one("lifecycle"); l != nil {
			res.Protect = l.truth("protect", false)
		}
	}
	if !f.failed && body != nil {
		r.set.Resources[addr] = res
	} else {
		r.poisoned = true
	}
	r.preconditions(n, addr, ctx, value)
	return value
}

var lifecycleSpec = &spec{blocks: metaSpec.blocks}

// valueOf is the object that references to a resource see.
func (r *reader) valueOf(f *form, kind resource.Kind, overrides map[string]cty.Value) cty.Value {
	attrs := f.attributes()
	for name, value := range overrides {
		attrs[name] = value
	}
	attrs[identityName] = r.identify(f.address)
	if kind == "" {
		delete(attrs, identityName)
	}
	return cty.ObjectVal(attrs)
}

// attributes are the values of a form's arguments and blocks in the types of its spec: null where absent, unknown where
// an error was reported.
func (f *form) attributes() map[string]cty.Value {
	attrs := map[string]cty.Value{}
	for _, a := range f.spec.args {
		if a.secret || a.free || a.later {
			continue
		}
		ty := a.valueType(false)
		got, ok := f.args[a.name]
		switch {
		case !ok:
			attrs[a.name] = cty.NullVal(ty)
		case got.failed || got.value == cty.NilVal:
			attrs[a.name] = cty.UnknownVal(ty)
		default:
			attrs[a.name] = got.value
		}
	}
	for _, n := range f.spec.blocks {
		if !n.hidden && !n.later {
			attrs[n.name] = f.blockValue(n)
		}
	}
	return attrs
}

func (f *form) blockValue(n nested) cty.Value {
	ty := blockTypes[n.spec]
	list := f.blocks[n.name]
	if !n.many {
		if len(list) == 0 {
			return cty.NullVal(ty)
		}
		return list[0].object()
	}
	if len(list) == 0 {
		return cty.MapValEmpty(ty)
	}
	out := map[string]cty.Value{}
	for _, inner := range list { // only labelled blocks may repeat and be referred to
		out[inner.label] = inner.object()
	}
	return cty.MapVal(out)
}

func (f *form) object() cty.Value {
	if f.value == cty.NilVal {
		f.value = cty.ObjectVal(f.attributes())
	}
	return f.value
}
