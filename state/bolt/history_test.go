package bolt_test

import (
	"errors"
	"sync"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/bolt"
	"github.com/trovectl/trovectl/state/statetest"
)

func TestHistoryIsTrimmed(t *testing.T) {
	path := made(t, 1)
	store := bolt.New(path)
	session, err := store.Lock(t.Context(), state.LockRequest{})
	if err != nil {
		t.Fatal(err)
	}
	const extra = 40
	var writers sync.WaitGroup
	for range 200 { // beside each other, so that many share a transaction
		writers.Go(func() {
			for range (state.HistoryKept + extra) / 200 {
				if err := session.Commit(t.Context(), state.Batch{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := store.History(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(1 + (state.HistoryKept+extra)/200*200)
	if len(all) != state.HistoryKept || all[len(all)-1].Serial != last || all[0].Serial != last-state.HistoryKept+1 {
		t.Errorf("%d entries, %d to %d, want the newest %d up to %d", len(all), all[0].Serial, all[len(all)-1].Serial, state.HistoryKept, last)
	}
}

// A file that was made before there was a change log gets one with the next session.
func TestHistoryOfAnOlderFile(t *testing.T) {
	path := made(t, 1)
	edit(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("history")) })
	store := bolt.New(path)
	if got, err := store.History(t.Context(), 0); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
	session, err := store.Lock(t.Context(), state.LockRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(session.Commit(t.Context(), statetest.Instance(statetest.IDs(9), "more")), session.Close()); err != nil {
		t.Fatal(err)
	}
	if got, err := store.History(t.Context(), 0); err != nil || len(got) != 1 || got[0].Serial != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestHistoryDamaged(t *testing.T) {
	path := made(t, 1)
	edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("history")).Put([]byte("x"), []byte("no JSON")) })
	if _, err := bolt.New(path).History(t.Context(), 0); !errors.Is(err, state.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
	if _, err := bolt.New(path).Read(t.Context()); err != nil { // the state does not rest on it
		t.Errorf("reading the state: %v", err)
	}
}
