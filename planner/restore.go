package planner

import (
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// restore plans for a resource that was ready and is gone, wholly or in part.
func (p *planning) restore(r *resource.Resource, record state.Record, s Subject) {
	reason := plan.Reason{Code: plan.ReasonMissing, Text: "it is gone from where it was recorded"}
	had, ok := record.Body.(*resource.Instance)
	if !ok {
		p.create(r, reason).Before = plan.Body{Body: record.Body}
		return
	}
	missing := s.Missing
	if s.Presence == Absent {
		missing = state.SlotsOf(had)
	}
	switch {
	case had.Volume != nil && slices.Contains(missing, state.SlotVolume):
		p.dataGone(r, "its volume is not in the cloud any more")
		return
	case onServer(had) && slices.Contains(missing, state.SlotServer):
		p.dataGone(r, "its server is not in the cloud any more, and its data was on the server's own disk")
		return
	case p.notAttachable(r.Address, r.Range, s):
		return
	case s.Parts.Locked && slices.Contains(missing, state.SlotPort):
		p.serverLocked(diag.Warning, r.Address, r.Range, "its port is gone, and it would be made again with a new one")
		return
	}
	d := p.threeWay(r.Body, record.Body, record.Body)
	p.lifecycle(&d, r, record)
	p.refuse(r, d)
	step := p.update(r, record, reason)
	step.After = plan.Body{Body: record.Body}
	if len(d.changes) > 0 {
		step.Notes = append(step.Notes, "is made again as it was; the changes of the configuration are for the next plan")
	}
	p.facts(step, record, s, difference{}, record.Body)
	p.rebuild(step, r, had, missing)
}

// rebuild lists what is to be made again, on the volume that is still there.
func (p *planning) rebuild(s *plan.Step, r *resource.Resource, body *resource.Instance, missing []state.Slot) {
	again := slices.Clone(missing)
	member := p.prior.Members[state.MemberID(s.Member)]
	_, filled := p.prior.Object(member.ID, state.SlotServer)
	stands := filled && !slices.Contains(missing, state.SlotServer)
	if slices.ContainsFunc(missing, isPort) && stands {
		if body.Volume == nil && member.MayHoldData {
			p.portGone(r)
			return
		}
		s.Impact = resource.Worse(s.Impact, resource.Restart) // where the server is gone already, nobody is connected to it
		s.Notes = append(s.Notes, "the server is made again with the new port: a server keeps no port that it was not born with")
		again = append(again, state.SlotServer)
	}
	for _, slot := range state.SlotsOf(body) { // what an earlier run did not come to is made as well
		if _, filled := p.prior.Object(member.ID, slot); !filled && !slices.Contains(again, slot) {
			again = append(again, slot)
		}
	}
	for _, slot := range missing {
		s.Rebuild = append(s.Rebuild, string(slot))
	}
	if slices.Contains(again, state.SlotServer) && body.Volume != nil {
		s.Notes = append(s.Notes, "the data stays on its volume")
	}
	if slices.Contains(again, state.SlotPort) && body.FixedIP == "" {
		s.Notes = append(s.Notes, "the address may change")
	}
	p.resolve(s, r, body, again)
}

func isPort(slot state.Slot) bool { return slot.Object() == state.SlotPort }

// dataGone refuses to make an empty database server in place of one whose data is lost.
func (p *planning) dataGone(r *resource.Resource, why string) {
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "data-gone", Address: r.Address.String(), Subject: r.Range,
		Summary: fmt.Sprintf("The data of %s is gone", r.Address),
		Detail:  diag.Sentence(why) + " An empty database server is never made silently in its place. Nothing was changed.",
		Hint: fmt.Sprintf("Find out who removed it, and whether it can be brought back. To start with an empty one: "+
			"trovectl apply -replace '%s' -allow-destroy '%s'", r.Address, r.Address),
	})
}

// onServer tells whether an instance has its data on the server's own disk.
func onServer(body resource.Body) bool {
	instance, ok := body.(*resource.Instance)
	return ok && instance.Volume == nil
}

// portGone refuses to make a server again whose own disk holds the data.
func (p *planning) portGone(r *resource.Resource) {
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "port-gone", Address: r.Address.String(), Subject: r.Range,
		Summary: fmt.Sprintf("The port of %s is gone, and its data is on the server's own disk", r.Address),
		Detail:  "A server keeps no port that it was not born with: it would be made again with the new one, and its data would be lost. Nothing was changed.",
		Hint: fmt.Sprintf("Attach a port to the server by hand and copy the data to another instance. Then remove the block of this one and apply with "+
			"-allow-destroy '%s'.", r.Address),
	})
}
