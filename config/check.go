package config

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

const (
	precondition  = "precondition"
	postcondition = "postcondition"
)

var checkSpec = &spec{
	doc:    "What is worth a warning after apply and in plans when it does not hold; it never stops anything.",
	blocks: []nested{{name: "assert", many: true, rule: true, spec: conditionSpec, doc: "One condition."}},
}

// check is a check block.
type check struct {
	name  string
	block *hclsyntax.Block
	holds []condition
}

func (r *reader) addCheck(b *hclsyntax.Block) {
	c := &check{name: b.Labels[0], block: b}
	if first, taken := r.checks[c.name]; taken {
		r.duplicate(b.DefRange(), first.block.DefRange(), "a check "+c.name)
		return
	}
	r.checks[c.name] = c
	r.checkShape(b.Body, "check block", checkSpec)
	if len(b.Body.Blocks) == 0 {
		r.missingArgument(&form{at: b.DefRange()}, "assert", "block")
	}
}

func (r *reader) checkList() []*check {
	var out []*check
	for _, name := range keys(r.checks) {
		out = append(out, r.checks[name])
	}
	return out
}

func (r *reader) scanCheck(c *check) {
	for _, b := range c.block.Body.Blocks {
		if b.Type != "assert" {
			continue
		}
		if holds, ok := r.readCondition(b, scope{computed: true}); ok {
			c.holds = append(c.holds, holds)
		}
	}
}

// scanConditions reads the conditions in a block's lifecycle. What a postcondition names is no edge: it is judged when all
// is there.
func (r *reader) scanConditions(n *node, s scope) {
	s.self = n
	for _, lifecycle := range n.block.Body.Blocks {
		if lifecycle.Type != "lifecycle" {
			continue
		}
		for _, b := range lifecycle.Body.Blocks {
			r.scanCondition(n, b, s)
		}
	}
}

func (r *reader) scanCondition(n *node, b *hclsyntax.Block, s scope) {
	if b.Type != precondition && b.Type != postcondition {
		return
	}
	n.named, s.computed = true, b.Type == postcondition
	c, ok := r.readCondition(b, s)
	switch {
	case !ok:
	case b.Type == postcondition:
		n.after = append(n.after, c)
	case slices.ContainsFunc(c.refs, func(ref reference) bool { return ref.id == n.id }):
		r.fail(c.at, "Reference cycle", "Write self in place of "+n.id+".", "A precondition of %s names %s.", n.id, n.id)
	default:
		n.before = append(n.before, c)
		n.refs = append(n.refs, c.refs...)
	}
}

// resolveSelf checks an attribute of the resource that a condition is about.
func (r *reader) resolveSelf(t hcl.Traversal, s scope) bool {
	if name := step(t); name != "" {
		return r.attributeOf(s.self.kind, name, t.SourceRange(), s)
	}
	return len(t) == 1
}

// preconditions judges a resource before anything is planned.
func (r *reader) preconditions(n *node, addr resource.Address, ctx *hcl.EvalContext, self cty.Value) {
	for _, c := range n.before {
		status, problem := r.judge(c, withSelf(ctx, self))
		if status == resource.CheckFail {
			r.tellBroken(addr, c, precondition, problem)
		}
		sum := r.judged[addr]
		sum.Address = addr
		sum.Add(status, problem)
		r.judged[addr] = sum
	}
}

// tellBroken reports a condition of one resource that does not hold: each resource for itself, also where the words are the same.
func (r *reader) tellBroken(addr resource.Address, c condition, kind, problem string) {
	d := diag.Diagnostic{
		Severity: diag.Error, Summary: "Resource " + kind + " failed", Detail: problem, Subject: place(c.holds.Expr.Range()),
		Address: addr.String(),
	}
	if kind == precondition && r.in.MakesNothing {
		d.Severity, d.Code = diag.Warning, "precondition-failed"
	}
	r.diags = append(r.diags, d)
}

func withSelf(ctx *hcl.EvalContext, self cty.Value) *hcl.EvalContext {
	inner := ctx.NewChild()
	inner.Variables = map[string]cty.Value{"self": self}
	return inner
}

// verdict is what became of one condition that is judged after apply.
type verdict struct {
	of      subject
	holds   condition
	status  resource.CheckStatus
	problem string
}

// subject is what a condition is about: a resource or a check block.
type subject struct {
	address resource.Address
	check   string
}

// checkConditions evaluates postconditions and checks with everything computed unknown, so that what is wrong in them is told
// before anything is made. Whether they hold is told later.
func (r *reader) checkConditions() {
	_, w := r.judgeAll(nil)
	for _, d := range w.diags {
		r.report(d)
	}
}

// Checks judges all conditions, sorted by address, check blocks last. computed is as in Outputs. A postcondition that does
// not hold is an error; an assertion of a check block that does not hold, or cannot be evaluated, is a warning.
func (c *Config) Checks(computed map[resource.Address]map[string]any) ([]resource.Check, diag.List) {
	if c.reader == nil {
		return nil, nil
	}
	verdicts, w := c.reader.judgeAll(computed)
	sums, veil := map[subject]resource.Check{}, w.veil()
	for addr, sum := range c.reader.judged {
		sums[subject{address: addr}] = sum
	}
	for _, v := range verdicts {
		if v.status == resource.CheckFail {
			w.tellFailed(v)
		}
		if veil != nil {
			v.problem = veil.Replace(v.problem)
		}
		sum, there := sums[v.of]
		if !there {
			sum = resource.Check{Address: v.of.address, Name: v.of.check}
		}
		sum.Add(v.status, v.problem)
		sums[v.of] = sum
	}
	out := slices.SortedFunc(maps.Values(sums), func(a, b resource.Check) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Address.Compare(b.Address))
	})
	list := w.scrub(w.diags)
	list.Sort()
	return out, list
}

func (r *reader) tellFailed(v verdict) {
	if v.of.check == "" {
		r.tellBroken(v.of.address, v.holds, postcondition, v.problem)
		return
	}
	r.warn("check-failed", v.holds.holds.Expr.Range(), "Check block assertion failed", "", "%s", v.problem)
}

// judgeAll judges what is judged after apply, in a world of its own.
func (r *reader) judgeAll(computed map[resource.Address]map[string]any) ([]verdict, *reader) {
	w := r.world(computed, r.conditionRefs())
	var out []verdict
	for _, n := range r.nodeList() {
		if len(n.after) > 0 {
			out = append(out, w.postconditions(n)...)
		}
	}
	errors := len(w.diags)
	for _, c := range r.checkList() {
		for _, holds := range c.holds {
			status, problem := w.judge(holds, w.context(holds.refs))
			out = append(out, verdict{subject{check: c.name}, holds, status, problem})
		}
	}
	if computed != nil {
		for i := range w.diags[errors:] {
			d := &w.diags[errors+i]
			d.Severity, d.Code = diag.Warning, "check-error"
		}
	}
	return out, w
}

// conditionRefs is what the conditions that are judged after apply need.
func (r *reader) conditionRefs() []reference {
	var refs []reference
	for _, n := range r.nodes {
		for _, c := range n.after {
			refs = append(refs, reference{id: n.id})
			refs = append(refs, c.refs...)
		}
	}
	for _, c := range r.checks {
		for _, holds := range c.holds {
			refs = append(refs, holds.refs...)
		}
	}
	return refs
}

// postconditions judges every repetition of a block.
func (r *reader) postconditions(n *node) []verdict {
	var refs []reference
	for _, c := range n.after {
		refs = append(refs, c.refs...)
	}
	ctx := r.context(refs)
	var out []verdict
	for _, t := range n.turns {
		inner := ctx.NewChild()
		inner.Variables = t.vars
		inner = withSelf(inner, elementOf(r.values[n.id], t.key))
		for _, c := range n.after {
			status, problem := r.judge(c, inner)
			out = append(out, verdict{subject{address: resource.Address{Kind: n.kind, Name: n.name, Key: t.key}}, c, status, problem})
		}
	}
	return out
}

// elementOf is one repetition in the value behind a block.
func elementOf(all cty.Value, key resource.Key) cty.Value {
	if key == resource.NoKey || !all.IsKnown() {
		return all
	}
	if i, ok := key.IsIndex(); ok {
		return all.Index(cty.NumberIntVal(int64(i)))
	}
	return all.Index(cty.StringVal(key.Plain()))
}
