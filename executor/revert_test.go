package executor_test

import (
	"testing"

	"github.com/trovectl/trovectl/planner/plan"
)

// TestCrash_reverted dies at each point of a change, takes the edit back, and ends with nothing open and nothing to do.
func TestCrash_reverted(t *testing.T) {
	was := shape{limit: "200", password: "one"}
	for _, c := range []struct {
		name string
		ask  shape
		min  int
	}{
		{"update", shape{name: "renamed", limit: "300", password: "two", cidrs: []string{"10.0.0.0/8", "192.0.2.0/24"}, grant: []string{"INSERT", "SELECT"}}, 15},
		{"add a user", shape{limit: "200", password: "one", second: "two"}, 3},
		{"remove a user", shape{limit: "200", noUser: true}, 3},
		{"add a twin", shape{limit: "200", password: "one", twin: ten}, 15},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := story{c.name, func(w *world) {
				w.ask(was)
				w.apply(plan.ModeApply)
			}, c.ask, plan.ModeApply, c.min}
			points, left := s.points(t), 0
			for p := 1; p <= points; p++ {
				w := s.begin(t)
				l, _, err := w.run(p, s.mode)
				if err == nil {
					t.Fatalf("death at point %d had no effect", p)
				}
				snapshot, err := w.store.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				left += len(snapshot.Intents)
				w.ask(was)
				if err := s.finish(w); err != nil {
					t.Fatalf("died at %d (of %d, %s), then reverted: %v", p, points, lastOf(l.trace), err)
				}
				w.guests.end()
			}
			if left == 0 {
				t.Error("no death left anything open")
			}
		})
	}
}
