package executor_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	cloudmem "github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/state"
)

func itoa(n int) string { return strconv.Itoa(n) }

func address(text string) resource.Address {
	a, err := resource.ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return a
}

func (w *world) ask(s shape) { w.want, w.secret = wanted(s) }

// apply runs to the end without dying.
func (w *world) apply(mode plan.Mode) {
	w.t.Helper()
	if _, _, err := w.run(0, mode); err != nil {
		w.t.Fatalf("applying: %v", err)
	}
}

// settled checks what must hold after any story: the state holds together with nothing open, there is exactly one of
// each object that is recorded and nothing else that bears a mark, and there is nothing left to do.
func (w *world) settled(mode plan.Mode) error {
	snapshot, err := w.store.Read(context.Background())
	if err != nil {
		return err
	}
	if problems := state.Check(snapshot); len(problems) > 0 {
		return fmt.Errorf("the state does not hold together: %w", errors.Join(problems...))
	}
	if len(snapshot.Intents) > 0 {
		return fmt.Errorf("%d intents are open", len(snapshot.Intents))
	}
	recorded := map[string]bool{}
	for _, m := range snapshot.Members {
		for _, o := range m.Objects {
			recorded[o.ID] = true
		}
	}
	marked := w.marked()
	for id, what := range marked {
		if !recorded[id] {
			return fmt.Errorf("%s %s is an orphan", what, id)
		}
	}
	images := map[string]int{} // that were uploaded, by digest: they outlive what they were uploaded for
	for _, i := range w.cloud.Objects().Images {
		if images[i.Properties[providers.ImageDigest]]++; i.Status == providers.ImageActive && images[i.Properties[providers.ImageDigest]] > 1 {
			return fmt.Errorf("image %s was uploaded twice", i.ID)
		}
		if mode == plan.ModeApply && i.Status != providers.ImageActive {
			return fmt.Errorf("image %s was left %s", i.ID, i.Status)
		}
	}
	if len(marked) != len(recorded) {
		return fmt.Errorf("%d objects are recorded, %d are there", len(recorded), len(marked))
	}
	p, err := w.look(context.Background(), snapshot, mode)
	if err != nil {
		return err
	}
	if !p.Empty() {
		return fmt.Errorf("the plan is not empty: %s", stepIDs(p))
	}
	return nil
}

func stepIDs(p *plan.Plan) (ids []string) {
	for _, s := range p.Steps {
		ids = append(ids, fmt.Sprintf("%s (%s, %v)", s.ID, s.Reason.Code, s.Changes))
	}
	return ids
}

func (w *world) marked() map[string]string {
	all, objects := map[string]string{}, w.cloud.Objects()
	collect(all, "server", objects.Servers, func(s providers.Server) (string, providers.Mark) { return s.ID, s.Mark })
	collect(all, "volume", objects.Volumes, func(v providers.Volume) (string, providers.Mark) { return v.ID, v.Mark })
	collect(all, "port", objects.Ports, func(p providers.Port) (string, providers.Mark) { return p.ID, p.Mark })
	ours := slices.DeleteFunc(objects.FloatingIPs, func(f providers.FloatingIP) bool { return f.Mark.Lineage != lineage[:8] })
	collect(all, "floating ip", ours, func(f providers.FloatingIP) (string, providers.Mark) { return f.ID, f.Mark })
	collect(all, "account", objects.Accounts, func(a providers.Account) (string, providers.Mark) { return a.ID, a.Mark })
	collect(all, "server group", objects.ServerGroups, func(g providers.ServerGroup) (string, providers.Mark) { return g.ID, g.Mark })
	collect(all, "security group", objects.SecurityGroups, func(g providers.SecurityGroup) (string, providers.Mark) { return g.ID, g.Mark })
	return all
}

func collect[T any](all map[string]string, what string, objects []T, facts func(T) (string, providers.Mark)) {
	for _, o := range objects {
		if id, mark := facts(o); !mark.IsZero() {
			all[id] = what
		}
	}
}

// story is something that a user does: a state of the world that it starts from, and what is asked for then.
type story struct {
	name  string
	start func(*world) // brings the world there, without deaths
	ask   shape
	mode  plan.Mode
	min   int // points that there are at least, so that a story that does nothing is found
}

var stories = append([]story{
	{"create", func(*world) {}, shape{limit: "200", password: "one", public: true}, plan.ModeApply, 40},
	{"update", func(w *world) {
		w.ask(shape{limit: "200", password: "one"})
		w.apply(plan.ModeApply)
	}, shape{size: 2, limit: "300", password: "two", cidrs: []string{"10.0.0.0/8", "192.0.2.0/24"}, grant: []string{"INSERT", "SELECT"}}, plan.ModeApply, 15},
	{"delete", func(w *world) {
		w.ask(shape{limit: "200", password: "one", public: true})
		w.apply(plan.ModeApply)
	}, shape{limit: "200", password: "one", public: true}, plan.ModeDestroy, 20},
	{"a floating ip comes", func(w *world) {
		w.ask(shape{noUser: true})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, public: true}, plan.ModeApply, 4},
	{"a floating ip goes", func(w *world) {
		w.ask(shape{noUser: true, public: true})
		w.apply(plan.ModeApply)
	}, shape{noUser: true}, plan.ModeApply, 4},
	{"a floating ip of the user's comes in place of its own", func(w *world) {
		w.userIP()
		w.ask(shape{noUser: true, public: true})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, floating: givenIP}, plan.ModeApply, 6},
	{"an instance of a locality comes", func(*world) {}, shape{noUser: true, locality: "anti-affinity"}, plan.ModeApply, 30},
	{"an instance of a locality goes", func(w *world) {
		w.ask(shape{noUser: true, locality: "anti-affinity"})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, locality: "anti-affinity"}, plan.ModeDestroy, 20},
	{"root comes", func(w *world) {
		w.ask(shape{noUser: true})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, root: "one"}, plan.ModeApply, 6},
	{"root gets another password", func(w *world) {
		w.ask(shape{noUser: true, root: "one"})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, root: "two"}, plan.ModeApply, 3},
	{"root goes", func(w *world) {
		w.ask(shape{noUser: true, root: "one"})
		w.apply(plan.ModeApply)
	}, shape{noUser: true}, plan.ModeApply, 6},
	{"upload an image", func(*world) {}, shape{alone: true, file: "one"}, plan.ModeApply, 8},
	{"upload another image", func(w *world) {
		w.ask(shape{alone: true, file: "one"})
		w.apply(plan.ModeApply)
	}, shape{alone: true, file: "two"}, plan.ModeApply, 8},
	{"remove what an upload is under way for", func(w *world) {
		w.ask(shape{alone: true, file: "one"})
		if _, _, err := w.run(6, plan.ModeApply); err == nil {
			w.t.Fatal("the upload ended before it could be cut off")
		}
	}, shape{alone: true, file: "one"}, plan.ModeDestroy, 2},
	{"remove a user", func(w *world) {
		w.ask(shape{limit: "200", password: "one"})
		w.apply(plan.ModeApply)
	}, shape{limit: "200", noUser: true}, plan.ModeApply, 3},
	{"a twin joins", func(w *world) {
		w.ask(shape{noUser: true})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, twin: ten}, plan.ModeApply, 15},
	{"a twin parts", func(w *world) {
		w.ask(shape{noUser: true, twin: ten})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, twin: []string{"192.0.2.0/24"}}, plan.ModeApply, 8},
	{"twins meet", func(w *world) {
		w.ask(shape{noUser: true, twin: []string{"192.0.2.0/24"}})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, twin: ten}, plan.ModeApply, 8},
	{"twins move", func(w *world) {
		w.ask(shape{noUser: true, twin: ten})
		w.apply(plan.ModeApply)
	}, shape{noUser: true, twin: []string{"192.0.2.0/24"}, cidrs: []string{"192.0.2.0/24"}}, plan.ModeApply, 15},
	{"a twin is left", func(w *world) {
		w.ask(shape{noUser: true, twin: ten})
		w.apply(plan.ModeApply)
	}, shape{alone: true, twin: ten}, plan.ModeApply, 12},
	{"put together", func(w *world) {
		w.ask(shape{limit: "200", password: "one"})
		w.apply(plan.ModeApply)
		w.detach()
		w.hand(providers.Pause)
	}, shape{limit: "300", password: "one"}, plan.ModeApply, 15},
	{"move", func(w *world) {
		w.ask(shape{limit: "200", password: "one"})
		w.apply(plan.ModeApply)
	}, shape{limit: "300", password: "two", name: "sales", moved: true}, plan.ModeApply, 8},
	{"move what is under way", func(w *world) {
		w.ask(shape{limit: "200", password: "one"})
		w.apply(plan.ModeApply)
		w.ask(shape{limit: "300", password: "two", login: "api"})
		_, _, alive := w.run(4, plan.ModeApply)
		if s, err := w.store.Read(context.Background()); alive == nil || err != nil || len(s.Intents) == 0 {
			w.t.Fatalf("nothing is under way (%v)", err)
		}
	}, shape{limit: "300", password: "two", login: "api", moved: true}, plan.ModeApply, 6},
}, brokerStories...)

// ten is what instances let in unless they are told otherwise.
var ten = []string{"10.0.0.0/8"}

func (s story) begin(t *testing.T) *world {
	w := newWorld(t)
	s.start(w)
	w.ask(s.ask)
	return w
}

// finish reruns until nothing is left to do, at most a few times, and says what did not hold then.
func (s story) finish(w *world) error {
	var last error
	for range 3 {
		if _, _, last = w.run(0, s.mode); last == nil {
			return w.settled(s.mode)
		}
	}
	return fmt.Errorf("it does not end: %w", last)
}

// points runs a story to its end and counts the instants at which it can die.
func (s story) points(t *testing.T) int {
	t.Helper()
	w := s.begin(t)
	l, _, err := w.run(0, s.mode)
	if err != nil {
		t.Fatalf("%s without a death: %v", s.name, err)
	}
	if err := w.settled(s.mode); err != nil {
		t.Fatalf("%s without a death: %v", s.name, err)
	}
	if l.points < s.min {
		t.Fatalf("%s has only %d points: %v", s.name, l.points, l.trace)
	}
	return l.points
}

// TestCrash_everyPointAndEveryPointOfTheRecovery dies at each point, and in the run after it at each point again, or at a
// sample of them.
func TestCrash_everyPointAndEveryPointOfTheRecovery(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			points, again, schedules := s.points(t), newSample(t, 40), 0
			for p := 1; p <= points; p++ {
				w, recovery := s.recover(t, p, 0)
				if err := w.settled(s.mode); err != nil {
					t.Fatalf("died at %d, recovered: %v", p, err)
				}
				w.guests.end()
				chosen := again.of(recovery)
				for _, q := range chosen {
					w, trace := s.recover(t, p, q)
					if err := s.finish(w); err != nil {
						t.Fatalf("died at %d (of %d), then at %d (%v): %v", p, points, q, lastOf(trace), err)
					}
					w.guests.end()
				}
				schedules += 1 + len(chosen)
			}
			t.Logf("%s: %d points, %d schedules", s.name, points, schedules)
		})
	}
}

// recover begins a story that dies at one point, and runs once more until it dies at another; 0: until it ends. It gives
// what was done on the way.
func (s story) recover(t *testing.T, first, second int) (*world, []string) {
	t.Helper()
	w := s.begin(t)
	if _, _, err := w.run(first, s.mode); err == nil {
		t.Fatalf("death at point %d had no effect", first)
	}
	l, _, err := w.run(second, s.mode)
	if died := err != nil; died != (second > 0) {
		t.Fatalf("died at %d, then at %d (%s): %v", first, second, lastOf(l.trace), err)
	}
	return w, l.trace
}

func lastOf(trace []string) string {
	if len(trace) == 0 {
		return "nothing"
	}
	return trace[len(trace)-1]
}

// TestCrash_everyCallFails fails each call to the cloud once in each way: before it had an effect, lost on the way, and
// after it had its effect.
func TestCrash_everyCallFails(t *testing.T) {
	for _, s := range append(append([]story{}, stories...), replacing) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			tried := 0
			for _, call := range s.calls(t) {
				for when, name := range map[cloudmem.When]string{cloudmem.Before: "before", cloudmem.Lost: "lost", cloudmem.After: "after"} {
					w := s.begin(t)
					w.cloud.Fail(cloudmem.Fault{Call: call, When: when, Kind: providers.KindTransient, Message: "on demand"})
					_, _, _ = w.run(0, s.mode)
					w.cloud.Heal()
					if err := s.finish(w); err != nil {
						t.Fatalf("%s failed %s: %v", call, name, err)
					}
					w.guests.end()
					tried++
				}
			}
			t.Logf("%s: %d faults", s.name, tried)
		})
	}
}

// calls lists the changing calls that a story makes to the cloud.
func (s story) calls(t *testing.T) []string {
	t.Helper()
	w, seen := s.begin(t), map[string]bool{}
	l, _, err := w.run(0, s.mode)
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range l.trace {
		const prefix = "before "
		if len(what) > len(prefix) && what[:len(prefix)] == prefix {
			if call := what[len(prefix):]; strings.Contains(call, " ") { // the methods of guests are one word
				seen[call] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// TestCrash_objectsThatAppearLate: the answer of a create is lost and the object shows only after the recovery has looked.
// At most one twin is made, and it is found and listed as an orphan, never hidden.
func TestCrash_objectsThatAppearLate(t *testing.T) {
	for _, call := range []string{"create security group", "create port", "create volume", "create server"} {
		t.Run(call, func(t *testing.T) {
			s := stories[0]
			w := s.begin(t)
			w.cloud.Fail(cloudmem.Fault{Call: call, When: cloudmem.After, Kind: providers.KindTransient, Message: "lost"})
			w.cloud.Fail(cloudmem.Fault{Call: call, Hidden: 8})
			_, _, _ = w.run(0, s.mode)
			w.cloud.Heal()
			for range 4 {
				_, _, _ = w.run(0, s.mode)
			}
			snapshot, err := w.store.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if problems := state.Check(snapshot); len(problems) > 0 || len(snapshot.Intents) > 0 {
				t.Fatalf("the state: %v, %d open intents", problems, len(snapshot.Intents))
			}
			p, err := w.look(context.Background(), snapshot, s.mode)
			if err != nil {
				t.Fatal(err)
			}
			recorded := 0
			for _, m := range snapshot.Members {
				recorded += len(m.Objects)
			}
			if extra := len(w.marked()) - recorded; extra != len(p.Orphans) || extra > 1 || len(p.Steps) > 0 {
				t.Fatalf("%d objects beside the record, %d listed as orphans, steps %v", extra, len(p.Orphans), stepIDs(p))
			}
		})
	}
}

// TestCrash_whatIsTakenBack dies while a user is made, takes its block out of the configuration, and applies that: no
// account is left behind, and nothing stays open.
func TestCrash_whatIsTakenBack(t *testing.T) {
	without, with := shape{limit: "200", noUser: true}, shape{limit: "200", password: "one"}
	start := func() *world {
		w := newWorld(t)
		w.ask(without)
		w.apply(plan.ModeApply)
		w.ask(with)
		return w
	}
	w := start()
	whole, _, err := w.run(0, plan.ModeApply)
	if err != nil || whole.points < 5 {
		t.Fatalf("%d points: %v", whole.points, err)
	}
	for p := 1; p <= whole.points; p++ {
		w := start()
		if _, _, err := w.run(p, plan.ModeApply); err == nil {
			t.Fatalf("death at point %d had no effect", p)
		}
		w.ask(without)
		s := story{name: "take back", mode: plan.ModeApply}
		if err := s.finish(w); err != nil {
			t.Fatalf("died at %d (%s), then took it back: %v", p, lastOf(whole.trace[:p]), err)
		}
		if _, left := w.account("app", "%"); left {
			t.Fatalf("died at %d (%s), then took it back: the account is still there", p, lastOf(whole.trace[:p]))
		}
		w.guests.end()
	}
}
