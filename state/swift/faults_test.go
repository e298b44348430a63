package swift_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
	"github.com/trovectl/trovectl/state/swift"
)

var errGone = errors.New("connection reset by peer")

// commitsOnly makes a fault of puts to the log, so many times.
func commitsOnly(call string, times int, lose, fail error) fault {
	return func(made, name string, _ int) (error, error) {
		if made != call || !strings.Contains(name, "/commits/") || times == 0 {
			return nil, nil
		}
		times--
		return lose, fail
	}
}

// inTurn asks the faults in their order, each until it has struck.
func inTurn(faults ...fault) fault {
	return func(call, name string, nth int) (error, error) {
		if len(faults) == 0 {
			return nil, nil
		}
		lose, fail := faults[0](call, name, nth)
		if lose != nil || fail != nil {
			faults = faults[1:]
		}
		return lose, fail
	}
}

func TestFaultsOfACommit(t *testing.T) {
	for name, c := range map[string]struct {
		fault  fault
		want   error // nil: the commit goes through
		usable bool  // the session goes on
		there  bool
	}{
		"answer lost":       {commitsOnly("put", 1, errGone, nil), nil, true, true},
		"request lost":      {commitsOnly("put", 1, nil, errGone), nil, true, true},
		"both lost":         {commitsOnly("put", 2, nil, errGone), nil, true, true},
		"all requests lost": {commitsOnly("put", 3, nil, errGone), state.ErrUncertain, false, false},
		"all answers lost":  {commitsOnly("put", -1, errGone, nil), nil, true, true},
		"refused":           {commitsOnly("put", 1, nil, swift.ErrRefused), swift.ErrRefused, true, false},
		"denied":            {commitsOnly("put", 1, nil, swift.ErrDenied), state.ErrReadOnly, true, false},
		"answers lost, then refused": {inTurn(
			commitsOnly("put", 1, errGone, nil), commitsOnly("get", 1, nil, errGone), commitsOnly("put", 1, nil, swift.ErrRefused),
		), nil, true, true},
		"the container is bad": {commitsOnly("put", 1, nil, fmt.Errorf("%w: quota", swift.ErrRefused)), swift.ErrRefused, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBucket()
			session := lock(t, at(b, restless()), "writer")
			batch := statetest.Instance(statetest.IDs(5), "one")
			b.set(c.fault)
			err := session.Commit(t.Context(), batch)
			b.set(nil)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if next := session.Commit(t.Context(), state.Batch{}); (next == nil) != c.usable {
				t.Errorf("the next commit: %v", next)
			}
			got, err := at(b, restless()).Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if there := len(got.Members) == 1; there != c.there {
				t.Errorf("recorded: %t, want %t", there, c.there)
			}
		})
	}
}

// The rest of a partition: the entry was written, and nobody hears of it. The session says that it does not know and ends;
// the next one finds the entry.
func TestAnEntryThatNobodyHeardOf(t *testing.T) {
	b := newBucket()
	session := lock(t, at(b, restless()), "writer")
	b.set(func(call, name string, _ int) (error, error) {
		if call == "get" {
			return nil, errGone
		}
		return errGone, nil
	})
	err := session.Commit(t.Context(), statetest.Instance(statetest.IDs(5), "one"))
	if !errors.Is(err, state.ErrUncertain) {
		t.Errorf("%v, want ErrUncertain", err)
	}
	b.set(nil)
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	b.pass(time.Minute)
	if got := lock(t, at(b, restless()), "next").Snapshot(); len(got.Members) != 1 {
		t.Errorf("the next one sees %d members, want 1", len(got.Members))
	}
}

// What Commit says is true, whatever the object store does and whoever else comes: nil is recorded for ever, an error is
// not, ErrUncertain is one of both; and the state is always sound.
func TestCommitsAreTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &runners{T: t, bucket: newBucket(), ids: statetest.IDs(9), sessions: map[int]state.Session{}, told: map[state.MemberID]error{}}
		w.options = restless()
		w.options.Snapshot, w.options.Keep = rapid.SampledFrom([]int{1, 3, 64}).Draw(t, "snapshot"), 10000
		t.Repeat(map[string]func(*rapid.T){
			"lock": w.lock, "commit": w.commit, "close": w.close, "unlock": w.unlock, "time": w.time, "faults": w.faults, "": w.check,
		})
		w.bucket.set(nil)
		for _, session := range w.sessions {
			_ = session.Close() // one that lost its lock has nothing to give back
		}
		w.check(t)
	})
}

// runners are processes that share a state.
type runners struct {
	*rapid.T
	bucket   *bucket
	options  swift.Options
	ids      *state.IDs
	sessions map[int]state.Session
	told     map[state.MemberID]error // what Commit said of the batch that puts the member
	serial   uint64
}

func (w *runners) store() *swift.Store { return at(w.bucket, w.options) }

func (w *runners) lock(t *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(t, "runner")
	if w.sessions[i] != nil {
		return
	}
	session, err := w.store().Lock(t.Context(), state.LockRequest{Holder: state.Holder{ID: fmt.Sprint(i)}, Create: statetest.Lineage})
	if err == nil {
		w.sessions[i] = session
	}
}

func (w *runners) commit(t *rapid.T) {
	session := w.sessions[rapid.IntRange(0, 2).Draw(t, "runner")]
	if session == nil {
		return
	}
	batch := statetest.Instance(w.ids, fmt.Sprint("i", len(w.told)))
	w.told[batch.PutMembers[0].ID] = session.Commit(t.Context(), batch)
}

func (w *runners) close(t *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(t, "runner")
	if w.sessions[i] != nil {
		_ = w.sessions[i].Close() // a fault may keep the lock until its lease ends
		delete(w.sessions, i)
	}
}

func (w *runners) unlock(t *rapid.T) {
	_ = w.store().Unlock(t.Context(), fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "runner"))) // or it is another's
}

func (w *runners) time(*rapid.T) { w.bucket.pass(40 * time.Second) }

func (w *runners) faults(t *rapid.T) {
	rate := rapid.SampledFrom([]int{0, 2, 5}).Draw(t, "rate")
	if rate == 0 {
		w.bucket.set(nil)
		return
	}
	seed := rapid.IntRange(0, 1000).Draw(t, "seed")
	w.bucket.set(func(call, _ string, nth int) (error, error) {
		switch x := (seed + nth*7919) % (rate * 10); {
		case x < 5:
			return errGone, nil
		case x < 9:
			return nil, errGone
		case x == 9 && call == "put":
			return nil, swift.ErrRefused
		default:
			return nil, nil
		}
	})
}

// check reads the state without faults.
func (w *runners) check(t *rapid.T) {
	kept := w.bucket.set(nil)
	defer func() { w.bucket.set(kept) }()
	got, err := w.store().Read(t.Context())
	if errors.Is(err, state.ErrMissing) {
		got, err = state.Empty(statetest.Lineage), nil
	}
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	if got.Serial < w.serial {
		t.Fatalf("the serial went back from %d to %d", w.serial, got.Serial)
	}
	w.serial = got.Serial
	for member, told := range w.told {
		_, there := got.Members[member]
		if !errors.Is(told, state.ErrUncertain) && there != (told == nil) {
			t.Fatalf("a commit said %v, and recorded is %t", told, there)
		}
	}
	for _, err := range state.Check(got) {
		t.Fatalf("the state: %v", err)
	}
}
