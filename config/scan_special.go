package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// strangeRoot explains a name that means nothing here.
func (r *reader) strangeRoot(t hcl.Traversal) {
	root := t.RootName()
	at := t.SourceRange()
	switch {
	case root == "terraform":
		r.fail(at, "Unknown reference", "There are no workspaces: use a variable, and one directory or state address per environment.", "There is no %q in this language.", root)
		return
	case root == "self":
		r.fail(at, "Unknown reference", "", "self is known only in a precondition or a postcondition.")
		return
	case root == "data", root == "resource":
		r.fail(at, "Unknown reference", habitBlocks[root], "There is no %q in this language.", root)
		return
	case slices.Contains(laterBlocks, root):
		r.fail(at, "Not available yet", "", "%s blocks belong to the language, but this version of trovectl cannot do them yet.", root)
		return
	}
	for _, kind := range resource.Kinds {
		if _, ok := r.nodes[string(kind)+"."+root]; ok && len(t) == 1 {
			r.fail(at, "Unknown reference", fmt.Sprintf("Did you mean %s.%s?", kind, root), "A resource is named by kind and name.")
			return
		}
	}
	known := append([]string{"var", "local", "each", "count", "path"}, kindNames()...)
	hint := didYouMean(root, known, "")
	if hint == "" && len(t) == 1 {
		hint = fmt.Sprintf("If you mean a text, put it in quotes: %q. If you mean a variable, write var.%s.", root, root)
	}
	r.fail(at, "Unknown reference", hint, "There is nothing named %q.", root)
}

// explainComputed turns hcl's complaint about an attribute that is known only after apply into ours. The scan finds the
// plain references; this is for those inside of `for` and splats.
func explainComputed(d diag.Diagnostic) diag.Diagnostic {
	if d.Summary != "Unsupported attribute" {
		return d
	}
	for _, c := range instanceSpec.computed {
		if strings.Contains(d.Detail, fmt.Sprintf("named %q", c.name)) {
			d.Summary, d.Hint = computedSummary, computedHint
			d.Detail = c.name + " of an instance is known only after apply, so it may be used in outputs, checks and postconditions only."
		}
	}
	return d
}

// explainFunction gives the name that was meant by a rule of ours: hcl takes any near one, another one each time.
func explainFunction(d diag.Diagnostic) diag.Diagnostic {
	if d.Summary != "Call to unknown function" {
		return d
	}
	_, rest, _ := strings.Cut(d.Detail, `"`)
	name, _, _ := strings.Cut(rest, `"`)
	d.Detail = fmt.Sprintf("There is no function %q.", name)
	if f, ok := refusedFunctions[name]; ok {
		d.Summary, d.Hint = "Function that cannot be called", f.instead
		d.Detail = fmt.Sprintf("%s is not here: %s.", name, f.why)
		return d
	}
	d.Hint = didYouMean(name, functionNames, "")
	return d
}

// nodeList lists the nodes by their place, so that the same input gives the same order of work.
func (r *reader) nodeList() []*node {
	return slices.SortedFunc(maps.Values(r.nodes), func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.at.Filename, b.at.Filename), cmp.Compare(a.at.Start.Byte, b.at.Start.Byte))
	})
}

// nodeNames lists the names of the nodes with a root, sorted.
func (r *reader) nodeNames(root string) []string {
	var out []string
	for id := range r.nodes {
		if head, name, _ := strings.Cut(id, "."); head == root {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (r *reader) settingsList() []*hclsyntax.Block {
	var out []*hclsyntax.Block
	if r.blocks.trove != nil {
		out = append(out, r.blocks.trove)
	}
	out = append(out, r.blocks.providers...)
	if r.blocks.guest != nil {
		out = append(out, r.blocks.guest)
	}
	return out
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// or is the first of names, or what to say when there is none.
func or(names []string, otherwise string) string {
	if len(names) > 0 {
		return names[0]
	}
	return otherwise
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeio") {
		return "an " + noun
	}
	return "a " + noun
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
