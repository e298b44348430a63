package providertest

import (
	"slices"

	"github.com/trovectl/trovectl/providers"
)

var volumeClauses = []clause{
	{"a volume has the size, type and zone that were asked for", func(k *kit) {
		types := must(k.Cloud.Volumes.Types(k.ctx))(k)
		spec := providers.VolumeSpec{Mark: k.mark(), Name: "sized", SizeGiB: 2, Type: types[len(types)-1], Zone: k.zone}
		made := must(k.Cloud.Volumes.Create(k.ctx, spec))(k)
		got := k.waitVolume(made.ID, "available")
		if got.SizeGiB != 2 || got.Type != spec.Type || got.Zone != k.zone || got.Name != "sized" || got.CreatedAt == "" {
			k.Errorf("got %+v, want %+v", got, spec)
		}
		if _, shown := got.Metadata[providers.MarkKey]; shown {
			k.Error("the metadata shows the mark's key")
		}
	}},
	{"extend a free volume", func(k *kit) {
		v := k.volume(1)
		k.ok(k.Cloud.Volumes.Extend(k.ctx, v.ID, 3))
		got := k.waitVolumeUntil(v.ID, "3 GiB", func(v providers.Volume) bool { return v.SizeGiB == 3 && v.Status == "available" })
		if got.Mark != v.Mark {
			k.Errorf("the mark is now %q, was %q", got.Mark, v.Mark)
		}
	}},
	{"extend an attached volume", func(k *kit) {
		v := k.volume(1)
		server := k.server(v.ID)
		k.waitVolume(v.ID, "in-use")
		k.ok(k.Cloud.Volumes.Extend(k.ctx, v.ID, 2))
		got := k.waitVolumeUntil(v.ID, "2 GiB", func(v providers.Volume) bool { return v.SizeGiB == 2 && v.Status == "in-use" })
		if !slices.Equal(got.ServerIDs, []string{server.ID}) {
			k.Errorf("the volume is attached to %v, want %s", got.ServerIDs, server.ID)
		}
	}},
	{"a volume does not shrink", func(k *kit) {
		v := k.volume(2)
		k.wantKind(k.Cloud.Volumes.Extend(k.ctx, v.ID, 1), "extend volume", providers.KindInvalid)
		k.wantKind(k.Cloud.Volumes.Extend(k.ctx, v.ID, 2), "extend volume", providers.KindInvalid)
		if got := must(k.Cloud.Volumes.Get(k.ctx, v.ID))(k); got.SizeGiB != 2 {
			k.Errorf("the volume has %d GiB, want 2", got.SizeGiB)
		}
	}},
	{"an attached volume is not deleted", func(k *kit) {
		v := k.volume(1)
		k.server(v.ID)
		k.waitVolume(v.ID, "in-use")
		k.wantKind(k.Cloud.Volumes.Delete(k.ctx, v.ID), "delete volume", providers.KindConflict)
		k.waitVolume(v.ID, "in-use")
	}},
	{"an attached volume is not attached again", func(k *kit) {
		v := k.volume(1)
		k.server(v.ID)
		_, err := k.Cloud.Servers.Create(k.ctx, k.spec(k.port().ID, v.ID))
		k.wantKind(err, "create server", providers.KindConflict)
	}},
	{"what is not there is refused", func(k *kit) {
		_, err := k.Cloud.Volumes.Create(k.ctx, providers.VolumeSpec{Mark: k.mark(), Name: "x", SizeGiB: 1, Type: "no-such-type"})
		k.wantKind(err, "create volume", providers.KindInvalid, providers.KindNotFound)
		_, err = k.Cloud.Volumes.Create(k.ctx, providers.VolumeSpec{Mark: k.mark(), Name: "x", SizeGiB: 1, Zone: "no-such-zone"})
		k.wantKind(err, "create volume", providers.KindInvalid)
		_, err = k.Cloud.Volumes.Create(k.ctx, providers.VolumeSpec{Mark: k.mark(), Name: "x", SizeGiB: 0})
		k.wantKind(err, "create volume", providers.KindInvalid)
		const none = "ffffffff-ffff-4fff-8fff-ffffffffffff"
		k.wantKind(k.Cloud.Volumes.Extend(k.ctx, none, 2), "extend volume", providers.KindNotFound)
	}},
}
