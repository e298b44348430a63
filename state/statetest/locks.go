package statetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/state"
)

func oneLockerWins(t *testing.T, b *bench) {
	const lockers = 8
	sessions := make([]state.Session, lockers)
	errs := make([]error, lockers)
	var done sync.WaitGroup
	for i := range lockers {
		store := b.again(t)
		done.Go(func() {
			sessions[i], errs[i] = store.Lock(t.Context(), state.LockRequest{Holder: holder(fmt.Sprint(i)), Create: Lineage})
		})
	}
	done.Wait()
	winner := -1
	for i, session := range sessions {
		if session == nil {
			continue
		}
		defer closeSession(t, session)
		if winner >= 0 {
			t.Fatalf("%d and %d both have the lock", winner, i)
		}
		winner = i
	}
	if winner < 0 {
		t.Fatalf("nobody has the lock: %v", errs)
	}
	for i, err := range errs {
		var locked *state.LockedError
		if i != winner && !errors.As(err, &locked) {
			t.Errorf("locker %d: %v, want *LockedError", i, err)
		}
	}
	_, err := b.again(t).Lock(t.Context(), state.LockRequest{Holder: holder("late")})
	var locked *state.LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("a late locker: %v, want *LockedError", err)
	}
	want := holder(fmt.Sprint(winner))
	if diff := cmp.Diff(want, locked.Holder); diff != "" {
		t.Errorf("the holder that is named (-want +got):\n%s", diff)
	}
	seen, err := b.again(t).Holder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, seen); diff != "" {
		t.Errorf("the holder that is seen (-want +got):\n%s", diff)
	}
}

func lockWaits(t *testing.T, b *bench) {
	first := b.lock(t, b.store)
	got := make(chan error, 1)
	second := b.again(t)
	go func() {
		session, err := second.Lock(t.Context(), state.LockRequest{Holder: holder("second"), Wait: time.Minute})
		if err == nil {
			err = session.Close()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("the second did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	commit(t, first, Fleet(b.ids, "i", 1))
	closeSession(t, first)
	if err := <-got; err != nil {
		t.Errorf("the second, after the first: %v", err)
	}
	if seen, err := b.store.Holder(t.Context()); seen != nil || err != nil {
		t.Errorf("the holder at the end is %v, %v, want nobody", seen, err)
	}
}

func lockWaitCancelled(t *testing.T, b *bench) {
	b.lock(t, b.store)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	_, err := b.again(t).Lock(ctx, state.LockRequest{Holder: holder("second"), Wait: time.Minute})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a cancelled wait: %v", err)
	}
	_, err = b.again(t).Lock(t.Context(), state.LockRequest{Holder: holder("second"), Wait: 30 * time.Millisecond})
	var locked *state.LockedError
	if !errors.As(err, &locked) || locked.Holder.ID != "first" {
		t.Errorf("a wait that ended: %v, want *LockedError of first", err)
	}
}

func unlockFences(t *testing.T, b *bench) {
	old := b.lock(t, b.store)
	commit(t, old, Fleet(b.ids, "i", 1))
	want := old.Snapshot()
	if err := b.again(t).Unlock(t.Context(), "first"); err != nil {
		t.Fatalf("unlocking: %v", err)
	}
	if err := b.again(t).Unlock(t.Context(), "first"); err != nil {
		t.Errorf("unlocking twice: %v", err)
	}
	fenced := func(when string) {
		t.Helper()
		if err := old.Commit(t.Context(), Instance(b.ids, "late")); !errors.Is(err, state.ErrFenced) {
			t.Errorf("%s: %v, want ErrFenced", when, err)
		}
		if diff := Diff(want, old.Snapshot()); diff != "" {
			t.Errorf("%s: the old session (-want +got):\n%s", when, diff)
		}
	}
	fenced("after unlock")
	next, err := b.again(t).Lock(t.Context(), state.LockRequest{Holder: holder("second")})
	if err != nil {
		t.Fatalf("locking after unlock: %v", err)
	}
	fenced("after the next lock")
	commit(t, next, Instance(b.ids, "next"))
	fenced("after the next commit")
	closeSession(t, old)
	if seen, err := b.again(t).Holder(t.Context()); err != nil || seen == nil || seen.ID != "second" {
		t.Errorf("closing the fenced session took the lock of another: %v, %v", seen, err)
	}
	commit(t, next, Instance(b.ids, "last"))
	closeSession(t, next)
	if got := read(t, b.store).Serial; got != 3 {
		t.Errorf("the serial is %d, want 3", got)
	}
}

func unlockNamesHolder(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	err := b.again(t).Unlock(t.Context(), "somebody")
	var locked *state.LockedError
	if !errors.As(err, &locked) || locked.Holder.ID != "first" {
		t.Errorf("unlocking another's lock: %v, want *LockedError of first", err)
	}
	commit(t, session, state.Batch{})
}

func closeTwice(t *testing.T, b *bench) {
	first := b.lock(t, b.store)
	closeSession(t, first)
	second := b.lock(t, b.again(t))
	closeSession(t, first)
	if seen, err := b.store.Holder(t.Context()); err != nil || seen == nil {
		t.Errorf("closing twice took the lock of the next one (%v, %v)", seen, err)
	}
	commit(t, second, state.Batch{})
}

func commitAfterClose(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	commit(t, session, Fleet(b.ids, "i", 1))
	want := session.Snapshot()
	closeSession(t, session)
	if err := session.Commit(t.Context(), state.Batch{}); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a commit after close: %v, want ErrFenced", err)
	}
	if diff := Diff(want, session.Snapshot()); diff != "" {
		t.Errorf("the snapshot after close (-want +got):\n%s", diff)
	}
}

func intentsSurvive(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	batch := Fleet(b.ids, "i", 1)
	member := batch.PutMembers[0].ID
	intent := Intent(b.ids.Intent(), member, "server")
	batch.Begin = []state.Intent{intent}
	commit(t, session, batch)
	closeSession(t, session)
	next := b.lock(t, b.again(t))
	got, open := next.Snapshot().Open(member, "server")
	if !open || got.ID != intent.ID || !got.Begun.Equal(intent.Begun) || got.Digest != intent.Digest {
		t.Fatalf("the open intent is %+v, %t", got, open)
	}
	record := batch.PutRecords[1]
	record.Status = state.Failed
	record.Fault = "no valid host was found"
	commit(t, next, state.Batch{End: []state.IntentID{intent.ID}, PutRecords: []state.Record{record}})
	after := read(t, b.again(t))
	if _, open := after.Open(member, "server"); open || after.Records[record.Address].Fault != record.Fault {
		t.Errorf("intent and record are not one transaction: open %t, fault %q", open, after.Records[record.Address].Fault)
	}
}

func intentsOpenOnce(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	batch := Fleet(b.ids, "i", 2)
	one, other := batch.PutMembers[0].ID, batch.PutMembers[1].ID
	first := Intent(b.ids.Intent(), one, "server")
	batch.Begin = []state.Intent{first, Intent(b.ids.Intent(), other, "server"), Intent(b.ids.Intent(), one, "volume")}
	commit(t, session, batch)
	again := Intent(b.ids.Intent(), one, "server")
	if err := session.Commit(t.Context(), state.Batch{Begin: []state.Intent{again}}); err == nil {
		t.Error("a second intent of an open slot was begun")
	}
	if err := session.Commit(t.Context(), state.Batch{Begin: []state.Intent{first}}); err == nil {
		t.Error("an open intent was begun again")
	}
	commit(t, session, state.Batch{End: []state.IntentID{first.ID}, Begin: []state.Intent{again}})
	if err := session.Commit(t.Context(), state.Batch{End: []state.IntentID{first.ID}}); err == nil {
		t.Error("an ended intent was ended again")
	}
	if got := len(read(t, b.again(t)).Intents); got != 3 {
		t.Errorf("%d intents are open, want 3", got)
	}
}

func concurrentCommits(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	commit(t, session, Fleet(b.ids, "i", 0))
	const writers, each = 16, 5
	var done sync.WaitGroup
	for w := range writers {
		batches := make([]state.Batch, each)
		for i := range batches {
			batches[i] = Instance(b.ids, fmt.Sprintf("w%d-%d", w, i))
		}
		other := b.again(t)
		done.Go(func() {
			for i, batch := range batches {
				if err := session.Commit(t.Context(), batch); err != nil {
					t.Errorf("writer %d, commit %d: %v", w, i, err)
					return
				}
				s, err := other.Read(t.Context()) // durable on return
				if err != nil {
					t.Errorf("writer %d, read %d: %v", w, i, err)
				} else if _, there := s.Records[batch.PutRecords[0].Address]; !there {
					t.Errorf("writer %d: commit %d returned and is not there", w, i)
				}
			}
		})
	}
	done.Wait()
	if got := read(t, b.store); got.Serial != 1+writers*each || len(got.Members) != writers*each {
		t.Errorf("serial %d with %d members, want %d with %d", got.Serial, len(got.Members), 1+writers*each, writers*each)
	}
}

func refusedAmongMany(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	var done sync.WaitGroup
	for i := range 20 {
		batch := Instance(b.ids, fmt.Sprintf("n%d", i))
		if i%3 == 0 {
			batch.End = []state.IntentID{"nothing"}
		}
		done.Go(func() {
			if err := session.Commit(t.Context(), batch); (err != nil) != (i%3 == 0) {
				t.Errorf("batch %d: %v", i, err)
			}
		})
	}
	done.Wait()
	want := session.Snapshot()
	if len(want.Members) != 13 || want.Serial != 13 {
		t.Errorf("%d members at serial %d, want 13 at 13", len(want.Members), want.Serial)
	}
	if diff := Diff(want, read(t, b.again(t))); diff != "" {
		t.Errorf("session and store differ (-session +store):\n%s", diff)
	}
}

func readersSeeWholeBatches(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	pair := Fleet(b.ids, "i", 2)
	commit(t, session, pair)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		other := b.again(t)
		readers.Go(func() {
			for reads := 0; ; reads++ {
				select {
				case <-stop:
					if reads > 0 {
						return
					}
				default:
				}
				s, err := other.Read(t.Context())
				if err != nil {
					t.Errorf("reading while another one writes: %v", err)
					return
				}
				a, z := s.Records[pair.PutRecords[1].Address], s.Records[pair.PutRecords[4].Address]
				if a.Computed["n"] != z.Computed["n"] {
					t.Errorf("half a batch: %q and %q", a.Computed["n"], z.Computed["n"])
					return
				}
			}
		})
	}
	for i := range 40 {
		records := []state.Record{pair.PutRecords[1], pair.PutRecords[4]}
		for k := range records {
			records[k].Computed = map[string]string{"n": fmt.Sprint(i)}
		}
		commit(t, session, state.Batch{PutRecords: []state.Record{records[0], records[1]}})
	}
	close(stop)
	readers.Wait()
	at := pair.PutRecords[1].Address
	if got := read(t, b.store).Records[at].Computed["n"]; got != "39" {
		t.Errorf("the last is %q", got)
	}
}
