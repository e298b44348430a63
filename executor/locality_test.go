package executor_test

import (
	"context"
	"slices"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	cloudmem "github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/state"
)

// placed is a fleet of which all instances have a locality.
func placed(t *testing.T, n int, locality string) *world {
	t.Helper()
	w := newWorld(t)
	w.want, w.secret = fleetOf(n)
	for _, r := range w.want.Resources {
		if body, ok := r.Body.(*resource.Instance); ok {
			body.Locality = locality
		}
	}
	return w
}

// group is the only server group.
func (w *world) group() providers.ServerGroup {
	w.t.Helper()
	all := w.cloud.Objects().ServerGroups
	if len(all) != 1 {
		w.t.Fatalf("the server groups are %+v, want one", all)
	}
	return all[0]
}

// TestLocality_oneForTwenty: instances of one block that are made at once share one server group, and the last one to go
// takes it along.
func TestLocality_oneForTwenty(t *testing.T) {
	w := placed(t, 20, "soft-anti-affinity")
	w.want.NamePrefix, w.parallel = "prod-", 8
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	group := w.group()
	wantText(t, group.Name, "prod-fleet-soft-anti-affinity")
	wantText(t, group.Policy, "soft-anti-affinity")
	if len(group.MemberIDs) != 20 || w.calls("create server group") != 1 || w.calls("get server group") != 0 {
		t.Errorf("%d members, calls %v", len(group.MemberIDs), w.cloud.Calls())
	}
	wantText(t, w.object(`instance.fleet["n00007"]`, state.SlotServerGroup), group.ID)
	w.ask(shape{noUser: true, locality: "soft-anti-affinity"}) // the twenty go, and another block comes
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	if next := w.group(); next.ID == group.ID || !slices.Equal(next.MemberIDs, []string{w.object(orders, state.SlotServer)}) {
		t.Errorf("the server group is %+v", next)
	}
	w.apply(plan.ModeDestroy)
	if left := w.marked(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestLocality_gone: a server group that somebody deleted is no drift, and is made anew for the next server of the block.
func TestLocality_gone(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{noUser: true, locality: "affinity"})
	w.apply(plan.ModeApply)
	was := w.group()
	must(t, w.cloud.Cloud().ServerGroups.Delete(context.Background(), was.ID))
	if _, p, err := w.run(0, plan.ModeApply); err != nil || !p.Empty() {
		t.Errorf("planned are %s (%v)", stepIDs(p), err)
	}
	w.gone(state.SlotServer)
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	if now := w.group(); now.ID == was.ID || !slices.Equal(now.MemberIDs, []string{w.object(orders, state.SlotServer)}) {
		t.Errorf("the server group is %+v", now)
	}
}

// TestLocality_changed: a server that is there is never moved for it; one that failed to come is asked for anew, and nothing
// of the first group stays.
func TestLocality_changed(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{noUser: true, locality: "affinity"})
	w.cloud.Deny("create server")
	_ = w.fails(plan.ModeApply, "create "+orders)
	w.cloud.Heal()
	w.ask(shape{noUser: true, locality: "anti-affinity"})
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	wantText(t, w.group().Policy, "anti-affinity")
	w.ask(shape{noUser: true, locality: "affinity"})
	w.refuses(plan.ModeApply, "locality", "locality")
	w.ask(shape{noUser: true})
	w.refuses(plan.ModeApply, "locality", "locality")
}

// TestLocality_crowded: a server that finds no host says why it had to be another one.
func TestLocality_crowded(t *testing.T) {
	for _, fault := range []string{"No valid host was found.", "Exceeded maximum number of retries. Last exception: Anti-affinity instance group policy was violated"} {
		w := placed(t, 3, "anti-affinity")
		w.cloud.Fail(cloudmem.Fault{Call: "create server", Nth: 3, Build: "ERROR", Message: fault})
		_ = w.fails(plan.ModeApply, fault, `its locality is "anti-affinity", and its server group `, " has 3 servers with this one")
		w.apply(plan.ModeApply) // the failed one is replaced
		w.ended(plan.ModeApply)
		if group := w.group(); len(group.MemberIDs) != 3 {
			t.Errorf("the server group is %+v", group)
		}
	}
}
