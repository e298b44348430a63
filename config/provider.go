package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// theProvider is the only provider: the first label of a provider block, and the root of references to its aliases.
const theProvider = "openstack"

// addProvider keeps a provider block: one without an alias, and one for each alias.
func (r *reader) addProvider(b *hclsyntax.Block) {
	want := []string{"NAME"}
	if len(b.Labels) > 1 {
		want = append(want, "ALIAS")
	}
	switch {
	case !r.labels(b, want...):
	case b.Labels[0] != theProvider:
		r.fail(b.LabelRanges[0], "Unknown provider", "Write provider \"openstack\".", "There is no provider %q.", b.Labels[0])
	default:
		for _, other := range r.blocks.providers {
			if slices.Equal(other.Labels, b.Labels) {
				r.duplicate(b.DefRange(), other.DefRange(), "a provider block of this name")
				return
			}
		}
		r.blocks.providers = append(r.blocks.providers, b)
	}
}

// aliases are the second labels of the provider blocks, sorted.
func (r *reader) aliases() []string {
	var out []string
	for _, b := range r.blocks.providers {
		if len(b.Labels) > 1 {
			out = append(out, b.Labels[1])
		}
	}
	slices.Sort(out)
	return out
}

// aliasValue is what openstack means in an expression: each alias by its name.
func (r *reader) aliasValue() cty.Value {
	attrs := map[string]cty.Value{}
	for _, alias := range r.aliases() {
		attrs[alias] = cty.StringVal(alias)
	}
	return cty.ObjectVal(attrs)
}

// resolveProvider checks openstack.ALIAS, which may also be written provider.openstack.ALIAS.
func (r *reader) resolveProvider(t hcl.Traversal, s scope) bool {
	at := t.SourceRange()
	if !s.provider {
		r.fail(at, "Reference not possible here", "Write provider = openstack.ALIAS in an instance.", "A provider is named by the provider argument of an instance only.")
		return false
	}
	if t.RootName() == "provider" {
		if step(t) != theProvider {
			r.fail(at, "Unknown provider", "Write openstack.ALIAS.", "The only provider is openstack.")
			return false
		}
		t = t[1:]
	}
	if alias := step(t); alias != "" && !slices.Contains(r.aliases(), alias) {
		r.unknownAlias(at, alias)
		return false
	}
	return true
}

func (r *reader) unknownAlias(at hcl.Range, alias string) {
	known := r.aliases()
	otherwise := "Declare it: provider \"openstack\" \"" + alias + "\" { }."
	if len(known) > 0 {
		otherwise = "The aliases are " + strings.Join(known, ", ") + "."
	}
	r.fail(at, "Unknown provider", didYouMean(alias, known, otherwise), "There is no provider \"openstack\" %q.", alias)
}

// provider is the alias of an instance's provider; empty: the one without.
func (b *builder) provider() string {
	if !b.f.has("provider") {
		return ""
	}
	v := b.f.args["provider"].value
	switch {
	case !v.IsKnown():
		b.f.failed, b.r.poisoned = true, true
		return ""
	case v.RawEquals(b.r.aliasValue()):
		return ""
	case v.Type() != cty.String:
		b.fail("provider", "Wrong type", "Write provider = openstack.ALIAS.", "provider names a provider block, not %s.", friendly(v))
		return ""
	}
	alias := v.AsString()
	if !slices.Contains(b.r.aliases(), alias) {
		b.f.failed, b.r.poisoned = true, true
		b.r.unknownAlias(b.f.place("provider"), alias)
	}
	return alias
}
