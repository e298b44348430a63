package planner_test

import (
	"testing"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

var removals = []scenario{
	{"delete-user", "A user whose block is gone is dropped; nothing is destroyed.", func(t *testing.T) *world {
		w := built(t)
		w.drop("user.app")
		return w
	}},
	{"delete-database", "A database goes after the users that were granted something on it.", func(t *testing.T) *world {
		w := built(t)
		w.drop("database.shop", "user.app")
		return w
	}},
	{"delete-instance", "What lives in an instance goes with it, and the plan lists what is lost.", func(t *testing.T) *world {
		w := built(t)
		w.drop("instance.orders", "database.shop", "user.app", "config_group.oltp")
		return w
	}},
	{"delete-keys", "Removals say whether a block, a key, an index or the repetition is gone.", func(t *testing.T) *world {
		w := built(t)
		for _, address := range []string{`database.each["a"]`, `database.each["b"]`, "database.count[0]", "database.count[1]", "database.turned"} {
			a := at(address)
			w.put(address, &resource.Database{Instance: at("instance.orders"), Name: a.Name + a.Key.Plain()})
		}
		w.apply(t)
		w.drop(`database.each["b"]`, "database.count[1]", "database.turned")
		w.want.Blocks[at("database.count")] = resource.Repetition{Mode: "count", Count: 1}
		w.put("database.turned[0]", &resource.Database{Instance: at("instance.orders"), Name: "turned-0"})
		return w
	}},
	{"delete-interrupted", "A deletion that an earlier run did not end is ended.", func(t *testing.T) *world {
		w := built(t)
		w.drop("instance.orders", "database.shop", "user.app")
		edit(w, "config_group.oltp", func(*resource.ConfigGroup) {})
		w.record("instance.orders", func(r *state.Record) { r.Status = state.Deleting })
		return w
	}},
	{"delete-interrupted-wanted", "A deletion whose block has come back is ended first, and said so.", func(t *testing.T) *world {
		w := built(t)
		w.record("instance.orders", func(r *state.Record) { r.Status = state.Deleting })
		w.put("database.billing", &resource.Database{Instance: at("instance.orders"), Name: "billing"})
		return w
	}},
	{"delete-remains", "A machine without a record is removed by its member's id.", func(t *testing.T) *world {
		w := built(t)
		w.has.Members["zzzzzzzzzzzz"] = state.Member{ID: "zzzzzzzzzzzz", Objects: map[state.Slot]state.Object{}}
		w.has.Intents["ffffffffffffffff"] = state.Intent{ID: "ffffffffffffffff", Address: at("instance.gone"), Member: "zzzzzzzzzzzz", Slot: "server", Operation: state.OpCreate}
		return w
	}},
	{"delete-remains-address-taken", "Remains never go by an address that is in use.", func(t *testing.T) *world {
		w := built(t)
		w.has.Members["zzzzzzzzzzzz"] = state.Member{ID: "zzzzzzzzzzzz", MayHoldData: true}
		w.has.Intents["ffffffffffffffff"] = state.Intent{ID: "ffffffffffffffff", Address: at("instance.orders"), Member: "zzzzzzzzzzzz", Slot: "server", Operation: state.OpCreate}
		return w
	}},
	{"delete-gone-already", "The record of a database that is gone is removed without destroying anything.", func(t *testing.T) *world {
		w := built(t)
		w.drop("database.shop", "user.app")
		delete(w.machine("instance.orders").database, "shop")
		return w
	}},
	{"destroy-all", "Destroy removes everything that is recorded, in the opposite order.", func(t *testing.T) *world {
		w := built(t)
		w.opts.Mode = plan.ModeDestroy
		return w
	}},
	{"destroy-protected", "Protection holds against destroy, even where the configuration has lifted it and not applied that.", func(t *testing.T) *world {
		w := built(t)
		w.record("instance.orders", func(r *state.Record) { r.Protect = true })
		w.opts.Mode = plan.ModeDestroy
		return w
	}},
	{"orphans-listed", "Orphans are listed; young ones, ones with an open intent and foreign ones are none.", func(t *testing.T) *world {
		w := built(t)
		w.orphans()
		return w
	}},
	{"orphans-deleted", "Orphans are deleted when that is asked for, users before what they use.", func(t *testing.T) *world {
		w := built(t)
		w.orphans()
		w.opts.DeleteOrphans = true
		return w
	}},
	{"released-undeclared", "What `state rm` took out of the record is neither removed nor listed as an orphan, whatever is asked for.", func(t *testing.T) *world {
		w := built(t)
		w.forget(t, "instance.orders")
		w.drop("instance.orders", "database.shop", "user.app")
		w.opts.DeleteOrphans = true
		return w
	}},
	{"released-destroy", "Destroy leaves a released machine as it is.", func(t *testing.T) *world {
		w := built(t)
		w.forget(t, "instance.orders")
		w.opts.Mode = plan.ModeDestroy
		return w
	}},
	{"released-declared", "Before a second machine of the same name is made, the plan tells of the released one.", func(t *testing.T) *world {
		w := built(t)
		w.forget(t, "instance.orders")
		return w
	}},
}

// forget does what `state rm` does.
func (w *world) forget(t *testing.T, address string) {
	t.Helper()
	b, err := state.Forget(w.has, []resource.Address{at(address)})
	if err == nil {
		err = state.Apply(w.has, b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) orphans() {
	stray := func(service, id, intent, lineage string, age time.Duration) {
		w.real.strays = append(w.real.strays, planner.Marked{
			Object:   plan.Object{Service: service, ID: id, Name: "prod-lost", Member: "lostlostlost", Intent: intent},
			Lineage8: lineage, CreatedAt: noon.Add(-age),
		})
	}
	for _, service := range []string{"port", "security_group", "server", "volume"} {
		stray(service, "lost-"+service, "lostintent", ours, 61*time.Second)
	}
	stray("server", "young", "lostintent", ours, 59*time.Second)
	stray("server", "open", "openopenopenopen", ours, time.Hour)
	stray("server", "foreign", "lostintent", "zzzzzzzz", time.Hour)
	w.has.Intents["openopenopenopen"] = state.Intent{ID: "openopenopenopen", Address: at("instance.orders"), Member: w.member("instance.orders"), Slot: "server", Operation: state.OpCreate}
}
