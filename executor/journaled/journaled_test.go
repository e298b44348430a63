package journaled_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/memory"
)

var (
	orders = resource.Address{Kind: resource.KindInstance, Name: "orders"}
	member = state.MemberID("mmmmmmmmmmmm")
)

// bench is a state with one member, a journal over it, and a cloud of one slot.
type bench struct {
	t       *testing.T
	store   *memory.Store
	session state.Session
	journal *journaled.Journal
	hands   *journaled.Hands
	ids     int
	cloud   map[string]providers.Mark // by id
	calls   []string
	fault   error // of the next call
	lost    bool  // the faulty call has its effect
	clock   time.Time
	slow    time.Duration // what a look takes
	late    int           // looks that find nothing yet
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, store: memory.New(), cloud: map[string]providers.Mark{}, clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.live()
	b.ok(b.journal.Commit(context.Background(), state.Batch{
		PutMembers: []state.Member{{ID: member}}, PutRoles: []state.Role{{ID: "rrrrrrrrrrrr", Member: member}},
		PutRecords: []state.Record{{Address: orders, Body: &resource.Instance{Name: "orders"}, Status: state.Creating, Member: member, Role: "rrrrrrrrrrrr"}},
	}))
	t.Cleanup(func() {
		b.ok(b.session.Close())
		if problems := state.Check(b.snapshot()); len(problems) > 0 {
			t.Errorf("the state does not hold together: %v", problems)
		}
	})
	return b
}

func intentID(n int) state.IntentID { return state.IntentID("intentaaaaaaaaa" + string(rune('a'+n))) }

// live is the next life: what was not committed is forgotten.
func (b *bench) live() {
	b.t.Helper()
	if b.session != nil {
		b.ok(b.session.Close())
	}
	var err error
	b.session, err = b.store.Lock(context.Background(), state.LockRequest{Holder: state.Holder{ID: "test"}, Create: lineage})
	b.ok(err)
	b.journal = journaled.New(b.session, func() state.IntentID {
		b.ids++
		return intentID(b.ids)
	}, func() time.Time { return b.clock })
	b.hands = b.journal.Hands(member, orders)
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) snapshot() *state.Snapshot {
	b.t.Helper()
	s, err := b.store.Read(context.Background())
	b.ok(err)
	return s
}

// open checks how many intents are open, in the state and in the journal.
func (b *bench) open(n int) {
	b.t.Helper()
	if durable, known := b.snapshot().Intents, b.journal.OpenIntents(member); len(durable) != n || len(known) != n {
		b.t.Errorf("open are %v in the state and %v in the journal, want %d", durable, known, n)
	}
}

// filled checks what is recorded in the slot of the volume; empty: nothing.
func (b *bench) filled(id string) {
	b.t.Helper()
	if got := b.snapshot().Members[member].Objects[state.SlotVolume].ID; got != id {
		b.t.Errorf("the slot holds %q, want %q", got, id)
	}
}

func (b *bench) called(want ...string) {
	b.t.Helper()
	if !slices.Equal(b.calls, want) {
		b.t.Errorf("the calls were %q, want %q", b.calls, want)
	}
	b.calls = nil
}

func (b *bench) strike() (bool, error) {
	err, lost := b.fault, b.lost
	b.fault, b.lost = nil, false
	return lost || err == nil, err
}

func (b *bench) Make(_ context.Context, mark providers.Mark) (string, error) {
	b.calls = append(b.calls, "make")
	if _, durable := b.snapshot().Intents[state.IntentID(mark.Intent)]; !durable {
		b.t.Error("the call was made before its intent was durable")
	}
	effect, err := b.strike()
	id := fmt.Sprintf("v%d", len(b.cloud)+1)
	if effect {
		b.cloud[id] = mark
	}
	if err != nil {
		return "", err
	}
	return id, nil
}

func (b *bench) Find(_ context.Context, mark providers.Mark) (string, error) {
	b.calls = append(b.calls, "find")
	b.clock = b.clock.Add(b.slow)
	if b.late--; b.late >= 0 {
		return "", nil
	}
	for id, has := range b.cloud {
		if has == mark {
			return id, nil
		}
	}
	return "", nil
}

func (b *bench) Remove(_ context.Context, id string) error {
	b.calls = append(b.calls, "remove "+id)
	effect, err := b.strike()
	if effect {
		delete(b.cloud, id)
	}
	return err
}

func (b *bench) create() (string, bool, error) {
	return b.hands.Create(context.Background(), state.SlotVolume, b)
}

func (b *bench) delete() error { return b.hands.Delete(context.Background(), state.SlotVolume, b) }

func fault(kind providers.ErrorKind) error {
	return &providers.Error{Kind: kind, Call: "create volume", Sent: true}
}

func TestCreate_onceAndNeverAgain(t *testing.T) {
	b := newBench(t)
	for range 2 {
		id, adopted, err := b.create()
		b.ok(err)
		if id != "v1" || adopted {
			t.Errorf("got %s, adopted %v", id, adopted)
		}
	}
	b.called("make")
	b.filled("v1")
	b.open(0)
	b.live()
	_, _, err := b.create()
	b.ok(err)
	b.called()
}

// TestCreate_lostAnswer: it was made, and is found by its mark in the same call.
func TestCreate_lostAnswer(t *testing.T) {
	b := newBench(t)
	b.fault, b.lost = fault(providers.KindTransient), true
	id, adopted, err := b.create()
	b.ok(err)
	if id != "v1" || !adopted {
		t.Errorf("got %s, adopted %v", id, adopted)
	}
	b.called("make", "find")
	b.open(0)
}

// TestCreate_lostRequest: nothing was made; the intent stays, and the next life looks before it asks again, with the
// same mark.
func TestCreate_lostRequest(t *testing.T) {
	b := newBench(t)
	b.fault = fault(providers.KindTransient)
	_, _, err := b.create()
	if !providers.IsKind(err, providers.KindTransient) {
		t.Fatalf("the error is %v", err)
	}
	b.open(1)
	b.live()
	_, adopted, err := b.create()
	b.ok(err)
	b.called("make", "find", "find", "make")
	if b.cloud["v1"].Intent != string(intentID(1)) || adopted {
		t.Errorf("the mark is %v, adopted %v", b.cloud["v1"], adopted)
	}
	b.open(0)
}

// TestCreate_inFlight: the request of an earlier life is still at work in a slow service. The next life waits as long as
// a hundred looks take, counted from the intent, and makes no second one.
func TestCreate_inFlight(t *testing.T) {
	b := newBench(t)
	b.fault, b.lost, b.late = fault(providers.KindTransient), true, 1
	if _, _, err := b.create(); !providers.IsKind(err, providers.KindTransient) {
		t.Fatalf("the error is %v", err)
	}
	b.live()
	b.slow, b.late = time.Millisecond, 98
	id, adopted, err := b.create()
	b.ok(err)
	if id != "v1" || !adopted || len(b.cloud) != 1 {
		t.Errorf("got %s, adopted %v, there are %v", id, adopted, b.cloud)
	}
	b.open(0)
}

// TestCreate_neverMade: what nobody made is asked for when those looks are over.
func TestCreate_neverMade(t *testing.T) {
	b := newBench(t)
	b.fault = fault(providers.KindTransient)
	if _, _, err := b.create(); !providers.IsKind(err, providers.KindTransient) {
		t.Fatalf("the error is %v", err)
	}
	b.live()
	b.calls, b.slow = nil, time.Millisecond
	_, adopted, err := b.create()
	b.ok(err)
	if finds := len(b.calls) - 1; adopted || finds != 100 || b.calls[finds] != "make" {
		t.Errorf("adopted %v after %q", adopted, b.calls)
	}
}

// TestCreate_lateObject: it shows only to the next life, which adopts it.
func TestCreate_lateObject(t *testing.T) {
	b := newBench(t)
	b.fault = fault(providers.KindTransient)
	_, _, err := b.create()
	if err == nil {
		t.Fatal("no error")
	}
	b.cloud["late"] = b.hands.Mark(intentID(1))
	b.live()
	id, adopted, err := b.create()
	b.ok(err)
	if id != "late" || !adopted {
		t.Errorf("got %s, adopted %v", id, adopted)
	}
	b.filled("late")
}

func TestCreate_definiteErrorsEndTheIntent(t *testing.T) {
	for _, kind := range []providers.ErrorKind{providers.KindQuota, providers.KindDenied, providers.KindConflict, providers.KindInvalid, providers.KindNotFound} {
		b := newBench(t)
		b.fault = fault(kind)
		if _, _, err := b.create(); !providers.IsKind(err, kind) {
			t.Errorf("%s: the error is %v", kind, err)
		}
		b.called("make")
		b.open(0)
	}
}

// TestCreate_cutShort: an error that has no kind because the caller gave up says nothing about the cloud.
func TestCreate_cutShort(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.fault, b.lost = ctx.Err(), true
	if _, _, err := b.hands.Create(ctx, state.SlotVolume, b); !errors.Is(err, context.Canceled) {
		t.Fatalf("the error is %v", err)
	}
	b.open(1)
	b.live()
	id, adopted, err := b.create()
	b.ok(err)
	if id != "v1" || !adopted {
		t.Errorf("got %s, adopted %v", id, adopted)
	}
}

func TestDelete(t *testing.T) {
	b := newBench(t)
	_, _, err := b.create()
	b.ok(err)
	b.fault = fault(providers.KindTransient)
	if err := b.delete(); err == nil {
		t.Fatal("no error")
	}
	b.filled("v1")
	b.open(1)
	b.live()
	b.ok(b.delete())
	b.ok(b.delete())
	b.called("make", "remove v1", "remove v1")
	b.filled("")
	b.open(0)
}

// TestDelete_withAnOpenCreate removes what an earlier life may have made and never recorded.
func TestDelete_withAnOpenCreate(t *testing.T) {
	for _, made := range []bool{true, false} {
		b := newBench(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		b.fault, b.lost = ctx.Err(), made
		if _, _, err := b.hands.Create(ctx, state.SlotVolume, b); err == nil {
			t.Fatal("no error")
		}
		b.live()
		b.ok(b.delete())
		if len(b.cloud) != 0 {
			t.Errorf("there is still %v", b.cloud)
		}
		b.filled("")
		b.open(0)
	}
}

// TestCreate_afterAnOpenDelete whose object was found gone.
func TestCreate_afterAnOpenDelete(t *testing.T) {
	b := newBench(t)
	_, _, err := b.create()
	b.ok(err)
	b.fault, b.lost = fault(providers.KindTransient), true
	if err := b.delete(); err == nil {
		t.Fatal("no error")
	}
	b.live()
	b.ok(b.hands.Forget(context.Background(), state.SlotVolume))
	b.calls = nil
	id, _, err := b.create()
	b.ok(err)
	b.called("make")
	b.filled(id)
	b.open(0)
}

// ask is a request whose guest answers with err, and the ids that it was asked with.
func (b *bench) ask(asked any, err error) (ids []string, got error) {
	got = b.hands.Call(context.Background(), journaled.Request{
		Slot: "put_user/user.app", Asked: asked,
		Do: func(_ context.Context, id string) error { ids = append(ids, id); return err },
		Record: func(batch *state.Batch) {
			batch.PutMembers = append(batch.PutMembers, state.Member{ID: member, Address: "told"})
		},
	})
	return ids, got
}

func TestCall_goesOnWithTheSameID(t *testing.T) {
	for _, unknown := range []error{
		guest.Errorf(guest.KindTimeout, "late"), guest.Errorf(guest.KindUnreachable, "gone"), fault(providers.KindTransient), context.Canceled,
	} {
		b := newBench(t)
		first, err := b.ask("a", unknown)
		if !errors.Is(err, unknown) {
			t.Fatalf("the error is %v", err)
		}
		b.open(1)
		b.live()
		again, err := b.ask("a", nil)
		b.ok(err)
		if !slices.Equal(first, again) {
			t.Errorf("asked as %v and then as %v", first, again)
		}
		if b.snapshot().Members[member].Address != "told" {
			t.Error("the outcome is not recorded")
		}
		b.open(0)
	}
}

// TestCall_anotherRequestIsAnother: what was asked in an earlier life and is not wanted any more is ended by the next.
func TestCall_anotherRequestIsAnother(t *testing.T) {
	b := newBench(t)
	first, _ := b.ask("a", guest.Errorf(guest.KindTimeout, "late"))
	b.live()
	second, err := b.ask("b", guest.Errorf(guest.KindTimeout, "late"))
	if err == nil || slices.Equal(first, second) {
		t.Errorf("asked as %v and then as %v (%v)", first, second, err)
	}
	b.open(1)
}

func TestCall_refusalsEndTheIntent(t *testing.T) {
	for _, refusal := range []error{
		guest.Errorf(guest.KindEngine, "no"), guest.Errorf(guest.KindInvalid, "no"), guest.Errorf(guest.KindConflict, "no"),
		guest.Errorf(guest.KindInternal, "no"), fault(providers.KindQuota), fault(providers.KindNotFound),
	} {
		b := newBench(t)
		if _, err := b.ask("a", refusal); !errors.Is(err, refusal) {
			t.Errorf("the error is %v", err)
		}
		if b.snapshot().Members[member].Address != "" {
			t.Error("what was refused is recorded")
		}
		b.open(0)
	}
}

// TestCall_mayHoldData is durable together with the intent, before the call.
func TestCall_mayHoldData(t *testing.T) {
	b := newBench(t)
	serial := b.snapshot().Serial
	err := b.hands.Call(context.Background(), journaled.Request{
		Slot: "prepare/instance.orders", MayHoldData: true, Do: func(context.Context, string) error {
			s := b.snapshot()
			if !s.Members[member].MayHoldData || len(s.Intents) != 1 || s.Serial != serial+1 {
				t.Errorf("before the call: may hold data %v, %d intents, %d commits", s.Members[member].MayHoldData, len(s.Intents), s.Serial-serial)
			}
			return guest.Errorf(guest.KindEngine, "no")
		},
	})
	if err == nil || !b.snapshot().Members[member].MayHoldData {
		t.Errorf("after a refusal the volume may hold data all the same (%v)", err)
	}
}

func TestCall_cannotBeEncoded(t *testing.T) {
	b := newBench(t)
	if ids, err := b.ask(func() {}, nil); err == nil || len(ids) != 0 {
		t.Errorf("asked as %v, error %v", ids, err)
	}
	b.open(0)
}
