package providertest

import "github.com/trovectl/trovectl/providers"

var actionClauses = []clause{
	{"stop and start", func(k *kit) {
		server := k.server()
		k.ok(k.Cloud.ServerActions.Stop(k.ctx, server.ID))
		k.waitServer(server.ID, "SHUTOFF")
		k.wantKind(k.Cloud.ServerActions.Stop(k.ctx, server.ID), "stop server", providers.KindConflict)
		k.ok(k.Cloud.ServerActions.Start(k.ctx, server.ID))
		got := k.waitServer(server.ID, "ACTIVE")
		if got.Mark != server.Mark {
			k.Errorf("the mark is now %q, was %q", got.Mark, server.Mark)
		}
		k.wantKind(k.Cloud.ServerActions.Start(k.ctx, server.ID), "start server", providers.KindConflict)
	}},
	{"reboot", func(k *kit) {
		server := k.server()
		k.ok(k.Cloud.ServerActions.Reboot(k.ctx, server.ID, false))
		k.settled(server.ID)
		k.ok(k.Cloud.ServerActions.Reboot(k.ctx, server.ID, true))
		k.settled(server.ID)
	}},
	{"a console can be read", func(k *kit) {
		server := k.server()
		_ = must(k.Cloud.ServerActions.Console(k.ctx, server.ID, 10))(k)
	}},
	{"an action on nothing is not found", func(k *kit) {
		const none = "ffffffff-ffff-4fff-8fff-ffffffffffff"
		k.wantKind(k.Cloud.ServerActions.Start(k.ctx, none), "start server", providers.KindNotFound)
		k.wantKind(k.Cloud.ServerActions.Stop(k.ctx, none), "stop server", providers.KindNotFound)
		k.wantKind(k.Cloud.ServerActions.Reboot(k.ctx, none, true), "reboot server", providers.KindNotFound)
		_, err := k.Cloud.ServerActions.Console(k.ctx, none, 10)
		k.wantKind(err, "read server console", providers.KindNotFound)
	}},
}

// settled waits until a server is ACTIVE and has no task.
func (k *kit) settled(id string) {
	k.Helper()
	_, err := k.Cloud.ServerWaits.Wait(k.ctx, id, func(s providers.Server, present bool) (bool, error) {
		return present && s.Status == "ACTIVE" && s.TaskState == "", nil
	})
	k.ok(err)
}
