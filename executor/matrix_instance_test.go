package executor_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

const (
	orders = "instance.orders"
	// static is a parameter that is in force only after a restart; its default is 512.
	static = "aria_pagecache_file_hash_size"
)

// allowed are the CIDRs that the orders instance's security group lets in on a port.
func (w *world) allowed(port int) []string {
	w.t.Helper()
	group, err := w.cloud.Cloud().SecurityGroups.Get(context.Background(), w.object(orders, state.SlotSecurityGroup))
	must(w.t, err)
	var all []string
	for _, rule := range group.Rules {
		if rule.Port == port {
			all = append(all, rule.CIDR)
		}
	}
	slices.Sort(all)
	return all
}

func (w *world) server() providers.Server {
	w.t.Helper()
	s, err := w.cloud.Cloud().Servers.Get(context.Background(), w.object(orders, state.SlotServer))
	must(w.t, err)
	return s
}

func wantSettings(t *testing.T, w *world, name, running, configured string) {
	t.Helper()
	if got := w.setting(name); got.Running != running || got.Configured != configured {
		t.Errorf("%s runs with %q and is configured as %q, want %q and %q", name, got.Running, got.Configured, running, configured)
	}
}

func instanceCells() map[string]scenario {
	all := map[string]scenario{
		"create-minimal": cell(func(t *testing.T) {
			w := newWorld(t)
			w.ask(shape{})
			f := w.estate()
			f.inst.ConfigGroup, f.inst.Settings, f.inst.Access = resource.Address{}, nil, resource.Access{}
			f.only("datastore.mariadb", orders)
			w.done(plan.ModeApply, "create datastore.mariadb", "create "+orders)
			computed := w.record(orders).Computed
			for _, name := range []string{"id", "server_id", "volume_id", "port_id", "address", "port", "status", "role", "running_version", "image_id"} {
				if computed[name] == "" {
					t.Errorf("%s is not computed", name)
				}
			}
		}),
		"create-full":     cell(createFullInstance),
		"update-name":     change(func(f estate) { f.inst.Name = "orders-2" }, onlyInstance, func(t *testing.T, w *world) { wantText(t, w.server().Name, "orders-2") }),
		"update-metadata": cell(updateMetadata),
		"update-access.allowed_cidrs": change(func(f estate) { f.inst.Access.AllowedCIDRs = []string{"192.0.2.0/24", "198.51.100.0/24"} }, onlyInstance,
			func(t *testing.T, w *world) {
				wantTexts(t, w.allowed(3306), "192.0.2.0/24", "198.51.100.0/24")
				wantTexts(t, w.allowed(22), "10.9.0.1/32")
			}),
		"update-guest.source_cidrs": change(func(f estate) { f.inst.Guest.SourceCIDRs = []string{"10.9.0.2/32"} }, onlyInstance,
			func(t *testing.T, w *world) {
				wantTexts(t, w.allowed(22), "10.9.0.2/32")
				wantTexts(t, w.allowed(3306), "10.0.0.0/8")
			}),
		"update-access.public":         cell(updatePublic),
		"update-access.public_network": cell(updatePublicNetwork),
		"update-access.floating_ip":    cell(updateFloatingIP),
		"update-guest.port":            cell(updateGuestPort),
		"update-volume.size": change(func(f estate) { f.inst.Volume.Size = 3 }, onlyInstance, func(t *testing.T, w *world) {
			volume, err := w.cloud.Cloud().Volumes.Get(context.Background(), w.object(orders, state.SlotVolume))
			must(t, err)
			if volume.SizeGiB != 3 {
				t.Errorf("the volume has %d GiB", volume.SizeGiB)
			}
		}),
		"update-restart":           change(func(f estate) { f.inst.Restart = "if_required" }, onlyInstance, nil),
		"update-lifecycle.protect": protected(orders),
		"update-depends_on":        depends(orders, "datastore.other"),
		"replace":                  cell(replaceInstance),
		"delete":                   cell(deleteInstanceCell),
		"drift":                    cell(driftOfInstance),
		"unknown":                  cell(unknownInstance),
		"dependency":               cell(dependencyOfInstance),
		"orphan":                   cell(orphanOfInstance),
		"import":                   none(importLater),
	}
	maps.Copy(all, settingCells())
	maps.Copy(all, brokerCells())
	maps.Copy(all, careCells())
	return all
}

var onlyInstance = []string{"update " + orders}

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func wantTexts(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func createFullInstance(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{})
	f := w.estate()
	f.settings(map[string]string{"max_connections": "300", static: "1024"})
	f.inst.Subnet, f.inst.FixedIP, f.inst.AvailabilityZone = "private-subnet", "10.66.7.7", "az2"
	f.inst.Volume = &resource.Volume{Size: 5, Type: "hdd", AvailabilityZone: "az2"}
	f.inst.Access.AllowedCIDRs = []string{"10.0.0.0/8", "192.0.2.0/24"}
	f.inst.Restart, f.inst.Metadata = "if_required", map[string]string{"team": "a"}
	f.inst.Guest.Port = 2222
	f.resource(orders).Protect = true
	f.only("datastore.mariadb", "config_group.oltp", orders)
	w.done(plan.ModeApply, "create datastore.mariadb", "create config_group.oltp", "create "+orders)
	server := w.server()
	wantText(t, server.Zone, "az2")
	wantText(t, server.Metadata["team"], "a")
	wantText(t, w.record(orders).Computed["address"], "10.66.7.7")
	wantTexts(t, w.allowed(3306), "10.0.0.0/8", "192.0.2.0/24")
	wantTexts(t, w.allowed(2222), "10.9.0.1/32")
	wantSettings(t, w, static, "1024", "1024")
	if m := w.member(orders); m.SSHPort != 2222 || m.Generation != 2 || !m.MayHoldData {
		t.Errorf("the member is %+v", m)
	}
}

func updateMetadata(t *testing.T) {
	w, f := built(t)
	f.inst.Metadata = map[string]string{"team": "a", "cost": "7"}
	w.done(plan.ModeApply, onlyInstance...)
	f.inst.Metadata = map[string]string{"team": "b"}
	w.done(plan.ModeApply, onlyInstance...)
	has := w.server().Metadata
	if _, there := has["cost"]; has["team"] != "b" || there || has[providers.AddressKey] != orders {
		t.Errorf("the metadata is %v", has)
	}
}

// updateGuestPort: the port that agents are reached on is recorded with the machine too, and the rule follows it, also
// when both change at once and when it returns to the default.
func updateGuestPort(t *testing.T) {
	w, f := built(t)
	f.inst.Guest.Port, f.inst.Guest.SourceCIDRs = 2222, []string{"10.9.0.2/32"}
	f.settings(map[string]string{"max_connections": "250"})
	w.done(plan.ModeApply, "update config_group.oltp", "update "+orders)
	wantTexts(t, w.allowed(2222), "10.9.0.2/32")
	wantTexts(t, w.allowed(22))
	if m := w.member(orders); m.SSHPort != 2222 {
		t.Errorf("the agent is recorded at port %d", m.SSHPort)
	}
	f.inst.Guest.Port = 0
	w.done(plan.ModeApply, onlyInstance...)
	wantTexts(t, w.allowed(22), "10.9.0.2/32")
	wantTexts(t, w.allowed(2222))
	if m := w.member(orders); m.SSHPort != 22 {
		t.Errorf("the agent is recorded at port %d", m.SSHPort)
	}
}

// settingCells are the updates of what a config group says to an instance.
func settingCells() map[string]scenario {
	both := []string{"update config_group.oltp", "update " + orders}
	return map[string]scenario{
		"update-config_group": cell(updateConfigGroup),
		"update-config_group.values": change(func(f estate) { f.settings(map[string]string{"max_connections": "250"}) }, both,
			func(t *testing.T, w *world) { wantSettings(t, w, "max_connections", "250", "250") }),
		"update-config_group.values (removed)": change(func(f estate) { f.settings(map[string]string{}) }, both,
			func(t *testing.T, w *world) { wantSettings(t, w, "max_connections", "151", "") }),
		"update-config_group.values (static, never)": change(func(f estate) {
			f.settings(map[string]string{"max_connections": "200", static: "1024"})
		}, both, func(t *testing.T, w *world) {
			wantSettings(t, w, static, "512", "1024")
			p, err := w.plan(plan.ModeApply)
			must(t, err)
			if len(p.Conditions) != 1 || p.Conditions[0].Code != "restart_pending" {
				t.Errorf("the conditions are %v", p.Conditions)
			}
		}),
		"update-config_group.values (static, if_required)": change(func(f estate) {
			f.inst.Restart = "if_required"
			f.settings(map[string]string{"max_connections": "200", static: "1024"})
		}, both, func(t *testing.T, w *world) { wantSettings(t, w, static, "1024", "1024") }),
		"update-config_group.values (static, removed, if_required)": cell(func(t *testing.T) {
			w, f := built(t)
			f.inst.Restart = "if_required"
			f.settings(map[string]string{static: "1024"})
			w.done(plan.ModeApply, both...)
			f.settings(map[string]string{})
			w.done(plan.ModeApply, both...)
			wantSettings(t, w, static, "512", "")
		}),
		"update-restart (with a restart pending)": cell(func(t *testing.T) {
			w, f := built(t)
			f.settings(map[string]string{static: "1024"})
			w.done(plan.ModeApply, both...)
			f.inst.Restart = "if_required"
			p := w.done(plan.ModeApply, onlyInstance...)
			if p.Steps[0].Impact != resource.Restart {
				t.Errorf("the impact is %s", p.Steps[0].Impact)
			}
			wantSettings(t, w, static, "1024", "1024")
		}),
	}
}

// updateConfigGroup attaches, exchanges and detaches a config group, also one whose values are the same.
func updateConfigGroup(t *testing.T) {
	w, f := built(t)
	other := &resource.ConfigGroup{Datastore: address("datastore.mariadb"), Manager: "mariadb", Version: "10.11", Values: map[string]string{"wait_timeout": "60"}}
	f.add("config_group.other", other)
	f.inst.ConfigGroup, f.inst.Settings = address("config_group.other"), other.Values
	w.done(plan.ModeApply, "create config_group.other", "update "+orders)
	wantSettings(t, w, "max_connections", "151", "")
	wantSettings(t, w, "wait_timeout", "60", "60")

	same := *other
	f.add("config_group.same", &same)
	f.inst.ConfigGroup = address("config_group.same")
	w.done(plan.ModeApply, "create config_group.same", "update "+orders)
	wantSettings(t, w, "wait_timeout", "60", "60")

	f.inst.ConfigGroup, f.inst.Settings = resource.Address{}, nil
	w.done(plan.ModeApply, onlyInstance...)
	wantSettings(t, w, "wait_timeout", "28800", "")

	f.inst.ConfigGroup, f.inst.Settings = address("config_group.oltp"), f.group.Values
	w.done(plan.ModeApply, onlyInstance...)
	wantSettings(t, w, "max_connections", "200", "200")
}

// replaceInstance: what would need another machine is refused with what to do instead.
func replaceInstance(t *testing.T) {
	for path, edit := range map[string]func(f estate){
		"flavor":            func(f estate) { f.inst.Flavor = "db.large" },
		"network":           func(f estate) { f.inst.Network = "public" },
		"version":           func(f estate) { f.inst.Version = "11.4" },
		"availability_zone": func(f estate) { f.inst.AvailabilityZone = "az3" },
		"volume.type":       func(f estate) { f.inst.Volume.Type = "hdd" },
		"fixed_ip":          func(f estate) { f.inst.FixedIP = "10.66.9.9" },
	} {
		refusal(t, edit, path+" of "+orders+" cannot be changed")
	}
	w, f := built(t)
	f.inst.Volume.Size = 2
	w.apply(plan.ModeApply)
	f.inst.Volume.Size = 1
	w.refuses(plan.ModeApply, "volume.size of "+orders, "cannot shrink")
}

func deleteInstanceCell(t *testing.T) {
	w, f := built(t)
	f.without(orders, "database.shop", "user.app")
	p := w.done(plan.ModeApply, "delete "+orders, "delete database.shop", "delete user.app")
	if len(w.marked()) != 0 || len(w.snapshot().Members) != 0 || len(w.snapshot().Roles) != 0 {
		t.Errorf("there is still %v, %v, %v", w.marked(), w.snapshot().Members, w.snapshot().Roles)
	}
	for _, s := range p.Steps {
		if s.Address == address(orders) && len(s.Destroys) != 3 {
			t.Errorf("the step destroys %v", s.Destroys)
		}
	}
}

// driftOfInstance: what somebody else did to the machine is put right.
func driftOfInstance(t *testing.T) {
	w, _ := built(t)
	ctx, cloud := context.Background(), w.cloud.Cloud()
	must(t, cloud.Servers.Rename(ctx, w.object(orders, state.SlotServer), "mine now"))
	group, err := cloud.SecurityGroups.Get(ctx, w.object(orders, state.SlotSecurityGroup))
	must(t, err)
	must(t, cloud.SecurityGroups.DeleteRule(ctx, group.Rules[0].ID))
	_, err = cloud.SecurityGroups.AddRule(ctx, group.ID, providers.Mark{Lineage: "zzzzzzzz", Member: "mmmmmmmmmmmm", Intent: "iiiiiiiiiiiiiiii"}, providers.Rule{Port: 3306, CIDR: "0.0.0.0/0"})
	must(t, err)
	_, err = w.engine().Configure(ctx, engine.Settings{"max_connections": "999"})
	must(t, err)
	p := w.done(plan.ModeApply, onlyInstance...)
	if len(p.Drift) != 1 || p.Steps[0].Reason.Code != plan.ReasonDrift {
		t.Errorf("drift %v, reason %v", p.Drift, p.Steps[0].Reason)
	}
	wantText(t, w.server().Name, "orders")
	wantTexts(t, w.allowed(3306), "10.0.0.0/8")
	wantTexts(t, w.allowed(22), "10.9.0.1/32")
	wantSettings(t, w, "max_connections", "200", "200")
}

// unknownInstance: of a guest that does not answer nothing is planned anew, what was asked for fails alone, and what
// needs no guest is done.
func unknownInstance(t *testing.T) {
	w, f := built(t)
	w.guests.silence(w.member(orders).ID)
	p, err := w.plan(plan.ModeApply)
	must(t, err)
	if len(p.Steps) != 0 || len(p.Unknown) == 0 {
		t.Fatalf("steps %v, unknown %v", stepIDs(p), p.Unknown)
	}
	f.settings(map[string]string{"max_connections": "250"})
	f.add("datastore.other", &resource.Datastore{Manager: "mariadb", Versions: map[string]resource.DatastoreVersion{"10.11": {Image: "mariadb-10.11"}}})
	_ = w.fails(plan.ModeApply, "update "+orders, "nobody at")
	if got := w.outcomes(); got["create datastore.other"] != "done" || got["update "+orders] != "failed" {
		t.Errorf("the outcomes are %v", got)
	}
	if got := w.record(orders); got.Status != state.Ready || got.Body.(*resource.Instance).Settings["max_connections"] != "200" {
		t.Errorf("what was not done is recorded: %+v", got)
	}
	w.guests.speak(w)
	w.done(plan.ModeApply, onlyInstance...)
}

// dependencyOfInstance: what lives in an instance that fails is skipped, and made by the next run.
func dependencyOfInstance(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{password: "one"})
	w.cloud.Deny("create server")
	_ = w.fails(plan.ModeApply, "create "+orders)
	got := w.outcomes()
	for _, id := range []string{"create database.shop", "create user.app"} {
		if !strings.HasPrefix(got[id], "skipped because of create ") {
			t.Errorf("%s is %q", id, got[id])
		}
	}
	w.cloud.Heal()
	w.done(plan.ModeApply, "create "+orders, "create database.shop", "create user.app")
}

// orphanOfInstance: an object with our mark that stands in no record is listed, left alone, and removed when asked.
func orphanOfInstance(t *testing.T) {
	w, _ := built(t)
	mark := providers.Mark{Lineage: lineage[:8], Member: "mmmmmmmmmmmm", Intent: "iiiiiiiiiiiiiiii"}
	ctx, cloud := context.Background(), w.cloud.Cloud()
	group, err := cloud.SecurityGroups.Create(ctx, providers.SecurityGroupSpec{Mark: mark, Name: "left"})
	must(t, err)
	networks, err := cloud.Networks.List(ctx)
	must(t, err)
	port, err := cloud.Ports.Create(ctx, providers.PortSpec{Mark: mark, Name: "left", NetworkID: networks[0].ID, SecurityGroups: []string{group.ID}})
	must(t, err)
	volume, err := cloud.Volumes.Create(ctx, providers.VolumeSpec{Mark: mark, Name: "left", SizeGiB: 1})
	must(t, err)
	p, err := w.plan(plan.ModeApply)
	must(t, err)
	if len(p.Orphans) != 3 || len(p.Steps) != 0 {
		t.Fatalf("orphans %v, steps %v", p.Orphans, stepIDs(p))
	}
	w.orphans = true
	w.done(plan.ModeApply, "delete_orphan security_group "+group.ID, "delete_orphan port "+port.ID, "delete_orphan volume "+volume.ID)
}
