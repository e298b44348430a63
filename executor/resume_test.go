package executor_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// saved is what a file would bring back of the plan that is made now.
func (w *world) saved(mode plan.Mode) *plan.Plan {
	w.t.Helper()
	ctx := context.Background()
	now, err := w.store.Read(ctx)
	if err != nil {
		now = state.Empty(lineage)
	}
	p, err := w.look(ctx, now, mode)
	if err != nil {
		w.t.Fatalf("planning: %v", err)
	}
	w.replace = nil
	data, err := plan.Encode(p)
	if err != nil {
		w.t.Fatal(err)
	}
	back, err := plan.Decode(data)
	if err != nil {
		w.t.Fatal(err)
	}
	return back
}

// applySaved applies a saved plan, or goes on with it, as the command does.
func (w *world) applySaved(dieAt int, p *plan.Plan) (*life, error) {
	w.t.Helper()
	l, _, err := w.live(dieAt, func(_ context.Context, now *state.Snapshot) (*plan.Plan, state.Batch, bool, error) {
		digest := plan.Digest(p)
		if now.Run != nil {
			if now.Run.PlanDigest != digest {
				w.t.Fatalf("the run of another plan is open: %s", now.Run.PlanDigest)
			}
			return p, state.Batch{BeginRun: now.Run}, true, nil
		}
		if now.Serial != p.Serial {
			return nil, state.Batch{}, false, fmt.Errorf("stale: %d, not %d", p.Serial, now.Serial)
		}
		return p, state.Batch{BeginRun: &state.Run{PlanDigest: digest, Begun: w.now, Who: "test"}}, false, nil
	})
	return l, err
}

// remade are stories in which something was taken away by hand, or changes its name to one that becomes free.
var remade = []story{
	{"server gone", func(w *world) { w.without(state.SlotServer) }, shape{limit: "200", password: "one"}, plan.ModeApply, 8},
	{"port gone", func(w *world) { w.without(state.SlotPort) }, shape{limit: "200", password: "one"}, plan.ModeApply, 8},
	{"security group gone", func(w *world) { w.without(state.SlotSecurityGroup) }, shape{limit: "200", password: "one"}, plan.ModeApply, 8},
	{"shared group gone", func(w *world) {
		w.ask(shape{noUser: true, twin: ten})
		w.apply(plan.ModeApply)
		w.ungrouped()
	}, shape{noUser: true, twin: ten}, plan.ModeApply, 15},
	replacing,
	{"names passed on", func(w *world) {
		w.ask(shape{password: "one", login: "app", second: "two"})
		w.apply(plan.ModeApply)
	}, shape{password: "one", login: "new", second: "app"}, plan.ModeApply, 8},
	{"a name freed and taken", func(w *world) {
		w.ask(shape{password: "one", login: "app"})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, second: "app"}, plan.ModeApply, 8},
}

// without applies the smallest fleet and then removes the object of a slot, by hand.
func (w *world) without(slot state.Slot) {
	w.t.Helper()
	w.ask(shape{limit: "200", password: "one"})
	w.apply(plan.ModeApply)
	ctx, cloud := context.Background(), w.cloud.Cloud()
	snapshot, err := w.store.Read(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range snapshot.Members {
		if m.Key != "" {
			continue
		}
		object, _ := snapshot.Object(m.ID, slot)
		id := object.ID
		switch slot {
		case state.SlotServer:
			err = cloud.Servers.Delete(ctx, id)
			for err == nil { // it takes a few looks until it is gone
				_, err = cloud.Servers.Get(ctx, id)
			}
			if providers.IsKind(err, providers.KindNotFound) {
				err = nil
			}
		case state.SlotPort:
			err = cloud.Ports.Delete(ctx, id)
		case state.SlotSecurityGroup:
			if err = cloud.Ports.SetSecurityGroups(ctx, m.Objects[state.SlotPort].ID, nil); err == nil {
				err = cloud.SecurityGroups.Delete(ctx, id)
			}
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// ungrouped takes every port out of its security groups and removes those, by hand.
func (w *world) ungrouped() {
	w.t.Helper()
	ctx, cloud, objects := context.Background(), w.cloud.Cloud(), w.cloud.Objects()
	for _, port := range objects.Ports {
		must(w.t, cloud.Ports.SetSecurityGroups(ctx, port.ID, nil))
	}
	for _, group := range objects.SecurityGroups {
		must(w.t, cloud.SecurityGroups.Delete(ctx, group.ID))
	}
}

// TestCrash_resumed dies at each point of the apply of a saved plan, and then again on the way of going on with it, at each
// point or at a sample of them. The same plan brings it to its end, where its run is closed and nothing is left to do.
func TestCrash_resumed(t *testing.T) {
	for _, s := range append(append([]story{}, stories...), remade...) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			points, again, schedules := s.savedPoints(t), newSample(t, 40), 0
			for first := 1; first <= points; first++ {
				chosen := again.of(s.resume(t, first, 0))
				for _, second := range chosen {
					s.resume(t, first, second)
				}
				schedules += 1 + len(chosen)
			}
			t.Logf("%s: %d points, %d schedules", s.name, points, schedules)
		})
	}
}

// savedPoints applies the saved plan of a story to its end and counts the instants at which that can die.
func (s story) savedPoints(t *testing.T) int {
	t.Helper()
	w := s.begin(t)
	l, err := w.applySaved(0, w.saved(s.mode))
	if err != nil {
		t.Fatalf("without a death: %v", err)
	}
	if l.points < s.min {
		t.Fatalf("there are only %d points", l.points)
	}
	w.closed(s, "without a death")
	return l.points
}

// resume begins the apply of a saved plan, which dies at one point, goes on with it until it dies at another (0: never),
// and then to its end. It gives what was done on the first way of going on.
func (s story) resume(t *testing.T, first, second int) []string {
	t.Helper()
	w := s.begin(t)
	p, when := w.saved(s.mode), fmt.Sprintf("died at %d, then at %d", first, second)
	if _, err := w.applySaved(first, p); err == nil {
		t.Fatalf("death at point %d had no effect", first)
	}
	trace, err := w.goOn(p, second)
	if died := err != nil; died != (second > 0) {
		t.Fatalf("%s (%s): %v", when, lastOf(trace), err)
	}
	if second > 0 {
		if _, err := w.goOn(p, 0); err != nil {
			t.Fatalf("%s (%s), and could not go on: %v", when, lastOf(trace), err)
		}
	}
	w.closed(s, when)
	return trace
}

// goOn applies the plan once more and gives what was done; nothing, when its run had been closed before the death, so that
// nothing is left to go on with.
func (w *world) goOn(p *plan.Plan, dieAt int) ([]string, error) {
	w.t.Helper()
	now, err := w.store.Read(context.Background())
	if err == nil && now.Run == nil && now.Serial > p.Serial+1 {
		return nil, nil
	}
	l, err := w.applySaved(dieAt, p)
	return l.trace, err
}

func (w *world) closed(s story, when string) {
	w.t.Helper()
	snapshot, err := w.store.Read(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	if snapshot.Run != nil {
		w.t.Fatalf("%s: the run is still open", when)
	}
	if err := w.settled(s.mode); err != nil {
		w.t.Fatalf("%s: %v", when, err)
	}
	w.guests.end()
}
