package statetest

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

func entries(t *testing.T, store state.Store, n int) []state.Entry {
	t.Helper()
	out, err := store.History(t.Context(), n)
	if err != nil {
		t.Fatalf("reading the change log: %v", err)
	}
	return out
}

func logText(t *testing.T, all []state.Entry) string {
	t.Helper()
	data, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func history(t *testing.T, b *bench) {
	if _, err := b.store.History(t.Context(), 0); !errors.Is(err, state.ErrMissing) {
		t.Errorf("the change log of no state: %v, want ErrMissing", err)
	}
	session := b.lock(t, b.store)
	if got := entries(t, b.again(t), 0); len(got) > 0 {
		t.Errorf("the change log of a new state: %v", got)
	}
	batch := Instance(b.ids, "orders")
	at, member := batch.PutRecords[0].Address, batch.PutMembers[0].ID
	intent := Intent(b.ids.Intent(), member, "server")
	batch.BeginRun, batch.Begin = &state.Run{PlanDigest: "plan1"}, []state.Intent{intent}
	began := time.Now().Add(-time.Minute)
	commit(t, session, batch)
	if err := session.Commit(t.Context(), state.Batch{DropMembers: []state.MemberID{member}}); err == nil {
		t.Error("a member that is in use was dropped")
	}
	commit(t, session, state.Batch{EndRun: true, End: []state.IntentID{intent.ID}, DropRecords: []resource.Address{at}})
	got := entries(t, b.again(t), 0) // without the lock, which the session holds
	for _, e := range got {
		if e.At.Before(began) || e.At.After(time.Now().Add(time.Minute)) || e.At.Location() != time.UTC {
			t.Errorf("serial %d was written at %s", e.Serial, e.At)
		}
	}
	of := holder("first")
	want := []state.Entry{
		{Serial: 1, Who: of.Who, Operation: of.Operation, Pipeline: of.Pipeline, Changes: []state.Change{
			{Kind: state.ChangeRun, Detail: "plan1"}, {Kind: state.ChangeMember, Detail: string(member)},
			{Kind: state.ChangeRecorded, Address: at, Detail: "ready"},
			{Kind: state.ChangeRecorded, Address: batch.PutRecords[1].Address, Detail: "ready"},
			{Kind: state.ChangeRecorded, Address: batch.PutRecords[2].Address, Detail: "ready"},
			{Kind: state.ChangeBegun, Address: intent.Address, Detail: "create server"},
		}},
		{Serial: 2, Who: of.Who, Operation: of.Operation, Pipeline: of.Pipeline, Changes: []state.Change{
			{Kind: state.ChangeNoRun}, {Kind: state.ChangeEnded, Address: intent.Address, Detail: "create server"},
			{Kind: state.ChangeForgotten, Address: at},
		}},
	}
	for i := range got {
		got[i].At = time.Time{}
	}
	if diff := cmp.Diff(logText(t, want), logText(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	commit(t, session, state.Batch{DropRecords: []resource.Address{batch.PutRecords[1].Address, batch.PutRecords[2].Address}})
}

// historyOfMany: commits that share a transaction have an entry each, and the newest are last, over several sessions.
func historyOfMany(t *testing.T, b *bench) {
	const each = 30
	for range 2 {
		session, err := b.again(t).Lock(t.Context(), state.LockRequest{Holder: holder("many"), Create: Lineage})
		if err != nil {
			t.Fatal(err)
		}
		var done sync.WaitGroup
		for range each {
			done.Go(func() { commit(t, session, state.Batch{}) })
		}
		done.Wait()
		closeSession(t, session)
	}
	all := entries(t, b.store, 0)
	if len(all) != 2*each {
		t.Fatalf("%d entries for %d commits", len(all), 2*each)
	}
	for i, e := range all {
		if e.Serial != uint64(i+1) {
			t.Fatalf("entry %d is of serial %d", i, e.Serial)
		}
	}
	if diff := cmp.Diff(logText(t, all[2*each-7:]), logText(t, entries(t, b.again(t), 7))); diff != "" {
		t.Errorf("the newest 7 (-want +got):\n%s", diff)
	}
}

func historyWithoutSecrets(t *testing.T, b *bench) {
	session := b.lock(t, b.store)
	batch := Fleet(b.ids, "i", 100) // more records than an entry lists
	for _, r := range batch.PutRecords {
		if user, ok := r.Body.(*resource.User); ok {
			user.Password.Secret = resource.NewSecret("correct horse")
		}
	}
	commit(t, session, batch)
	got := entries(t, b.store, 1)
	if listed := len(got[0].Changes); listed+got[0].More != 401 || listed > 300 {
		t.Errorf("%d changes are listed, and %d more are told", listed, got[0].More)
	}
	if strings.Contains(logText(t, got), "correct horse") {
		t.Error("the change log holds a secret")
	}
}
