package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// narrow leaves in the plan what the targets ask for: their steps, those of what they need, and before a removal those of
// what rests on it. What is told of anything else is left out as well. Moves concern the record alone and are all made.
func (p *planning) narrow() {
	if len(p.opts.Targets) == 0 {
		return
	}
	scope := p.scope()
	p.out.Targets = p.opts.Targets
	p.narrowSteps(scope)
	p.out.Drift = slices.DeleteFunc(p.out.Drift, func(d plan.Drift) bool { return !scope[d.Address] })
	p.out.Unknown = slices.DeleteFunc(p.out.Unknown, func(u plan.Unknown) bool { return !scope[u.Address] })
	p.out.Unmanaged = slices.DeleteFunc(p.out.Unmanaged, func(u plan.Unmanaged) bool { return !scope[u.Instance] })
	p.out.Conditions = slices.DeleteFunc(p.out.Conditions, func(c plan.Condition) bool { return !scope[c.Address] })
	told := map[string]bool{"": true}
	for address := range scope {
		told[address.String()] = true
	}
	p.diags = slices.DeleteFunc(p.diags, func(d diag.Diagnostic) bool { return !told[d.Address] })
	p.unknown("-target", p.opts.Targets)
	if p.opts.Mode != plan.ModeRefresh && !p.diags.HasErrors() {
		p.diags = append(p.diags, diag.Diagnostic{
			Severity: diag.Warning, Code: "partial", Summary: "The plan is partial: it holds only what -target names and what that needs",
			Detail: "Other changes of the configuration are not in it, and what is not in it stays as it is recorded.",
			Hint:   "-target is for mending mistakes and for single steps. Plan without it afterwards.",
		})
	}
}

// narrowSteps keeps the steps in scope and those that they need, which stand before them.
func (p *planning) narrowSteps(scope map[resource.Address]bool) {
	keep := map[string]bool{}
	for _, s := range slices.Backward(p.out.Steps) {
		if keep[s.ID] || scope[s.Address] || s.Action == plan.DeleteOrphan { // orphans were asked for by a flag of their own
			keep[s.ID] = true
			for _, need := range s.Needs {
				keep[need] = true
			}
		}
	}
	p.out.Steps = slices.DeleteFunc(p.out.Steps, func(s plan.Step) bool { return !keep[s.ID] })
	changes := map[resource.Address]bool{}
	for _, s := range p.out.Steps {
		changes[s.Address] = true
	}
	p.out.Unchanged = 0
	for address := range p.desired.Resources {
		if scope[address] && !changes[address] {
			p.out.Unchanged++
		}
	}
}

// scope is what the targets name, with what is declared that it rests on, and with what is recorded as resting on what is
// removed of it.
func (p *planning) scope() map[resource.Address]bool {
	resting := map[resource.Address][]resource.Address{}
	var todo []resource.Address
	for address, record := range p.prior.Records {
		rests := resource.Resource{Body: record.Body, DependsOn: record.DependsOn}
		for _, on := range rests.Dependencies() {
			resting[on] = append(resting[on], address)
		}
		if covers(p.opts.Targets, address) {
			todo = append(todo, address)
		}
	}
	for address := range p.desired.Resources {
		if covers(p.opts.Targets, address) {
			todo = append(todo, address)
		}
	}
	for label, was := range p.relabel { // to tell of the one is to tell of the other
		resting[was] = append(resting[was], label)
	}
	scope := map[resource.Address]bool{}
	for len(todo) > 0 {
		address := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if scope[address] {
			continue
		}
		scope[address] = true
		if p.removal(address) != nil {
			todo = append(todo, resting[address]...)
		}
		if r, declared := p.desired.Resources[address]; declared && p.opts.Mode == plan.ModeApply {
			todo = append(todo, r.Dependencies()...)
		}
	}
	return scope
}

// covers tells whether addresses of resources and of whole blocks name an address.
func covers(all []resource.Address, address resource.Address) bool {
	return slices.Contains(all, address) || slices.Contains(all, address.Block())
}

// unknown refuses addresses that a flag gives and that name nothing.
func (p *planning) unknown(flag string, addresses []resource.Address) {
	if len(addresses) == 0 {
		return
	}
	var known []string
	for address := range p.desired.Resources {
		known = append(known, address.String(), address.Block().String())
	}
	for block := range p.desired.Blocks {
		known = append(known, block.String())
	}
	for address := range p.prior.Records {
		known = append(known, address.String(), address.Block().String())
	}
	for _, address := range addresses {
		if !slices.Contains(known, address.String()) {
			p.noSuchAddress(flag, address, known)
		}
	}
}

func (p *planning) noSuchAddress(flag string, address resource.Address, known []string) {
	detail := "Nothing is declared or recorded."
	if len(known) > 0 {
		detail = fmt.Sprintf("It is neither declared nor recorded. There are: %s.", strings.Join(nearestFirst(address.String(), known, 5), ", "))
	}
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "no-such-address", Summary: fmt.Sprintf("%s %s names nothing", flag, address), Detail: detail,
		Hint: "Addresses are written as the plan writes them, with their key; without one they stand for the whole block.",
	})
}

// inScope leaves of steps those that the plan will hold.
func (p *planning) inScope(steps []*plan.Step) []*plan.Step {
	if len(p.opts.Targets) == 0 {
		return steps
	}
	scope := p.scope()
	return slices.DeleteFunc(slices.Clone(steps), func(s *plan.Step) bool { return !scope[s.Address] && s.Action != plan.DeleteOrphan })
}
