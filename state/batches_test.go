package state_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
)

// world draws batches, most of which go well.
type world struct {
	t   *rapid.T
	ids *state.IDs
}

func (w *world) batch(s *state.Snapshot) (b state.Batch) {
	members := slices.Sorted(maps.Keys(s.Members))
	for range rapid.IntRange(1, 3).Draw(w.t, "parts") {
		what := rapid.IntRange(0, 8).Draw(w.t, "part")
		if what == 0 || len(members) == 0 {
			one := w.instance(s)
			b.PutMembers = append(b.PutMembers, one.PutMembers...)
			b.PutRoles = append(b.PutRoles, one.PutRoles...)
			b.PutRecords = append(b.PutRecords, one.PutRecords...)
			continue
		}
		member := rapid.SampledFrom(members).Draw(w.t, "member")
		switch what {
		case 1:
			slot := rapid.SampledFrom(state.Slots).Draw(w.t, "slot")
			b.Begin = append(b.Begin, statetest.Intent(w.ids.Intent(), member, string(slot)))
		case 2:
			for id := range s.OpenByPlace() {
				b.End = append(b.End, s.OpenByPlace()[id].ID)
			}
		case 3:
			b.DropMembers = append(b.DropMembers, member)
		case 4:
			w.swapRoles(s, &b)
		case 5, 6:
			w.share(s, member, &b)
		default:
			w.remove(s, member, &b)
		}
	}
	return b
}

func (w *world) instance(s *state.Snapshot) state.Batch {
	one := statetest.Instance(w.ids, fmt.Sprint("i", rapid.IntRange(0, 6).Draw(w.t, "name")))
	old, there := s.Records[one.PutRecords[0].Address]
	if there && rapid.Bool().Draw(w.t, "same role") {
		one.PutRoles = nil
		for i := range one.PutRecords {
			one.PutRecords[i].Role = old.Role
		}
	}
	return one
}

// swapRoles is what a promote does.
func (w *world) swapRoles(s *state.Snapshot, b *state.Batch) {
	roles := slices.Sorted(maps.Keys(s.Roles))
	if len(roles) < 2 {
		return
	}
	a, z := s.Roles[roles[0]], s.Roles[roles[len(roles)-1]]
	a.Member, z.Member = z.Member, a.Member
	b.PutRoles = append(b.PutRoles, a, z)
}

// share gives a machine a shared security group, and takes away the one that it leaves last.
func (w *world) share(s *state.Snapshot, member state.MemberID, b *state.Batch) {
	m, group := s.Members[member].Clone(), state.Member{ID: w.ids.Member(), Key: rapid.SampledFrom([]string{"k", "l"}).Draw(w.t, "key")}
	for id, other := range s.Members {
		if other.Key == group.Key {
			group.ID = id
		}
	}
	w.leave(s, m, b)
	m.Groups = []state.MemberID{group.ID}
	b.PutMembers = append(b.PutMembers, m, group)
}

// leave takes away the groups that nobody but one machine uses; sometimes they are forgotten.
func (w *world) leave(s *state.Snapshot, m state.Member, b *state.Batch) {
	users := map[state.MemberID]int{}
	for _, other := range s.Members {
		for _, id := range other.Groups {
			users[id]++
		}
	}
	for _, id := range m.Groups {
		if users[id] == 1 && rapid.IntRange(0, 9).Draw(w.t, "keep group") > 0 {
			b.DropMembers = append(b.DropMembers, id)
		}
	}
}

// remove takes a machine away with all that names it; sometimes something is forgotten.
func (w *world) remove(s *state.Snapshot, member state.MemberID, b *state.Batch) {
	gone := map[state.RoleID]bool{}
	for _, id := range slices.Sorted(maps.Keys(s.Roles)) {
		if s.Roles[id].Member == member && rapid.IntRange(0, 9).Draw(w.t, "keep role") > 0 {
			gone[id] = true
			b.DropRoles = append(b.DropRoles, id)
		}
	}
	names := map[resource.Address]bool{}
	for _, r := range s.Sorted() {
		if r.Member == member || gone[r.Role] {
			names[r.Address] = true
			b.DropRecords = append(b.DropRecords, r.Address)
		}
	}
	for _, r := range s.Sorted() { // and what lives on an instance that goes
		if on, ok := references(r); ok && names[on] && !names[r.Address] {
			b.DropRecords = append(b.DropRecords, r.Address)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.Intents)) {
		if s.Intents[id].Member == member {
			b.End = append(b.End, id)
		}
	}
	b.DropMembers = append(b.DropMembers, member)
	w.leave(s, s.Members[member], b)
}

func references(r state.Record) (resource.Address, bool) {
	on, ok := r.Body.References()["instance"]
	return on, ok
}

// The cost of a batch does not grow with the state.
func TestABatchCostsTheSameInALargeState(t *testing.T) {
	cost := func(n int) float64 {
		ledger, ids := state.NewLedger(fleet(t, n)), statetest.IDs(6)
		return testing.AllocsPerRun(20, func() {
			applied, err := ledger.Apply(statetest.Instance(ids, "late"))
			if err != nil {
				t.Fatal(err)
			}
			applied.Undo()
		})
	}
	if small, large := cost(10), cost(3000); large > 1.2*small {
		t.Errorf("a batch costs %.0f allocations with 10 instances and %.0f with 3000", small, large)
	}
}
