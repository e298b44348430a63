package executor_test

import (
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

const nothingThere = "the kind has no object in the cloud and nothing in a guest: its record is all there is"

// protected lifts and sets the protection of a resource, which only its record knows.
func protected(where string) scenario {
	return cell(func(t *testing.T) {
		w, f := built(t)
		f.resource(where).Protect = true
		w.done(plan.ModeApply, "update "+where)
		if !w.record(where).Protect {
			t.Fatal("the protection is not recorded")
		}
		_, err := w.plan(plan.ModeDestroy)
		if err == nil {
			t.Fatal("destroying what is protected is not refused")
		}
		f.resource(where).Protect = false
		w.done(plan.ModeApply, "update "+where)
		if _, err := w.plan(plan.ModeDestroy); err != nil {
			t.Fatalf("the protection is lifted: %v", err)
		}
	})
}

// depends adds an explicit dependency.
func depends(where, on string) scenario {
	return change(func(f estate) {
		f.add("datastore.other", &resource.Datastore{Manager: "mariadb", Versions: map[string]resource.DatastoreVersion{"10.11": {Image: "mariadb-10.11"}}})
		f.resource(where).DependsOn = []resource.Address{address(on)}
	}, []string{"create datastore.other", "update " + where}, func(t *testing.T, w *world) {
		if got := w.record(where).DependsOn; len(got) != 1 || got[0] != address(on) {
			t.Errorf("recorded is %v", got)
		}
	})
}

func datastoreCells() map[string]scenario {
	const id = "datastore.mariadb"
	return map[string]scenario{
		"create-minimal": cell(func(t *testing.T) {
			w := newWorld(t)
			w.ask(shape{})
			w.estate().only(id)
			w.done(plan.ModeApply, "create "+id)
		}),
		"create-full": cell(func(t *testing.T) {
			w := newWorld(t)
			w.ask(shape{})
			f := w.estate()
			f.only(id)
			f.store.Versions["10.6"] = resource.DatastoreVersion{ImageTags: []string{"a", "b"}, Packages: []string{"p"}, Inactive: true}
			w.done(plan.ModeApply, "create "+id)
		}),
		"update-version": change(func(f estate) {
			f.store.Versions["10.6"] = resource.DatastoreVersion{Image: "mariadb-10.6"}
		}, []string{"update " + id}, nil),
		"update-lifecycle.protect": protected(id),
		"update-depends_on":        depends(id, "datastore.other"),
		"replace": cell(func(t *testing.T) {
			refusal(t, func(f estate) { f.store.Manager = "postgresql" }, "manager of "+id)
		}),
		"delete": cell(func(t *testing.T) {
			w := newWorld(t)
			w.ask(shape{})
			f := w.estate()
			f.only(id)
			w.apply(plan.ModeApply)
			f.only()
			w.done(plan.ModeApply, "delete "+id)
		}),
		"dependency": cell(func(t *testing.T) {
			w, _ := built(t)
			p := w.done(plan.ModeDestroy, "delete datastore.mariadb", "delete config_group.oltp", "delete instance.orders",
				"delete database.shop", "delete user.app")
			if last := p.Steps[len(p.Steps)-1].ID; last != "delete "+id {
				t.Errorf("the last removal is %s", last)
			}
		}),
		"drift": none(nothingThere), "unknown": none(nothingThere), "orphan": none(nothingThere), "import": none(nothingThere),
	}
}

func configGroupCells() map[string]scenario {
	const id = "config_group.oltp"
	return map[string]scenario{
		"create-minimal": cell(func(t *testing.T) {
			w := newWorld(t)
			w.ask(shape{})
			w.estate().only("datastore.mariadb", id)
			w.done(plan.ModeApply, "create datastore.mariadb", "create "+id)
		}),
		"create-full": cell(func(t *testing.T) {
			w := newWorld(t)
			w.ask(shape{})
			f := w.estate()
			f.settings(map[string]string{"max_connections": "300", static: "1024"})
			f.only("datastore.mariadb", id)
			w.done(plan.ModeApply, "create datastore.mariadb", "create "+id)
		}),
		"update-values": change(func(f estate) {
			f.settings(map[string]string{"max_connections": "250", "wait_timeout": "60"})
		}, []string{"update " + id, "update instance.orders"}, func(t *testing.T, w *world) {
			for name, want := range map[string]string{"max_connections": "250", "wait_timeout": "60"} {
				if got := w.setting(name); got.Running != want || got.Configured != want {
					t.Errorf("%s is %+v, want %s", name, got, want)
				}
			}
		}),
		"update-version": change(func(f estate) { f.group.Version = "10.6" }, []string{"update " + id}, nil),
		"update-datastore": change(func(f estate) {
			f.add("datastore.other", &resource.Datastore{Manager: "mariadb", Versions: map[string]resource.DatastoreVersion{"10.11": {Image: "mariadb-10.11"}}})
			f.group.Datastore = address("datastore.other")
		}, []string{"create datastore.other", "update " + id}, nil),
		"update-lifecycle.protect": protected(id),
		"update-depends_on":        depends(id, "datastore.other"),
		"replace":                  none("nothing of a config group needs a replacement: only its record changes"),
		"delete": change(func(f estate) {
			f.inst.ConfigGroup, f.inst.Settings = resource.Address{}, nil
			f.without(id)
		}, []string{"delete " + id, "update instance.orders"}, func(t *testing.T, w *world) {
			if got := w.setting("max_connections"); got.Running != "151" || got.Configured != "" {
				t.Errorf("max_connections is %+v, want the default", got)
			}
		}),
		"dependency": cell(func(t *testing.T) {
			w, f := built(t)
			f.inst.ConfigGroup, f.inst.Settings = resource.Address{}, nil
			f.without(id)
			w.guests.silence(w.member("instance.orders").ID)
			_ = w.fails(plan.ModeApply, "update instance.orders")
			if got := w.outcomes()["delete "+id]; got != "skipped because of update instance.orders" {
				t.Errorf("the removal of what the failed step gives up is %q", got)
			}
			w.guests.speak(w)
			w.done(plan.ModeApply, "delete "+id, "update instance.orders")
		}),
		"drift": none(nothingThere), "unknown": none(nothingThere), "orphan": none(nothingThere), "import": none(nothingThere),
	}
}
