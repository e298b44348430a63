package planner_test

import (
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

var targetings = []scenario{
	{"target-user", "A target brings along what it needs, also through what stays as it is, and nothing else.", func(t *testing.T) *world {
		w := twoShops(t)
		edit(w, "config_group.oltp", func(g *resource.ConfigGroup) { g.Values = map[string]string{"max_connections": "600"} })
		edit(w, "user.app", func(u *resource.User) {
			u.Grants = []resource.Grant{{Database: "shop", Privileges: []string{"SELECT"}, Of: at("database.shop")}}
		})
		edit(w, "instance.other", func(i *resource.Instance) { i.Flavor = "db.large" }) // refused, and not asked for
		w.machine("instance.other").body.Name = "renamed by hand"
		w.put("instance.third", instance("prod-third"))
		w.drop("database.other")
		return w.target("user.app")
	}},
	{"target-block", "The address of a block covers its keys.", func(t *testing.T) *world {
		w := shop()
		for _, key := range []string{"a", "b"} {
			w.put(`database.d["`+key+`"]`, &resource.Database{Instance: at("instance.orders"), Name: key})
		}
		return w.target("database.d")
	}},
	{"target-removed", "What rests on a target goes before it.", func(t *testing.T) *world {
		w := twoShops(t)
		w.drop("instance.orders", "database.shop", "user.app", "database.other")
		return w.target("instance.orders")
	}},
	{"target-group-removed", "What rests on a target no more is changed before it.", func(t *testing.T) *world {
		w := twoShops(t)
		w.drop("config_group.oltp", "database.other")
		edit(w, "instance.orders", func(i *resource.Instance) { i.ConfigGroup, i.Settings = resource.Address{}, nil })
		return w.target("config_group.oltp")
	}},
	{"target-destroy", "Destroying a target destroys what rests on it.", func(t *testing.T) *world {
		w := twoShops(t)
		w.opts.Mode = plan.ModeDestroy
		return w.target("instance.orders")
	}},
	{"target-drift", "A refresh tells of the targets alone.", func(t *testing.T) *world {
		w := twoShops(t)
		delete(w.machine("instance.orders").database, "shop")
		w.machine("instance.other").body.Name = "renamed by hand"
		w.want, w.opts.Mode = &resource.Set{}, plan.ModeRefresh
		return w.target("instance.other")
	}},
	{"target-name-freed", "A step that takes a name brings the one that frees it.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "user.app", func(u *resource.User) { u.Name = "old" })
		w.put("user.another", user("app"))
		return w.target("user.another")
	}},
	{"target-relabelled", "To remove what looks relabelled is refused, whichever of the two is named.", func(t *testing.T) *world {
		w := built(t)
		w.relabel("instance.sales", func(*resource.Instance) {})
		return w.target("instance.orders")
	}},
	{"refused-target", "What names nothing is told, with what is near.", func(t *testing.T) *world { return built(t).target("instance.order", "user.app") }},
	{"replace-instance", "A replaced instance goes with its data and comes anew with what is declared in it.", func(t *testing.T) *world {
		w := twoShops(t)
		w.put("user.late", user("late"))
		w.drop("user.app")
		edit(w, "instance.orders", func(i *resource.Instance) { i.Flavor = "db.large" })
		return w.replace("instance.orders")
	}},
	{"replace-user", "A user is dropped and made anew.", func(t *testing.T) *world { return built(t).replace("user.app") }},
	{"replace-database", "So is a database, with its data.", func(t *testing.T) *world { return built(t).replace("database.shop") }},
	{"replace-target", "A replaced target brings along what lives in it.", func(t *testing.T) *world {
		w := twoShops(t)
		edit(w, "instance.other", func(i *resource.Instance) { i.Name = "renamed" })
		return w.target("instance.orders").replace("instance.orders")
	}},
	{"replace-rested-on", "What only depends on it waits for the new one.", func(t *testing.T) *world {
		w := built(t)
		w.put("instance.after", instance("prod-after")).DependsOn = []resource.Address{at("instance.orders")}
		w.apply(t)
		edit(w, "instance.after", func(i *resource.Instance) { i.Name = "renamed" })
		return w.replace("instance.orders")
	}},
	{"refused-replace", "What is protected, not there, not declared or a record alone is not replaced.", func(t *testing.T) *world {
		w := built(t)
		w.want.Resources[at("instance.orders")].Protect = true
		w.apply(t)
		w.drop("user.app")
		return w.replace("config_group.oltp", "instance.order", "instance.orders", "user.app")
	}},
}

func (w *world) target(addresses ...string) *world {
	for _, a := range addresses {
		w.opts.Targets = append(w.opts.Targets, at(a))
	}
	return w
}

func (w *world) replace(addresses ...string) *world {
	for _, a := range addresses {
		w.opts.Replace = append(w.opts.Replace, at(a))
	}
	return w
}

// twoShops is the shop with a second instance beside it, and a database in that.
func twoShops(t *testing.T) *world {
	w := shop()
	w.put("instance.other", instance("prod-other"))
	w.put("database.other", &resource.Database{Instance: at("instance.other"), Name: "other"})
	w.apply(t)
	return w
}

// TestPlan_targets_leave_the_rest: after a narrowed plan, the whole one has what is left.
func TestPlan_targets_leave_the_rest(t *testing.T) {
	for _, s := range targetings {
		t.Run(s.name, func(t *testing.T) {
			w := s.world(t)
			p, list := w.plan()
			if list.HasErrors() || p.Mode != plan.ModeApply {
				return
			}
			w.do(t, p)
			if again, _ := w.plan(); len(w.opts.Replace) == 0 && len(again.Steps) > 0 {
				t.Errorf("the narrowed plan after it:\n%s", compact(again))
			}
			w.opts.Targets, w.opts.Replace = nil, nil
			if s.name == "target-user" {
				w.edited("instance.other")
			}
			w.apply(t)
			if after, _ := w.plan(); !after.Empty() {
				t.Errorf("the whole plan after it all:\n%s", compact(after))
			}
		})
	}
}

// edited takes back the flavor that cannot be had.
func (w *world) edited(address string) {
	edit(w, address, func(i *resource.Instance) { i.Flavor = "db.small" })
}
