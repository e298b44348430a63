package journaled_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/memory"
)

const lineage = "aaaaaaaabbbbbbbbccccccccdd"

// cell is a session with a journal on it and ids that are counted up.
type cell struct {
	session state.Session
	journal *journaled.Journal
	ids     int
}

func open(t failer) *cell {
	session, err := memory.New().Lock(context.Background(), state.LockRequest{Create: lineage})
	if err != nil {
		t.Fatal(err)
	}
	c := &cell{session: session}
	c.again()
	return c
}

type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// again is the journal of another life on the same state.
func (c *cell) again() {
	c.journal = journaled.New(c.session, func() state.IntentID { return state.IntentID(c.id(16)) }, func() time.Time { return time.Unix(0, 0) })
}

// id gives the next id of a length, in base32.
func (c *cell) id(length int) string {
	c.ids++
	const digits = "abcdefghijklmnopqrstuvwxyz234567"
	id := []byte(strings.Repeat("a", length))
	for n, i := c.ids, length-1; n > 0; n, i = n/32, i-1 {
		id[i] = digits[n%32]
	}
	return string(id)
}

func at(kind resource.Kind, i int) resource.Address {
	return resource.Address{Kind: kind, Name: "x", Key: resource.IndexKey(i)}
}

// enroll records an instance with a database, as the executor does.
func (c *cell) enroll(t failer, i int) {
	t.Helper()
	member, role := state.MemberID(c.id(12)), state.RoleID(c.id(12))
	err := c.journal.Commit(context.Background(), state.Batch{
		PutMembers: []state.Member{{ID: member}}, PutRoles: []state.Role{{ID: role, Member: member}},
		PutRecords: []state.Record{
			{Address: at(resource.KindInstance, i), Body: &resource.Instance{Name: fmt.Sprint(i)}, Status: state.Creating, Member: member, Role: role},
			{Address: at(resource.KindDatabase, i), Body: &resource.Database{Instance: at(resource.KindInstance, i), Name: "d"}, Status: state.Ready, Role: role},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// forget drops an instance and all that follows its role, as the executor does.
func (c *cell) forget(t failer, i int) {
	t.Helper()
	record, known := c.journal.Record(at(resource.KindInstance, i))
	if !known {
		return
	}
	var end []state.IntentID
	for _, in := range c.journal.OpenIntents(record.Member) {
		end = append(end, in.ID)
	}
	err := c.journal.Commit(context.Background(), state.Batch{
		DropMembers: []state.MemberID{record.Member}, DropRoles: []state.RoleID{record.Role}, DropRecords: c.journal.RecordsOf(record.Role), End: end,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// call begins an intent in a slot of an instance; unanswered, it stays open.
func (c *cell) call(t failer, i int, slot string, answer error) {
	t.Helper()
	record, known := c.journal.Record(at(resource.KindInstance, i))
	if !known {
		return
	}
	err := c.journal.Hands(record.Member, record.Address).Call(context.Background(), journaled.Request{
		Slot: slot, Asked: slot, Do: func(context.Context, string) error { return answer },
	})
	if !errors.Is(err, answer) {
		t.Fatalf("the call gave %v, want %v", err, answer)
	}
}

// agree compares what the journal finds by its indices with what a look through the whole state finds.
func (c *cell) agree(t failer) {
	t.Helper()
	s := c.session.Snapshot()
	for id, role := range s.Roles {
		var follow []resource.Address
		for _, r := range s.Sorted() {
			if r.Role == id {
				follow = append(follow, r.Address)
			}
		}
		if diff := cmp.Diff(follow, c.journal.RecordsOf(id), cmp.Comparer(func(a, b resource.Address) bool { return a == b })); diff != "" {
			t.Fatalf("what follows role %s (-state +journal):\n%s", id, diff)
		}
		var open []state.Intent
		for _, in := range s.Intents {
			if in.Member == role.Member {
				open = append(open, in)
			}
		}
		slices.SortFunc(open, func(a, b state.Intent) int { return strings.Compare(a.Slot, b.Slot) })
		if diff := cmp.Diff(open, c.journal.OpenIntents(role.Member), cmp.Comparer(func(a, b resource.Address) bool { return a == b })); diff != "" {
			t.Fatalf("the open intents of %s (-state +journal):\n%s", role.Member, diff)
		}
	}
}

// TestTheIndicesAgreeWithTheState: whatever is enrolled, forgotten, asked and left open, over several lives.
func TestTheIndicesAgreeWithTheState(t *testing.T) {
	lost := &providers.Error{Kind: providers.KindTransient, Call: "ask"}
	rapid.Check(t, func(t *rapid.T) {
		c := open(t)
		i, slot := rapid.IntRange(0, 3), rapid.SampledFrom([]string{"put_user/a", "put_user/b"})
		t.Repeat(map[string]func(*rapid.T){
			"enroll": func(t *rapid.T) {
				if n := i.Draw(t, "instance"); !c.known(n) {
					c.enroll(t, n)
				}
			},
			"forget":   func(t *rapid.T) { c.forget(t, i.Draw(t, "instance")) },
			"answered": func(t *rapid.T) { c.call(t, i.Draw(t, "instance"), slot.Draw(t, "slot"), nil) },
			"lost":     func(t *rapid.T) { c.call(t, i.Draw(t, "instance"), slot.Draw(t, "slot"), lost) },
			"again":    func(*rapid.T) { c.again() },
			"":         func(t *rapid.T) { c.agree(t) },
		})
	})
}

func (c *cell) known(i int) bool {
	_, known := c.journal.Record(at(resource.KindInstance, i))
	return known
}

// BenchmarkJournal enrolls an instance, asks it something and forgets it, in a fleet of n: the size of the fleet makes no
// difference.
func BenchmarkJournal(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := open(b)
			for i := range n {
				c.enroll(b, i)
			}
			b.ReportAllocs()
			for b.Loop() {
				c.enroll(b, n)
				c.call(b, n, "put_user/a", nil)
				c.forget(b, n)
			}
		})
	}
}
