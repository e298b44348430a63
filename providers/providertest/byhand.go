package providertest

import (
	"slices"
	"strings"

	"github.com/trovectl/trovectl/providers"
)

// none is an id that nothing has.
const none = "ffffffff-ffff-4fff-8fff-ffffffffffff"

// handClauses are about what people do to servers by hand, and what undoes it.
var handClauses = []clause{
	{"pause and unpause", func(k *kit) { k.downAndUp(providers.Pause, "PAUSED", providers.Unpause) }},
	{"suspend and resume", func(k *kit) { k.downAndUp(providers.Suspend, "SUSPENDED", providers.Resume) }},
	{"shelve and unshelve", func(k *kit) { k.downAndUp(providers.Shelve, "SHELVED", providers.Unshelve) }},
	{"a locked server keeps all but its name", func(k *kit) {
		volume := k.volume(1)
		server := k.server(volume.ID)
		k.ok(k.Cloud.ServerActions.Act(k.ctx, server.ID, providers.Lock))
		k.ok(k.Cloud.ServerActions.Act(k.ctx, server.ID, providers.Lock)) // once more is no error
		if got := must(k.Cloud.Servers.Get(k.ctx, server.ID))(k); !got.Locked || got.Status != "ACTIVE" {
			k.Errorf("the locked server is %+v", got)
		}
		k.wantKind(k.Cloud.ServerActions.Stop(k.ctx, server.ID), "stop server", providers.KindConflict)
		k.wantKind(k.Cloud.Servers.SetMetadata(k.ctx, server.ID, map[string]string{"a": "1"}, nil), "set server metadata", providers.KindConflict)
		k.wantKind(k.Cloud.Attachments.Detach(k.ctx, server.ID, volume.ID), "detach volume", providers.KindConflict)
		k.wantKind(k.Cloud.Servers.Delete(k.ctx, server.ID), "delete server", providers.KindConflict)
		k.ok(k.Cloud.Servers.Rename(k.ctx, server.ID, "renamed"))
		k.ok(k.Cloud.ServerActions.Act(k.ctx, server.ID, providers.Unlock))
		k.ok(k.Cloud.Servers.SetMetadata(k.ctx, server.ID, map[string]string{"a": "1"}, nil))
		if got := must(k.Cloud.Servers.Get(k.ctx, server.ID))(k); got.Locked {
			k.Error("it is still locked")
		}
	}},
	{"a volume is detached and attached again", func(k *kit) {
		volume := k.volume(1)
		server := k.server(volume.ID)
		k.waitVolume(volume.ID, "in-use")
		k.ok(k.Cloud.Attachments.Detach(k.ctx, server.ID, volume.ID))
		if got := k.waitVolume(volume.ID, "available"); len(got.ServerIDs) > 0 || got.Mark != volume.Mark {
			k.Errorf("the detached volume is %+v", got)
		}
		k.settled(server.ID)
		if got := must(k.Cloud.Servers.Get(k.ctx, server.ID))(k); len(got.VolumeIDs) > 0 {
			k.Errorf("the server still has %v", got.VolumeIDs)
		}
		k.ok(k.Cloud.Attachments.Attach(k.ctx, server.ID, volume.ID))
		if got := k.waitVolume(volume.ID, "in-use"); !slices.Equal(got.ServerIDs, []string{server.ID}) {
			k.Errorf("the volume is attached to %v, want %s", got.ServerIDs, server.ID)
		}
		if got := must(k.Cloud.Servers.Get(k.ctx, server.ID))(k); !slices.Equal(got.VolumeIDs, []string{volume.ID}) {
			k.Errorf("the server has %v, want %s", got.VolumeIDs, volume.ID)
		}
		k.wantKind(k.Cloud.Attachments.Attach(k.ctx, k.server().ID, volume.ID), "attach volume", providers.KindConflict)
	}},
	{"a volume is attached to a server that is stopped, and stays when that is deleted", func(k *kit) {
		volume, server := k.volume(1), k.server()
		k.ok(k.Cloud.ServerActions.Stop(k.ctx, server.ID))
		k.waitServer(server.ID, "SHUTOFF")
		k.ok(k.Cloud.Attachments.Attach(k.ctx, server.ID, volume.ID))
		k.waitVolume(volume.ID, "in-use")
		k.ok(k.Cloud.Servers.Delete(k.ctx, server.ID))
		k.waitServer(server.ID, gone)
		k.waitVolume(volume.ID, "available")
	}},
	{"what is not there is neither attached nor detached", func(k *kit) {
		volume, server := k.volume(1), k.server()
		k.wantKind(k.Cloud.Attachments.Attach(k.ctx, none, volume.ID), "attach volume", providers.KindNotFound, providers.KindInvalid)
		k.wantKind(k.Cloud.Attachments.Attach(k.ctx, server.ID, none), "attach volume", providers.KindNotFound, providers.KindInvalid)
		k.wantKind(k.Cloud.Attachments.Detach(k.ctx, server.ID, volume.ID), "detach volume", providers.KindNotFound)
		k.wantKind(k.Cloud.ServerActions.Act(k.ctx, none, providers.Unshelve), "unshelve server", providers.KindNotFound)
	}},
}

// downAndUp brings a server down and up again by two actions.
func (k *kit) downAndUp(down providers.ServerAction, status string, up providers.ServerAction) {
	k.Helper()
	server := k.server()
	k.wantKind(k.Cloud.ServerActions.Act(k.ctx, server.ID, up), up.Call(), providers.KindConflict)
	k.ok(k.Cloud.ServerActions.Act(k.ctx, server.ID, down))
	_, err := k.Cloud.ServerWaits.Wait(k.ctx, server.ID, func(s providers.Server, present bool) (bool, error) {
		return present && strings.HasPrefix(s.Status, status) && s.TaskState == "", nil
	})
	k.ok(err)
	k.ok(k.Cloud.ServerActions.Act(k.ctx, server.ID, up))
	k.settled(server.ID)
	if got := must(k.Cloud.Servers.Get(k.ctx, server.ID))(k); got.Mark != server.Mark {
		k.Errorf("the mark is now %q, was %q", got.Mark, server.Mark)
	}
}
