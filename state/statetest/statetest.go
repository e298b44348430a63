// Package statetest is the contract of a store: what every implementation of state.Store keeps, as tests that each of them
// runs.
package statetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// Open opens the store that lives in a directory. Twice with the same directory gives the same state, as two processes
// would see it.
type Open func(t *testing.T, dir string) state.Store

// Lineage is that of the states which the suite makes.
const Lineage = "abcdefghijklmnopqrstuvwxyz"

// Run runs the contract. Every test ends with state.Check.
func Run(t *testing.T, open Open) {
	clauses := []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"missing", missing}, {"create", create}, {"create keeps what is there", createKeeps},
		{"read your writes", readYourWrites}, {"serial", serials}, {"all or nothing", allOrNothing},
		{"secrets stay out", secretsStayOut}, {"copies", copies}, {"intents survive", intentsSurvive},
		{"intents open once", intentsOpenOnce}, {"run and cloud", runAndCloud}, {"drop", drop},
		{"one locker wins", oneLockerWins}, {"lock waits", lockWaits}, {"lock wait is cancelled", lockWaitCancelled},
		{"unlock fences", unlockFences}, {"unlock names the holder", unlockNamesHolder}, {"close twice", closeTwice},
		{"commit after close", commitAfterClose}, {"cancelled commit", cancelledCommit},
		{"concurrent commits", concurrentCommits}, {"refused among many", refusedAmongMany},
		{"readers see whole batches", readersSeeWholeBatches}, {"location", location},
		{"history", history}, {"history of many", historyOfMany}, {"history without secrets", historyWithoutSecrets},
	}
	for _, clause := range clauses {
		t.Run(clause.name, func(t *testing.T) {
			dir := t.TempDir()
			b := &bench{open: open, dir: dir, ids: IDs(1)}
			b.store = b.again(t)
			Watch(t, b.store)
			clause.test(t, b)
		})
	}
}

// Watch looks at the end of a test whether the state is sound.
func Watch(t *testing.T, store state.Store) {
	t.Helper()
	t.Cleanup(func() {
		snapshot, err := store.Read(context.Background())
		if errors.Is(err, state.ErrMissing) {
			return
		}
		if err != nil {
			t.Errorf("reading the state after the test: %v", err)
			return
		}
		for _, err := range state.Check(snapshot) {
			t.Errorf("the state after the test: %v", err)
		}
	})
}

// bench is a store with what a clause needs to work on it.
type bench struct {
	open  Open
	dir   string
	store state.Store
	ids   *state.IDs
}

// again opens the store as another process would.
func (b *bench) again(t *testing.T) state.Store { return b.open(t, b.dir) }

func holder(id string) state.Holder {
	return state.Holder{
		ID: id, Operation: "apply", Who: "anna@build1", PID: 4711, Pipeline: "https://ci.example.org/jobs/7",
		Since: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
	}
}

func (b *bench) lock(t *testing.T, store state.Store) state.Session {
	t.Helper()
	session, err := store.Lock(t.Context(), state.LockRequest{Holder: holder("first"), Create: Lineage})
	if err != nil {
		t.Fatalf("locking: %v", err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return session
}

func commit(t *testing.T, session state.Session, batch state.Batch) {
	t.Helper()
	if err := session.Commit(t.Context(), batch); err != nil {
		t.Fatalf("committing: %v", err)
	}
}

func read(t *testing.T, store state.Store) *state.Snapshot {
	t.Helper()
	snapshot, err := store.Read(t.Context())
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	return snapshot
}

// Diff compares two states by what they encode to.
func Diff(want, got *state.Snapshot) string {
	a, err := state.Encode(want)
	if err != nil {
		return err.Error()
	}
	b, err := state.Encode(got)
	if err != nil {
		return err.Error()
	}
	return cmp.Diff(string(a), string(b))
}

// IDs makes the same identifiers for the same seed.
func IDs(seed uint64) *state.IDs {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	return state.NewIDs(rand.NewChaCha8(key))
}

// Fleet is a batch that records n finished instances with one database and one user each, on one datastore.
func Fleet(ids *state.IDs, prefix string, n int) state.Batch {
	store := resource.Address{Kind: resource.KindDatastore, Name: "mariadb"}
	batch := state.Batch{PutRecords: []state.Record{{
		Address: store, Status: state.Ready, Body: &resource.Datastore{
			Manager: "mariadb", Versions: map[string]resource.DatastoreVersion{"10.11": {Image: "mariadb-10.11"}},
		},
	}}}
	for i := range n {
		one := Instance(ids, fmt.Sprintf("%s%d", prefix, i))
		batch.PutMembers = append(batch.PutMembers, one.PutMembers...)
		batch.PutRoles = append(batch.PutRoles, one.PutRoles...)
		batch.PutRecords = append(batch.PutRecords, one.PutRecords...)
	}
	return batch
}

// Instance is a batch that records one finished instance with one database and one user. Its datastore needs no record.
func Instance(ids *state.IDs, name string) state.Batch {
	member, role := ids.Member(), ids.Role()
	at := resource.Address{Kind: resource.KindInstance, Name: name}
	objects := map[state.Slot]state.Object{}
	for _, slot := range state.Slots {
		objects[slot] = state.Object{ID: fmt.Sprintf("%s-%s", slot, member), Intent: ids.Intent()}
	}
	return state.Batch{
		PutMembers: []state.Member{{
			ID: member, Objects: objects, Generation: 2, MayHoldData: true, Address: "127.0.0.1", SSHPort: 22,
		}},
		PutRoles: []state.Role{{ID: role, Member: member}},
		PutRecords: []state.Record{
			{Address: at, Status: state.Ready, Member: member, Role: role, Computed: map[string]string{"address": "127.0.0.1"},
				Body: &resource.Instance{
					Name: name, Datastore: resource.Address{Kind: resource.KindDatastore, Name: "mariadb"}, Manager: "mariadb",
					Version: "10.11", Flavor: "db.small", Network: "private", Volume: &resource.Volume{Size: 1},
				}},
			{Address: resource.Address{Kind: resource.KindDatabase, Name: name, Key: resource.TextKey(`a"b<ü`)}, Status: state.Ready,
				Role: role, DependsOn: []resource.Address{at}, Body: &resource.Database{Instance: at, Name: "shop"}},
			{Address: resource.Address{Kind: resource.KindUser, Name: name}, Status: state.Ready, Role: role,
				DependsOn: []resource.Address{at}, Body: &resource.User{
					Instance: at, Name: "app", Host: "%", Password: &resource.Password{Digest: "d1", Engine: "e1"},
					Grants: []resource.Grant{{Database: "shop", Privileges: []string{"SELECT"}}},
				}},
		},
	}
}

// Intent is the creation of a server for a member.
func Intent(id state.IntentID, member state.MemberID, slot string) state.Intent {
	return state.Intent{
		ID: id, Member: member, Slot: slot, Operation: state.OpCreate, Direction: state.Forward, Digest: "d",
		Address: resource.Address{Kind: resource.KindInstance, Name: "orders"},
		Begun:   time.Date(2026, 3, 1, 10, 0, 0, 0, time.FixedZone("CET", 3600)),
	}
}
