package planner_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// allows sets limits of the project by name: the most that it may have, and what it has.
func (w *world) allows(limits map[string][2]int) {
	w.real.limits = map[planner.Limited]planner.Limit{}
	for name, l := range limits {
		w.real.limits[planner.Limited{Resource: name}] = planner.Limit{Max: l[0], Used: l[1]}
	}
}

// another is one more instance, which lets in a network of its own.
func (w *world) another(n int) {
	body := instance(fmt.Sprintf("prod-other-%d", n))
	body.Access.AllowedCIDRs = []string{fmt.Sprintf("10.%d.0.0/16", n)}
	body.Flavor, body.Volume = "db.large", &resource.Volume{Size: 400, Type: "ssd"}
	w.put(fmt.Sprintf("instance.other[%d]", n), body)
}

var headroom = []scenario{
	{"headroom-fits", "What fits to the last is planned; what has no limit, or of which none is known, always fits.", func(*testing.T) *world {
		w := shop()
		w.allows(map[string][2]int{
			"servers": {10, 9}, "cores": {20, 19}, "ram": {51200, 50688}, "volumes": {-1, 7}, "gigabytes": {1000, 990},
			"ports": {500, 499}, "security_groups": {10, 9}, "security_group_rules": {100, 96},
		})
		return w
	}},
	{"headroom-shared", "Instances that let in the same need one security group.", func(t *testing.T) *world {
		w := built(t)
		w.put("instance.second", instance("prod-second"))
		w.put("instance.third", instance("prod-third"))
		w.allows(map[string][2]int{"security_groups": {10, 10}, "security_group_rules": {100, 100}, "servers": {3, 1}})
		return w
	}},
	{"headroom-freed", "What needs the room that a removal makes waits for it.", func(t *testing.T) *world {
		w := built(t)
		w.another(0)
		w.apply(t)
		w.drop("instance.other[0]")
		w.another(1)
		w.allows(map[string][2]int{"servers": {2, 2}, "volumes": {2, 2}, "gigabytes": {410, 410}, "security_groups": {3, 3}})
		return w
	}},
	{"headroom-adopted", "What an earlier run has asked for and not recorded counts as used, and needs no more room.", func(t *testing.T) *world {
		w := shop()
		w.enrolled("instance.orders", state.Creating, "")
		m := w.has.Members[w.member("instance.orders")]
		delete(m.Objects, state.SlotServer)
		delete(w.machine("instance.orders").objects, state.SlotServer)
		w.has.Intents["intentofaserver0"] = state.Intent{
			ID: "intentofaserver0", Address: at("instance.orders"), Member: m.ID, Slot: "server", Operation: state.OpCreate, Direction: state.Forward,
		}
		w.real.strays = append(w.real.strays, planner.Marked{
			Object:   plan.Object{Service: "server", ID: "unrecorded", Name: "prod-orders", Member: string(m.ID), Intent: "intentofaserver0"},
			Lineage8: ours, CreatedAt: noon.Add(-time.Hour),
		})
		w.allows(map[string][2]int{"servers": {1, 1}, "cores": {1, 1}, "volumes": {1, 1}, "security_groups": {2, 2}})
		return w
	}},
	{"refused-headroom", "Everything that lacks room is told at once, before anything is made.", func(t *testing.T) *world {
		w := built(t)
		for n := range 3 {
			w.another(n)
		}
		w.allows(map[string][2]int{
			"servers": {3, 1}, "cores": {5, 1}, "ram": {6000, 512}, "volumes": {10, 1}, "gigabytes": {1000, 10}, "gigabytes_ssd": {800, 0},
			"ports": {1, 1}, "security_groups": {4, 2}, "security_group_rules": {10, 12},
		})
		return w
	}},
	{"refused-headroom-freed", "Also where what is removed makes some room.", func(t *testing.T) *world {
		w := built(t)
		w.another(0)
		w.apply(t)
		w.drop("instance.other[0]")
		w.another(1)
		w.another(2)
		w.allows(map[string][2]int{"servers": {2, 2}, "gigabytes": {1000, 410}})
		return w
	}},
	{"refused-headroom-grows", "A volume does not grow beyond the limit, nor does access change without room for a group.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Volume = &resource.Volume{Size: 50}
			i.Access.AllowedCIDRs = []string{"192.0.2.0/24"}
		})
		w.allows(map[string][2]int{"gigabytes": {40, 10}, "security_groups": {2, 2}, "security_group_rules": {100, 8}})
		return w
	}},
}

// use is how much of what is limited there is.
func (r *reality) use() map[string]int {
	out := map[string]int{"servers": 0, "gigabytes": 0}
	for _, m := range r.machines {
		if m.objects[state.SlotServer] != "" {
			out["servers"]++
		}
		if m.objects[state.SlotVolume] != "" {
			out["gigabytes"] += m.body.Volume.Size
		}
	}
	return out
}

// TestPlan_headroom: a plan that is not refused never exceeds a limit on its way, and one that is refused would in the end.
func TestPlan_headroom(t *testing.T) {
	refused := 0
	rapid.Check(t, func(t *rapid.T) {
		w := empty()
		w.declare(t)
		w.converge(t)
		w.declare(t)
		most := map[string][2]int{}
		for name, used := range w.real.use() {
			most[name] = [2]int{used + rapid.IntRange(0, 12).Draw(t, name), used}
		}
		most["servers"] = [2]int{most["servers"][1] + rapid.IntRange(0, 1).Draw(t, "more servers"), most["servers"][1]}
		w.allows(most)
		exceeds := func() string {
			for name, n := range w.real.use() {
				if n > most[name][0] {
					return fmt.Sprintf("%d of %d %s", n, most[name][0], name)
				}
			}
			return ""
		}
		p, list := w.plan()
		if list.HasErrors() {
			refused++
		}
		for _, s := range p.Steps {
			w.step(t, s)
			if what := exceeds(); what != "" && !list.HasErrors() {
				t.Fatalf("%s leads to %s:\n%s", s.ID, what, compact(p))
			}
		}
		if list.HasErrors() && exceeds() == "" {
			t.Fatalf("refused, and fits:\n%s%s", tell(list), compact(p))
		}
	})
	if refused == 0 {
		t.Error("no plan was refused")
	}
}
