package executor

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// begin makes the first transaction of an apply: what the caller wants recorded before anything else, the records' new
// addresses, and the cloud that a new state belongs to from now on.
func (e *Executor) begin(ctx context.Context, p *plan.Plan, snapshot *state.Snapshot) (*run, error) {
	r := &run{
		Executor: e, lineage: p.Lineage, prefix: p.NamePrefix, journal: journaled.New(e.Session, e.IDs.Intent, e.Clock.Now),
		removed: map[resource.Address]state.MemberID{}, outage: &outage{},
	}
	for _, step := range p.Steps {
		if step.Action == plan.Delete && step.Member != "" {
			r.removed[step.Address] = state.MemberID(step.Member)
		}
	}
	first := e.First
	moves := len(p.Moves) > 0 && !e.Resume // the transaction that began the run has made them
	if moves {
		if err := move(&first, p, snapshot); err != nil {
			return nil, err
		}
	}
	first.Cloud = newClouds(snapshot.Cloud, p.Cloud)
	if first.Cloud == nil && first.KeyCheck == "" && first.BeginRun == nil && !first.EndRun && !moves {
		return r, nil
	}
	return r, r.journal.Commit(ctx, first)
}

// move adds to a transaction that the records of the plan's moves get their new addresses.
func move(first *state.Batch, p *plan.Plan, snapshot *state.Snapshot) error {
	to := state.Renaming{}
	for _, m := range p.Moves {
		to[m.From] = m.To
	}
	renamed, err := state.RenameBatch(snapshot, to)
	if err != nil {
		return fmt.Errorf("moving records to their new addresses: %w", err)
	}
	first.PutRecords, first.DropRecords = renamed.PutRecords, renamed.DropRecords
	first.Begin, first.End = renamed.Begin, renamed.End
	return nil
}

// newClouds is what a state belongs to from now on; nil: that is recorded.
func newClouds(had *state.CloudID, now plan.Cloud) *state.CloudID {
	whole := CloudID(now)
	if had == nil {
		return whole
	}
	others, more := maps.Clone(had.Others), false
	for alias, id := range whole.Others {
		if was, recorded := others[alias]; !recorded || !was.Is(id) {
			if others == nil {
				others = map[string]state.CloudID{}
			}
			others[alias], more = id, true
		}
	}
	if !more {
		return nil
	}
	with := *had
	with.Others = others
	return &with
}

// CloudID is what a state records of a plan's cloud.
func CloudID(cloud plan.Cloud) *state.CloudID {
	id := &state.CloudID{AuthURL: cloud.AuthURL, ProjectID: cloud.ProjectID, ProjectName: cloud.ProjectName, Region: cloud.Region}
	for alias, other := range cloud.Others {
		if other.AuthURL == "" {
			continue // it was out of reach
		}
		if id.Others == nil {
			id.Others = map[string]state.CloudID{}
		}
		id.Others[alias] = *CloudID(other)
	}
	return id
}

// end closes the run of a saved plan whose every step has ended well.
func (r *run) end(ctx context.Context) error {
	if r.First.BeginRun == nil {
		return nil
	}
	return r.journal.Commit(ctx, state.Batch{EndRun: true})
}

// over tells whether an earlier life of this run has ended a step, by what it recorded in its last transaction. Where the
// record looks the same before and after the step, as when it mends drift, the step is done again: that changes nothing.
func (r *run) over(step plan.Step) bool {
	if !r.Resume {
		return false
	}
	record, recorded := r.journal.Record(step.Address)
	reached := recorded && record.Status == state.Ready && alike(record.Body, step.After.Body)
	switch step.Action {
	case plan.Create:
		return reached && step.Reason.Code != plan.ReasonMissing
	case plan.Update:
		return reached && !alike(step.Before.Body, step.After.Body)
	case plan.Delete:
		return r.removedAlready(step, record, recorded)
	default:
		return false
	}
}

// removedAlready tells whether what a step removes is gone from the record. What stands at its address now may be newer: a
// member has one life, an address may have several.
func (r *run) removedAlready(step plan.Step, record state.Record, recorded bool) bool {
	if host, known := r.removed[step.With]; known {
		_, left := r.journal.Member(host)
		return !left
	}
	if step.Member == "" {
		return !recorded
	}
	_, left := r.journal.Member(state.MemberID(step.Member))
	return !left && (!recorded || string(record.Member) != step.Member)
}

// alike tells whether two bodies ask for the same. Of a password they know the digest of the configuration; one that was
// not supplied is the one that was recorded.
func alike(has, want resource.Body) bool {
	if has == nil || want == nil || has.Kind() != want.Kind() {
		return false
	}
	has, want = withDigest(has, ""), withDigest(want, digestOf(has))
	a, errA := resource.EncodeBody(has)
	b, errB := resource.EncodeBody(want)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// withDigest is a body with nothing of its password but the digest, or the other one where it has none.
func withDigest(body resource.Body, otherwise string) resource.Body {
	if password, _ := resource.PasswordOf(body); password == nil {
		return body
	}
	return resource.WithPassword(body, &resource.Password{Digest: cmp.Or(digestOf(body), otherwise)})
}

// standing is the step with those of its facts that this run has not changed itself: an earlier life that emptied a slot,
// or was emptying it, has seen them hold.
func (r *run) standing(step plan.Step) plan.Step {
	if !r.Resume || len(step.Facts) == 0 {
		return step
	}
	id := state.MemberID(step.Member)
	if record, recorded := r.journal.Record(step.Address); recorded && id == "" {
		id = record.Member
	}
	member, _ := r.journal.Member(id)
	gone := map[string]bool{}
	for _, slot := range state.Slots {
		gone[string(slot)] = r.emptying(id, slot)
	}
	for _, fact := range step.Facts {
		if fact.Kind == plan.FactPresent && member.Objects[state.Slot(fact.Subject)].ID != fact.Value {
			gone[fact.Subject] = true
		}
	}
	step.Facts = slices.DeleteFunc(slices.Clone(step.Facts), func(fact plan.Fact) bool { return gone[fact.Subject] })
	return step
}

func (r *run) emptying(id state.MemberID, slot state.Slot) bool {
	return slices.ContainsFunc(r.journal.OpenIntents(id), func(in state.Intent) bool {
		return in.Slot == string(slot) && in.Operation == state.OpDelete
	})
}

// lost lists those of the slots whose recorded object the cloud does not have. One that is there is never forgotten: an
// earlier life of this run may have made it.
func (i *instanceAct) lost(ctx context.Context, slots []state.Slot) ([]state.Slot, error) {
	var lost []state.Slot
	for _, slot := range slots {
		object, filled := i.hands.Member().Objects[slot]
		if !filled {
			continue
		}
		there, err := i.there(ctx, slot, object.ID)
		if err != nil {
			return nil, err
		}
		if !there {
			lost = append(lost, slot)
		}
	}
	return lost, nil
}

func (r *run) there(ctx context.Context, slot state.Slot, id string) (bool, error) {
	var err error
	switch slot {
	case state.SlotAccount:
		return true, nil // it is put again in place, and never forgotten
	case state.SlotServer:
		var server providers.Server
		server, err = r.Cloud.Servers.Get(ctx, id)
		if err == nil && (server.Status == "DELETED" || server.Status == "SOFT_DELETED") {
			return false, nil
		}
	case state.SlotVolume:
		_, err = r.Cloud.Volumes.Get(ctx, id)
	case state.SlotPort, state.SlotManagementPort:
		_, err = r.Cloud.Ports.Get(ctx, id)
	case state.SlotServerGroup:
		_, err = r.Cloud.ServerGroups.Get(ctx, id)
	case state.SlotFloatingIP:
		_, err = r.Cloud.FloatingIPs.Get(ctx, id)
	case state.SlotSecurityGroup, state.SlotManagementGroup:
		_, err = r.Cloud.SecurityGroups.Get(ctx, id)
	default:
		panic("unknown slot " + string(slot))
	}
	if providers.IsKind(err, providers.KindNotFound) {
		return false, nil
	}
	return err == nil, err
}
