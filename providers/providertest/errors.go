package providertest

import (
	"errors"

	"github.com/trovectl/trovectl/providers"
)

var errorClauses = []clause{
	{"a limit is a quota error", func(k *kit) {
		if k.LimitServers == nil {
			return
		}
		limit := k.LimitServers(k.T)
		for range limit {
			_ = must(k.Cloud.Servers.Create(k.ctx, k.spec(k.port().ID)))(k)
		}
		_, err := k.Cloud.Servers.Create(k.ctx, k.spec(k.port().ID))
		k.wantKind(err, "create server", providers.KindQuota)
		if all := must(k.Cloud.Servers.List(k.ctx))(k); len(all) != limit {
			k.Errorf("there are %d servers, want %d", len(all), limit)
		}
	}},
	{"a denied call says so and makes nothing", func(k *kit) {
		if k.Deny == nil {
			return
		}
		k.Deny(k.T, "create volume")
		_, err := k.Cloud.Volumes.Create(k.ctx, providers.VolumeSpec{Mark: k.mark(), Name: "x", SizeGiB: 1})
		k.wantKind(err, "create volume", providers.KindDenied)
		if all := must(k.Cloud.Volumes.List(k.ctx))(k); len(all) != 0 {
			k.Errorf("a denied create made %+v", all)
		}
	}},
	{"after a lost answer the object is found by its mark", func(k *kit) {
		if k.LoseAnswer == nil {
			return
		}
		for _, c := range carriers {
			k.LoseAnswer(k.T, c.call)
			mark := k.mark()
			_, _, err := c.create(k, mark)
			k.wantKind(err, c.call, providers.KindTransient)
			var e *providers.Error
			if errors.As(err, &e) && !e.Sent {
				k.Errorf("%s: a lost answer says that nothing was sent", c.call)
			}
			all, err := c.list(k)
			k.ok(err)
			bearers := 0
			for _, m := range all {
				if m == mark {
					bearers++
				}
			}
			if bearers != 1 {
				k.Errorf("%s: %d objects bear the mark, want one", c.call, bearers)
			}
		}
	}},
	{"errors are of the closed type", func(k *kit) {
		const none = "ffffffff-ffff-4fff-8fff-ffffffffffff"
		_, err := k.Cloud.Servers.Get(k.ctx, none)
		k.wantKind(err, "get server", providers.KindNotFound)
		_, err = k.Cloud.Volumes.Get(k.ctx, none)
		k.wantKind(err, "get volume", providers.KindNotFound)
		_, err = k.Cloud.Ports.Get(k.ctx, none)
		k.wantKind(err, "get port", providers.KindNotFound)
		_, err = k.Cloud.SecurityGroups.Get(k.ctx, none)
		k.wantKind(err, "get security group", providers.KindNotFound)
		_, err = k.Cloud.Images.Get(k.ctx, none)
		k.wantKind(err, "get image", providers.KindNotFound)
	}},
}
