package swift_test

import (
	"testing"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
	"github.com/trovectl/trovectl/state/swift"
)

// Whatever lies in the container, reading gives a state that encodes, or an error.
func FuzzRead(f *testing.F) {
	b := newBucket()
	options := restless()
	options.Snapshot = 2
	session, err := at(b, options).Lock(f.Context(), state.LockRequest{Create: statetest.Lineage})
	if err != nil {
		f.Fatal(err)
	}
	for range 2 {
		if err := session.Commit(f.Context(), statetest.Fleet(statetest.IDs(1), "i", 1)); err == nil {
			_ = session.Commit(f.Context(), state.Batch{}) // refused where the first one was repeated
		}
	}
	if err := session.Close(); err != nil {
		f.Fatal(err)
	}
	for _, name := range b.names("") {
		f.Add(name, b.objects[name].data)
	}
	f.Add("prod/commits/000000000001", []byte(`{"format":1,"number":1,"id":"a","lineage":"l","kind":"lock","session":"a"}`))
	f.Add("prod/snapshots/0", []byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		b := newBucket()
		b.there = true
		if err := b.Put(t.Context(), name, data, false); err != nil {
			t.Fatal(err)
		}
		store := swift.New(b, "swift://states/prod", "prod", restless())
		if snapshot, err := store.Read(t.Context()); err == nil {
			if _, err := state.Encode(snapshot); err != nil {
				t.Errorf("it was read and does not encode: %v", err)
			}
		}
		if _, err := store.Holder(t.Context()); err != nil {
			return
		}
	})
}
