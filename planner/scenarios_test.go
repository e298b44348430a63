package planner_test

import (
	"testing"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

var creations = []scenario{
	{"create-all", "Nothing is recorded: everything is created, each after what it rests on.", func(*testing.T) *world { return shop() }},
	{"create-nothing", "All agree: there is nothing to do.", built},
	{"create-adopts", "A database and a user that are there already are adopted.", func(t *testing.T) *world {
		w := built(t)
		w.machine("instance.orders").database["billing"] = resource.Database{Name: "billing", Charset: "latin1"}
		w.put("database.billing", &resource.Database{Instance: at("instance.orders"), Name: "billing"})
		return w
	}},
	{"create-without-password", "A user whose password was not supplied is planned and noted.", func(t *testing.T) *world {
		w := built(t)
		u := user("late")
		u.Password = &resource.Password{}
		w.put("user.late", u)
		return w
	}},
	{"create-interrupted", "An earlier run did not end the creation of the instance.", func(t *testing.T) *world {
		w := shop()
		w.enrolled("instance.orders", state.Creating, "")
		return w
	}},
	{"create-failed", "An earlier run failed before anything could be on the volume.", func(t *testing.T) *world {
		w := shop()
		w.enrolled("instance.orders", state.Failed, "server went to ERROR: no valid host was found")
		return w
	}},
	{"create-failed-with-data", "An earlier run failed after the volume may have got data.", func(t *testing.T) *world {
		w := shop()
		w.enrolled("instance.orders", state.Failed, "the agent did not answer within 15m0s")
		w.holdsData("instance.orders")
		return w
	}},
	{"create-failed-otherwise", "What was built holds nothing and does not fit the flavor that is wanted now: it is removed first.", func(t *testing.T) *world {
		w := shop()
		w.enrolled("instance.orders", state.Failed, "no valid host was found")
		edit(w, "instance.orders", func(i *resource.Instance) { i.Flavor = "db.large" })
		return w
	}},
	{"create-failed-server-gone", "A failed instance whose server was removed by hand is filled again.", func(t *testing.T) *world {
		w := shop()
		w.enrolled("instance.orders", state.Failed, "the agent did not answer")
		w.holdsData("instance.orders")
		delete(w.machine("instance.orders").objects, state.SlotServer)
		return w
	}},
	{"create-depends-on", "Explicit dependencies order what does not name one another.", func(*testing.T) *world {
		w := shop()
		w.put("instance.second", instance("prod-second")).DependsOn = []resource.Address{at("instance.orders")}
		return w
	}},
	{"create-by-tags", "Image tags select the newest image that bears all of them.", func(*testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) { i.Image, i.ImageTags = "", []string{"mariadb", "stable"} })
		w.real.choices.Images = append(w.real.choices.Images,
			planner.Image{Choice: planner.Choice{ID: "i2", Name: "older"}, Tags: []string{"stable", "mariadb"}, CreatedAt: noon.Add(-time.Hour)},
			planner.Image{Choice: planner.Choice{ID: "i3", Name: "newer"}, Tags: []string{"mariadb", "stable"}, CreatedAt: noon},
			planner.Image{Choice: planner.Choice{ID: "i4", Name: "newest"}, Tags: []string{"mariadb"}, CreatedAt: noon.Add(time.Hour)})
		return w
	}},
}

// enrolled records a resource as an executor does before it builds, with every slot filled.
func (w *world) enrolled(address string, status state.Status, fault string) {
	r := w.want.Resources[at(address)]
	s := plan.Step{Action: plan.Create, Address: r.Address, After: plan.Body{Body: r.Body}}
	w.instance(s, r.Body.(*resource.Instance))
	w.record(address, func(r *state.Record) { r.Status, r.Fault = status, fault })
	m := w.has.Members[w.member(address)]
	m.MayHoldData = false
	w.has.Members[m.ID] = m
}

func (w *world) holdsData(address string) {
	m := w.has.Members[w.member(address)]
	m.MayHoldData = true
	w.has.Members[m.ID] = m
}

var changesInPlace = []scenario{
	{"update-dynamic-setting", "A dynamic setting changes online, in the group's record and in the instance.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "config_group.oltp", func(c *resource.ConfigGroup) { c.Values = map[string]string{"max_connections": "700"} })
		edit(w, "instance.orders", func(i *resource.Instance) { i.Settings = map[string]string{"max_connections": "700"} })
		return w
	}},
	{"update-static-setting", "A setting that needs a restart is persisted and pending.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Settings = map[string]string{"max_connections": "500", static(): "1"}
		})
		return w
	}},
	{"update-static-setting-restart", "With restart = if_required the same change says that it restarts.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Restart, i.Settings = "if_required", map[string]string{"max_connections": "500", static(): "1"}
		})
		return w
	}},
	{"update-pending-restart", "A restart that was left pending is done once the instance allows it.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Settings = map[string]string{"max_connections": "500", static(): "1"}
		})
		w.apply(t)
		edit(w, "instance.orders", func(i *resource.Instance) { i.Restart = "if_required" })
		return w
	}},
	{"update-pending-left", "A restart that is pending and not allowed is a condition and no step.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Settings = map[string]string{"max_connections": "500", static(): "1"}
		})
		w.apply(t)
		return w
	}},
	{"update-volume-grows", "A volume grows in place, and the step rests on its size.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) { i.Volume = &resource.Volume{Size: 20} })
		return w
	}},
	{"update-interrupted", "What an interrupted run did already is recorded by going over it once more.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) { i.Volume = &resource.Volume{Size: 20} })
		w.machine("instance.orders").body.Volume = &resource.Volume{Size: 20}
		return w
	}},
	{"update-many", "Name, access, metadata and sources change together, online.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Name, i.Metadata = "prod-orders-1", map[string]string{"team": "shop"}
			i.Access.AllowedCIDRs, i.Guest.SourceCIDRs = []string{"10.20.0.0/16", "10.30.0.0/16"}, []string{"10.0.9.11/32"}
		})
		return w
	}},
	{"update-charset", "A charset changes for what is made from now on, and this is said.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "database.shop", func(d *resource.Database) { d.Charset = "latin1" })
		return w
	}},
	{"update-left-out", "Arguments that the configuration leaves out and that are unmanaged then are no difference.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "database.shop", func(d *resource.Database) { d.Charset = "" })
		edit(w, "user.app", func(u *resource.User) { u.Password = nil })
		w.machine("instance.orders").body.AvailabilityZone = "az2"
		return w
	}},
	{"update-password", "A new password is a change without values.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "user.app", func(u *resource.User) { u.Password = &resource.Password{Digest: "another"} })
		return w
	}},
	{"update-password-not-supplied", "A password that was not supplied in this run says nothing.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "user.app", func(u *resource.User) { u.Password = &resource.Password{} })
		return w
	}},
	{"update-user-renamed", "A user is renamed in place, after the user that has the name is dropped.", func(t *testing.T) *world {
		w := built(t)
		w.put("user.old", user("old"))
		w.apply(t)
		w.drop("user.old")
		edit(w, "user.app", func(u *resource.User) { u.Name = "old" })
		return w
	}},
	{"update-user-swapped", "Two users that take one another's name cannot do so in one apply.", func(t *testing.T) *world {
		w := built(t)
		w.put("user.other", user("other"))
		w.apply(t)
		edit(w, "user.app", func(u *resource.User) { u.Name = "other" })
		edit(w, "user.other", func(u *resource.User) { u.Name = "app" })
		return w
	}},
	{"update-user-relabelled", "A user under a new label is dropped first, then made.", func(t *testing.T) *world {
		w := built(t)
		w.drop("user.app")
		w.put("user.shop_app", user("app", grant("shop", "SELECT")))
		return w
	}},
	{"update-additive", "With additive grants more than is wanted is left alone, and less is put right.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "user.app", func(u *resource.User) { u.Additive = true })
		w.apply(t)
		m := w.machine("instance.orders")
		u := m.account["app@%"]
		u.Grants = []resource.Grant{grant("other", "SELECT"), grant("shop", "DELETE", "SELECT")}
		m.account["app@%"] = u
		return w
	}},
	{"update-lifecycle", "Protection and dependencies are recorded by a step of their own.", func(t *testing.T) *world {
		w := built(t)
		r := *w.want.Resources[at("database.shop")]
		r.Protect, r.DependsOn = true, []resource.Address{at("config_group.oltp")}
		w.want.Resources[r.Address] = &r
		return w
	}},
	{"update-group-removed", "A config group is removed after the instance that named it has let go of it.", func(t *testing.T) *world {
		w := built(t)
		w.drop("config_group.oltp")
		edit(w, "instance.orders", func(i *resource.Instance) { i.ConfigGroup, i.Settings = resource.Address{}, nil })
		return w
	}},
	{"update-flavor-by-id", "The id of the flavor in place of its name is the same flavor.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) { i.Flavor = "f1" })
		return w
	}},
}

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
	w.has.Intents["openopenopenopen"] = state.Intent{ID: "openopenopenopen", Member: w.member("instance.orders"), Slot: "rename/instance.orders", Operation: state.OpCall}
}

var observations = []scenario{
	{"drift-everything", "What was changed by hand is drift and is put right.", func(t *testing.T) *world {
		w := built(t)
		m := w.machine("instance.orders")
		delete(m.database, "shop")
		m.settings["max_connections"] = "200"
		m.body.Access.AllowedCIDRs = []string{"0.0.0.0/0", "10.20.0.0/16"}
		u := m.account["app@%"]
		u.Grants, u.Password = []resource.Grant{grant("shop", "INSERT")}, &resource.Password{Engine: "somebody's"}
		m.account["app@%"] = u
		return w
	}},
	{"drift-refused", "What cannot be put right in place is told and keeps nobody from the rest.", func(t *testing.T) *world {
		w := built(t)
		w.machine("instance.orders").body.Flavor = "db.large"
		w.machine("instance.orders").body.Volume = &resource.Volume{Size: 12}
		edit(w, "database.shop", func(d *resource.Database) { d.Collation = "utf8mb4_bin" })
		return w
	}},
	{"drift-refresh", "A refresh tells drift and plans nothing.", func(t *testing.T) *world {
		w := built(t)
		delete(w.machine("instance.orders").database, "shop")
		w.want, w.opts.Mode = nil, plan.ModeRefresh
		w.want = &resource.Set{}
		return w
	}},
	{"unmanaged", "What nobody declared is listed and left alone.", func(t *testing.T) *world {
		w := built(t)
		m := w.machine("instance.orders")
		m.database["byhand"], m.account["eve@%"] = resource.Database{Name: "byhand"}, resource.User{Name: "eve", Host: "%"}
		return w
	}},
	{"unknown-guest", "A silent guest makes what lives in it unknown; nothing is planned from that.", func(t *testing.T) *world {
		w := built(t)
		w.real.silent[w.member("instance.orders")] = "the guest did not answer within 30s"
		delete(w.machine("instance.orders").database, "shop")
		return w
	}},
	{"unknown-guest-changed", "Declared changes of what is unknown are planned against the record, and marked.", func(t *testing.T) *world {
		w := built(t)
		w.real.silent[w.member("instance.orders")] = "the guest did not answer within 30s"
		edit(w, "user.app", func(u *resource.User) { u.Grants = []resource.Grant{grant("shop", "SELECT")} })
		edit(w, "instance.orders", func(i *resource.Instance) { i.Settings = map[string]string{"max_connections": "600"} })
		return w
	}},
	{"missing-server", "A server that is gone is made again on the volume that stayed.", func(t *testing.T) *world {
		w := built(t)
		delete(w.machine("instance.orders").objects, state.SlotServer)
		return w
	}},
	{"missing-port", "A port that is gone takes the server along.", func(t *testing.T) *world {
		w := built(t)
		delete(w.machine("instance.orders").objects, state.SlotPort)
		edit(w, "instance.orders", func(i *resource.Instance) { i.Name = "renamed" })
		return w
	}},
	{"missing-group", "A security group that is gone is made again online.", func(t *testing.T) *world {
		w := built(t)
		delete(w.machine("instance.orders").objects, state.SlotSecurityGroup)
		return w
	}},
}

var refusals = []scenario{
	{"refused-changes", "What would need another machine is refused, all at once, with what to do instead.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.AvailabilityZone, i.Flavor, i.Version, i.Volume = "az1", "db.large", "11.4", &resource.Volume{Size: 5}
		})
		edit(w, "database.shop", func(d *resource.Database) { d.Name = "store" })
		return w
	}},
	{"refused-protected", "A protected resource whose block is gone is not destroyed.", func(t *testing.T) *world {
		w := built(t)
		w.record("instance.orders", func(r *state.Record) { r.Protect = true })
		w.drop("instance.orders", "database.shop", "user.app")
		return w
	}},
	{"refused-volume-gone", "An instance whose volume is gone is never made anew silently.", func(t *testing.T) *world {
		w := built(t)
		delete(w.machine("instance.orders").objects, state.SlotVolume)
		return w
	}},
	{"refused-instance-gone", "Nor is one that is gone altogether.", func(t *testing.T) *world {
		w := built(t)
		delete(w.real.machines, w.member("instance.orders"))
		return w
	}},
	{"refused-failed-data-gone", "Nor is a failed one whose volume may have held data.", func(t *testing.T) *world {
		w := shop()
		w.enrolled("instance.orders", state.Failed, "the agent did not answer")
		w.holdsData("instance.orders")
		delete(w.machine("instance.orders").objects, state.SlotVolume)
		return w
	}},
	{"refused-relabelled", "A database under a new label would be lost: refused.", func(t *testing.T) *world {
		w := built(t)
		w.drop("database.shop")
		w.put("database.store", &resource.Database{Instance: at("instance.orders"), Name: "shop"})
		edit(w, "user.app", func(u *resource.User) { u.Grants = []resource.Grant{grant("shop", "SELECT")} })
		return w
	}},
	{"refused-names", "Names that the cloud does not have are told with those that it has, nearest first.", func(*testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) {
			i.Flavor, i.Image, i.Network, i.AvailabilityZone = "db.smal", "mariadb-11", "privat", "az9"
			i.Volume = &resource.Volume{Size: 10, Type: "nvme"}
		})
		w.put("instance.two", func() *resource.Instance { i := instance("two"); i.Subnet = "v6"; return i }())
		return w
	}},
	{"refused-ambiguous", "A name that two networks bear is ambiguous.", func(*testing.T) *world {
		w := shop()
		w.real.choices.Networks = append(w.real.choices.Networks, planner.Network{Choice: planner.Choice{ID: "n0", Name: "private"}})
		return w
	}},
	{"refused-not-listed", "What the cloud did not list cannot be looked up.", func(*testing.T) *world {
		w := shop()
		w.real.choices = planner.Choices{}
		return w
	}},
	{"refused-other-cloud", "A state is never compared with another cloud.", func(t *testing.T) *world {
		w := built(t)
		w.has.Cloud = &state.CloudID{AuthURL: "http://other.invalid/v3", ProjectID: "p9", ProjectName: "other", Region: "R9"}
		return w
	}},
	{"refused-other-fleet", "A configuration that another state has built is not built twice.", func(t *testing.T) *world {
		w := shop()
		for _, service := range []string{"server", "volume", "port", "security_group", "server", "volume"} {
			w.real.strays = append(w.real.strays, planner.Marked{
				Object:   plan.Object{Service: service, ID: w.real.id(service), Name: "prod-orders", Member: "m", Intent: "i"},
				Lineage8: "zzzzzzzz", CreatedAt: noon.Add(-time.Hour),
			})
		}
		return w
	}},
}
