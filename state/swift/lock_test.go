package swift_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
	"github.com/trovectl/trovectl/state/swift"
)

// restless are options whose short pauses take no time at all and whose long ones, those of the lease, never end.
func restless() swift.Options {
	return swift.Options{Settle: -1, Sleep: func(ctx context.Context, pause time.Duration) error {
		if pause >= time.Second {
			<-ctx.Done()
		}
		return ctx.Err()
	}}
}

func at(b *bucket, options swift.Options) *swift.Store {
	return swift.New(b, "swift://states/prod", "prod", options)
}

func lock(t *testing.T, store *swift.Store, id string) state.Session {
	t.Helper()
	session, err := store.Lock(t.Context(), state.LockRequest{Holder: state.Holder{ID: id, Who: id + "@ci"}, Create: statetest.Lineage})
	if err != nil {
		t.Fatalf("locking for %s: %v", id, err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Errorf("closing the session of %s: %v", id, err)
		}
	})
	return session
}

func wantLocked(t *testing.T, store *swift.Store, by string) {
	t.Helper()
	_, err := store.Lock(t.Context(), state.LockRequest{Holder: state.Holder{ID: "late"}})
	var locked *state.LockedError
	if !errors.As(err, &locked) || locked.Holder.ID != by {
		t.Errorf("locking: %v, want that %s holds the lock", err, by)
	}
}

func TestADeadHolderLosesTheLock(t *testing.T) {
	b := newBucket()
	first := lock(t, at(b, restless()), "first")
	batch := statetest.Fleet(statetest.IDs(1), "i", 1)
	if err := first.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	b.pass(59 * time.Second)
	wantLocked(t, at(b, restless()), "first")
	b.pass(time.Second)
	if holder, err := at(b, restless()).Holder(t.Context()); holder != nil || err != nil {
		t.Errorf("the holder after its lease: %v, %v", holder, err)
	}
	if err := at(b, restless()).Unlock(t.Context(), "another"); err != nil {
		t.Errorf("unlocking what nobody alive holds: %v", err)
	}
	second := lock(t, at(b, restless()), "second")
	if diff := statetest.Diff(first.Snapshot(), second.Snapshot()); diff != "" {
		t.Errorf("what the first recorded (-first +second):\n%s", diff)
	}
	for range 2 {
		if err := first.Commit(t.Context(), state.Batch{}); !errors.Is(err, state.ErrFenced) {
			t.Errorf("a commit of the first: %v, want ErrFenced", err)
		}
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	wantLocked(t, at(b, restless()), "second")
	if err := second.Commit(t.Context(), state.Batch{}); err != nil {
		t.Error(err)
	}
}

// A lease is long for the one who took the lock, whatever another one's is.
func TestTheLeaseIsTheHolders(t *testing.T) {
	b := newBucket()
	patient, hasty := restless(), restless()
	patient.Lease, hasty.Lease = time.Hour, 10*time.Second
	lock(t, at(b, patient), "first")
	b.pass(59 * time.Minute)
	wantLocked(t, at(b, hasty), "first")
}

func TestSignsOfLifeKeepTheLock(t *testing.T) {
	b := newBucket()
	session := lock(t, at(b, swift.Options{Settle: -1, Lease: time.Second}), "first")
	b.pass(900 * time.Millisecond)
	deadline := time.Now().Add(10 * time.Second)
	for len(b.names("/leases/")) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("there is no sign of life")
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.pass(900 * time.Millisecond) // the entry is too old by now, the sign of life is not
	wantLocked(t, at(b, restless()), "first")
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	if left := b.names("/leases/"); len(left) > 0 {
		t.Errorf("after close there is %q", left)
	}
}

// A holder that was away for long renews its lease before it writes, and writes nothing when it cannot.
func TestALateHolderRenewsFirst(t *testing.T) {
	b := newBucket()
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	options := restless()
	options.Now = func() time.Time { return now }
	session := lock(t, at(b, options), "first")
	for name, jump := range map[string]time.Duration{"late": 31 * time.Second, "a clock that was set back": -time.Hour} {
		now = now.Add(jump)
		b.set(func(call, name string, _ int) (error, error) {
			if strings.Contains(name, "/leases/") {
				return nil, errors.New("no way to the object store")
			}
			return nil, nil
		})
		commits := len(b.names("/commits/"))
		err := session.Commit(t.Context(), state.Batch{})
		if err == nil || errors.Is(err, state.ErrFenced) || errors.Is(err, state.ErrUncertain) {
			t.Errorf("%s, without a way: %v", name, err)
		}
		if got := len(b.names("/commits/")); got != commits {
			t.Errorf("%s: %d commits were written", name, got-commits)
		}
		b.set(nil)
		if err := session.Commit(t.Context(), state.Batch{}); err != nil {
			t.Errorf("%s, with a way again: %v", name, err)
		}
	}
}

func TestAStoreThatMakesTwiceIsRefused(t *testing.T) {
	b := newBucket()
	b.lax = true
	_, err := at(b, restless()).Lock(t.Context(), state.LockRequest{Create: statetest.Lineage})
	if err == nil || !strings.Contains(err.Error(), "If-None-Match") {
		t.Errorf("%v, want that the object store does not keep its promise", err)
	}
	if holder, err := at(b, restless()).Holder(t.Context()); holder != nil || err != nil {
		t.Errorf("the lock was kept: %v, %v", holder, err)
	}
}

// Two locks put at the same instant may both be accepted; the later one stays. The one that lost sees it before it
// believes in its lock.
func TestTwoLocksAtTheSameInstant(t *testing.T) {
	b := newBucket()
	options := restless()
	options.Settle = time.Millisecond
	calm := options.Sleep
	options.Sleep = func(ctx context.Context, pause time.Duration) error {
		if pause == time.Millisecond {
			b.edit("prod/commits/000000000001", func(data []byte) []byte {
				own := bytes.SplitN(data, []byte(`"id":"`), 2)[1][:16]
				data = bytes.ReplaceAll(data, own, []byte("aaaaaaaaaaaaaaaa"))
				return bytes.ReplaceAll(data, []byte(`"late"`), []byte(`"lucky"`))
			})
		}
		return calm(ctx, pause)
	}
	wantLockedCreate(t, at(b, options), "lucky")
}

func wantLockedCreate(t *testing.T, store *swift.Store, by string) {
	t.Helper()
	_, err := store.Lock(t.Context(), state.LockRequest{Holder: state.Holder{ID: "late"}, Create: statetest.Lineage})
	var locked *state.LockedError
	if !errors.As(err, &locked) || locked.Holder.ID != by {
		t.Errorf("locking: %v, want that %s holds the lock", err, by)
	}
}

func TestALockThatIsGivenUpIsFree(t *testing.T) {
	b := newBucket()
	ctx, cancel := context.WithCancel(t.Context())
	options := restless()
	options.Settle = time.Millisecond
	options.Sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}
	_, err := at(b, options).Lock(ctx, state.LockRequest{Create: statetest.Lineage})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
	lock(t, at(b, restless()), "next")
}
