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
	{"create-no-password", "A new user without a password is noted; one that is there needs none.", func(t *testing.T) *world {
		w := built(t)
		for _, name := range []string{"late", "there"} {
			u := user(name)
			u.Password = nil
			w.put("user."+name, u)
		}
		w.machine("instance.orders").account["there@%"] = *user("there")
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
	{"create-managed", "With a management network there is a second port, and both networks are resolved.", func(*testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) { i.Guest.Network = "management" })
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
	{"create-by-file", "An image file that the cloud does not have is uploaded by the datastore's step.", func(*testing.T) *world {
		w := shop()
		w.fromFile("5ff7")
		return w
	}},
	{"create-by-file-there", "An image file that the cloud has is taken as it is.", func(*testing.T) *world {
		w := shop()
		w.fromFile("5ff7")
		w.real.choices.Images = append(w.real.choices.Images, planner.Image{Choice: planner.Choice{ID: "i5", Name: "m"}, SHA256: "5ff7"})
		return w
	}},
	{"image-newer", "A newer image with the tags is told and is no step.", func(t *testing.T) *world {
		w := built(t)
		edit(w, "instance.orders", func(i *resource.Instance) { i.Image, i.ImageTags = "", []string{"stable"} })
		w.record("instance.orders", func(r *state.Record) { r.Computed = map[string]string{"image_id": "i1"} })
		w.real.choices.Images = append(w.real.choices.Images, planner.Image{Choice: planner.Choice{ID: "i6", Name: "fresh"}, Tags: []string{"stable"}, CreatedAt: noon})
		return w
	}},
}

// fromFile makes a file with a digest the image of the datastore, as the reader hands it on to the instance.
func (w *world) fromFile(digest string) {
	store := w.want.Resources[at("datastore.mariadb")].Body.(*resource.Datastore)
	store.Versions = map[string]resource.DatastoreVersion{"10.11": {ImageFile: "images/m.qcow2", ImageSHA256: digest}}
	edit(w, "instance.orders", func(i *resource.Instance) { i.Image, i.ImageSHA256 = "", digest })
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
