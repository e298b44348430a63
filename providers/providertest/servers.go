package providertest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
)

var serverClauses = []clause{
	{"a server shows its flavor, zone, addresses, volumes and metadata", func(k *kit) {
		volume, port := k.volume(1), k.port()
		spec := k.spec(port.ID, volume.ID)
		made := must(k.Cloud.Servers.Create(k.ctx, spec))(k)
		got := k.waitServer(made.ID, "ACTIVE")
		want := providers.Server{
			ID: made.ID, Name: spec.Name, Status: "ACTIVE", FlavorName: k.flavor.Name, ImageID: k.image.ID, Zone: k.zone,
			Metadata: map[string]string{"purpose": "contract"}, Mark: spec.Mark, Addresses: port.Addresses,
			VolumeIDs: []string{volume.ID},
		}
		if got.CreatedAt == "" {
			k.Error("the server has no time of creation")
		}
		got.CreatedAt = ""
		if diff := cmp.Diff(want, got); diff != "" {
			k.Errorf("server (-want +got):\n%s", diff)
		}
		one := must(k.Cloud.Servers.Get(k.ctx, made.ID))(k)
		one.CreatedAt = ""
		if diff := cmp.Diff(want, one); diff != "" {
			k.Errorf("get differs from list (-want +got):\n%s", diff)
		}
		if v := k.waitVolume(volume.ID, "in-use"); !slices.Equal(v.ServerIDs, []string{made.ID}) {
			k.Errorf("the volume is attached to %v, want %s", v.ServerIDs, made.ID)
		}
		if p := must(k.Cloud.Ports.Get(k.ctx, port.ID))(k); p.DeviceID != made.ID {
			k.Errorf("the port is bound to %q, want %s", p.DeviceID, made.ID)
		}
	}},
	{"a port that a server has is not given to another", func(k *kit) {
		// Only once the first one is there: Nova binds a port when the build reaches its host, and looks no earlier.
		port := k.port()
		first := must(k.Cloud.Servers.Create(k.ctx, k.spec(port.ID)))(k)
		k.waitServer(first.ID, "ACTIVE")
		_, err := k.Cloud.Servers.Create(k.ctx, k.spec(port.ID))
		k.wantKind(err, "create server", providers.KindConflict)
		if all := must(k.Cloud.Servers.List(k.ctx))(k); len(all) != 1 {
			k.Errorf("there are %d servers, want one", len(all))
		}
		if p := must(k.Cloud.Ports.Get(k.ctx, port.ID))(k); p.DeviceID != first.ID {
			k.Errorf("the port is bound to %q, want %s", p.DeviceID, first.ID)
		}
	}},
	{"a deleted server leaves its port and volume", func(k *kit) {
		volume, port := k.volume(1), k.port()
		server := must(k.Cloud.Servers.Create(k.ctx, k.spec(port.ID, volume.ID)))(k)
		k.waitServer(server.ID, "ACTIVE")
		k.ok(k.Cloud.Servers.Delete(k.ctx, server.ID))
		k.ok(k.Cloud.Servers.Delete(k.ctx, server.ID)) // again, while it is going
		k.waitServer(server.ID, gone)
		if v := k.waitVolume(volume.ID, "available"); len(v.ServerIDs) != 0 {
			k.Errorf("the volume is still attached to %v", v.ServerIDs)
		}
		if p := must(k.Cloud.Ports.Get(k.ctx, port.ID))(k); p.DeviceID != "" {
			k.Errorf("the port is still bound to %q", p.DeviceID)
		}
		next := must(k.Cloud.Servers.Create(k.ctx, k.spec(port.ID, volume.ID)))(k)
		k.waitServer(next.ID, "ACTIVE")
	}},
	{"rename and metadata keep the mark", func(k *kit) {
		server := k.server()
		k.ok(k.Cloud.Servers.Rename(k.ctx, server.ID, "renamed"))
		k.ok(k.Cloud.Servers.SetMetadata(k.ctx, server.ID, map[string]string{"a": "1", providers.AddressKey: "instance.a"}, nil))
		k.ok(k.Cloud.Servers.SetMetadata(k.ctx, server.ID, map[string]string{"b": "2"}, []string{"a", "never-there"}))
		k.ok(k.Cloud.Servers.SetMetadata(k.ctx, server.ID, nil, nil))
		got := must(k.Cloud.Servers.Get(k.ctx, server.ID))(k)
		want := map[string]string{"purpose": "contract", "b": "2", providers.AddressKey: "instance.a"}
		if diff := cmp.Diff(want, got.Metadata); diff != "" {
			k.Errorf("metadata (-want +got):\n%s", diff)
		}
		if got.Name != "renamed" || got.Mark != server.Mark {
			k.Errorf("got name %q and mark %q, want renamed and %q", got.Name, got.Mark, server.Mark)
		}
	}},
	{"the mark cannot be overwritten", func(k *kit) {
		server := k.server()
		err := k.Cloud.Servers.SetMetadata(k.ctx, server.ID, map[string]string{providers.MarkKey: "x"}, nil)
		k.wantKind(err, "set server metadata", providers.KindInvalid)
		err = k.Cloud.Servers.SetMetadata(k.ctx, server.ID, nil, []string{providers.MarkKey})
		k.wantKind(err, "set server metadata", providers.KindInvalid)
		if got := must(k.Cloud.Servers.Get(k.ctx, server.ID))(k); got.Mark != server.Mark {
			k.Errorf("the mark is now %q, was %q", got.Mark, server.Mark)
		}
	}},
	{"a failed build shows its fault", func(k *kit) {
		if k.FailBuild == nil {
			return
		}
		const fault = "No valid host was found."
		k.FailBuild(k.T, fault)
		spec := k.spec(k.port().ID)
		made := must(k.Cloud.Servers.Create(k.ctx, spec))(k)
		got := k.waitServer(made.ID, "ERROR")
		if !strings.HasPrefix(got.Fault, fault) || got.Mark != spec.Mark {
			k.Errorf("got fault %q and mark %q", got.Fault, got.Mark)
		}
		k.ok(k.Cloud.Servers.Delete(k.ctx, made.ID))
		k.waitServer(made.ID, gone)
	}},
	{"user-data that is too large is refused", func(k *kit) {
		spec := k.spec(k.port().ID)
		spec.UserData = bytes.Repeat([]byte("x"), 65535)
		_, err := k.Cloud.Servers.Create(k.ctx, spec)
		k.wantKind(err, "create server", providers.KindInvalid)
	}},
	{"user-data of every byte is accepted", func(k *kit) {
		spec := k.spec(k.port().ID)
		for i := range 256 {
			spec.UserData = append(spec.UserData, byte(i))
		}
		made := must(k.Cloud.Servers.Create(k.ctx, spec))(k)
		k.waitServer(made.ID, "ACTIVE")
	}},
	{"what is not there is refused", func(k *kit) {
		const none = "ffffffff-ffff-4fff-8fff-ffffffffffff"
		for _, spoil := range []func(*providers.ServerSpec){
			func(s *providers.ServerSpec) { s.FlavorID = none },
			func(s *providers.ServerSpec) { s.ImageID = none },
			func(s *providers.ServerSpec) { s.PortIDs = []string{none} },
			func(s *providers.ServerSpec) { s.VolumeIDs = []string{none} },
			func(s *providers.ServerSpec) { s.Zone = "no-such-zone" },
		} {
			spec := k.spec(k.port().ID)
			spoil(&spec)
			_, err := k.Cloud.Servers.Create(k.ctx, spec)
			k.wantKind(err, "create server", providers.KindInvalid, providers.KindNotFound)
		}
		k.wantKind(k.Cloud.Servers.Rename(k.ctx, none, "x"), "rename server", providers.KindNotFound)
		k.wantKind(k.Cloud.Servers.SetMetadata(k.ctx, none, map[string]string{"a": "b"}, nil), "set server metadata", providers.KindNotFound)
	}},
}
