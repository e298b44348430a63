package planner

import (
	"fmt"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// replaces tells whether a recorded resource is to be removed and made anew: because that was asked for, or because its
// instance is. One whose creation or deletion did not end is made anew without it.
func (p *planning) replaces(r *resource.Resource, record state.Record) bool {
	if record.Status != state.Ready && record.Status != state.Failed {
		return false
	}
	host, _ := hostOf(record.Body)
	return covers(p.opts.Replace, r.Address) || p.gone[host] != nil
}

// replace plans two steps for one resource: its removal, with what lives in it, and then its creation.
func (p *planning) replace(r *resource.Resource, record state.Record) {
	reason := plan.Reason{Code: plan.ReasonRequested, Text: "as requested"}
	if !covers(p.opts.Replace, r.Address) {
		host, _ := hostOf(record.Body)
		reason.Text = fmt.Sprintf("%s is replaced", host)
	}
	p.gone[r.Address] = p.remove(record, reason)
	p.create(r, reason).Member = "" // the machine that it had goes
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
