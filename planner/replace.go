package planner

import (
	"fmt"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// replaces says why a recorded resource is to be removed and made anew: because that was asked for, or because its instance
// is.
func (p *planning) replaces(r *resource.Resource, record state.Record) (plan.Reason, bool) {
	host, _ := hostOf(record.Body)
	switch {
	case covers(p.opts.Replace, r.Address):
		return plan.Reason{Code: plan.ReasonRequested, Text: "as requested"}, true
	case p.gone[host] != nil:
		return plan.Reason{Code: p.gone[host].Reason.Code, Text: fmt.Sprintf("%s is made anew", host)}, true
	default:
		return plan.Reason{}, false
	}
}

// anew plans two steps for one resource: its removal, which is returned, and then its creation.
func (p *planning) anew(r *resource.Resource, record state.Record, reason plan.Reason) *plan.Step {
	gone := p.remove(record, reason)
	p.gone[r.Address] = gone
	p.create(r, reason).Member = "" // the machine that it had goes
	return gone
}

// unreplaced refuses to replace what is not there to be replaced.
func (p *planning) unreplaced() {
	p.unknown("-replace", p.opts.Replace)
	for _, address := range p.opts.Replace {
		_, recorded := p.prior.Records[address]
		_, declared := p.desired.Resources[address]
		switch {
		case recorded && !declared:
			p.irreplaceable(address, "It is not in the configuration: it would be removed, and not made again.", "Leave out -replace: the plan removes it.")
		case address.Kind == resource.KindDatastore || address.Kind == resource.KindConfigGroup:
			p.irreplaceable(address, fmt.Sprintf("There is nothing to replace: a %s is a record alone.", address.Kind), "Name the instances that use it.")
		}
	}
}

func (p *planning) irreplaceable(address resource.Address, why, hint string) {
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "not-replaced", Address: address.String(),
		Summary: fmt.Sprintf("%s cannot be replaced", address), Detail: why + " Nothing was changed.", Hint: hint,
	})
}
