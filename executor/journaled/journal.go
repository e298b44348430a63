// Package journaled is the only way to change a cloud or a guest: no call before its intent is durable, and what an
// earlier life made is found by its mark instead of made twice.
package journaled

import (
	"cmp"
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
	// What follows are indices, so that what a commit or a removal costs does not grow with the fleet.
	follow map[state.RoleID]map[resource.Address]bool
	open   map[state.MemberID]map[string]state.Intent // by slot
	places map[state.IntentID]state.Place
	groups map[string]state.MemberID // shared security groups, by key
	users  map[state.MemberID]int    // how many members use a shared security group
}

// New starts from what the session's snapshot says.
func New(session state.Session, newID func() state.IntentID, now func() time.Time) *Journal {
	snapshot := session.Snapshot()
	j := &Journal{
		session: session, newID: newID, now: now, lineage8: snapshot.Lineage8(),
		members: map[state.MemberID]state.Member{}, roles: map[state.RoleID]state.Role{},
		records: map[resource.Address]state.Record{}, follow: map[state.RoleID]map[resource.Address]bool{},
		open: map[state.MemberID]map[string]state.Intent{}, places: map[state.IntentID]state.Place{},
		groups: map[string]state.MemberID{}, users: map[state.MemberID]int{},
	}
	for _, m := range snapshot.Members {
		j.putMember(m)
	}
	maps.Copy(j.roles, snapshot.Roles)
	for _, r := range snapshot.Records {
		j.put(r)
	}
	for _, in := range snapshot.Intents {
		j.begun(in)
	}
	return j
}

// putMember and dropMember change a member, put and drop a record, begun and ended an open intent, each with its indices;
// j.mu is held.
func (j *Journal) putMember(m state.Member) {
	j.dropMember(m.ID)
	j.members[m.ID] = m.Clone()
	for _, group := range m.Groups {
		j.users[group]++
	}
	if m.Key != "" {
		j.groups[m.Key] = m.ID
	}
}

func (j *Journal) dropMember(id state.MemberID) {
	m := j.members[id]
	delete(j.members, id)
	for _, group := range m.Groups {
		j.users[group]--
	}
	if m.Key != "" && j.groups[m.Key] == id {
		delete(j.groups, m.Key)
	}
}

func (j *Journal) put(r state.Record) {
	j.drop(r.Address)
	j.records[r.Address] = r
	if j.follow[r.Role] == nil {
		j.follow[r.Role] = map[resource.Address]bool{}
	}
	j.follow[r.Role][r.Address] = true
}

func (j *Journal) drop(address resource.Address) {
	r, ok := j.records[address]
	if !ok {
		return
	}
	delete(j.records, address)
	delete(j.follow[r.Role], address)
	if len(j.follow[r.Role]) == 0 {
		delete(j.follow, r.Role)
	}
}

func (j *Journal) begun(in state.Intent) {
	if j.open[in.Member] == nil {
		j.open[in.Member] = map[string]state.Intent{}
	}
	j.open[in.Member][in.Slot] = in
	j.places[in.ID] = state.Place{Member: in.Member, Slot: in.Slot}
}

func (j *Journal) ended(id state.IntentID) {
	at, ok := j.places[id]
	if !ok {
		return
	}
	delete(j.places, id)
	if j.open[at.Member][at.Slot].ID == id {
		delete(j.open[at.Member], at.Slot)
	}
	if len(j.open[at.Member]) == 0 {
		delete(j.open, at.Member)
	}
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
		j.putMember(m)
	}
	for _, r := range batch.PutRoles {
		j.roles[r.ID] = r
	}
	for _, r := range batch.PutRecords {
		j.put(r)
	}
	for _, address := range batch.DropRecords {
		j.drop(address)
	}
	for _, id := range batch.DropRoles {
		delete(j.roles, id)
	}
	for _, id := range batch.DropMembers {
		j.dropMember(id)
	}
	for _, id := range batch.End {
		j.ended(id)
	}
	for _, in := range batch.Begin {
		j.begun(in)
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

// Group is the shared security group with a key, as of the last commit.
func (j *Journal) Group(key string) (state.Member, bool) {
	j.mu.Lock()
	id, ok := j.groups[key]
	j.mu.Unlock()
	if !ok {
		return state.Member{}, false
	}
	return j.Member(id)
}

// Users is how many members use a shared security group, as of the last commit.
func (j *Journal) Users(group state.MemberID) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.users[group]
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
	return slices.SortedFunc(maps.Keys(j.follow[role]), resource.Address.Compare)
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

// Open is the open intent of a member's slot.
func (j *Journal) Open(member state.MemberID, slot string) (state.Intent, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	in, ok := j.open[member][slot]
	return in, ok
}

// Leftovers are the open intents of the hands' address, for the transaction that ends a step: whatever an earlier life
// had begun for it is then done or overtaken.
func (h *Hands) Leftovers() []state.IntentID {
	var ids []state.IntentID
	for _, in := range h.journal.OpenIntents(h.member) {
		if in.Address == h.address {
			ids = append(ids, in.ID)
		}
	}
	return ids
}

// OpenIntents lists the open intents of a member, ordered by slot.
func (j *Journal) OpenIntents(member state.MemberID) []state.Intent {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.SortedFunc(maps.Values(j.open[member]), func(a, b state.Intent) int { return cmp.Compare(a.Slot, b.Slot) })
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
func (h *Hands) begin(ctx context.Context, want state.Intent, enroll func(*state.Batch)) (in state.Intent, reopened bool, err error) {
	var end []state.IntentID
	if open, ok := h.journal.Open(h.member, want.Slot); ok {
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
	if enroll != nil {
		enroll(&batch)
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
