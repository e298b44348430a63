package providertest

import "github.com/trovectl/trovectl/providers"

// other is a flavor that is not the kit's, the next larger one.
func (k *kit) other() providers.Flavor {
	k.Helper()
	var best providers.Flavor
	for _, f := range must(k.Cloud.Flavors.List(k.ctx))(k) {
		if f.RAMMiB > k.flavor.RAMMiB && f.DiskGiB >= k.flavor.DiskGiB && (best.ID == "" || f.RAMMiB < best.RAMMiB) {
			best = f
		}
	}
	if best.ID == "" {
		k.Fatalf("no flavor is larger than %+v", k.flavor)
	}
	return best
}

// resized makes a server and takes it to VERIFY_RESIZE.
func (k *kit) resized(volumes ...string) (providers.Server, providers.Flavor) {
	k.Helper()
	server, flavor := k.server(volumes...), k.other()
	k.ok(k.Cloud.Resizes.Resize(k.ctx, server.ID, flavor.ID))
	got := k.waitServer(server.ID, "VERIFY_RESIZE")
	if got.FlavorName != flavor.Name || got.Mark != server.Mark {
		k.Errorf("the server to be confirmed has flavor %q and mark %q, want %q and %q", got.FlavorName, got.Mark, flavor.Name, server.Mark)
	}
	return got, flavor
}

// kept checks a server whose resize is over.
func (k *kit) kept(before providers.Server, flavor string) {
	k.Helper()
	got := k.waitServer(before.ID, "ACTIVE")
	if got.FlavorName != flavor || got.Mark != before.Mark || len(got.Addresses) != 1 || got.Addresses[0] != before.Addresses[0] {
		k.Errorf("got %+v, want flavor %q and what it had: %+v", got, flavor, before)
	}
}

var resizeClauses = []clause{
	{"a resize that is confirmed", func(k *kit) {
		volume := k.volume(1)
		server, flavor := k.resized(volume.ID)
		k.ok(k.Cloud.Resizes.Confirm(k.ctx, server.ID))
		k.kept(server, flavor.Name)
		k.waitVolume(volume.ID, "in-use")
	}},
	{"a resize that is reverted", func(k *kit) {
		server, _ := k.resized()
		k.ok(k.Cloud.Resizes.Revert(k.ctx, server.ID))
		k.kept(server, k.flavor.Name)
	}},
	{"a resize needs a server that stands still", func(k *kit) {
		server, _ := k.resized()
		k.wantKind(k.Cloud.Resizes.Resize(k.ctx, server.ID, k.flavor.ID), "resize server", providers.KindConflict)
		k.wantKind(k.Cloud.ServerActions.Stop(k.ctx, server.ID), "stop server", providers.KindConflict)
		k.ok(k.Cloud.Resizes.Confirm(k.ctx, server.ID))
		k.waitServer(server.ID, "ACTIVE")
		k.wantKind(k.Cloud.Resizes.Confirm(k.ctx, server.ID), "confirm server resize", providers.KindConflict)
		k.wantKind(k.Cloud.Resizes.Revert(k.ctx, server.ID), "revert server resize", providers.KindConflict)
	}},
	{"a resize to what cannot be", func(k *kit) {
		server := k.server()
		k.wantKind(k.Cloud.Resizes.Resize(k.ctx, server.ID, "no-such-flavor"), "resize server", providers.KindInvalid)
		k.wantKind(k.Cloud.Resizes.Resize(k.ctx, server.ID, k.flavor.ID), "resize server", providers.KindInvalid)
		const none = "ffffffff-ffff-4fff-8fff-ffffffffffff"
		k.wantKind(k.Cloud.Resizes.Resize(k.ctx, none, "no-such-flavor"), "resize server", providers.KindNotFound)
		k.wantKind(k.Cloud.Resizes.Confirm(k.ctx, none), "confirm server resize", providers.KindNotFound)
		k.wantKind(k.Cloud.Resizes.Revert(k.ctx, none), "revert server resize", providers.KindNotFound)
	}},
}
