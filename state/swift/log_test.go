package swift_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
	"github.com/trovectl/trovectl/state/swift"
)

// made is a closed state of some commits.
func made(t *testing.T, options swift.Options, commits int) *bucket {
	t.Helper()
	b := newBucket()
	session := lock(t, at(b, options), "maker")
	ids := statetest.IDs(7)
	for i := range commits {
		if err := session.Commit(t.Context(), statetest.Instance(ids, fmt.Sprint("i", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

func replace(old, with string) func([]byte) []byte {
	return func(data []byte) []byte { return bytes.Replace(data, []byte(old), []byte(with), 1) }
}

// zipped edits what is inside of a snapshot.
func zipped(t *testing.T, edit func([]byte) []byte) func([]byte) []byte {
	return func(data []byte) []byte {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write(edit(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
}

// Commits of made(3): 1 the lock, 2 to 4 instances, 5 the release.
func TestForeignContentIsRefused(t *testing.T) {
	const third, last = "prod/commits/000000000003", "prod/commits/000000000005"
	const image = "prod/snapshots/000000000004"
	for name, c := range map[string]struct {
		object string
		edit   func([]byte) []byte
		want   error
	}{
		"not JSON":             {third, replace("{", ""), state.ErrCorrupt},
		"empty":                {third, func([]byte) []byte { return nil }, state.ErrCorrupt},
		"cut":                  {third, func(data []byte) []byte { return data[:len(data)/2] }, state.ErrCorrupt},
		"two values":           {third, func(data []byte) []byte { return append(data, "{}"...) }, state.ErrCorrupt},
		"unknown field":        {third, replace(`{"format":1`, `{"format":1,"colour":"red"`), state.ErrCorrupt},
		"newer log":            {third, replace(`{"format":1`, `{"format":2,"colour":"red"`), state.ErrNewer},
		"no format 0":          {third, replace(`"format":1`, `"format":0`), state.ErrCorrupt},
		"another number":       {third, replace(`"number":3`, `"number":4`), state.ErrCorrupt},
		"not after the second": {third, replace(`"previous":"`, `"previous":"x`), state.ErrCorrupt},
		"another lineage":      {third, replace(statetest.Lineage, strings.Repeat("b", 26)), state.ErrCorrupt},
		"without the lock":     {third, replace(`"session":"`, `"session":"x`), state.ErrCorrupt},
		"unknown kind":         {third, replace(`"kind":"write"`, `"kind":"paint"`), state.ErrCorrupt},
		"unknown table":        {third, replace(`"table":"roles"`, `"table":"rolls"`), state.ErrCorrupt},
		"row that is none":     {third, replace(`"generation"`, `"generations"`), state.ErrCorrupt},
		"newer state": {third, replace(`"rows":[`, `"rows":[{"table":"meta","key":"format","value":2},{"table":"apples","key":"a","value":1},`),
			state.ErrNewer},
		"lock of nobody":       {"prod/commits/000000000001", replace(`"holder":`, `"lineage":"abcdefghijklmnopqrstuvwxyz","holder":null,"holder":`), nil},
		"release by another":   {last, replace(`"session":"`, `"session":"x`), state.ErrCorrupt},
		"newer snapshot":       {image, zipped(t, replace(`{"format":1`, `{"format":2,"colour":"red"`)), state.ErrNewer},
		"another snapshot":     {image, zipped(t, replace(`"number":4`, `"number":3`)), state.ErrCorrupt},
		"snapshot of nothing":  {image, zipped(t, func([]byte) []byte { return []byte("{}") }), state.ErrCorrupt},
		"snapshot not zipped":  {image, func([]byte) []byte { return []byte("{}") }, state.ErrCorrupt},
		"snapshot cut":         {image, func(data []byte) []byte { return data[:len(data)-9] }, state.ErrCorrupt},
		"snapshot off the log": {image, zipped(t, replace(`"last":"`, `"last":"x`)), state.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			options := restless()
			if strings.Contains(c.object, "snapshots") {
				options.Snapshot = 4
			}
			b := made(t, options, 3)
			b.edit(c.object, c.edit)
			before := b.total("put")
			_, readErr := at(b, restless()).Read(t.Context())
			if c.want == nil {
				return // it may be read or refused; it must not panic
			}
			_, lockErr := at(b, restless()).Lock(t.Context(), state.LockRequest{Create: statetest.Lineage})
			for _, err := range []error{readErr, lockErr} {
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
			}
			if b.total("put") != before {
				t.Error("something was written")
			}
		})
	}
}

// A state whose beginning or middle is hidden is neither missing nor short.
func TestHiddenEntries(t *testing.T) {
	for name, gone := range map[string][]int{"the first": {1}, "one amid": {4}, "all but the last": {1, 2, 3, 4, 5, 6}} {
		b := made(t, restless(), 5)
		for _, number := range gone {
			b.remove(fmt.Sprintf("prod/commits/%012d", number))
		}
		_, readErr := at(b, restless()).Read(t.Context())
		_, lockErr := at(b, restless()).Lock(t.Context(), state.LockRequest{Create: statetest.Lineage})
		for _, err := range []error{readErr, lockErr} {
			if err == nil || errors.Is(err, state.ErrMissing) || !strings.Contains(err.Error(), "does not show all") {
				t.Errorf("%s is hidden: %v", name, err)
			}
		}
	}
}

// The objects that are written for a commit do not grow with the state, and snapshots are paid for by the commits between
// them.
func TestACommitCostsWhatItHolds(t *testing.T) {
	cost := func(fleet int) (commit, all int) {
		b := newBucket()
		session := lock(t, at(b, restless()), "writer")
		ids := statetest.IDs(3)
		if err := session.Commit(t.Context(), statetest.Fleet(ids, "i", fleet)); err != nil {
			t.Fatal(err)
		}
		before := b.written()
		const commits = 200
		for i := range commits {
			if err := session.Commit(t.Context(), statetest.Instance(ids, fmt.Sprint("more", i))); err != nil {
				t.Fatal(err)
			}
		}
		return b.size(b.names("/commits/")[100]), (b.written() - before) / commits
	}
	smallOne, small := cost(10)
	largeOne, large := cost(1500)
	if largeOne > smallOne+100 {
		t.Errorf("a commit to 1500 instances has %d bytes, to 10 it has %d", largeOne, smallOne)
	}
	if large > small+(16<<10) {
		t.Errorf("200 commits to 1500 instances wrote %d bytes each, to 10 %d", large, small)
	}
}

func TestReadingIsShort(t *testing.T) {
	b := made(t, restless(), 500)
	before := b.total("get") + b.total("list")
	if _, err := at(b, restless()).Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.total("get") + b.total("list") - before; n > 10 {
		t.Errorf("reading after 500 commits costs %d requests", n)
	}
}

// What is old is cleared away, and what is left is the same state, also for those whose listing lags.
func TestClearingAway(t *testing.T) {
	options := restless()
	options.Snapshot, options.Keep = 4, 10
	b := made(t, options, 100)
	if commits, images := len(b.names("/commits/")), len(b.names("/snapshots/")); commits > 30 || images != 3 {
		t.Errorf("%d commits and %d snapshots are left", commits, images)
	}
	got, err := at(b, options).Read(t.Context())
	if err != nil || got.Serial != 100 || len(got.Members) != 100 {
		t.Fatalf("%v, %v", got, err)
	}
	b.remove(b.names("/snapshots/")[2])
	again, err := at(b, options).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := statetest.Diff(got, again); diff != "" {
		t.Errorf("from an older snapshot (-newest +older):\n%s", diff)
	}
	b.lag = true
	if _, err := at(b, options).Lock(t.Context(), state.LockRequest{}); err == nil {
		t.Error("a state that lists do not show was locked")
	}
}

// No snapshot is made of a log whose last number became another's.
func TestASnapshotIsOfTheLog(t *testing.T) {
	b := newBucket()
	options := restless()
	options.Snapshot = 3
	session := lock(t, at(b, options), "writer")
	if err := session.Commit(t.Context(), state.Batch{}); err != nil {
		t.Fatal(err)
	}
	b.onPut = func(name string) {
		if strings.HasSuffix(name, "/commits/000000000003") {
			object := b.objects[name]
			object.data = bytes.Replace(object.data, []byte(`"id":"`), []byte(`"id":"x`), 1)
			b.objects[name] = object
		}
	}
	if err := session.Commit(t.Context(), state.Batch{}); err != nil {
		t.Fatal(err)
	}
	_ = session.Close() // it finds that its lock is another's
	if got := b.names("/snapshots/"); len(got) != 0 {
		t.Errorf("a snapshot was made of it: %q", got)
	}
}
