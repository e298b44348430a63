package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/openstack"
)

// openCloud is the script's cloud, asked by the test itself.
func openCloud(ts *testscript.TestScript) *providers.Cloud {
	p := ts.Value(placeKey{}).(*place)
	cloud, err := openstack.Open(context.Background(), p.options(p.first))
	ts.Check(err)
	return cloud
}

// power stop|start|reboot SERVER: by hand, behind trovectl's back.
func power(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: power stop|start|reboot SERVER")
	}
	ctx, cloud := context.Background(), openCloud(ts)
	act, want := cloud.ServerActions.Stop, "SHUTOFF"
	switch args[0] {
	case "start":
		act, want = cloud.ServerActions.Start, "ACTIVE"
	case "reboot":
		act = func(ctx context.Context, id string) error { return cloud.ServerActions.Reboot(ctx, id, true) }
		want = "ACTIVE"
	}
	servers, err := cloud.Servers.List(ctx)
	ts.Check(err)
	for _, s := range servers {
		if s.Name != args[1] {
			continue
		}
		ts.Check(act(ctx, s.ID))
		for again := true; again; again = s.Status != want {
			time.Sleep(pollPause / 5)
			s, err = cloud.Servers.Get(ctx, s.ID)
			ts.Check(err)
		}
		return
	}
	ts.Fatalf("there is no server %s", args[1])
}

// counts SERVERS VOLUMES PORTS [SERVERGROUPS]: the cloud holds exactly so many of ours, asked by itself.
func counts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: counts SERVERS VOLUMES PORTS [SERVERGROUPS]")
	}
	all := belongings{objects: map[string]bool{}, ours: map[string]remove{}}
	ts.Check(all.add(context.Background(), openCloud(ts)))
	var got []string
	for _, what := range []string{"server", "volume", "port", "group of servers"}[:len(args)] {
		got = append(got, fmt.Sprint(all.count(what)))
	}
	if !slices.Equal(got, args) {
		ts.Fatalf("servers, volumes, ports, server groups: %s, want %s", got, args)
	}
}

// twin SERVER NAME: makes a server, with a port, as the first one is. It bears a mark of the same state and nobody knows it.
func twin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: twin SERVER NAME")
	}
	ctx, cloud := context.Background(), openCloud(ts)
	servers, err := cloud.Servers.List(ctx)
	ts.Check(err)
	flavors, err := cloud.Flavors.List(ctx)
	ts.Check(err)
	ports, err := cloud.Ports.List(ctx)
	ts.Check(err)
	model := servers[slices.IndexFunc(servers, func(s providers.Server) bool { return s.Name == args[0] })]
	flavor := flavors[slices.IndexFunc(flavors, func(f providers.Flavor) bool { return f.Name == model.FlavorName })]
	network := ports[slices.IndexFunc(ports, func(p providers.Port) bool { return p.DeviceID == model.ID })].NetworkID
	mark := providers.Mark{Lineage: model.Mark.Lineage, Member: "byhand", Intent: "byhand"}
	port, err := cloud.Ports.Create(ctx, providers.PortSpec{Mark: mark, Name: args[1], NetworkID: network})
	ts.Check(err)
	_, err = cloud.Servers.Create(ctx, providers.ServerSpec{
		Mark: mark, Name: args[1], FlavorID: flavor.ID, ImageID: model.ImageID, PortIDs: []string{port.ID},
	})
	ts.Check(err)
}

// await TEXT COMMAND...: repeats the command until its output holds the text.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await TEXT COMMAND...")
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(pollPause) {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q is not said within %s:\n%s%s", args[0], patience, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}
