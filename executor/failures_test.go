package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	cloudmem "github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/state"
)

type serverView = providers.Server

func fresh(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.ask(shape{limit: "200", password: "one"})
	return w
}

// theRest are the steps of the next run when the instance failed after the datastore and the config group were made.
var theRest = []string{"create " + orders, "create " + shop, "create " + app}

// TestFailure_ofABuild: a failed server or volume keeps its fault, and the next run replaces it.
func TestFailure_ofABuild(t *testing.T) {
	for call, slot := range map[string]state.Slot{"create server": state.SlotServer, "create volume": state.SlotVolume} {
		t.Run(call, func(t *testing.T) {
			w := fresh(t)
			w.cloud.Fail(cloudmem.Fault{Call: call, Build: "ERROR", Message: "No valid host was found"})
			_ = w.fails(plan.ModeApply, "went to")
			if r := w.record(orders); r.Status != state.Failed || r.Fault == "" {
				t.Errorf("recorded is %s %q", r.Status, r.Fault)
			}
			if slot == state.SlotServer && !strings.Contains(w.record(orders).Fault, "No valid host") {
				t.Errorf("the fault is %q", w.record(orders).Fault)
			}
			failed := w.object(orders, slot)
			w.done(plan.ModeApply, theRest...)
			if w.object(orders, slot) == failed {
				t.Error("it was not replaced")
			}
		})
	}
}

// TestFailure_definite: where the cloud said no, nothing is under way, and nothing stays open.
func TestFailure_definite(t *testing.T) {
	for _, kind := range []providers.ErrorKind{providers.KindQuota, providers.KindDenied, providers.KindConflict, providers.KindInvalid} {
		for _, call := range []string{"create security group", "create port", "create volume", "create server"} {
			t.Run(fmt.Sprintf("%s %s", call, kind), func(t *testing.T) {
				w := fresh(t)
				w.cloud.Fail(cloudmem.Fault{Call: call, Kind: kind, Message: "because"})
				_ = w.fails(plan.ModeApply, "because")
				if open := w.snapshot().Intents; len(open) != 0 {
					t.Errorf("open: %v", open)
				}
				w.done(plan.ModeApply, theRest...)
			})
		}
	}
}

func TestFailure_agentNeverAnswers(t *testing.T) {
	w := fresh(t)
	boot := w.cloud.OnServerActive
	w.cloud.OnServerActive = nil
	_ = w.fails(plan.ModeApply, "nothing answered at the server's address within", "the server's console ends with")
	w.cloud.OnServerActive = boot
	w.guests.births(w)
	w.done(plan.ModeApply, theRest...)
}

func TestFailure_agentAnswersGarbage(t *testing.T) {
	for _, method := range []guest.Method{guest.MethodPing, guest.MethodRotate, guest.MethodPrepare, guest.MethodPutDatabase, guest.MethodPutUser} {
		t.Run(string(method), func(t *testing.T) {
			w := fresh(t)
			w.carrier = babbling(method, `{"member": 7, "generation": "x", "running_version": [], "verifier_digest": {}} and more`)
			_ = w.fails(plan.ModeApply)
			w.carrier = nil
			if _, _, err := w.run(0, plan.ModeApply); err != nil {
				t.Fatal(err)
			}
			w.ended(plan.ModeApply)
		})
	}
}

// TestFailure_engineRefuses: nothing of a change that the engine refused is recorded, and it is tried again.
func TestFailure_engineRefuses(t *testing.T) {
	w, f := built(t)
	f.settings(map[string]string{"max_connections": "250"})
	w.carrier = refusing(guest.MethodConfigure, guest.Errorf(guest.KindEngine, "no memory for 250 connections"))
	_ = w.fails(plan.ModeApply, "no memory for 250 connections")
	if got := w.record(orders).Body.(*resource.Instance).Settings["max_connections"]; got != "200" {
		t.Errorf("recorded is %s", got)
	}
	if open := w.snapshot().Intents; len(open) != 0 {
		t.Errorf("open: %v", open)
	}
	w.carrier = nil
	w.done(plan.ModeApply, "update "+orders)
}

// TestFailure_passwordNotSupplied: only the step that must set it fails, and what it knew of the password stays.
// TestFailure_databaseInUse: a database that its clients hold on to stays recorded, and the next apply tries again.
func TestFailure_databaseInUse(t *testing.T) {
	w, f := built(t)
	f.without(shop)
	f.user.Grants = nil
	w.carrier = refusing(guest.MethodDropDatabase, guest.Errorf(guest.KindConflict, "dropping database \"shop\": 3 sessions use it"))
	_ = w.fails(plan.ModeApply, "delete "+shop, "3 sessions use it")
	if _, there := w.database("shop"); !there || w.record(shop).Status != state.Ready {
		t.Error("what was not dropped is not there, or not recorded")
	}
	w.carrier = nil
	w.done(plan.ModeApply, "delete "+shop)
}

func TestFailure_passwordNotSupplied(t *testing.T) {
	w := fresh(t)
	w.estate().user.Password, w.secret = &resource.Password{}, nil
	_ = w.fails(plan.ModeApply, "the password of "+app+" was not supplied")
	if got := w.outcomes()["create "+shop]; got != "done" {
		t.Errorf("the database is %q", got)
	}
	w, f := built(t)
	before := *w.record(app).Body.(*resource.User).Password
	f.user.Password, w.secret = &resource.Password{}, nil
	f.user.Grants[0].Privileges = []string{"DELETE"}
	w.done(plan.ModeApply, "update "+app)
	if after := *w.record(app).Body.(*resource.User).Password; after.Digest != before.Digest || after.Engine != before.Engine || after.Engine == "" {
		t.Errorf("recorded is %+v, was %+v", after, before)
	}
	must(t, w.engine().DropUser(context.Background(), guest.UserName{Name: "app", Host: "%"}))
	_ = w.fails(plan.ModeApply, "was not supplied")
}

// TestFailure_userWithoutPassword: one that is there is taken over and keeps its password; a new one is refused.
func TestFailure_userWithoutPassword(t *testing.T) {
	w, f := built(t)
	_, err := w.engine().PutUser(context.Background(), guest.PutUser{Name: "old", Host: "%", Verifier: "*" + strings.Repeat("A", 40)})
	must(t, err)
	before, _ := w.account("old", "%")
	f.add("user.old", &resource.User{Instance: f.user.Instance, Name: "old", Host: "%"})
	w.done(plan.ModeApply, "create user.old")
	if after, _ := w.account("old", "%"); after.Verifier != before.Verifier {
		t.Errorf("the password changed from %q to %q", before.Verifier, after.Verifier)
	}
	f.add("user.new", &resource.User{Instance: f.user.Instance, Name: "new", Host: "%"})
	_ = w.fails(plan.ModeApply, "needs a password to be made")
}

// TestFailure_extendRefused: a volume that cannot be extended leaves nothing open.
func TestFailure_extendRefused(t *testing.T) {
	w, f := built(t)
	w.cloud.Fail(cloudmem.Fault{Call: "extend volume", Kind: providers.KindQuota, Message: "quota"})
	f.inst.Volume.Size = 2
	_ = w.fails(plan.ModeApply, "quota")
	f.inst.Volume.Size = 1
	w.ended(plan.ModeApply)
}

// lying are facts that do not hold for one address.
type lying struct{ about string }

func (l lying) Verify(_ context.Context, s plan.Step) error {
	if s.Address.String() == l.about {
		return errors.New("it was changed since the plan was made")
	}
	return nil
}

func TestFailure_factsStopOneBranch(t *testing.T) {
	w, f := built(t)
	f.db.Charset = "latin1"
	f.user.Grants[0].Privileges = []string{"DELETE"}
	f.inst.Name = "orders-2"
	f.store.Versions["10.6"] = resource.DatastoreVersion{Image: "mariadb-10.6"}
	w.facts = lying{orders}
	_ = w.fails(plan.ModeApply, "changed since the plan")
	got := w.outcomes()
	wantText(t, got["update datastore.mariadb"], "done")
	wantText(t, got["update "+orders], "failed")
	wantText(t, got["update "+shop], "skipped because of update "+orders)
	w.facts = nil
	w.done(plan.ModeApply, "update "+orders, "update "+shop, "update "+app)
}

// TestInterrupt_once: what runs goes on to its end (but for waits, which end), and nothing further is begun.
func TestInterrupt_once(t *testing.T) {
	w := fresh(t)
	soft, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.soft = soft
	w.carrier = func(c guest.Carrier) guest.Carrier {
		return answering{c, func(r guest.Request) (json.RawMessage, bool, error) {
			if r.Method == guest.MethodPrepare { // nothing is waited for from there on
				cancel()
			}
			return nil, false, nil
		}}
	}
	_ = w.fails(plan.ModeApply, "interrupted: 2 steps were not begun")
	got := w.outcomes()
	wantText(t, got["create "+orders], "done")
	wantText(t, got["create "+shop], "skipped because of interrupted")
	w.soft, w.carrier = nil, nil
	w.done(plan.ModeApply, "create "+shop, "create "+app)
}

// TestInterrupt_twice ends what runs: its record says that it is unfinished and blames nothing.
func TestInterrupt_twice(t *testing.T) {
	w := fresh(t)
	hard, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.hard = hard
	w.onCall = func(call string) {
		if call == "create volume" {
			cancel()
		}
	}
	_ = w.fails(plan.ModeApply, "canceled")
	if r := w.record(orders); r.Status != state.Creating || r.Fault != "" {
		t.Errorf("recorded is %s %q", r.Status, r.Fault)
	}
	w.hard, w.onCall = nil, nil
	w.done(plan.ModeApply, theRest...)
}

// TestResume_withOtherRules: a security group that an earlier run made gets the rules that are wanted now; without them
// the agent would never be reached.
func TestResume_withOtherRules(t *testing.T) {
	w := fresh(t)
	w.cloud.Fail(cloudmem.Fault{Call: "create volume", Kind: providers.KindQuota})
	_ = w.fails(plan.ModeApply)
	group, err := w.cloud.Cloud().SecurityGroups.Get(context.Background(), w.object(orders, state.SlotSecurityGroup))
	must(t, err)
	for _, rule := range group.Rules {
		must(t, w.cloud.Cloud().SecurityGroups.DeleteRule(context.Background(), rule.ID))
	}
	w.estate().inst.Guest.SourceCIDRs = []string{"10.9.0.7/32"}
	w.done(plan.ModeApply, theRest...)
	wantTexts(t, w.allowed(22), "10.9.0.7/32")
	wantTexts(t, w.allowed(3306), "10.0.0.0/8")
}
