package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// builder turns a form into the body of a resource, with the checks that need only what the form refers to.
type builder struct {
	r         *reader
	f         *form
	overrides map[string]cty.Value // of attributes whose value is not what was written: defaults
	ranges    map[string]diag.Range
}

func (b *builder) build(kind resource.Kind) resource.Body {
	switch kind {
	case resource.KindDatastore:
		return b.datastore()
	case resource.KindConfigGroup:
		return b.configGroup()
	case resource.KindInstance:
		return b.instance()
	case resource.KindDatabase:
		return b.database()
	default:
		return b.user()
	}
}

// placeForm notes where every argument of a form stands, by attribute path.
func (b *builder) placeForm(prefix string, f *form) {
	for name, got := range f.args {
		if at := place(got.at); at != nil {
			b.ranges[prefix+name] = *at
		}
		if prefix == "" && name == "values" {
			b.placeItems("values.", got.attr.Expr)
		}
	}
	for name, list := range f.blocks {
		for _, inner := range list {
			path := prefix + name
			if inner.label != "" {
				path = resource.Path(path, inner.label)
			}
			if name == "grant" {
				continue // its path depends on its value
			}
			if at := place(inner.at); at != nil {
				b.ranges[path] = *at
			}
			b.placeForm(path+".", inner)
		}
	}
}

// placeItems notes where the items of a literal map stand.
func (b *builder) placeItems(prefix string, expr hclsyntax.Expression) {
	pairs, found := hcl.ExprMap(expr)
	if found.HasErrors() {
		return
	}
	for _, p := range pairs {
		if key := literalKey(p.Key); key != "" {
			if at := place(p.Value.Range()); at != nil {
				b.ranges[prefix+catalog.ParameterName(key)] = *at
			}
		}
	}
}

// literalKey is the key of an item when it is written out.
func literalKey(expr hcl.Expression) string {
	if word := hcl.ExprAsKeyword(expr); word != "" {
		return word
	}
	v, found := expr.Value(nil)
	if found.HasErrors() || v.Type() != cty.String || v.IsNull() || !v.IsKnown() || v.IsMarked() {
		return ""
	}
	return v.AsString()
}

// fail reports an error at an argument and gives the resource up.
func (b *builder) fail(name, summary, hint, detail string, args ...any) {
	b.failAt(b.f.place(name), summary, hint, detail, args...)
}

func (b *builder) failAt(at hcl.Range, summary, hint, detail string, args ...any) {
	b.f.failed, b.r.poisoned = true, true
	b.r.failFor(b.f.address, at, summary, hint, detail, args...)
}

// at is where an item of a map argument stands, or the argument.
func (b *builder) failItem(name, item, summary, hint, detail string, args ...any) {
	at := b.f.place(name)
	if pairs, found := hcl.ExprMap(b.f.args[name].attr.Expr); !found.HasErrors() {
		for _, p := range pairs {
			if literalKey(p.Key) == item {
				at = hcl.RangeBetween(p.Key.Range(), p.Value.Range())
			}
		}
	}
	b.failAt(at, summary, hint, detail, args...)
}

// defaultName is the name of something that says none: the block's name, with the key when it is repeated.
func (b *builder) defaultName() string {
	a := b.f.address
	if a.Key == resource.NoKey {
		return a.Name
	}
	return a.Name + "_" + a.Key.Plain()
}

// named is the name argument or its default.
func (b *builder) named(otherwise string) string {
	name := otherwise
	if b.f.has("name") {
		name = b.f.text("name")
	}
	if got, given := b.f.args["name"]; !given || !got.failed {
		b.overrides["name"] = cty.StringVal(name)
	}
	return name
}

// lookup finds the body of a resource that an argument names; nil when that one is broken, which was reported.
func lookup[B resource.Body](b *builder, name string) (body B, addr resource.Address, ok bool) {
	if !b.f.has(name) {
		return body, addr, false
	}
	addr = b.f.args[name].ref
	res := b.r.set.Resources[addr]
	if res == nil {
		b.f.failed, b.r.poisoned = true, true
		return body, addr, false
	}
	body, ok = res.Body.(B)
	return body, addr, ok
}
