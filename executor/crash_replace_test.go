package executor_test

import (
	"context"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// replacing has so many points that it dies at each of them once.
var replacing = story{"replace", func(w *world) {
	w.ask(shape{limit: "200", password: "one"})
	w.apply(plan.ModeApply)
	w.replace = []resource.Address{address("instance.orders")}
}, shape{limit: "200", password: "one"}, plan.ModeApply, 50}

// TestCrash_replaced dies at each point of a replacement. A plain apply ends what was begun: the instance that was there, or
// the new one, with everything that is declared in it.
func TestCrash_replaced(t *testing.T) {
	for p, points := 1, replacing.points(t); p <= points; p++ {
		w := replacing.begin(t)
		before := w.member(orders)
		if _, _, err := w.run(p, plan.ModeApply); err == nil {
			t.Fatalf("death at point %d had no effect", p)
		}
		dead, err := w.store.Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		record, recorded := dead.Records[address(orders)]
		stays := recorded && record.Status == state.Ready && record.Member == before.ID
		w.apply(plan.ModeApply)
		if err := w.settled(plan.ModeApply); err != nil {
			t.Fatalf("died at %d: %v", p, err)
		}
		if _, there := w.account("app", "%"); !there {
			t.Fatalf("died at %d: the account was not made", p)
		}
		if after := w.member(orders); stays != (after.ID == before.ID) {
			t.Fatalf("died at %d: the machine is %s, after %s", p, after.ID, before.ID)
		}
		w.guests.end()
	}
}
