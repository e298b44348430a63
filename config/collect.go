package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/trovectl/trovectl/config/resource"
)

// node is something with a value that others may refer to: a local or a block of a kind.
type node struct {
	id     string // "local.x" or "instance.orders"
	at     hcl.Range
	attr   *hclsyntax.Attribute // of a local
	block  *hclsyntax.Block     // of a kind
	kind   resource.Kind
	name   string
	refs   []reference
	extra  []reference      // depends_on, of whole blocks
	single []hcl.Expression // depends_on, of one of a repeated block each
	before []condition      // preconditions
	after  []condition      // postconditions
	turns  []turn           // kept for postconditions only
	named  bool             // something refers to it, so that its value is needed
	failed bool             // part of a cycle, or its name is taken: not evaluated
}

// reference is one place that names a node.
type reference struct {
	id string
	at hcl.Range
}

func (n *node) address() resource.Address { return resource.Address{Kind: n.kind, Name: n.name} }

// collect sorts the blocks of all files by what they are.
func (r *reader) collect() {
	for _, body := range r.bodies {
		for _, attr := range inOrder(body.Attributes) {
			r.fail(attr.SrcRange, "Argument outside of a block", "Put it into a block, or into `locals { ... }`.",
				"A configuration file holds blocks only; %q stands outside of one.", attr.Name)
		}
		for _, block := range body.Blocks {
			r.collectBlock(block)
		}
	}
}

func (r *reader) collectBlock(b *hclsyntax.Block) {
	switch b.Type {
	case "trove":
		if r.labels(b) && r.once(b, r.blocks.trove) {
			r.blocks.trove = b
		}
	case "guest":
		if r.labels(b) && r.once(b, r.blocks.guest) {
			r.blocks.guest = b
		}
	case "provider":
		r.addProvider(b)
	case "variable":
		if r.labels(b, "NAME") {
			r.addVariable(b)
		}
	case "locals":
		if r.labels(b) {
			r.addLocals(b)
		}
	case "output":
		if r.labels(b, "NAME") {
			r.addOutput(b)
		}
	case "check":
		if r.labels(b, "NAME") {
			r.addCheck(b)
		}
	case "moved":
		if r.labels(b) {
			r.addMove(b)
		}
	default:
		if !resource.Kind(b.Type).Known() {
			r.strangeBlock(b)
		} else if r.labels(b, "NAME") {
			r.addKind(b)
		}
	}
}

// labels checks how many labels a block has and that they are names.
func (r *reader) labels(b *hclsyntax.Block, want ...string) bool {
	example := b.Type
	for _, w := range want {
		example += fmt.Sprintf(" %q", w)
	}
	if len(b.Labels) != len(want) {
		r.fail(b.DefRange(), "Wrong number of labels", "", "%s block is written `%s { ... }`.", capital(article(b.Type)), example)
		return false
	}
	for i, label := range b.Labels {
		if !hclsyntax.ValidIdentifier(label) || !plainName(label) {
			r.fail(b.LabelRanges[i], "Invalid name", "",
				"%q is not a name: a name starts with a letter or an underscore and holds letters, digits, underscores and dashes.", label)
			return false
		}
	}
	return true
}

// plainName tells whether an address can carry the name.
func plainName(s string) bool {
	_, err := resource.ParseAddress(string(resource.KindUser) + "." + s)
	return err == nil
}

func (r *reader) once(b, first *hclsyntax.Block) bool {
	if first != nil {
		r.duplicate(b.DefRange(), first.DefRange(), "a "+b.Type+" block")
		return false
	}
	return true
}

func (r *reader) duplicate(at, first hcl.Range, what string) {
	r.fail(at, "Duplicate block", "Remove one of the two, or give it another name.",
		"There is %s already, at %s.", what, first.String())
}

func (r *reader) addLocals(b *hclsyntax.Block) {
	for _, inner := range b.Body.Blocks {
		r.fail(inner.DefRange(), "Unexpected block", "Write values as `name = value`.", "A locals block holds arguments only, not %q blocks.", inner.Type)
	}
	for _, attr := range inOrder(b.Body.Attributes) {
		n := &node{id: "local." + attr.Name, at: attr.NameRange, attr: attr, name: attr.Name}
		r.addNode(n, "a local value "+attr.Name)
	}
}

func (r *reader) addKind(b *hclsyntax.Block) {
	n := &node{
		id: b.Type + "." + b.Labels[0], at: b.DefRange(), block: b, kind: resource.Kind(b.Type), name: b.Labels[0],
	}
	r.addNode(n, "a block "+n.id)
}

func (r *reader) addNode(n *node, what string) {
	if first, taken := r.nodes[n.id]; taken {
		r.duplicate(n.at, first.at, what)
		return
	}
	r.nodes[n.id] = n
}

// inOrder lists attributes as they stand in the file.
func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	out := make([]*hclsyntax.Attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	return out
}
