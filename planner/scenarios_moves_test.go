package planner_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

var movings = []scenario{
	{"moved-instance", "A moved instance keeps its machine and what lives in it; a name that follows from the label changes in place.", func(t *testing.T) *world {
		w := built(t)
		w.rehome("instance.orders", "instance.sales")
		edit(w, "instance.sales", func(i *resource.Instance) { i.Name = "prod-sales" })
		w.moved("instance.orders", "instance.sales")
		return w
	}},
	{"moved-and-drifted", "What was seen of a moved resource is told under its new address.", func(t *testing.T) *world {
		w := built(t)
		w.rehome("instance.orders", "instance.sales")
		w.moved("instance.orders", "instance.sales", "database.shop", "database.store")
		w.put("database.store", w.want.Resources[at("database.shop")].Body)
		w.drop("database.shop")
		edit(w, "user.app", func(u *resource.User) {
			u.Grants = []resource.Grant{{Database: "shop", Privileges: []string{"INSERT", "SELECT"}, Of: at("database.store")}}
		})
		m := w.machine("instance.orders")
		m.settings["max_connections"] = "200"
		m.database["byhand"] = resource.Database{Name: "byhand"}
		delete(m.database, "shop")
		return w
	}},
	{"moved-block", "A whole block carries every key.", func(t *testing.T) *world {
		w := counted(t, "c", "a", "b")
		for i := range 2 {
			w.rehome(fmt.Sprintf("instance.c[%d]", i), fmt.Sprintf("instance.d[%d]", i))
		}
		w.moved("instance.c", "instance.d")
		return w
	}},
	{"moved-long-ago", "A move that was made is nothing, and names in a row are a history.", func(t *testing.T) *world {
		w := built(t)
		w.rehome("instance.orders", "instance.sales")
		w.moved("instance.first", "instance.second", "instance.second", "instance.orders", "instance.orders", "instance.sales")
		return w
	}},
	{"moved-destroyed", "Destroying goes by the new addresses.", func(t *testing.T) *world {
		w := built(t)
		w.rehome("instance.orders", "instance.sales")
		w.moved("instance.orders", "instance.sales")
		w.opts.Mode = plan.ModeDestroy
		return w
	}},
	{"moved-exchanged", "Two that exchange their labels keep their machines.", func(t *testing.T) *world {
		w := exchanged(t)
		w.moved("instance.one", "instance.two", "instance.two", "instance.one")
		return w
	}},
	{"refused-moved-taken", "Nothing moves to where another record is.", func(t *testing.T) *world {
		w := built(t)
		w.put("user.other", user("other"))
		w.apply(t)
		w.drop("user.app")
		w.moved("user.app", "user.other")
		return w
	}},
	{"refused-moved-declared", "Nothing moves away from what is still declared.", func(t *testing.T) *world {
		w := built(t)
		w.put("instance.sales", instance("prod-sales"))
		w.moved("instance.orders", "instance.sales")
		return w
	}},
	{"shifted-middle", "The middle of three that a count repeats vanished: what lives in them shifts along.", func(t *testing.T) *world {
		return counted(t, "i", "a", "b", "c").recount("i", "a", "c")
	}},
	{"shifted-first", "The first of two vanished.", func(t *testing.T) *world { return databases(t, "a", "b").redatabase("b") }},
	{"shifted-two-of-five", "Two of five vanished.", func(t *testing.T) *world { return databases(t, "a", "b", "c", "d", "e").redatabase("a", "c", "e") }},
	{"shifted-and-new", "One vanished and another one came.", func(t *testing.T) *world { return databases(t, "a", "b", "c").redatabase("a", "c", "d") }},
	{"shifted-names", "Instances with names of their own are told apart by them.", func(t *testing.T) *world {
		w := empty()
		for i, name := range []string{"x", "y", "z"} {
			w.put(fmt.Sprintf("instance.i[%d]", i), instance(name))
		}
		w.apply(t)
		edit(w, "instance.i[1]", func(i *resource.Instance) { i.Name = "z" })
		w.drop("instance.i[2]")
		w.want.Blocks[at("instance.i")] = resource.Repetition{Mode: "count", Count: 2}
		return w
	}},
	{"shifted-unknown", "Where nothing tells the elements apart, the last is removed.", func(t *testing.T) *world {
		return counted(t, "i", "", "", "").recount("i", "", "")
	}},
	{"shifted-last", "Where the last vanished, nothing shifts.", func(t *testing.T) *world {
		return counted(t, "i", "a", "b", "c").recount("i", "a", "b")
	}},
}

// rehome declares a resource, and what names it, by another address.
func (w *world) rehome(from, to string) {
	body := w.want.Resources[at(from)].Body
	w.drop(from)
	if at(from).Key != resource.NoKey {
		delete(w.want.Blocks, at(from).Block())
	}
	w.put(to, body)
	for address, r := range w.want.Resources {
		switch b := r.Body.(type) {
		case *resource.Database:
			if b.Instance == at(from) {
				edit(w, address.String(), func(d *resource.Database) { d.Instance = at(to) })
			}
		case *resource.User:
			if b.Instance == at(from) {
				edit(w, address.String(), func(u *resource.User) { u.Instance = at(to) })
			}
		}
	}
}

// counted is a fleet of one count: an instance for each text, with names from their index, and a database and a user by
// the same count. The text tells the instances apart; without one nothing does.
func counted(t *testing.T, label string, texts ...string) *world {
	w := empty()
	w.declareCount(label, texts)
	w.apply(t)
	return w
}

func (w *world) declareCount(label string, texts []string) {
	for i, text := range texts {
		body := instance(fmt.Sprintf("%s-%d", label, i))
		if text != "" {
			body.Metadata = map[string]string{"tenant": text}
		}
		host := fmt.Sprintf("instance.%s[%d]", label, i)
		w.put(host, body)
		w.put(fmt.Sprintf("database.d[%d]", i), &resource.Database{Instance: at(host), Name: "app"})
		u := user("app")
		u.Instance = at(host)
		w.put(fmt.Sprintf("user.u[%d]", i), u)
	}
}

func (w *world) recount(label string, texts ...string) *world {
	w.want = empty().want
	w.declareCount(label, texts)
	return w
}

// databases are those of the shop's instance that a count repeats.
func databases(t *testing.T, names ...string) *world {
	w := built(t)
	w.redatabase(names...)
	w.apply(t)
	return w
}

func (w *world) redatabase(names ...string) *world {
	for address := range w.want.Resources {
		if address.Block() == at("database.d") {
			delete(w.want.Resources, address)
		}
	}
	delete(w.want.Blocks, at("database.d"))
	for i, name := range names {
		w.put(fmt.Sprintf("database.d[%d]", i), &resource.Database{Instance: at("instance.orders"), Name: name})
	}
	return w
}

// exchanged are two instances whose labels were exchanged in the files.
func exchanged(t *testing.T) *world {
	w := empty()
	small, large := instance("one"), instance("two")
	large.Flavor = "db.large"
	w.put("instance.one", small)
	w.put("instance.two", large)
	w.put("database.of_one", &resource.Database{Instance: at("instance.one"), Name: "a"})
	w.apply(t)
	edit(w, "instance.one", func(i *resource.Instance) { i.Flavor = "db.large" })
	edit(w, "instance.two", func(i *resource.Instance) { i.Flavor = "db.small" })
	edit(w, "database.of_one", func(d *resource.Database) { d.Instance = at("instance.two") })
	return w
}

// TestPlan_moves_are_made_once: whatever the moves are, the plan after them is empty with the same configuration, also
// when the apply dies between its first transaction and its steps.
func TestPlan_moves_are_made_once(t *testing.T) {
	for _, s := range movings {
		if strings.HasPrefix(s.name, "refused-") || strings.HasPrefix(s.name, "shifted-") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			w := s.world(t)
			p, list := w.plan()
			if err := list.Err(); err != nil {
				t.Fatal(err)
			}
			w.move(t, p.Moves)
			again := w.apply(t)
			if len(again.Moves) > 0 || len(again.Steps) != len(p.Steps) {
				t.Errorf("after the moves alone:\n%s", compact(again))
			}
			if after, _ := w.plan(); w.opts.Mode == "" && !after.Empty() {
				t.Errorf("after the apply:\n%s", compact(after))
			}
		})
	}
}

var pasted = regexp.MustCompile(`moved \{\n  from = (\S+)\n  to   = (\S+)\n\}`)

// TestPlan_shifts_are_healed: the blocks of the hint are all it takes, the plan with them removes what vanished and changes
// nothing else but names, and they do nothing when they stay in the configuration.
func TestPlan_shifts_are_healed(t *testing.T) {
	for name, gone := range map[string][]string{
		"shifted-middle": {"database.d[2]", "instance.i[2]", "user.u[2]"}, "shifted-first": {"database.d[1]"},
		"shifted-two-of-five": {"database.d[3]", "database.d[4]"}, "shifted-and-new": {"database.d[3]"}, "shifted-names": {"instance.i[2]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := movings[slices.IndexFunc(movings, func(s scenario) bool { return s.name == name })].world(t)
			_, list := w.plan()
			for _, d := range list {
				for _, pair := range pasted.FindAllStringSubmatch(d.Hint, -1) {
					w.moved(pair[1], pair[2])
				}
			}
			p, list := w.plan()
			if err := list.Err(); err != nil {
				t.Fatal(err)
			}
			var removed []string
			for _, s := range p.Steps {
				switch s.Action {
				case plan.Delete:
					removed = append(removed, s.Address.String())
				case plan.Update:
					if len(s.Changes) != 1 || s.Changes[0].Path != "name" {
						t.Errorf("more than a name changes:\n%s", compact(p))
					}
				}
			}
			slices.Sort(removed)
			if !slices.Equal(removed, gone) {
				t.Errorf("removes %v, want %v:\n%s", removed, gone, compact(p))
			}
			w.move(t, p.Moves)
			if killed, _ := w.plan(); len(killed.Moves) > 0 || len(killed.Steps) != len(p.Steps) {
				t.Errorf("killed after the moves:\n%s", compact(killed))
			}
			w.apply(t)
			if after, list := w.plan(); !after.Empty() || list.HasErrors() {
				t.Errorf("after it: %v\n%s", list, compact(after))
			}
		})
	}
}
