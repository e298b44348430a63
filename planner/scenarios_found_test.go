package planner_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

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
	{"missing-server-and-port", "Where the server is gone already, making both again interrupts nobody.", func(t *testing.T) *world {
		w := built(t)
		delete(w.machine("instance.orders").objects, state.SlotServer)
		delete(w.machine("instance.orders").objects, state.SlotPort)
		return w
	}},
	{"missing-management-port", "So does the one in the management network, and the first stays.", func(t *testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) { i.Guest.Network = "management" })
		w.apply(t)
		delete(w.machine("instance.orders").objects, state.SlotManagementPort)
		return w
	}},
	{"missing-group", "A security group that is gone is made again online.", func(t *testing.T) *world {
		w := built(t)
		delete(w.machine("instance.orders").objects, state.SlotSecurityGroup)
		return w
	}},
}

var interruptions = []scenario{
	{"interrupted-reverted", "Calls that were under way when the edit was taken back are ended by a step.", func(t *testing.T) *world {
		w := built(t)
		w.underWay("user.app", "put_user")
		w.underWay("instance.orders", "rename")
		w.underWay("instance.orders", "configure")
		return w
	}},
	{"interrupted-group", "A security group that an instance was to join, or had to leave, is let go by a step.", func(t *testing.T) *world {
		w := built(t)
		m := w.has.Members[w.member("instance.orders")]
		w.has.Members["group-other"] = state.Member{ID: "group-other", Key: "other"}
		m.Groups = append(m.Groups, "group-other")
		w.has.Members[m.ID] = m
		return w
	}},
	{"interrupted-changed", "Where a step is planned anyway, it ends them.", func(t *testing.T) *world {
		w := built(t)
		w.underWay("user.app", "put_user")
		edit(w, "user.app", func(u *resource.User) { u.Grants = []resource.Grant{grant("shop", "SELECT")} })
		return w
	}},
	{"interrupted-unknown", "Nothing is planned of what could not be seen.", func(t *testing.T) *world {
		w := built(t)
		w.underWay("user.app", "put_user")
		w.underWay("instance.orders", "configure")
		w.real.silent[w.member("instance.orders")] = "the guest did not answer within 30s"
		return w
	}},
	{"interrupted-abandoned", "A call for what is neither recorded nor declared any more is ended.", func(t *testing.T) *world {
		w := built(t)
		w.underWay("user.gone", "put_user")
		return w
	}},
	{"interrupted-abandoned-with", "It goes with the instance that it was made in.", func(t *testing.T) *world {
		w := built(t)
		w.underWay("user.gone", "put_user")
		w.opts.Mode = plan.ModeDestroy
		return w
	}},
}

// underWay leaves a call open on the machine of instance.orders.
func (w *world) underWay(address, what string) {
	id := state.IntentID(fmt.Sprintf("%016d", len(w.has.Intents)))
	w.has.Intents[id] = state.Intent{
		ID: id, Address: at(address), Member: w.member("instance.orders"), Slot: what + "/" + address, Operation: state.OpCall, Direction: state.Forward,
	}
}

var rotations = []scenario{
	{"rotate", "New keys for one guest, and nothing else, whatever the configuration asks for.", func(t *testing.T) *world {
		w := built(t)
		w.drop("user.app")
		w.opts.Mode, w.opts.Rotate = plan.ModeRotate, []resource.Address{at("instance.orders")}
		return w
	}},
	{"rotate-refused", "A guest that does not answer cannot be given keys, nor one that is not there.", func(t *testing.T) *world {
		w := built(t)
		w.opts.Mode, w.opts.Rotate = plan.ModeRotate, []resource.Address{at("instance.orders"), at("instance.none")}
		w.real.silent[w.member("instance.orders")] = "the guest did not answer within 30s"
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
	{"refused-port-gone", "A port that is gone takes no server along whose own disk holds the data.", func(t *testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) { i.Volume = nil })
		w.apply(t)
		delete(w.machine("instance.orders").objects, state.SlotPort)
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
	{"refused-failed-server-gone", "Nor is a failed one whose server was gone with the data on its own disk.", func(t *testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) { i.Volume = nil })
		w.enrolled("instance.orders", state.Failed, "the agent did not answer")
		w.holdsData("instance.orders")
		delete(w.machine("instance.orders").objects, state.SlotServer)
		return w
	}},
	{"refused-relabelled", "A database under a new label would be lost: refused.", func(t *testing.T) *world {
		w := built(t)
		w.drop("database.shop")
		w.put("database.store", &resource.Database{Instance: at("instance.orders"), Name: "shop"})
		edit(w, "user.app", func(u *resource.User) { u.Grants = []resource.Grant{grant("shop", "SELECT")} })
		return w
	}},
	{"refused-relabelled-instance", "An instance under a new label is told once, whatever lives in it.", func(t *testing.T) *world {
		w := built(t)
		w.relabel("instance.mm", func(i *resource.Instance) { i.Name = "prod-mm" })
		return w
	}},
	{"refused-relabelled-count", "So is one whose count is removed.", func(t *testing.T) *world {
		w := empty()
		w.put("datastore.mariadb", shop().want.Resources[at("datastore.mariadb")].Body)
		w.put("instance.m[0]", instance("m-0"))
		w.apply(t)
		w.drop("instance.m[0]")
		w.put("instance.m", instance("m"))
		return w
	}},
	{"refused-relabelled-name", "So is one with nothing in it that keeps its name in the cloud.", func(t *testing.T) *world {
		w := empty()
		w.put("datastore.mariadb", shop().want.Resources[at("datastore.mariadb")].Body)
		w.put("instance.m", instance("m"))
		w.apply(t)
		w.drop("instance.m")
		w.put("instance.mm", instance("m"))
		return w
	}},
	{"delete-and-create", "One instance removed and another declared are two things.", func(t *testing.T) *world {
		w := built(t)
		w.drop("instance.orders", "database.shop", "user.app", "config_group.oltp")
		w.put("instance.billing", instance("prod-billing"))
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
	{"refused-same-network", "The network of the instance is no management network, by whatever name.", func(*testing.T) *world {
		w := shop()
		edit(w, "instance.orders", func(i *resource.Instance) { i.Guest.Network = "n1" })
		w.put("instance.plain", func() *resource.Instance { i := instance("plain"); i.Guest.Network = "private"; return i }())
		return w
	}},
	{"refused-not-listed", "What the cloud did not list cannot be looked up.", func(*testing.T) *world {
		w := shop()
		w.real.choices = planner.Choices{}
		return w
	}},
	{"refused-no-provider", "What was made by a provider whose block is gone cannot be looked at.", func(t *testing.T) *world {
		w := built(t)
		w.has.Records[at("instance.orders")].Body.(*resource.Instance).Provider = "west"
		return w
	}},
	{"refused-other-cloud", "A state is never compared with another cloud.", func(t *testing.T) *world {
		w := built(t)
		w.has.Cloud = &state.CloudID{AuthURL: "http://other.invalid/v3", ProjectID: "p9", ProjectName: "other", Region: "R9"}
		return w
	}},
	{"refused-other-fleet", "A configuration that another state has built is not built twice.", func(t *testing.T) *world {
		return otherFleet()
	}},
	{"refused-other-fleet-destroy", "A destroy by a state that has lost the fleet does not say that there is nothing.", func(*testing.T) *world {
		w := otherFleet()
		w.opts.Mode = plan.ModeDestroy
		return w
	}},
	{"refused-other-fleet-refresh", "Nor does a refresh.", func(*testing.T) *world {
		w := otherFleet()
		w.opts.Mode = plan.ModeRefresh
		return w
	}},
}

// relabel declares instance.orders, and what lives in it, under a new address.
func (w *world) relabel(address string, change func(*resource.Instance)) {
	body := *w.want.Resources[at("instance.orders")].Body.(*resource.Instance)
	change(&body)
	w.drop("instance.orders")
	w.put(address, &body)
	edit(w, "database.shop", func(d *resource.Database) { d.Instance = at(address) })
	edit(w, "user.app", func(u *resource.User) { u.Instance = at(address) })
}

// otherFleet is the shop as another state has built it.
func otherFleet() *world {
	w := shop()
	for _, service := range []string{"server", "volume", "port", "security_group", "server", "volume"} {
		w.real.strays = append(w.real.strays, planner.Marked{
			Object:   plan.Object{Service: service, ID: w.real.id(service), Name: "prod-orders", Member: "m", Intent: "i"},
			Lineage8: "zzzzzzzz", CreatedAt: noon.Add(-time.Hour),
		})
	}
	return w
}
