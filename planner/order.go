package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/graph"
	"github.com/trovectl/trovectl/planner/plan"
)

// order gives every step its needs and sorts the steps: each after those it needs, otherwise by address.
func (p *planning) order() {
	for _, address := range sortedAddresses(p.steps) {
		s := p.steps[address]
		if s.Action == plan.Delete {
			continue
		}
		declared, is := p.desired.Resources[address]
		if !is { // a step that was asked for by a command, on what is recorded
			continue
		}
		for _, on := range declared.Dependencies() {
			if needed := p.steps[on]; needed != nil && needed.Action != plan.Delete {
				p.after(s, needed)
			}
		}
	}
	p.removalsLast()
	p.names()
	p.grantsByName()
	all := slices.Clone(p.extra)
	for _, address := range sortedAddresses(p.steps) {
		if gone := p.gone[address]; gone != nil {
			p.after(p.steps[address], gone)
			all = append(all, gone)
		}
		all = append(all, p.steps[address])
	}
	p.headroom(p.inScope(all))
	byID, g := make(map[string]*plan.Step, len(all)), graph.New[string]()
	for _, s := range all {
		slices.Sort(s.Needs)
		s.Needs = slices.Compact(s.Needs)
		byID[s.ID] = s
		g.Add(s.ID)
		for _, need := range s.Needs {
			g.Connect(need, s.ID)
		}
	}
	sorted, acyclic := g.Order(func(a, b string) int {
		return cmp.Or(byID[a].Address.Compare(byID[b].Address), cmp.Compare(a, b))
	})
	if !acyclic {
		p.cycles(g.Cycles())
		return
	}
	for _, id := range sorted {
		p.out.Steps = append(p.out.Steps, *byID[id])
	}
}

// after says that a step needs another one.
func (p *planning) after(s, needed *plan.Step) {
	if needed != s {
		s.Needs = append(s.Needs, needed.ID)
	}
}

// removalsLast lets a removal wait for the steps of everything that was recorded as resting on it: those are removed
// first, or changed so that they rest on it no more. What goes on resting on what is replaced waits for it instead.
func (p *planning) removalsLast() {
	for _, record := range p.prior.Sorted() {
		s := p.removal(record.Address)
		goes := s != nil
		if s = cmp.Or(s, p.steps[record.Address]); s == nil {
			continue
		}
		rests := resource.Resource{Body: record.Body, DependsOn: record.DependsOn}
		for _, on := range rests.Dependencies() {
			if removal := p.removal(on); removal != nil && (goes || p.gone[on] == nil) {
				p.after(removal, s)
			}
		}
	}
}

// names keeps apart the steps that free a name inside a guest and those that take it: an account is dropped or renamed
// before another step makes one of the same name. A database that is dropped would lose its data so, and is refused.
func (p *planning) names() {
	freed := map[string]*plan.Step{}
	for _, address := range sortedAddresses(p.steps) {
		s := p.steps[address]
		if s.Action == plan.Delete || renames(s) {
			if key, ok := inGuest(s.Before.Body); ok {
				freed[key] = s
			}
		}
	}
	for _, address := range sortedAddresses(p.steps) {
		s := p.steps[address]
		key, ok := inGuest(s.After.Body)
		from := freed[key]
		if !ok || from == nil || from == s || s.Action == plan.Update && !renames(s) {
			continue
		}
		if s.Address.Kind == resource.KindDatabase && !renames(from) {
			p.relabelled(s, from)
			continue
		}
		p.after(s, from)
	}
}

// grantsByName lets a user wait for the databases that its grants call by their bare names, where the engine grants only on
// what is there. The owner of a database comes before it and needs no grant.
func (p *planning) grantsByName() {
	made := map[string]*plan.Step{}
	for _, s := range p.steps {
		d, ok := s.After.Body.(*resource.Database)
		if !ok {
			continue
		}
		if engine, known := catalog.Lookup(d.Manager); known && engine.HasOwners {
			key, _ := inGuest(d)
			made[key] = s
		}
	}
	if len(made) == 0 {
		return
	}
	for _, s := range p.steps {
		u, ok := s.After.Body.(*resource.User)
		if !ok {
			continue
		}
		for _, g := range u.Grants {
			key, _ := inGuest(&resource.Database{Instance: u.Instance, Name: g.Database})
			needed := made[key]
			if needed != nil && needed.After.Body.(*resource.Database).Owner.Name != u.Name {
				p.after(s, needed)
			}
		}
	}
}

func (p *planning) relabelled(s, from *plan.Step) {
	r := p.desired.Resources[s.Address]
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "relabelled", Address: s.Address.String(), Subject: r.Range,
		Summary: fmt.Sprintf("%s is what is recorded as %s", s.Address, from.Address),
		Detail:  "Both name the same database. The plan would remove it under its old address and make an empty one under the new.",
		Hint:    "Keep the old label, or give the record its new address by adding this to the configuration:" + movedHint(from.Address, s.Address),
	})
}

func renames(s *plan.Step) bool {
	if s.Action != plan.Update {
		return false
	}
	before, ok := inGuest(s.Before.Body)
	after, _ := inGuest(s.After.Body)
	return ok && before != after
}

// inGuest is what a database or user is called, and where it lives.
func inGuest(body resource.Body) (string, bool) {
	host, lives := hostOf(body)
	return host.String() + "\x00" + withoutHost(body), lives
}

// withoutHost is what a database or user is called, wherever it lives.
func withoutHost(body resource.Body) string {
	switch b := body.(type) {
	case *resource.Database:
		return strings.Join([]string{"database", b.Name}, "\x00")
	case *resource.User:
		return strings.Join([]string{"user", b.Name, b.Host}, "\x00")
	default:
		return ""
	}
}

func (p *planning) cycles(cycles [][]string) {
	for _, way := range cycles {
		p.diags = append(p.diags, diag.Diagnostic{
			Severity: diag.Error, Code: "step-cycle", Summary: "Steps wait for one another",
			Detail: "None of these can be the first: " + strings.Join(way, ", then ") + ".",
			Hint:   "Make the change in two applies: first the part that frees a name or a dependency, then the rest.",
		})
	}
}
