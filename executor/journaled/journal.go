// Package journaled is the only way to change a cloud or a guest: no call before its intent is durable, and what an
// earlier life made is found by its mark instead of made twice.
package journaled

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// Journal writes intents and records through one session. It is safe for concurrent use.
type Journal struct {
	session  state.Session
	newID    func() state.IntentID
	now      func() time.Time
	lineage8 string

	mu      sync.Mutex
	members map[state.MemberID]state.Member
	roles   map[state.RoleID]state.Role
	records map[resource.Address]state.Record
	open    map[slotKey]state.Intent
}

type slotKey struct {
	member state.MemberID
	slot   string
}

// New starts from what the session's snapshot says.
func New(session state.Session, newID func() state.IntentID, now func() time.Time) *Journal {
	snapshot := session.Snapshot()
	j := &Journal{
		session: session, newID: newID, now: now, lineage8: snapshot.Lineage8(),
		members: map[state.MemberID]state.Member{}, roles: map[state.RoleID]state.Role{},
		records: map[resource.Address]state.Record{}, open: map[slotKey]state.Intent{},
	}
	maps.Copy(j.members, snapshot.Members)
	maps.Copy(j.roles, snapshot.Roles)
	maps.Copy(j.records, snapshot.Records)
	for _, in := range snapshot.Intents {
		j.open[slotKey{in.Member, in.Slot}] = in
	}
	return j
}

// Commit makes a batch durable. Use it for changes of the record that no call belongs to.
func (j *Journal) Commit(ctx context.Context, batch state.Batch) error {
	// A death of the caller's wish to go on must not lose what has been done: a commit is never cut short by Ctrl-C.
	if err := j.session.Commit(context.WithoutCancel(ctx), batch); err != nil {
		return fmt.Errorf("recording in the state: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, m := range batch.PutMembers {
		j.members[m.ID] = m.Clone()
	}
	for _, r := range batch.PutRoles {
		j.roles[r.ID] = r
	}
	for _, r := range batch.PutRecords {
		j.records[r.Address] = r
	}
	for _, address := range batch.DropRecords {
		delete(j.records, address)
	}
	for _, id := range batch.DropRoles {
		delete(j.roles, id)
	}
	for _, id := range batch.DropMembers {
		delete(j.members, id)
	}
	if len(batch.End) > 0 {
		maps.DeleteFunc(j.open, func(_ slotKey, in state.Intent) bool { return slices.Contains(batch.End, in.ID) })
	}
	for _, in := range batch.Begin {
		j.open[slotKey{in.Member, in.Slot}] = in
	}
	return nil
}

// Member is a member as of the last commit.
func (j *Journal) Member(id state.MemberID) (state.Member, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	m, ok := j.members[id]
	return m.Clone(), ok
}

// Record is a resource as of the last commit.
func (j *Journal) Record(address resource.Address) (state.Record, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r, ok := j.records[address]
	return r, ok
}

// RecordsOf lists the addresses that follow a role, sorted.
func (j *Journal) RecordsOf(role state.RoleID) []resource.Address {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []resource.Address
	for address, r := range j.records {
		if r.Role == role {
			all = append(all, address)
		}
	}
	slices.SortFunc(all, resource.Address.Compare)
	return all
}

// MemberOf is the member that serves as a role, as of the last commit.
func (j *Journal) MemberOf(role state.RoleID) (state.Member, bool) {
	j.mu.Lock()
	r, ok := j.roles[role]
	j.mu.Unlock()
	if !ok {
		return state.Member{}, false
	}
	return j.Member(r.Member)
}

func (j *Journal) intent(member state.MemberID, slot string) (state.Intent, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	in, ok := j.open[slotKey{member, slot}]
	return in, ok
}

// OpenIntents lists the open intents of a member, ordered by slot.
func (j *Journal) OpenIntents(member state.MemberID) []state.Intent {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []state.Intent
	for key, in := range j.open {
		if key.member == member {
			all = append(all, in)
		}
	}
	slices.SortFunc(all, func(a, b state.Intent) int {
		if a.Slot < b.Slot {
			return -1
		}
		return 1
	})
	return all
}

// Hands change one member's things, for one resource. Only one step at a time may fill or empty the slots of a member;
// calls on different slots may run beside each other.
type Hands struct {
	journal *Journal
	member  state.MemberID
	address resource.Address
}

// Hands are for a member that is recorded.
func (j *Journal) Hands(member state.MemberID, address resource.Address) *Hands {
	return &Hands{journal: j, member: member, address: address}
}

// Member is the member as of the last commit.
func (h *Hands) Member() state.Member {
	m, _ := h.journal.Member(h.member)
	return m
}

// Update commits a change of the member alone.
func (h *Hands) Update(ctx context.Context, change func(*state.Member)) error {
	m := h.Member()
	change(&m)
	return h.journal.Commit(ctx, state.Batch{PutMembers: []state.Member{m}})
}

// Mark is what a thing made for an intent of this member bears.
func (h *Hands) Mark(intent state.IntentID) providers.Mark {
	return providers.Mark{Lineage: h.journal.lineage8, Member: string(h.member), Intent: string(intent)}
}

// begin makes an intent durable, or returns the open one for the same slot and operation. An open one that asks for
// something else is ended in the transaction that begins the new one.
func (h *Hands) begin(ctx context.Context, want state.Intent) (in state.Intent, reopened bool, err error) {
	var end []state.IntentID
	if open, ok := h.journal.intent(h.member, want.Slot); ok {
		if open.Operation == want.Operation && open.Digest == want.Digest {
			return open, true, nil
		}
		end = append(end, open.ID)
	}
	want.ID, want.Member, want.Address, want.Begun = h.journal.newID(), h.member, h.address, h.journal.now().UTC()
	if want.Direction == "" {
		want.Direction = state.Forward
	}
	batch := state.Batch{Begin: []state.Intent{want}, End: end}
	if want.MayHoldData {
		m := h.Member()
		m.MayHoldData = true
		batch.PutMembers = []state.Member{m}
	}
	return want, false, h.journal.Commit(ctx, batch)
}

// end closes an intent that certainly made nothing.
func (h *Hands) end(ctx context.Context, in state.Intent, cause error) error {
	if err := h.journal.Commit(ctx, state.Batch{End: []state.IntentID{in.ID}}); err != nil {
		return fmt.Errorf("%w (and %w)", cause, err)
	}
	return cause
}
