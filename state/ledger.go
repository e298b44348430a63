package state

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/trovectl/trovectl/config/resource"
)

// Ledger is a state that batches are applied to, with the counts that make the cost of a batch independent of the size
// of the state. Stores keep one for each session. It is not safe for concurrent use.
type Ledger struct {
	s       *Snapshot
	places  map[Place]IntentID
	intents map[MemberID]int // open intents of a member
	roles   map[MemberID]int // roles that it serves as
	records map[MemberID]int // records whose slot it is
	owners  map[MemberID]int // instance records among them
	served  map[RoleID]int   // records that name the role
	objects map[objectKey]int
	keys    map[string]int   // shared security groups with the key
	users   map[MemberID]int // members that share the group
}

type objectKey struct {
	slot Slot
	id   string
}

// NewLedger takes over a snapshot.
func NewLedger(s *Snapshot) *Ledger {
	s.fill()
	l := &Ledger{
		s: s, places: map[Place]IntentID{}, intents: map[MemberID]int{}, roles: map[MemberID]int{},
		records: map[MemberID]int{}, owners: map[MemberID]int{}, served: map[RoleID]int{}, objects: map[objectKey]int{},
		keys: map[string]int{}, users: map[MemberID]int{},
	}
	for _, m := range s.Members {
		l.weighMember(m, 1)
	}
	for _, r := range s.Roles {
		l.weighRole(r, 1)
	}
	for _, r := range s.Records {
		l.weighRecord(r, 1)
	}
	for _, in := range s.Intents {
		l.weighIntent(in, 1)
	}
	return l
}

// Snapshot is a copy of the state as it is.
func (l *Ledger) Snapshot() *Snapshot { return l.s.Clone() }

// Serial is that of the state as it is.
func (l *Ledger) Serial() uint64 { return l.s.Serial }

// Applied is a batch that was applied to a ledger: what a store has to write for it, and the way back.
type Applied struct {
	Rows    []Row // in order; a later row of the same key counts
	undo    []func()
	serial  uint64
	changes []Change
}

// Undo takes the batch out of the ledger. Only the batch applied last may be undone; then the one before it.
func (a *Applied) Undo() {
	for _, step := range slices.Backward(a.undo) {
		step()
	}
	a.undo = nil
}

// Apply applies a batch, all or nothing, and raises the serial by one. Its cost grows with the batch alone. What is put
// is copied in the form in which it would be read back: without secrets, times in UTC, dependencies sorted. After an
// error the ledger is as it was. It refuses what would leave a name without its thing: a record without its member or
// role, a role without its member, an intent without its member, a machine with two instances, an object with two owners,
// a member without the security group that it shares, such a group without a member.
func (l *Ledger) Apply(b Batch) (*Applied, error) {
	t := &transaction{Ledger: l, applied: &Applied{}}
	steps := []func(Batch) error{t.meta, t.puts, t.ends, t.begins, t.drops, t.settle}
	for _, step := range steps {
		if err := step(b); err != nil {
			t.applied.Undo()
			return nil, err
		}
	}
	return t.applied, nil
}

// Apply applies a batch to a snapshot, all or nothing. It is what Ledger does, for those who have no ledger; its cost
// grows with the state.
func Apply(s *Snapshot, b Batch) error {
	_, err := NewLedger(s).Apply(b)
	return err
}

// transaction is one batch on its way into a ledger.
type transaction struct {
	*Ledger
	applied *Applied
	touched []MemberID // what may be a shared security group and was put, dropped, joined or left
}

func (t *transaction) write(table Table, key string, value []byte) {
	t.applied.Rows = append(t.applied.Rows, Row{table, key, value})
}

func (t *transaction) undo(step func()) { t.applied.undo = append(t.applied.undo, step) }

func (t *transaction) meta(b Batch) error {
	before := *t.s
	t.undo(func() {
		t.s.Serial, t.s.Cloud, t.s.Run, t.s.KeyCheck = before.Serial, before.Cloud, before.Run, before.KeyCheck
	})
	t.s.Serial++
	t.applied.serial = t.s.Serial
	t.write(Meta, keySerial, []byte(strconv.FormatUint(t.s.Serial, 10)))
	if b.Cloud != nil {
		cloud, data, err := normal(*b.Cloud)
		if err != nil {
			return fmt.Errorf("recording the cloud: %w", err)
		}
		t.s.Cloud = &cloud
		t.note(ChangeCloud, resource.Address{}, cloud.AuthURL+" "+cloud.Region)
		t.write(Meta, keyCloud, data)
	}
	if b.KeyCheck != "" {
		if t.s.KeyCheck != "" && t.s.KeyCheck != b.KeyCheck {
			return fmt.Errorf("recording the key check: the state belongs to another master key")
		}
		data, err := json.Marshal(b.KeyCheck)
		if err != nil {
			return fmt.Errorf("recording the key check: %w", err)
		}
		t.s.KeyCheck = b.KeyCheck
		t.write(Meta, keyKeyCheck, data)
	}
	return t.run(b)
}

func (t *transaction) run(b Batch) error {
	if b.BeginRun != nil {
		if t.s.Run != nil && t.s.Run.PlanDigest != b.BeginRun.PlanDigest {
			return fmt.Errorf("beginning the run of plan %s: the run of plan %s is open", b.BeginRun.PlanDigest, t.s.Run.PlanDigest)
		}
		begun := *b.BeginRun
		begun.Begun = begun.Begun.UTC()
		run, data, err := normal(begun)
		if err != nil {
			return fmt.Errorf("beginning a run: %w", err)
		}
		t.s.Run = &run
		t.note(ChangeRun, resource.Address{}, run.PlanDigest)
		t.write(Meta, keyRun, data)
	}
	if b.EndRun {
		t.note(ChangeNoRun, resource.Address{}, "")
		t.s.Run = nil
		t.write(Meta, keyRun, nil)
	}
	return nil
}

// change replaces one entry of a table (nil: takes it away) and keeps the counts and the way back.
func change[K comparable, V any](t *transaction, table map[K]V, key K, next *V, weigh func(V, int)) {
	swap := func(to *V) (was *V) {
		if prev, had := table[key]; had {
			weigh(prev, -1)
			was = &prev
		}
		if to == nil {
			delete(table, key)
			return was
		}
		table[key] = *to
		weigh(*to, 1)
		return was
	}
	was := swap(next)
	t.undo(func() { swap(was) })
}

func add[K comparable](counts map[K]int, key K, n int) {
	counts[key] += n
	if counts[key] == 0 {
		delete(counts, key)
	}
}

func (l *Ledger) weighMember(m Member, n int) {
	for slot, o := range m.Objects {
		add(l.objects, objectKey{slot.Object(), o.ID}, n)
	}
	for _, group := range m.Groups {
		add(l.users, group, n)
	}
	if m.Key != "" {
		add(l.keys, m.Key, n)
	}
}

func (l *Ledger) weighRole(r Role, n int) { add(l.roles, r.Member, n) }

func (l *Ledger) weighRecord(r Record, n int) {
	if r.Member != "" {
		add(l.records, r.Member, n)
		if r.Address.Kind == resource.KindInstance {
			add(l.owners, r.Member, n)
		}
	}
	if r.Role != "" {
		add(l.served, r.Role, n)
	}
}

func (l *Ledger) weighIntent(in Intent, n int) {
	add(l.intents, in.Member, n)
	place := Place{in.Member, in.Slot}
	if n > 0 {
		l.places[place] = in.ID
	} else if l.places[place] == in.ID {
		delete(l.places, place)
	}
}
