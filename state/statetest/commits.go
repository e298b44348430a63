package statetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

func location(t *testing.T, b *bench) {
	if scheme, _, ok := strings.Cut(b.store.Location(), ":"); !ok || scheme == "" {
		t.Errorf("the location is %q, want SCHEME:...", b.store.Location())
	}
}

func missing(t *testing.T, b *bench) {
	if _, err := b.store.Read(t.Context()); !errors.Is(err, state.ErrMissing) {
		t.Errorf("reading: %v, want ErrMissing", err)
	}
	if _, err := b.store.Lock(t.Context(), state.LockRequest{Holder: holder("first")}); !errors.Is(err, state.ErrMissing) {
		t.Errorf("locking: %v, want ErrMissing", err)
	}
	if got, err := b.store.Holder(t.Context()); got != nil || err != nil {
		t.Errorf("the holder is %v, %v, want nobody", got, err)
	}
	if err := b.store.Unlock(t.Context(), "nobody"); err != nil {
		t.Errorf("unlocking what nobody holds: %v", err)
	}
	if _, err := b.store.Read(t.Context()); !errors.Is(err, state.ErrMissing) {
		t.Errorf("reading again: %v, want ErrMissing still", err)
	}
}

func create(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	want := state.Empty(Lineage)
	if diff := Diff(want, session.Snapshot()); diff != "" {
		t.Errorf("the session (-want +got):\n%s", diff)
	}
	if diff := Diff(want, read(t, b.again(t))); diff != "" {
		t.Errorf("the store (-want +got):\n%s", diff)
	}
}

func createKeeps(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	commit(t, session, Fleet(b.ids, "i", 1))
	want := session.Snapshot()
	closeSession(t, session)
	second, err := b.again(t).Lock(t.Context(), state.LockRequest{Holder: holder("second"), Create: strings.Repeat("b", 26)})
	if err != nil {
		t.Fatalf("locking again: %v", err)
	}
	defer closeSession(t, second)
	if diff := Diff(want, second.Snapshot()); diff != "" {
		t.Errorf("the lineage and what was recorded must stay (-want +got):\n%s", diff)
	}
}

func closeSession(t *testing.T, session state.Session) {
	t.Helper()
	if err := session.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
}

func readYourWrites(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	want := state.Empty(Lineage)
	for i := range 3 {
		batch := Fleet(b.ids, fmt.Sprintf("i%d-", i), 2)
		commit(t, session, batch)
		if err := state.Apply(want, batch); err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string]*state.Snapshot{
			"session": session.Snapshot(), "store": read(t, b.store), "another process": read(t, b.again(t)),
		} {
			if diff := Diff(want, got); diff != "" {
				t.Errorf("commit %d, %s (-want +got):\n%s", i, name, diff)
			}
		}
	}
	closeSession(t, session)
	if diff := Diff(want, read(t, b.again(t))); diff != "" {
		t.Errorf("after close (-want +got):\n%s", diff)
	}
	next := b.lock(t, b.again(t))
	if diff := Diff(want, next.Snapshot()); diff != "" {
		t.Errorf("the next session (-want +got):\n%s", diff)
	}
}

func serials(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	for want := uint64(1); want <= 3; want++ {
		commit(t, session, state.Batch{}) // an empty batch is a commit as well
		if got := session.Snapshot().Serial; got != want {
			t.Errorf("the serial is %d, want %d", got, want)
		}
	}
	if err := session.Commit(t.Context(), state.Batch{End: []state.IntentID{"x"}}); err == nil {
		t.Error("ending an intent that is not open was accepted")
	}
	closeSession(t, session)
	if got := read(t, b.again(t)); got.Serial != 3 || got.Lineage != Lineage {
		t.Errorf("serial %d of %s, want 3 of %s", got.Serial, got.Lineage, Lineage)
	}
}

func allOrNothing(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	commit(t, session, Fleet(b.ids, "i", 1))
	want := session.Snapshot()
	for name, spoil := range spoilers(b.ids, want) {
		batch := Instance(b.ids, "next")
		batch.Cloud = &state.CloudID{Region: "R1"}
		batch.BeginRun = &state.Run{PlanDigest: "p"}
		batch.Begin = []state.Intent{Intent(b.ids.Intent(), batch.PutMembers[0].ID, "server")}
		spoil(&batch)
		err := session.Commit(t.Context(), batch)
		if err == nil {
			t.Fatalf("%s: accepted", name)
		}
		if diff := Diff(want, session.Snapshot()); diff != "" {
			t.Fatalf("%s: the session changed (-want +got):\n%s", name, diff)
		}
		if diff := Diff(want, read(t, b.again(t))); diff != "" {
			t.Fatalf("%s: the store changed (-want +got):\n%s", name, diff)
		}
	}
}

// spoilers make a good batch one that must be refused.
func spoilers(ids *state.IDs, s *state.Snapshot) map[string]func(*state.Batch) {
	old := s.Sorted()[2] // database, datastore, instance, user
	return map[string]func(*state.Batch){
		"end of what is not open": func(b *state.Batch) { b.End = []state.IntentID{ids.Intent()} },
		"intent twice":            func(b *state.Batch) { b.Begin = append(b.Begin, b.Begin[0]) },
		"two intents of a slot": func(b *state.Batch) {
			b.Begin = append(b.Begin, Intent(ids.Intent(), b.Begin[0].Member, b.Begin[0].Slot))
		},
		"intent of no member":       func(b *state.Batch) { b.Begin[0].Member = ids.Member() },
		"unknown operation":         func(b *state.Batch) { b.Begin[0].Operation = "replace" },
		"unknown direction":         func(b *state.Batch) { b.Begin[0].Direction = "sideways" },
		"intent without a slot":     func(b *state.Batch) { b.Begin[0].Slot = "" },
		"unknown status":            func(b *state.Batch) { b.PutRecords[2].Status = "fine" },
		"record without a body":     func(b *state.Batch) { b.PutRecords[2].Body = nil },
		"body of another kind":      func(b *state.Batch) { b.PutRecords[2].Body = &resource.Datastore{} },
		"record without its role":   func(b *state.Batch) { b.PutRecords[2].Role = ids.Role() },
		"record without its member": func(b *state.Batch) { b.PutRecords[0].Member = ids.Member() },
		"role without its member":   func(b *state.Batch) { b.PutRoles[0].Member = ids.Member() },
		"another's machine":         func(b *state.Batch) { b.PutRecords[0].Member = old.Member },
		"another's object":          func(b *state.Batch) { b.PutMembers[0].Objects = s.Members[old.Member].Objects },
		"group that is not there":   func(b *state.Batch) { b.PutMembers[0].Groups = []state.MemberID{ids.Member()} },
		"group that is a machine":   func(b *state.Batch) { b.PutMembers[0].Groups = []state.MemberID{old.Member} },
		"group that nobody uses":    func(b *state.Batch) { b.PutMembers = append(b.PutMembers, state.Member{ID: ids.Member(), Key: "k"}) },
		"two groups of a key": func(b *state.Batch) {
			one, two := state.Member{ID: ids.Member(), Key: "k"}, state.Member{ID: ids.Member(), Key: "k"}
			b.PutMembers[0].Groups = []state.MemberID{one.ID, two.ID}
			b.PutMembers = append(b.PutMembers, one, two)
		},
		"group in a group": func(b *state.Batch) {
			b.PutMembers[0].Key, b.PutMembers[0].Groups = "k", []state.MemberID{old.Member}
		},
		"group with a server": func(b *state.Batch) { b.PutMembers[0].Key = "k" },
		"group that is left behind": func(b *state.Batch) {
			group := state.Member{ID: ids.Member(), Key: "k"}
			b.PutMembers[0].Groups = []state.MemberID{group.ID}
			b.PutMembers = append(b.PutMembers, group)
			b.DropMembers = []state.MemberID{group.ID}
		},
		"server group elsewhere": func(b *state.Batch) { b.PutMembers[0].ServerGroup = ids.Member() },
		"unknown slot":           func(b *state.Batch) { b.PutMembers[0].Objects["lamp"] = state.Object{ID: "x"} },
		"object without an id":   func(b *state.Batch) { b.PutMembers[0].Objects["server"] = state.Object{} },
		"member that is in use":  func(b *state.Batch) { b.DropMembers = []state.MemberID{old.Member} },
		"role that is in use":    func(b *state.Batch) { b.DropRoles = []state.RoleID{old.Role} },
		"drop of no record":      func(b *state.Batch) { b.DropRecords = []resource.Address{{Kind: "user", Name: "nobody"}} },
	}
}

func secretsStayOut(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	batch := Fleet(b.ids, "i", 1)
	user := batch.PutRecords[3].Body.(*resource.User)
	user.Password.Secret = resource.NewSecret("correct horse")
	user.Password.Verifier = resource.NewSecret("*ABCDEF")
	commit(t, session, batch)
	for _, snapshot := range []*state.Snapshot{session.Snapshot(), read(t, b.store)} {
		kept := snapshot.Records[batch.PutRecords[3].Address].Body.(*resource.User)
		if kept.Password.Supplied() || kept.Password.Digest != "d1" {
			t.Errorf("what is kept of the password: %+v", kept.Password)
		}
		data, err := state.Encode(snapshot)
		if err != nil || bytes.Contains(data, []byte("correct horse")) || bytes.Contains(data, []byte("*ABCDEF")) {
			t.Errorf("the encoded state holds a secret (error %v)", err)
		}
	}
}

func copies(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	batch := Fleet(b.ids, "i", 1)
	commit(t, session, batch)
	want := session.Snapshot()
	spoil := func(m state.Member, r state.Record) {
		m.Objects[state.SlotServer] = state.Object{ID: "changed"}
		r.Computed["address"] = "changed"
		r.Body.(*resource.Instance).Version = "changed"
	}
	spoil(batch.PutMembers[0], batch.PutRecords[1]) // what was put stays the caller's
	for range 2 {
		for _, got := range []*state.Snapshot{session.Snapshot(), read(t, b.store)} {
			if diff := Diff(want, got); diff != "" {
				t.Fatalf("a change of a copy came through (-want +got):\n%s", diff)
			}
			spoil(got.Members[batch.PutMembers[0].ID], got.Records[batch.PutRecords[1].Address])
			clear(got.Records)
		}
	}
}

func runAndCloud(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	cloud := state.CloudID{AuthURL: "http://127.0.0.1:5000", ProjectID: "p1", ProjectName: "db", Region: "R1"}
	cloud.Others = map[string]state.CloudID{"west": {AuthURL: "http://127.0.0.1:5001", ProjectID: "p2", ProjectName: "db", Region: "R2"}}
	commit(t, session, state.Batch{Cloud: &cloud, KeyCheck: "k1", BeginRun: &state.Run{PlanDigest: "plan1", Who: "anna"}})
	got := read(t, b.again(t))
	if got.Cloud == nil || cmp.Diff(cloud, *got.Cloud) != "" || got.KeyCheck != "k1" || got.Run == nil || got.Run.PlanDigest != "plan1" {
		t.Errorf("cloud %v, key check %q, run %v", got.Cloud, got.KeyCheck, got.Run)
	}
	commit(t, session, state.Batch{BeginRun: &state.Run{PlanDigest: "plan1", Who: "bert"}})
	if err := session.Commit(t.Context(), state.Batch{BeginRun: &state.Run{PlanDigest: "plan2"}}); err == nil {
		t.Error("another plan's run was begun while one is open")
	}
	if err := session.Commit(t.Context(), state.Batch{KeyCheck: "k2"}); err == nil {
		t.Error("the key check was replaced")
	}
	commit(t, session, state.Batch{EndRun: true, KeyCheck: "k1"})
	if got := read(t, b.again(t)); got.Run != nil || got.KeyCheck != "k1" {
		t.Errorf("after the end: run %v, key check %q", got.Run, got.KeyCheck)
	}
}

func drop(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	batch := Fleet(b.ids, "i", 1)
	commit(t, session, batch)
	gone := state.Batch{DropRoles: []state.RoleID{batch.PutRoles[0].ID}, DropMembers: []state.MemberID{batch.PutMembers[0].ID}}
	for _, r := range batch.PutRecords {
		gone.DropRecords = append(gone.DropRecords, r.Address)
	}
	commit(t, session, gone)
	want := state.Empty(Lineage)
	want.Serial = 2
	if diff := Diff(want, read(t, b.again(t))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func cancelledCommit(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := session.Commit(ctx, Fleet(b.ids, "i", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled commit: %v", err)
	}
	var done sync.WaitGroup
	for i := range 20 { // whatever a commit returns is true
		batch := Instance(b.ids, fmt.Sprintf("c%d", i))
		ctx, cancel := context.WithCancel(t.Context())
		done.Go(func() {
			err := session.Commit(ctx, batch)
			_, there := session.Snapshot().Records[batch.PutRecords[0].Address]
			if there != (err == nil) {
				t.Errorf("commit %d said %v, but recorded is %t", i, err, there)
			}
		})
		done.Go(cancel)
	}
	done.Wait()
}
