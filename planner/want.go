package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// wanted plans what the configuration asks for: instances before what lives in them.
func (p *planning) wanted() {
	var guests []*resource.Resource
	for _, r := range p.desired.Sorted() {
		if _, lives := hostOf(r.Body); lives {
			guests = append(guests, r)
			continue
		}
		p.want(r)
	}
	for _, r := range guests {
		p.want(r)
	}
	p.out.Unchanged = len(p.desired.Resources)
	for address := range p.steps {
		if _, declared := p.desired.Resources[address]; declared {
			p.out.Unchanged--
		}
	}
}

// want decides what one declared resource needs.
func (p *planning) want(r *resource.Resource) {
	record, recorded := p.prior.Records[r.Address]
	reason, replaced := p.replaces(r, record)
	switch {
	case !recorded:
		p.create(r, plan.Reason{Code: plan.ReasonNew})
	case replaced:
		p.anew(r, record, reason)
	case record.Status == state.Deleting:
		p.finishDelete(r, record)
	case record.Status == state.Creating || record.Status == state.Failed:
		p.goOn(r, record)
	case record.Status == state.Ready:
		p.keep(r, record)
		p.settle(r, record)
	default:
		panic(fmt.Sprintf("unknown status %q of %s", record.Status, r.Address))
	}
	switch body := r.Body.(type) {
	case *resource.Datastore:
		p.uploads(r, body)
	case *resource.Instance:
		p.newerImage(r, body, record)
	}
}

// finishDelete ends a deletion whose block has come back, and makes it anew.
func (p *planning) finishDelete(r *resource.Resource, record state.Record) {
	p.anew(r, record, plan.Reason{Code: plan.ReasonInterrupted, Text: "an earlier run did not end its deletion"})
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Warning, Code: "delete-first", Address: r.Address.String(), Subject: r.Range,
		Summary: fmt.Sprintf("%s was being deleted", r.Address),
		Detail: "An earlier run began to delete it and did not end. The block is in the configuration, but what is left may not be " +
			"complete: the deletion is finished, and it is created anew.",
	})
}

// step begins a step for a declared resource.
func (p *planning) step(action plan.Action, r *resource.Resource, reason plan.Reason) *plan.Step {
	s := &plan.Step{
		ID: string(action) + " " + r.Address.String(), Action: action, Address: r.Address, Reason: reason, Impact: resource.Online,
		After: plan.Body{Body: r.Body}, Protect: r.Protect, DependsOn: slices.Clone(r.DependsOn),
		Member: string(p.prior.Records[r.Address].Member),
	}
	p.steps[r.Address] = s
	return s
}

func (p *planning) create(r *resource.Resource, reason plan.Reason) *plan.Step {
	s := p.step(plan.Create, r, reason)
	if body, ok := r.Body.(*resource.Instance); ok {
		p.resolve(s, r, body, state.Slots)
		s.Notes = append(s.Notes, waysNotes(body.Guest)...)
		if reason.Code == plan.ReasonNew {
			p.secondMachine(r, body)
		}
	}
	host, _ := hostOf(r.Body)
	found, there := p.seen.Found[r.Address]
	adopts := there && reason.Code == plan.ReasonNew && p.gone[host] == nil
	password, _ := resource.PasswordOf(r.Body)
	switch {
	case password == nil && r.Body.Kind() == resource.KindUser && !adopts:
		s.Notes = append(s.Notes, "it has no password, and a new user needs one: the step fails unless the user is there")
	case password != nil && password.Digest == "":
		s.Notes = append(s.Notes, "no password was supplied in this run: the step fails unless it is given at apply")
	}
	if adopts {
		p.adopts(s, r, found)
	}
	return s
}

// goOn takes up a creation that an earlier run did not end.
func (p *planning) goOn(r *resource.Resource, record state.Record) {
	reason := plan.Reason{Code: plan.ReasonInterrupted, Text: "an earlier run did not end its creation"}
	if record.Status == state.Failed {
		reason = plan.Reason{Code: plan.ReasonFailed, Text: record.Fault}
	}
	body, ok := r.Body.(*resource.Instance)
	if !ok {
		s := p.create(r, reason)
		s.Before = plan.Body{Body: record.Body}
		return
	}
	d := p.threeWay(r.Body, record.Body, record.Body)
	member := p.prior.Members[record.Member]
	missing := p.lostSlots(record, member)
	switch {
	case slices.Contains(missing, state.SlotVolume) && member.MayHoldData:
		p.dataGone(r, "its volume is not in the cloud any more")
	case slices.Contains(missing, state.SlotServer) && member.MayHoldData && onServer(record.Body):
		p.dataGone(r, "its server is not in the cloud any more, and its data was on the server's own disk")
	case slices.Contains(missing, state.SlotServer) && p.notAttachable(r.Address, r.Range, p.seen.Seen[r.Address]):
	case member.MayHoldData && len(d.refused) > 0:
		p.refuse(r, d)
	case slices.Contains(missing, state.SlotVolume), builtOtherwise(d, member):
		record.Protect = false // protection is of data, and nothing can be on it
		s := p.anew(r, record, reason)
		s.Notes = append(s.Notes, "what was built does not fit and holds nothing yet")
	case len(missing) > 0:
		s := p.update(r, record, reason)
		p.rebuild(s, r, body, missing)
	default:
		s := p.create(r, reason)
		s.Before, s.Changes = plan.Body{Body: record.Body}, d.changes
		s.Unverified = unseen(p.seen.Seen[r.Address])
		if member.MayHoldData {
			s.Notes = append(s.Notes, "goes on with what is there: its volume may hold data")
		} else {
			s.Notes = append(s.Notes, "goes on with what is there; what failed to build is replaced, as nothing can be on it yet")
		}
	}
}

// builtOtherwise tells whether an object that was made already contradicts what is wanted now.
func builtOtherwise(d difference, member state.Member) bool {
	return slices.ContainsFunc(d.refused, func(f refusal) bool {
		slots := []state.Slot{state.SlotServer}
		switch {
		case f.path == "network", f.path == "subnet", f.path == "fixed_ip":
			slots = []state.Slot{state.SlotPort}
		case f.path == "guest.network":
			slots = []state.Slot{state.SlotManagementPort, state.SlotServer}
		case strings.HasPrefix(f.path, "volume."):
			slots = []state.Slot{state.SlotVolume}
		}
		return slices.ContainsFunc(slots, func(slot state.Slot) bool {
			_, filled := member.Objects[slot]
			return filled
		})
	})
}

// lostSlots lists the slots of an unfinished instance that were filled and whose objects are gone. A slot that was never
// filled is no loss: creating goes on there.
func (p *planning) lostSlots(record state.Record, member state.Member) []state.Slot {
	s := p.seen.Seen[record.Address]
	var lost []state.Slot
	for _, slot := range state.Slots {
		_, filled := p.prior.Object(member.ID, slot)
		if filled && (s.Presence == Absent || slices.Contains(s.Missing, slot)) {
			lost = append(lost, slot)
		}
	}
	return lost
}

// keep compares a resource that is ready.
func (p *planning) keep(r *resource.Resource, record state.Record) {
	s, looked := p.seen.Seen[r.Address]
	seen := record.Body
	if looked && s.Presence == Present && s.Body != nil {
		seen = s.Body
	}
	if looked && s.Presence == Absent || len(s.Missing) > 0 {
		p.restore(r, record, s)
		return
	}
	d := p.threeWay(r.Body, record.Body, seen)
	p.lifecycle(&d, r, record)
	p.restarts(&d, r.Body, s)
	p.mend(&d, r, record, s)
	p.refuse(r, d)
	if len(d.changes) == 0 {
		return
	}
	reason := plan.Reason{Code: plan.ReasonDrift, Text: "it was changed by somebody else"}
	switch {
	case d.edited:
		reason = plan.Reason{Code: plan.ReasonChanged}
	case len(d.changes) == 1 && d.changes[0].Path == plan.PathCertificate:
		reason = plan.Reason{Code: plan.ReasonUpkeep, Text: "it needs another certificate"}
	}
	step := p.update(r, record, reason)
	step.Changes, step.Impact = d.changes, d.impact
	step.Unverified = unseen(s)
	p.facts(step, record, s, d, seen)
	if body, ok := r.Body.(*resource.Instance); ok && publishes(step) {
		step.Resolved = map[string]string{}
		p.resolveFloating(step, r, body)
	}
	notes(step, r.Body)
	partsNotes(step)
}

// waysNotes tell how an agent is reached that has a way over a broker.
func waysNotes(g resource.Guest) []string {
	switch {
	case g.Broker == nil:
		return nil
	case len(g.Transports) == 1:
		return []string{"its agent is reached over " + g.Transports[0] + " alone: no SSH port is opened"}
	default:
		return []string{fmt.Sprintf("its agent is reached over %s, and over %s when that way is closed", g.Transports[0], g.Transports[1])}
	}
}

func (p *planning) update(r *resource.Resource, record state.Record, reason plan.Reason) *plan.Step {
	s := p.step(plan.Update, r, reason)
	s.Before = plan.Body{Body: record.Body}
	return s
}

// lifecycle compares what the language says around a body.
func (p *planning) lifecycle(d *difference, r *resource.Resource, record state.Record) {
	if r.Protect != record.Protect {
		d.add(plan.Change{Path: "lifecycle.protect", Before: record.Protect, After: r.Protect, Impact: resource.Online}, true)
	}
	if !slices.Equal(r.DependsOn, record.DependsOn) {
		d.add(plan.Change{Path: "depends_on", Before: addresses(record.DependsOn), After: addresses(r.DependsOn), Impact: resource.Online}, true)
	}
	if len(d.changes) == 0 && manager(r.Body) != manager(record.Body) {
		d.add(plan.Change{Path: "manager", Before: manager(record.Body), After: manager(r.Body), Impact: resource.Online}, true)
	}
}

func addresses(all []resource.Address) any {
	if len(all) == 0 {
		return nil
	}
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return out
}

// manager is the engine that a config group is for: its one argument that is resolved and not shown.
func manager(body resource.Body) string {
	if group, ok := body.(*resource.ConfigGroup); ok {
		return group.Manager
	}
	return ""
}

// restarts mends settings that wait for a restart, where the instance says that this may be done.
func (p *planning) restarts(d *difference, want resource.Body, s Subject) {
	instance, ok := want.(*resource.Instance)
	if !ok || instance.Restart != "if_required" {
		return
	}
	after := want.Attributes()
	for _, name := range sortedKeys(s.Pending) {
		path := "config_group.values." + name
		if !slices.ContainsFunc(d.changes, func(c plan.Change) bool { return c.Path == path }) {
			d.changes = append(d.changes, plan.Change{Path: path, Before: s.Pending[name], After: after[path], Impact: resource.Restart})
			d.edited = true
		}
		d.impact = resource.Restart
	}
	slices.SortStableFunc(d.changes, func(a, b plan.Change) int { return cmp.Compare(a.Path, b.Path) })
}

// refuse tells what cannot be done, all at once. What somebody else did and cannot be undone in place is a warning: it
// must not keep the rest of the configuration from being applied.
func (p *planning) refuse(r *resource.Resource, d difference) {
	for _, f := range d.refused {
		if f.path == "instance" && p.movesAlong(r) {
			continue
		}
		out := diag.Diagnostic{
			Severity: diag.Error, Code: "refused", Address: r.Address.String(), Subject: r.At(f.path),
			Summary: fmt.Sprintf("%s of %s cannot be changed", f.path, r.Address), Detail: diag.Sentence(f.verdict.Why), Hint: diag.Sentence(f.verdict.Instead),
		}
		if !f.edited {
			out.Severity, out.Code = diag.Warning, "drift-stays"
			out.Summary = fmt.Sprintf("%s of %s was changed by somebody else and cannot be put right in place", f.path, r.Address)
			out.Hint = "Change the configuration to what is there, or change it back by hand."
		}
		p.diags = append(p.diags, out)
	}
}

// facts are what an update of an instance rests on: its server and volume are those recorded, the volume has the size it
// was seen with.
func (p *planning) facts(step *plan.Step, record state.Record, s Subject, d difference, seen resource.Body) {
	if record.Address.Kind != resource.KindInstance {
		return
	}
	member := p.prior.Members[record.Member]
	for _, slot := range []state.Slot{state.SlotServer, state.SlotVolume} {
		object, filled := member.Objects[slot]
		if filled && s.Presence != Absent && !slices.Contains(s.Missing, slot) {
			step.Facts = append(step.Facts, plan.Fact{Kind: plan.FactPresent, Subject: string(slot), Value: object.ID})
		}
	}
	grows := slices.ContainsFunc(d.changes, func(c plan.Change) bool { return c.Path == "volume.size" })
	if i, ok := seen.(*resource.Instance); ok && grows && i.Volume != nil {
		step.Facts = append(step.Facts, plan.Fact{Kind: plan.FactVolumeSize, Subject: string(state.SlotVolume), Value: strconv.Itoa(i.Volume.Size)})
	}
}

// notes says what a change does not do.
func notes(step *plan.Step, want resource.Body) {
	pending := false
	for _, c := range step.Changes {
		if want.Kind() == resource.KindDatabase && (c.Path == "charset" || c.Path == "collation") {
			step.Notes = append(step.Notes, "existing tables are not converted")
			break
		}
		if want.Kind() == resource.KindDatabase && c.Path == "owner" && c.After == nil {
			step.Notes = append(step.Notes, "it keeps the owner that it has, and whoever changes it is no drift any more")
		}
		pending = pending || c.Pending
		if slices.Contains(publicPaths, c.Path) && c.Before != nil {
			step.Notes = append(step.Notes, "clients that use the old public address are cut off")
		}
	}
	if pending {
		step.Notes = append(step.Notes, "takes effect at the next restart of the engine: `trovectl restart`, or restart = \"if_required\"")
	}
}
