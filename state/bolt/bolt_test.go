package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/bolt"
	"github.com/trovectl/trovectl/state/statetest"
)

func file(dir string) string { return filepath.Join(dir, "trove.db") }

func open(_ *testing.T, dir string) state.Store { return bolt.New(file(dir)) }

func TestContract(t *testing.T) { statetest.Run(t, open) }

func TestFiles(t *testing.T) { statetest.RunFiles(t, open, file) }

func TestLocation(t *testing.T) {
	if got := bolt.New("a/trove.db").Location(); got != "bbolt:a/trove.db" {
		t.Errorf("the location is %s", got)
	}
}

// made is the path of a closed state with n instances.
func made(t testing.TB, n int) string {
	t.Helper()
	path := file(t.TempDir())
	session, err := bolt.New(path).Lock(t.Context(), state.LockRequest{Create: statetest.Lineage})
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Commit(t.Context(), statetest.Fleet(statetest.IDs(7), "i", n)); err != nil {
		t.Fatal(err)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// edit changes the database file as nothing of ours would.
func edit(t *testing.T, path string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func put(bucket, key, value string) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), []byte(value))
	}
}

func TestForeignContentIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bbolt.Tx) error
		want   error
	}{
		"newer format": {put("meta", "format", "2"), state.ErrNewer},
		"newer everything": {func(tx *bbolt.Tx) error {
			return errors.Join(put("meta", "format", "9")(tx), tx.DeleteBucket([]byte("roles")))
		}, state.ErrNewer},
		"no format 0":   {put("meta", "format", "0"), state.ErrCorrupt},
		"no lineage":    {put("meta", "lineage", `""`), state.ErrCorrupt},
		"bad serial":    {put("meta", "serial", "-1"), state.ErrCorrupt},
		"unknown entry": {put("meta", "colour", `"red"`), state.ErrCorrupt},
		"no table":      {func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("intents")) }, state.ErrCorrupt},
		"another program's": {func(tx *bbolt.Tx) error {
			for _, table := range state.Tables {
				if err := tx.DeleteBucket([]byte(table)); err != nil {
					return err
				}
			}
			return put("apples", "a", "b")(tx)
		}, state.ErrCorrupt},
		"bucket in a table":  {func(tx *bbolt.Tx) error { _, err := tx.Bucket([]byte("roles")).CreateBucket([]byte("x")); return err }, state.ErrCorrupt},
		"not JSON":           {put("members", "m", "{"), state.ErrCorrupt},
		"two values":         {put("members", "m", `{"id":"m","generation":1} {}`), state.ErrCorrupt},
		"under another's id": {put("members", "m", `{"id":"n","generation":1}`), state.ErrCorrupt},
		"unknown field":      {put("roles", "r", `{"id":"r","member":"m","colour":"red"}`), state.ErrCorrupt},
		"unknown kind":       {put("records", "apple.a", `{"address":"apple.a","body":{},"status":"ready"}`), state.ErrCorrupt},
		"unknown body field": {put("records", "datastore.a", `{"address":"datastore.a","body":{"manager":"m","versions":{},"x":1},"status":"ready"}`), state.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			path := made(t, 1)
			edit(t, path, c.change)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, readErr := bolt.New(path).Read(t.Context())
			_, lockErr := bolt.New(path).Lock(t.Context(), state.LockRequest{Create: statetest.Lineage})
			for _, err := range []error{readErr, lockErr} {
				if !errors.Is(err, c.want) || strings.Contains(err.Error(), "rebuild") != (errors.Is(c.want, state.ErrCorrupt)) {
					t.Errorf("%v, want %v", err, c.want)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}

// Bits that rot give a state or an error, and never a panic or an end without an answer.
func TestRottenBits(t *testing.T) {
	path := made(t, 60)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for range 150 {
		rotten := bytes.Clone(whole)
		at := random.IntN(len(rotten) / 2) // the other half is hardly used
		rotten[at] ^= byte(1 + random.IntN(255))
		if err := os.WriteFile(path, rotten, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := bolt.New(path).Read(t.Context()); err != nil {
			refused++
			if !errors.Is(err, state.ErrCorrupt) && !errors.Is(err, state.ErrNewer) {
				t.Errorf("byte %d: %v", at, err)
			}
		}
		session, err := bolt.New(path).Lock(t.Context(), state.LockRequest{})
		if err != nil {
			continue
		}
		err = session.Commit(t.Context(), statetest.Instance(statetest.IDs(9), "late"))
		if err != nil && !errors.Is(err, state.ErrCorrupt) && !errors.Is(err, state.ErrUncertain) {
			t.Errorf("byte %d, committing: %v", at, err)
		}
		if err := session.Close(); err != nil {
			t.Errorf("byte %d, closing: %v", at, err)
		}
	}
	t.Logf("%d of 150 were noticed", refused)
}

func TestAnAttemptThatDiedWhileCreatingIsNoHindrance(t *testing.T) {
	path := file(t.TempDir())
	if err := os.WriteFile(path+".new", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	session, err := bolt.New(path).Lock(t.Context(), state.LockRequest{Create: statetest.Lineage})
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the attempt's file is still there: %v", err)
	}
}

func TestALockFileWithoutAHolderLocksNothing(t *testing.T) {
	for _, left := range []string{"", "{", `{"id":"dead","who":"anna@build1"}`} {
		path := made(t, 1)
		if err := os.WriteFile(path+".lock", []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		store := bolt.New(path)
		if seen, err := store.Holder(t.Context()); seen != nil || err != nil {
			t.Errorf("lock file %q: held by %v, %v", left, seen, err)
		}
		session, err := store.Lock(t.Context(), state.LockRequest{})
		if err != nil {
			t.Fatalf("lock file %q: %v", left, err)
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestALockFileThatWasRemovedByHandFencesTheOld(t *testing.T) {
	path := made(t, 1)
	first, err := bolt.New(path).Lock(t.Context(), state.LockRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	second, err := bolt.New(path).Lock(t.Context(), state.LockRequest{Holder: state.Holder{ID: "second"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(t.Context(), state.Batch{}); !errors.Is(err, state.ErrFenced) {
		t.Errorf("the old one: %v, want ErrFenced", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := second.Commit(t.Context(), state.Batch{}); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// BenchmarkCommit shows that a commit costs the same whatever the size of the state.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			session, err := bolt.New(made(b, n)).Lock(b.Context(), state.LockRequest{})
			if err != nil {
				b.Fatal(err)
			}
			ids := statetest.IDs(3)
			for i := 0; b.Loop(); i++ {
				if err := session.Commit(b.Context(), statetest.Instance(ids, fmt.Sprint("late", i))); err != nil {
					b.Fatal(err)
				}
			}
			if err := session.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkRead reads a whole state. The time for each instance stays as it is.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			store := bolt.New(made(b, n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := store.Read(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/instance")
		})
	}
}

func TestUnchanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trove.db")
	store := bolt.New(path)
	session, err := store.Lock(t.Context(), state.LockRequest{Holder: state.Holder{ID: "h"}, Create: "lineage0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	seen, err := store.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if same, err := store.Unchanged(t.Context(), seen); err != nil || !same {
		t.Errorf("what was just read: %v, %v", same, err)
	}
	if same, err := store.Unchanged(t.Context(), &state.Snapshot{Lineage: "another0", Serial: seen.Serial}); err != nil || same {
		t.Errorf("another state: %v, %v", same, err)
	}
	older := *seen
	older.Serial++
	if same, err := store.Unchanged(t.Context(), &older); err != nil || same {
		t.Errorf("another serial: %v, %v", same, err)
	}
	if _, err := bolt.New(filepath.Join(t.TempDir(), "none.db")).Unchanged(t.Context(), seen); !errors.Is(err, state.ErrMissing) {
		t.Errorf("no state: %v", err)
	}
}
