package statetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/state"
)

// RunFiles runs what is asked beyond the contract of a store that keeps its state in one file of the directory, whose
// path file tells.
func RunFiles(t *testing.T, open Open, file func(dir string) string) {
	clauses := []struct {
		name string
		test func(*testing.T, *shelf)
	}{
		{"durable on return", durableOnReturn}, {"owner only", ownerOnly}, {"truncated", truncated}, {"garbage", garbage},
		{"directory", directory}, {"no parent", noParent}, {"read-only file", readOnlyFile},
		{"read-only directory", readOnlyDirectory}, {"unreadable", unreadable}, {"replaced", replaced}, {"removed", removed},
	}
	for _, clause := range clauses {
		t.Run(clause.name, func(t *testing.T) {
			dir := t.TempDir()
			b := &bench{open: open, dir: dir, ids: IDs(1)}
			b.store = b.again(t)
			clause.test(t, &shelf{bench: b, file: file, path: file(dir)})
		})
	}
}

// shelf is a bench whose store is a file.
type shelf struct {
	*bench
	file func(dir string) string
	path string
}

// filled closes a state with two instances and gives its bytes.
func (s *shelf) filled(t *testing.T) (*state.Snapshot, []byte) {
	t.Helper()
	session := s.lock(t, s.store)
	commit(t, session, Fleet(s.ids, "i", 2))
	closeSession(t, session)
	return session.Snapshot(), s.bytes(t)
}

func (s *shelf) bytes(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (s *shelf) write(t *testing.T, data []byte) {
	t.Helper()
	if err := os.WriteFile(s.path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// refused expects that reading and locking give the same kind of error, with these words and the path in it, and that
// the file stays as it is.
func (s *shelf) refused(t *testing.T, what string, kind error, words ...string) {
	t.Helper()
	before := s.bytes(t)
	_, readErr := s.store.Read(t.Context())
	_, lockErr := s.store.Lock(t.Context(), state.LockRequest{Holder: holder("first"), Create: Lineage})
	for how, err := range map[string]error{"reading": readErr, "locking": lockErr} {
		if !errors.Is(err, kind) {
			t.Errorf("%s, %s: %v, want %v", what, how, err, kind)
			continue
		}
		for _, word := range append(words, s.path) {
			if strings.Count(err.Error(), word) != 1 {
				t.Errorf("%s, %s: the error %q should say %q, once", what, how, err, word)
			}
		}
	}
	if !bytes.Equal(before, s.bytes(t)) {
		t.Errorf("%s: the file was changed", what)
	}
	if seen, err := s.store.Holder(t.Context()); seen != nil || err != nil {
		t.Errorf("%s: the lock was kept: %v, %v", what, seen, err)
	}
}

func durableOnReturn(t *testing.T, s *shelf) {
	session := s.lock(t, s.store)
	for i := range 5 {
		batch := Fleet(s.ids, fmt.Sprint("i", i), 1)
		batch.Begin = []state.Intent{Intent(s.ids.Intent(), batch.PutMembers[0].ID, "server")}
		commit(t, session, batch)
		other := t.TempDir() // what a machine that loses power now would find
		if err := os.WriteFile(s.file(other), s.bytes(t), 0o600); err != nil {
			t.Fatal(err)
		}
		if diff := Diff(session.Snapshot(), read(t, s.open(t, other))); diff != "" {
			t.Fatalf("commit %d (-session +copy):\n%s", i, diff)
		}
	}
}

func ownerOnly(t *testing.T, s *shelf) {
	session := s.lock(t, s.store)
	commit(t, session, state.Batch{})
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, want 0600", entry.Name(), info.Mode())
		}
	}
	closeSession(t, session)
	if entries, err = os.ReadDir(s.dir); err != nil || len(entries) != 1 {
		t.Errorf("after close there should be the state alone: %v, %v", entries, err)
	}
}

func truncated(t *testing.T, s *shelf) {
	want, whole := s.filled(t)
	for _, size := range []int{0, 1, 100, 4095, 4096, 5000, 8192, 12288} {
		s.write(t, whole[:size])
		s.refused(t, fmt.Sprintf("%d bytes of %d", size, len(whole)), state.ErrCorrupt, "state rebuild")
	}
	for size := len(whole) - 1; size > 12288; size -= 1000 { // an end that is not used yet may be missing
		s.write(t, whole[:size])
		got, err := s.store.Read(t.Context())
		if err != nil && !errors.Is(err, state.ErrCorrupt) {
			t.Errorf("%d bytes of %d: %v", size, len(whole), err)
		}
		if err == nil && Diff(want, got) != "" {
			t.Errorf("%d bytes of %d gave another state:\n%s", size, len(whole), Diff(want, got))
		}
	}
}

func garbage(t *testing.T, s *shelf) {
	for name, data := range map[string][]byte{
		"text": []byte("{}\n"), "long text": bytes.Repeat([]byte("lorem ipsum\n"), 5000), "zeros": make([]byte, 65536),
		"ones": bytes.Repeat([]byte{0xff}, 65536),
	} {
		s.write(t, data)
		s.refused(t, name, state.ErrCorrupt, "state rebuild")
	}
}

func directory(t *testing.T, s *shelf) {
	if err := os.Mkdir(s.path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, readErr := s.store.Read(t.Context())
	_, lockErr := s.store.Lock(t.Context(), state.LockRequest{Create: Lineage})
	for _, err := range []error{readErr, lockErr} {
		if err == nil || !strings.Contains(err.Error(), "a directory") || !strings.Contains(err.Error(), s.path) {
			t.Errorf("a directory: %v", err)
		}
	}
}

func noParent(t *testing.T, s *shelf) {
	store := s.open(t, filepath.Join(s.dir, "not", "there"))
	if _, err := store.Read(t.Context()); !errors.Is(err, state.ErrMissing) {
		t.Errorf("reading: %v, want ErrMissing", err)
	}
	if _, err := store.Lock(t.Context(), state.LockRequest{Create: Lineage}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("locking: %v, want that the directory does not exist", err)
	}
}

// modes sets the modes of directory and file, so that the test can run as one who has no right to them.
func (s *shelf) modes(t *testing.T, directory, file os.FileMode) {
	t.Helper()
	for path, mode := range map[string]os.FileMode{filepath.Dir(s.dir): 0o755, s.path: file, s.dir: directory} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := os.Chmod(s.dir, 0o700); err != nil {
			t.Error(err)
		}
	})
}

// readable expects that one may read the state and not lock it.
func (s *shelf) readable(t *testing.T, want *state.Snapshot) {
	t.Helper()
	var got *state.Snapshot
	var readErr, lockErr error
	unprivileged(t, func() {
		got, readErr = s.store.Read(t.Context())
		_, lockErr = s.store.Lock(t.Context(), state.LockRequest{Holder: holder("first")})
	})
	if readErr != nil {
		t.Errorf("reading: %v", readErr)
	} else if diff := Diff(want, got); diff != "" {
		t.Errorf("reading (-want +got):\n%s", diff)
	}
	if !errors.Is(lockErr, state.ErrReadOnly) || !strings.Contains(lockErr.Error(), "right to write") {
		t.Errorf("locking: %v, want ErrReadOnly with advice", lockErr)
	}
	if seen, err := s.store.Holder(t.Context()); seen != nil || err != nil {
		t.Errorf("the lock was kept: %v, %v", seen, err)
	}
}

func readOnlyFile(t *testing.T, s *shelf) {
	want, _ := s.filled(t)
	s.modes(t, 0o777, 0o444)
	s.readable(t, want)
}

func readOnlyDirectory(t *testing.T, s *shelf) {
	want, _ := s.filled(t)
	s.modes(t, 0o555, 0o666)
	s.readable(t, want)
}

func unreadable(t *testing.T, s *shelf) {
	s.filled(t)
	s.modes(t, 0o755, 0o000)
	var err error
	unprivileged(t, func() { _, err = s.store.Read(t.Context()) })
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), s.path) {
		t.Errorf("reading: %v, want that there is no permission", err)
	}
}

func replaced(t *testing.T, s *shelf) {
	_, old := s.filled(t)
	session := s.lock(t, s.store)
	commit(t, session, Instance(s.ids, "late"))
	for _, replace := range []func(){
		func() { s.write(t, old) }, // cp backup trove.db
		func() {
			if err := errors.Join(os.Remove(s.path), os.WriteFile(s.path, old, 0o600)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		replace()
		if err := session.Commit(t.Context(), Instance(s.ids, "later")); !errors.Is(err, state.ErrFenced) {
			t.Errorf("committing to another file: %v, want ErrFenced", err)
		}
		if !bytes.Equal(old, s.bytes(t)) {
			t.Error("the file that was put there was changed")
		}
	}
}

func removed(t *testing.T, s *shelf) {
	session := s.lock(t, s.store)
	commit(t, session, Fleet(s.ids, "i", 1))
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	if err := session.Commit(t.Context(), state.Batch{}); !errors.Is(err, state.ErrFenced) {
		t.Errorf("committing to a file that is gone: %v, want ErrFenced", err)
	}
	if _, err := os.Stat(s.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was made anew: %v", err)
	}
}
