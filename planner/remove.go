package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// unwanted plans the removal of what is recorded and not declared.
func (p *planning) unwanted() {
	for _, record := range p.prior.Sorted() {
		if _, declared := p.desired.Resources[record.Address]; declared {
			continue
		}
		if record.Status == state.Deleting {
			p.remove(record, plan.Reason{Code: plan.ReasonInterrupted, Text: "an earlier run did not end its deletion"})
			continue
		}
		p.remove(record, p.whyNotDeclared(record.Address))
	}
	p.together()
}

// everything plans the removal of all that is recorded.
func (p *planning) everything() {
	for _, record := range p.prior.Sorted() {
		p.remove(record, plan.Reason{Code: plan.ReasonDestroy})
	}
	p.together()
}

func (p *planning) whyNotDeclared(address resource.Address) plan.Reason {
	block, there := p.desired.Blocks[address.Block()]
	_, isIndex := address.Key.IsIndex()
	_, isText := address.Key.IsText()
	switch {
	case !there:
		return plan.Reason{Code: plan.ReasonNoBlock, Text: fmt.Sprintf("%s is not in the configuration", address.Block())}
	case block.Mode == "count" && isIndex:
		return plan.Reason{Code: plan.ReasonNoIndex, Text: fmt.Sprintf("index %s is out of range for count = %d", address.Key, block.Count)}
	case block.Mode == "for_each" && isText:
		return plan.Reason{Code: plan.ReasonNoKey, Text: fmt.Sprintf("key %s is not in for_each", address.Key)}
	default:
		return plan.Reason{Code: plan.ReasonRepetition, Text: fmt.Sprintf("%s uses another repetition now (%s)", address.Block(), block.Mode)}
	}
}

// remove plans the removal of one record, unless it is protected.
func (p *planning) remove(record state.Record, reason plan.Reason) *plan.Step {
	seen := p.seen.Seen[record.Address]
	s := &plan.Step{
		ID: string(plan.Delete) + " " + record.Address.String(), Action: plan.Delete, Address: record.Address, Reason: reason,
		Impact: resource.Online, Before: plan.Body{Body: record.Body}, Member: string(record.Member), Unverified: unseen(seen),
	}
	p.steps[record.Address] = s
	if record.Protect && record.Status != state.Deleting {
		p.protected(record)
	}
	switch record.Address.Kind {
	case resource.KindInstance:
		s.Destroys = p.lossOf(record)
		p.inTheWay(record, seen)
		if record.Status == state.Ready {
			p.facts(s, record, seen, difference{}, record.Body)
		}
	case resource.KindDatabase:
		if seen.Presence == Absent {
			s.Notes = append(s.Notes, "is gone already: only its record is removed")
		} else {
			s.Destroys = []resource.Address{record.Address}
		}
	}
	return s
}

// inTheWay refuses to begin a removal that a lock stops half-way, or that would wait for a volume that another server uses.
func (p *planning) inTheWay(record state.Record, seen Subject) {
	if seen.Parts.Locked {
		p.serverLocked(diag.Error, record.Address, nil, "the plan would delete it")
	}
	if seen.Parts.HeldBy != "" {
		p.notAttachable(record.Address, nil, seen)
	}
}

// lossOf lists what is lost with an instance: nothing, as long as nothing can be on it.
func (p *planning) lossOf(record state.Record) []resource.Address {
	if member, ok := p.prior.Members[record.Member]; !ok || !member.MayHoldData {
		return nil
	}
	lost := append([]resource.Address{record.Address}, p.living[record.Address]...)
	slices.SortFunc(lost, resource.Address.Compare)
	return lost
}

func (p *planning) protected(record state.Record) {
	d := diag.Diagnostic{
		Severity: diag.Error, Code: "protected", Address: record.Address.String(),
		Summary: fmt.Sprintf("%s is protected", record.Address),
		Detail:  "The plan would destroy it, and it was applied with lifecycle { protect = true }. Nothing was changed.",
		Hint:    "Lift the protection by an apply of its own: declare it with protect = false, apply, and then remove it.",
	}
	if r, ok := p.desired.Resources[record.Address]; ok {
		d.Subject = r.At("lifecycle.protect")
	}
	p.diags = append(p.diags, d)
}

// removal is the step that removes a resource, for good or to make it anew; nil: it stays.
func (p *planning) removal(address resource.Address) *plan.Step {
	if gone := p.gone[address]; gone != nil {
		return gone
	}
	if s := p.steps[address]; s != nil && s.Action == plan.Delete {
		return s
	}
	return nil
}

// together marks the databases and users that are removed with the instance they live in: nothing is asked of its guest.
func (p *planning) together() {
	for _, address := range sortedAddresses(p.steps) {
		s := p.removal(address)
		if s == nil {
			continue
		}
		host, ok := hostOf(s.Before.Body)
		if !ok {
			continue
		}
		if _, recorded := p.prior.Records[host]; !recorded || p.removal(host) != nil {
			s.With, s.Facts, s.Unverified = host, nil, ""
			s.Notes = append(s.Notes, fmt.Sprintf("goes with %s", host))
		}
	}
}

// removes tells whether a plan of this mode takes away what is not wanted.
func (p *planning) removes() bool {
	return p.opts.Mode == plan.ModeApply || p.opts.Mode == plan.ModeDestroy
}

// remains plans the removal of machines that an earlier run left without a record.
func (p *planning) remains() {
	if !p.removes() {
		return
	}
	recorded := map[state.MemberID]bool{}
	for _, r := range p.prior.Records {
		recorded[r.Member] = true
	}
	for _, id := range slices.Sorted(maps.Keys(p.prior.Members)) {
		// A shared security group goes with the last machine that uses it.
		if m := p.prior.Members[id]; recorded[id] || m.Key != "" || m.Released {
			continue
		}
		s := &plan.Step{
			ID: fmt.Sprintf("%s member %s", plan.Delete, id), Action: plan.Delete, Address: p.remainsAddress(id), Member: string(id),
			Reason: plan.Reason{Code: plan.ReasonInterrupted, Text: "an earlier run left this machine without a record"}, Impact: resource.Online,
		}
		if p.prior.Members[id].MayHoldData {
			s.Destroys = []resource.Address{s.Address}
		}
		p.extra = append(p.extra, s)
	}
	p.abandoned()
}

// remainsAddress names a machine without a record: by what it was made for, unless that address is in use again, since an
// address alone tells the executor which machine a record means.
func (p *planning) remainsAddress(id state.MemberID) resource.Address {
	for _, in := range p.open[id] {
		_, recorded := p.prior.Records[in.Address]
		_, wanted := p.desired.Resources[in.Address]
		if in.Address.Kind == resource.KindInstance && !recorded && !wanted {
			return in.Address
		}
	}
	return memberAddress(string(id))
}

// memberAddress names a machine that has no address of its own.
func memberAddress(id string) resource.Address {
	return resource.Address{Kind: resource.KindInstance, Name: "member_" + id}
}

// orphans lists what bears our mark and stands in no record; steps only where they were asked for. What was made for a
// machine that was released is none.
func (p *planning) orphans() {
	known, open := map[string]bool{}, map[string]bool{}
	for _, m := range p.prior.Members {
		for slot, object := range m.Objects {
			known[string(slot.Object())+" "+object.ID] = true
		}
	}
	for id := range p.prior.Intents {
		open[string(id)] = true
	}
	for _, m := range p.seen.Marked {
		settled := m.CreatedAt.IsZero() || p.seen.At.Sub(m.CreatedAt) >= Settle
		released := p.prior.Members[state.MemberID(m.Member)].Released
		if m.Lineage8 == p.prior.Lineage8() && !known[m.Service+" "+m.ID] && !open[m.Intent] && settled && !released {
			p.out.Orphans = append(p.out.Orphans, m.Object)
		}
	}
	slices.SortFunc(p.out.Orphans, compareObjects)
	if !p.opts.DeleteOrphans || !p.removes() {
		return
	}
	byMember := map[string][]*plan.Step{}
	for _, o := range p.out.Orphans {
		s := &plan.Step{
			ID: fmt.Sprintf("%s %s %s", plan.DeleteOrphan, o.Service, o.ID), Action: plan.DeleteOrphan, Impact: resource.Online,
			Reason: plan.Reason{Code: plan.ReasonOrphan, Text: "it bears this state's mark and stands in no record"}, Orphan: &o,
		}
		if o.Service == string(state.SlotServer) || o.Service == string(state.SlotVolume) { // nobody knows what is on it
			s.Destroys = []resource.Address{memberAddress(o.Member)}
		}
		for _, earlier := range byMember[o.Member] {
			if earlier.Orphan.Service != o.Service {
				s.Needs = append(s.Needs, earlier.ID)
			}
		}
		byMember[o.Member] = append(byMember[o.Member], s)
		p.extra = append(p.extra, s)
	}
}

// compareObjects orders objects as they are removed: servers, volumes, ports, security groups; then by id.
func compareObjects(a, b plan.Object) int {
	rank := func(service string) int { return -slices.Index(state.Slots, state.Slot(service)) }
	return cmp.Or(cmp.Compare(rank(a.Service), rank(b.Service)), cmp.Compare(a.ID, b.ID))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
