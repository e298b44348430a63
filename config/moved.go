package config

import (
	"fmt"
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/resource"
)

var movedSpec = &spec{
	doc: "What was recorded under one address is called by another from now on; nothing in the cloud is touched. Once done, it does nothing.",
	args: []argument{
		{name: "from", address: true, required: true, doc: "The address before, such as instance.orders or instance.orders[\"az1\"]. Without a key it stands for the whole block."},
		{name: "to", address: true, required: true, doc: "The address from now on, of the same kind."},
	},
}

// addMove reads a moved block. Whether something is recorded under its addresses is not known here.
func (r *reader) addMove(b *hclsyntax.Block) {
	r.checkShape(b.Body, "moved block", movedSpec)
	var ends [2]resource.Address
	for i, a := range movedSpec.args {
		attr := b.Body.Attributes[a.name]
		if attr == nil {
			r.missingArgument(&form{at: b.DefRange()}, a.name, "argument")
			return
		}
		var ok bool
		if ends[i], ok = r.addressIn(attr); !ok {
			return
		}
	}
	move := resource.Move{From: ends[0], To: ends[1], Range: place(b.DefRange())}
	if r.checkMove(move, b.DefRange()) {
		r.set.Moves = append(r.set.Moves, move)
	}
}

// addressIn reads an argument that is an address of a resource which need not be there.
func (r *reader) addressIn(attr *hclsyntax.Attribute) (resource.Address, bool) {
	at := attr.Expr.Range()
	t, found := hcl.AbsTraversalForExpr(attr.Expr)
	hint := fmt.Sprintf("Write %s = instance.orders, or %s = instance.orders[\"KEY\"], without quotes around it.", attr.Name, attr.Name)
	if found.HasErrors() {
		r.fail(at, "Not an address", hint, "%s is the address of a resource, written out.", attr.Name)
		return resource.Address{}, false
	}
	kind := resource.Kind(t.RootName())
	if !kind.Known() {
		r.fail(at, "Not an address", didYouMean(string(kind), kindNames(), hint), "There is no kind %q.", kind)
		return resource.Address{}, false
	}
	addr := resource.Address{Kind: kind, Name: step(t)}
	ok := addr.Name != "" && len(t) <= 3
	if ok && len(t) == 3 {
		addr.Key, ok = keyOf(t[2])
	}
	if !ok {
		r.fail(at, "Not an address", hint, "An address is KIND.NAME, KIND.NAME[0] or KIND.NAME[\"KEY\"].")
	}
	return addr, ok
}

// keyOf is the key that an index step writes.
func keyOf(s hcl.Traverser) (resource.Key, bool) {
	index, ok := s.(hcl.TraverseIndex)
	if !ok {
		return resource.NoKey, false
	}
	if index.Key.Type() == cty.String {
		return resource.TextKey(index.Key.AsString()), index.Key.AsString() != ""
	}
	i, accuracy := index.Key.AsBigFloat().Int64()
	return resource.IndexKey(int(i)), accuracy == big.Exact && i >= 0
}

func (r *reader) checkMove(m resource.Move, at hcl.Range) bool {
	switch {
	case m.From == m.To:
		r.fail(at, "Moved to itself", "Remove the block.", "from and to are both %s.", m.From)
		return false
	case m.From.Kind != m.To.Kind:
		r.fail(at, "Moved to another kind", "Name two addresses of one kind.", "%s cannot become %s.", capital(article(string(m.From.Kind))), article(string(m.To.Kind)))
		return false
	}
	for _, other := range r.set.Moves {
		if overlap(m.From, other.From) {
			r.fail(at, "Moved twice", "Remove one of the two.", "%s is moved already, at %s.", m.From, other.Range)
			return false
		}
		if overlap(m.To, other.To) {
			r.fail(at, "Moved to one address", "Give each an address of its own.", "%s is moved to %s already, at %s.", other.From, other.To, other.Range)
			return false
		}
	}
	return true
}

// overlap tells whether two addresses may stand for one resource: an address without a key stands for the whole block.
func overlap(a, b resource.Address) bool {
	return a == b || (a.Block() == b.Block() && (a.Key == resource.NoKey || b.Key == resource.NoKey))
}
