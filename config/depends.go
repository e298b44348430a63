package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/trovectl/trovectl/config/resource"
)

// manyDepends is from how many pairs of resources on a depends_on of whole blocks is worth a warning: each is recorded.
const manyDepends = 10_000

// scanDependsOn reads depends_on: a list of whole blocks, and of single ones of a repeated block, whose key may differ in each
// repetition.
func (r *reader) scanDependsOn(n *node, attr *hclsyntax.Attribute, s scope) {
	exprs, found := hcl.ExprList(attr.Expr)
	if found.HasErrors() {
		r.bad[attr] = true
		r.fail(attr.Expr.Range(), "Wrong type", "Write `depends_on = [instance.orders]`.", "depends_on is a list of resources.")
		return
	}
	for _, expr := range exprs {
		refs, ok := r.scanDepended(expr, s)
		switch {
		case !ok:
			r.bad[attr] = true
		case isWhole(expr):
			n.extra = append(n.extra, refs...)
		default:
			n.single = append(n.single, expr)
			n.refs = append(n.refs, refs...)
		}
	}
}

// scanDepended reads one element of depends_on.
func (r *reader) scanDepended(expr hcl.Expression, s scope) (refs []reference, ok bool) {
	ok = true
	for _, t := range expr.Variables() {
		id, resolved := r.resolve(t, s)
		if ok = ok && resolved; id != "" {
			refs = append(refs, reference{id: id, at: t.SourceRange()})
		}
	}
	named := slices.ContainsFunc(refs, func(ref reference) bool { return r.nodes[ref.id].block != nil })
	if ok && !named {
		r.notDepended(expr)
	}
	return refs, ok && named
}

func (r *reader) notDepended(expr hcl.Expression) {
	r.fail(expr.Range(), "Not a resource", "Write `depends_on = [instance.orders]`.", "depends_on lists resources by their addresses.")
}

// isWhole tells whether an expression is the name of a block, with nothing after it.
func isWhole(expr hcl.Expression) bool {
	t, found := hcl.AbsTraversalForExpr(expr)
	return !found.HasErrors() && len(t) == 2
}

// wholeDepends lists every repetition of the blocks that depends_on names as a whole.
func (r *reader) wholeDepends(n *node, turns int) []resource.Address {
	var out []resource.Address
	for _, ref := range n.extra {
		out = append(out, r.turnsOf[ref.id]...)
	}
	slices.SortFunc(out, resource.Address.Compare)
	out = slices.Compact(out)
	if pairs := turns * len(out); pairs > manyDepends {
		r.warn("many-dependencies", n.block.Body.Attributes["depends_on"].Expr.Range(), "Each waits for all",
			"Name the one that each needs, such as depends_on = [instance.orders[each.key]], or leave out what a reference says already.",
			"Each of the %d repetitions of %s waits for each of %d resources: that makes %d dependencies, and all are recorded.", turns, n.id, len(out), pairs)
	}
	return out
}

// dependsOn is what one repetition depends on: whole and what depends_on names one of.
func (r *reader) dependsOn(n *node, ctx *hcl.EvalContext, whole []resource.Address) []resource.Address {
	if len(n.single) == 0 {
		return whole
	}
	out := slices.Clone(whole)
	for _, expr := range n.single {
		v, found := expr.Value(ctx)
		r.take(found)
		addr, ok := identityOf(v)
		switch {
		case found.HasErrors() || !v.IsKnown():
			r.poisoned = true
		case !ok:
			r.poisoned = true
			r.notDepended(expr)
		default:
			out = append(out, addr)
		}
	}
	slices.SortFunc(out, resource.Address.Compare)
	return slices.Compact(out)
}
