package executor_test

import (
	"context"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

const twin = "instance.twin"

// twins is a world in which two instances share one security group.
func twins(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.ask(shape{noUser: true, twin: ten})
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	if a, b := w.object(orders, state.SlotSecurityGroup), w.object(twin, state.SlotSecurityGroup); a == "" || a != b {
		t.Fatalf("the groups are %q and %q", a, b)
	}
	return w
}

// calls is how often a call was made to the cloud.
func (w *world) calls(call string) int { return w.cloud.Calls()[call] }

// port gives the security groups of an instance's port.
func (w *world) groupsOf(where string) []string {
	w.t.Helper()
	port, err := w.cloud.Cloud().Ports.Get(context.Background(), w.object(where, state.SlotPort))
	must(w.t, err)
	return port.SecurityGroups
}

// TestGroups_oneForTwenty: instances that are made at once and let the same in have one security group, made by one call,
// and its name says what it is.
func TestGroups_oneForTwenty(t *testing.T) {
	w := newWorld(t)
	w.want, w.secret = fleetOf(20)
	w.want.NamePrefix = "prod-"
	w.parallel = 8
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	groups := w.cloud.Objects().SecurityGroups
	if len(groups) != 1 || w.calls("create security group") != 1 || w.calls("get security group") != 0 {
		t.Fatalf("%d groups, calls %v", len(groups), w.cloud.Calls())
	}
	body := w.record(`instance.fleet["n00000"]`).Body
	wantText(t, groups[0].Name, "prod-access-"+body.(*resource.Instance).AccessKey()[:8])
	w.ask(shape{password: "one"}) // the twenty go and one more comes, in whatever order
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	if groups := w.cloud.Objects().SecurityGroups; len(groups) != 1 {
		t.Errorf("the groups are %v", groups)
	}
	w.done(plan.ModeDestroy, "delete datastore.mariadb", "delete config_group.oltp", "delete "+orders, "delete "+shop, "delete "+app)
	if left := w.marked(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestGroups_drift: rules changed by hand are seen of every instance that shares the group, and are mended once.
func TestGroups_drift(t *testing.T) {
	w := twins(t)
	ctx, groups := context.Background(), w.cloud.Cloud().SecurityGroups
	group, err := groups.Get(ctx, w.object(orders, state.SlotSecurityGroup))
	must(t, err)
	for _, rule := range group.Rules {
		must(t, groups.DeleteRule(ctx, rule.ID))
	}
	foreign := providers.Mark{Lineage: "zzzzzzzz", Member: "m", Intent: "i"}
	_, err = groups.AddRule(ctx, group.ID, foreign, providers.Rule{Port: 3306, CIDR: "0.0.0.0/0"})
	must(t, err)
	before := w.calls("add security group rule")
	p := w.done(plan.ModeApply, "update "+orders, "update "+twin)
	if len(p.Drift) != 2 {
		t.Errorf("the drift is %v", p.Drift)
	}
	wantTexts(t, w.allowed(3306), ten...)
	wantTexts(t, w.allowed(22), "10.9.0.1/32")
	if n := w.calls("add security group rule") - before; n != 2 {
		t.Errorf("%d rules were added, want 2", n)
	}
}

// TestGroups_ofThePort: a group that was taken from a port, or given to it, is drift of that instance and put right.
func TestGroups_ofThePort(t *testing.T) {
	for name, change := range map[string]func(ctx context.Context, w *world, ours string) []string{
		"taken": func(context.Context, *world, string) []string { return nil },
		"given": func(ctx context.Context, w *world, ours string) []string {
			other, err := w.cloud.Cloud().SecurityGroups.Create(ctx, providers.SecurityGroupSpec{
				Mark: providers.Mark{Lineage: "zzzzzzzz", Member: "m", Intent: "i"}, Name: "theirs", Rules: []providers.Rule{{Port: 3306, CIDR: "0.0.0.0/0"}},
			})
			must(w.t, err)
			return []string{ours, other.ID}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := twins(t)
			ctx, ours := context.Background(), w.object(orders, state.SlotSecurityGroup)
			must(t, w.cloud.Cloud().Ports.SetSecurityGroups(ctx, w.object(orders, state.SlotPort), change(ctx, w, ours)))
			_, p, err := w.run(0, plan.ModeApply)
			must(t, err)
			if len(p.Drift) != 1 || len(p.Steps) != 1 || p.Steps[0].Address.String() != orders {
				t.Errorf("drift %v, steps %v", p.Drift, stepIDs(p))
			}
			wantTexts(t, w.groupsOf(orders), ours)
			wantTexts(t, w.groupsOf(twin), ours)
		})
	}
}

// TestGroups_gone: a group that both have lost is made again once, and both ports get it.
func TestGroups_gone(t *testing.T) {
	w := twins(t)
	w.parallel = 2
	w.ungrouped()
	w.done(plan.ModeApply, "update "+orders, "update "+twin)
	now := w.object(orders, state.SlotSecurityGroup)
	wantTexts(t, w.groupsOf(orders), now)
	wantTexts(t, w.groupsOf(twin), now)
	if n := w.calls("create security group"); n != 2 {
		t.Errorf("%d groups were made, want 2", n)
	}
}

// TestGroups_changedBeforeItWasMade: an instance that failed for want of a group asks for another one, and nothing of the
// first stays.
func TestGroups_changedBeforeItWasMade(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{noUser: true})
	w.cloud.Deny("create security group")
	_ = w.fails(plan.ModeApply, "create "+orders)
	w.cloud.Heal()
	w.ask(shape{noUser: true, cidrs: []string{"192.0.2.0/24"}})
	w.apply(plan.ModeApply)
	w.ended(plan.ModeApply)
	if groups := w.cloud.Objects().SecurityGroups; len(groups) != 1 {
		t.Errorf("the groups are %v", groups)
	}
	shared := 0
	for _, m := range w.snapshot().Members {
		if m.Key != "" {
			shared++
		}
	}
	if shared != 1 {
		t.Errorf("%d groups are recorded", shared)
	}
}

// TestGroups_ofItsOwn: a machine that an early version gave a group of its own keeps it, changes to a shared one with its
// access, and takes both along.
func TestGroups_ofItsOwn(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{noUser: true})
	w.apply(plan.ModeApply)
	ctx, m := context.Background(), w.member(orders)
	group := w.snapshot().Members[m.Groups[0]]
	m.Groups, m.Objects[state.SlotSecurityGroup] = nil, group.Objects[state.SlotSecurityGroup]
	session, err := w.store.Lock(ctx, state.LockRequest{Holder: state.Holder{ID: "early"}})
	must(t, err)
	must(t, session.Commit(ctx, state.Batch{PutMembers: []state.Member{m}, DropMembers: []state.MemberID{group.ID}}))
	must(t, session.Close())
	w.ended(plan.ModeApply)
	w.ask(shape{noUser: true, name: "renamed"})
	w.done(plan.ModeApply, "update "+orders)
	w.ask(shape{noUser: true, name: "renamed", cidrs: []string{"192.0.2.0/24"}})
	w.done(plan.ModeApply, "update "+orders)
	wantTexts(t, w.allowed(3306), "192.0.2.0/24")
	wantTexts(t, w.groupsOf(orders), w.object(orders, state.SlotSecurityGroup))
	w.apply(plan.ModeDestroy)
	w.ended(plan.ModeDestroy)
}
