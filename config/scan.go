package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/resource"
)

// scope says what an expression may name beside variables, locals and resources.
type scope struct {
	each, count bool
	self        *node    // in conditions: the block that they are about
	provider    bool     // the argument provider may name the aliases
	computed    bool     // outputs, checks and postconditions may name computed attributes
	varsOnly    string   // not empty: only variables and locals, and this is the reason
	iterators   []string // of dynamic blocks around it
}

// scanAll reads, without evaluating, what every expression names. What cannot be is reported; what can be becomes an
// edge between nodes. only (nil: all) are the nodes that are wanted.
func (r *reader) scanAll(only map[string]bool) {
	for _, n := range r.nodeList() {
		switch {
		case only != nil && !only[n.id]:
		case n.attr != nil:
			n.refs = r.scan(n.attr, scope{})
		default:
			r.scanKind(n)
		}
	}
	if only == nil {
		for _, o := range r.outputList() {
			r.scanOutput(o)
		}
		for _, c := range r.checkList() {
			r.scanCheck(c)
		}
	}
	settings := scope{varsOnly: settingsReason}
	for _, b := range r.settingsList() {
		if s := settingsSpecs[b.Type]; s != nil {
			r.checkShape(b.Body, b.Type+" block", s)
		}
		r.walk(b.Body, settings, func(attr *hclsyntax.Attribute, s scope) {
			r.settingsRefs[b] = append(r.settingsRefs[b], r.scan(attr, s)...)
		})
	}
}

var settingsSpecs = map[string]*spec{"trove": troveSpec, "provider": providerSpec, "guest": guestSpec}

const settingsReason = "the trove, provider and guest blocks say how to work and are read before any resource"

// neededBySettings are the nodes and variables that the settings name, directly or through local values. A resource
// among them is reported.
func (r *reader) neededBySettings() map[string]bool {
	needed := map[string]bool{}
	var follow func(t hcl.Traversal, inLocal bool)
	follow = func(t hcl.Traversal, inLocal bool) {
		id := t.RootName() + "." + step(t)
		if needed[id] {
			return
		}
		needed[id] = true
		if inLocal && resource.Kind(t.RootName()).Known() {
			r.fail(t.SourceRange(), "Reference not possible here", "Use a variable.", "This local value is used by settings, so it cannot name %s: %s.", id, settingsReason)
			needed[id] = false
		}
		if n := r.nodes[id]; n != nil && n.attr != nil {
			for _, inner := range n.attr.Expr.Variables() {
				follow(inner, true)
			}
		}
	}
	for _, b := range r.settingsList() {
		r.walk(b.Body, scope{}, func(attr *hclsyntax.Attribute, _ scope) {
			for _, t := range attr.Expr.Variables() {
				follow(t, false)
			}
		})
	}
	for name := range r.variables {
		needed[name] = needed["var."+name]
	}
	return needed
}

func (r *reader) scanKind(n *node) {
	r.checkShape(n.block.Body, n.block.Type+" block", kindSpecs[n.kind], metaSpec)
	attrs := n.block.Body.Attributes
	s := scope{each: attrs["for_each"] != nil, count: attrs["count"] != nil}
	r.walk(n.block.Body, s, func(attr *hclsyntax.Attribute, inner scope) {
		switch attr {
		case attrs["depends_on"]:
			r.scanDependsOn(n, attr, inner)
		case attrs["for_each"], attrs["count"]:
			n.refs = append(n.refs, r.scan(attr, scope{})...)
		default:
			inner.provider = attr == attrs["provider"]
			n.refs = append(n.refs, r.scan(attr, inner)...)
		}
	})
	r.scanConditions(n, s)
}

// walk visits the arguments of a body and of the blocks in it, with the iterators of dynamic blocks in scope.
func (r *reader) walk(body *hclsyntax.Body, s scope, visit func(*hclsyntax.Attribute, scope)) {
	for _, attr := range inOrder(body.Attributes) {
		visit(attr, s)
	}
	for _, b := range body.Blocks {
		inner := s
		switch b.Type {
		case "dynamic":
		case precondition, postcondition: // scanConditions reads them
			continue
		default:
			r.walk(b.Body, inner, visit)
			continue
		}
		if name := iteratorName(b); name != "" {
			inner.iterators = append(slices.Clone(s.iterators), name)
		}
		for _, attr := range inOrder(b.Body.Attributes) {
			switch attr.Name {
			case "for_each":
				visit(attr, s)
			case "labels":
				visit(attr, inner)
			}
		}
		for _, content := range b.Body.Blocks {
			r.walk(content.Body, inner, visit)
		}
	}
}

// iteratorName is the name under which a dynamic block's content sees its element.
func iteratorName(b *hclsyntax.Block) string {
	if attr := b.Body.Attributes["iterator"]; attr != nil {
		return hcl.ExprAsKeyword(attr.Expr)
	}
	if len(b.Labels) == 1 {
		return b.Labels[0]
	}
	return ""
}

// scan lists the nodes that an argument names, and marks the argument bad when it names what is not there.
func (r *reader) scan(attr *hclsyntax.Attribute, s scope) []reference {
	if r.bad[attr] {
		return nil
	}
	var refs []reference
	for _, t := range attr.Expr.Variables() {
		id, ok := r.resolve(t, s)
		if !ok {
			r.bad[attr] = true
		}
		if id != "" {
			refs = append(refs, reference{id: id, at: t.SourceRange()})
		}
	}
	return refs
}

// resolve finds the node that a traversal names: "" for variables and the like. Not ok: it was reported.
func (r *reader) resolve(t hcl.Traversal, s scope) (id string, ok bool) {
	root := t.RootName()
	switch {
	case slices.Contains(s.iterators, root), root == "path":
		return "", true
	case root == "var":
		return "", r.resolveVariable(t)
	case root == "local":
		return r.resolveLocal(t)
	case root == "each" || root == "count":
		return "", r.resolveRepetition(t, s)
	case root == theProvider || root == "provider":
		return "", r.resolveProvider(t, s)
	case root == "self" && s.self != nil:
		return "", r.resolveSelf(t, s)
	case resource.Kind(root).Known() && s.varsOnly != "":
		r.fail(t.SourceRange(), "Reference not possible here", "Use a variable or a local value.", "%s cannot be named here: %s.", root, s.varsOnly)
		return "", false
	case resource.Kind(root).Known():
		return r.resolveKind(t, s)
	}
	r.strangeRoot(t)
	return "", false
}

// step is the name after the root: "orders" of instance.orders.
func step(t hcl.Traversal) string {
	if len(t) > 1 {
		if attr, ok := t[1].(hcl.TraverseAttr); ok {
			return attr.Name
		}
	}
	return ""
}

func (r *reader) resolveVariable(t hcl.Traversal) bool {
	name := step(t)
	if name == "" {
		r.fail(t.SourceRange(), "Incomplete reference", "", "A variable is named as var.NAME.")
		return false
	}
	if _, ok := r.variables[name]; !ok {
		if len(r.broken) > 0 {
			return false // it may be what was lost
		}
		hint := didYouMean(name, keys(r.variables), fmt.Sprintf("Declare it: variable %q { }.", name))
		r.fail(t.SourceRange(), "Unknown variable", hint, "There is no variable %q.", name)
		return false
	}
	return true
}

func (r *reader) resolveLocal(t hcl.Traversal) (string, bool) {
	name := step(t)
	if name == "" {
		r.fail(t.SourceRange(), "Incomplete reference", "", "A local value is named as local.NAME.")
		return "", false
	}
	id := "local." + name
	if _, ok := r.nodes[id]; !ok {
		if len(r.broken) > 0 {
			return "", false
		}
		hint := didYouMean(name, r.nodeNames("local"), "Declare it in a locals block.")
		r.fail(t.SourceRange(), "Unknown local value", hint, "There is no local value %q.", name)
		return "", false
	}
	return id, true
}

func (r *reader) resolveRepetition(t hcl.Traversal, s scope) bool {
	root, want := t.RootName(), "for_each"
	if root == "count" {
		want = "count"
	}
	if (root == "each" && !s.each) || (root == "count" && !s.count) {
		r.fail(t.SourceRange(), "Unknown reference", "", "%s is known only in a block with %s.", root, want)
		return false
	}
	known := []string{"key", "value"}
	if root == "count" {
		known = []string{"index"}
	}
	if name := step(t); !slices.Contains(known, name) {
		r.fail(t.SourceRange(), "Unknown reference", "", "There is %s.%s.", root, strings.Join(known, " and "+root+"."))
		return false
	}
	return true
}

func (r *reader) resolveKind(t hcl.Traversal, s scope) (string, bool) {
	kind, name := t.RootName(), step(t)
	if name == "" {
		r.fail(t.SourceRange(), "Incomplete reference", "", "A resource is named by kind and name, such as %s.%s.", kind, or(r.nodeNames(kind), "NAME"))
		return "", false
	}
	id := kind + "." + name
	n, ok := r.nodes[id]
	if !ok && len(r.broken) > 0 {
		return "", false
	}
	if !ok {
		hint := didYouMean(name, r.nodeNames(kind), fmt.Sprintf("Declare it: %s %q { ... }.", kind, name))
		r.fail(t.SourceRange(), "Unknown resource", hint, "There is no %s %q.", kind, name)
		return "", false
	}
	n.named = true
	return id, r.resolveAttribute(t, n, s)
}

// resolveAttribute checks the part of a traversal after instance.orders, as far as it can be seen without evaluating.
func (r *reader) resolveAttribute(t hcl.Traversal, n *node, s scope) bool {
	rest := t[2:]
	repeated := n.block.Body.Attributes["for_each"] != nil || n.block.Body.Attributes["count"] != nil
	if len(rest) == 0 {
		return true
	}
	if _, isIndex := rest[0].(hcl.TraverseIndex); isIndex {
		if !repeated {
			r.fail(t.SourceRange(), "Block is not repeated", fmt.Sprintf("Write %s.", n.id), "%s has neither count nor for_each, so it has no key.", n.id)
			return false
		}
		rest = rest[1:]
	} else if _, isAttr := rest[0].(hcl.TraverseAttr); isAttr && repeated {
		r.fail(t.SourceRange(), "Which one?", fmt.Sprintf("Write %s, or [for x in %s : x.name].", keyedExample(n), n.id),
			"%s is repeated, so a reference needs a key.", n.id)
		return false
	}
	if len(rest) == 0 {
		return true
	}
	attr, ok := rest[0].(hcl.TraverseAttr)
	if !ok {
		return true
	}
	return r.attributeOf(n.kind, attr.Name, t.SourceRange(), s)
}

func (r *reader) attributeOf(kind resource.Kind, name string, at hcl.Range, s scope) bool {
	if kindTypes[s.computed][kind].HasAttribute(name) {
		return true
	}
	if isComputed(kind, name) {
		r.fail(at, computedSummary, computedHint, "%s of %s is known only after apply, so it may be used in outputs, checks and postconditions only.", name, article(string(kind)))
		return false
	}
	if a, ok := kindSpecs[kind].argument(name); ok && (a.secret || a.free) {
		r.fail(at, "Attribute cannot be referred to", "Refer to where the value comes from, such as a variable.", "%s of %s cannot be read back.", name, article(string(kind)))
		return false
	}
	r.fail(at, "Unknown attribute", didYouMean(name, attributeNames(kindTypes[s.computed][kind]), ""), "%s has no attribute %q.", capital(article(string(kind))), name)
	return false
}

const (
	computedSummary = "Computed attribute before apply"
	computedHint    = "A resource names another resource itself (instance = instance.orders), never its id or address."
)

func isComputed(kind resource.Kind, name string) bool {
	return slices.ContainsFunc(kindSpecs[kind].computed, func(a attribute) bool { return a.name == name })
}

func attributeNames(t cty.Type) []string {
	var out []string
	for name := range t.AttributeTypes() {
		if name != identityName {
			out = append(out, name)
		}
	}
	return out
}

func keyedExample(n *node) string {
	if n.block.Body.Attributes["count"] != nil {
		return n.id + "[0]"
	}
	return n.id + `["KEY"]`
}
