package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// openCalls indexes the calls to a cloud or a guest that an earlier run began and did not end, by what they were made for.
func openCalls(prior *state.Snapshot) map[resource.Address][]state.Intent {
	out := map[resource.Address][]state.Intent{}
	for _, in := range prior.Intents {
		if in.Operation == state.OpCall {
			out[in.Address] = append(out[in.Address], in)
		}
	}
	for _, all := range out {
		slices.SortFunc(all, func(a, b state.Intent) int {
			return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Member, b.Member))
		})
	}
	return out
}

// underWay names calls as a user knows them: "put_user, rename".
func underWay(calls []state.Intent) string {
	var what []string
	for _, in := range calls {
		name, _, _ := strings.Cut(in.Slot, "/")
		what = append(what, name)
	}
	return strings.Join(slices.Compact(what), ", ")
}

// settle plans the end of calls that an earlier run left open on a resource that is as it is wanted now: its line is gone
// over once more. Where it could not be seen nothing is known of them, and they stay open.
func (p *planning) settle(r *resource.Resource, record state.Record) {
	calls, leaving := p.calls[r.Address], p.prior.Members[record.Member].Leaving()
	s, looked := p.seen.Seen[r.Address]
	if len(calls) == 0 && len(leaving) == 0 || p.steps[r.Address] != nil || !looked || unseen(s) != "" {
		return
	}
	step := p.update(r, record, plan.Reason{Code: plan.ReasonInterrupted, Text: "an earlier run did not end a change of it"})
	what := underWay(calls)
	if what == "" {
		what = "a change of its security group"
	}
	step.Notes = append(step.Notes, fmt.Sprintf("was under way: %s; it is as declared now, and this step closes what was begun", what))
	p.facts(step, record, s, difference{}, record.Body)
}

// abandoned plans the end of calls for databases and users that are neither recorded nor declared. What goes with the
// machine needs no step of its own.
func (p *planning) abandoned() {
	host := map[state.MemberID]resource.Address{}
	for _, r := range p.prior.Records {
		if r.Member != "" {
			host[r.Member] = r.Address
		}
	}
	for _, address := range sortedAddresses(p.calls) {
		_, recorded := p.prior.Records[address]
		_, wanted := p.desired.Resources[address]
		lives := address.Kind == resource.KindDatabase || address.Kind == resource.KindUser
		if recorded || wanted || !lives {
			continue
		}
		calls := p.calls[address]
		on, there := host[calls[0].Member]
		if !there || p.removal(on) != nil {
			continue
		}
		p.extra = append(p.extra, &plan.Step{
			ID: string(plan.Delete) + " " + address.String(), Action: plan.Delete, Address: address, Impact: resource.Online,
			Member: string(calls[0].Member),
			Reason: plan.Reason{Code: plan.ReasonInterrupted, Text: "an earlier run did not end its creation, and its block is gone"},
			Notes: []string{fmt.Sprintf("was under way: %s; it is not gone on with, and nothing in %s is touched: what it made there already is unmanaged",
				underWay(calls), on)},
		})
	}
}
