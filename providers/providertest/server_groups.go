package providertest

import (
	"context"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/providers"
)

func (k *kit) serverGroup(mark providers.Mark, name, policy string) (providers.ServerGroup, error) {
	made, err := k.Cloud.ServerGroups.Create(k.ctx, providers.ServerGroupSpec{Mark: mark, Name: name, Policy: policy})
	if err == nil {
		k.Cleanup(func() { _ = k.Cloud.ServerGroups.Delete(context.WithoutCancel(k.ctx), made.ID) }) // a clause has said what it thinks of it
	}
	return made, err
}

var serverGroupCarrier = carrier{
	call: "create server group",
	create: func(k *kit, mark providers.Mark) (string, providers.Mark, error) {
		made, err := k.serverGroup(mark, "marked", "soft-anti-affinity")
		return made.ID, made.Mark, err
	},
	get: func(k *kit, id string) (providers.Mark, error) {
		got, err := k.Cloud.ServerGroups.Get(k.ctx, id)
		return got.Mark, err
	},
	list: func(k *kit) (map[string]providers.Mark, error) {
		all, err := k.Cloud.ServerGroups.List(k.ctx)
		return marksOf(all, func(g providers.ServerGroup) (string, providers.Mark) { return g.ID, g.Mark }), err
	},
	remove: func(k *kit, id string) error { return k.Cloud.ServerGroups.Delete(k.ctx, id) },
}

var serverGroupClauses = []clause{
	{"it has its policy, and a name that the mark leaves as it was", func(k *kit) {
		for _, policy := range []string{"affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"} {
			made := must(k.serverGroup(k.mark(), "a name", policy))(k)
			got := must(k.Cloud.ServerGroups.Get(k.ctx, made.ID))(k)
			if got.Name != "a name" || got.Policy != policy || len(got.MemberIDs) > 0 {
				k.Errorf("got %+v, want the policy %s", got, policy)
			}
		}
	}},
	{"a long name is cut, the mark is not", func(k *kit) {
		mark := k.mark()
		made := must(k.serverGroup(mark, strings.Repeat("ä", 255), "affinity"))(k)
		if got := must(k.Cloud.ServerGroups.Get(k.ctx, made.ID))(k); got.Mark != mark || !strings.HasPrefix(got.Name, "ää") {
			k.Errorf("got %+v", got)
		}
	}},
	{"a server that is made in it is a member as long as it is there, and outlives it", func(k *kit) {
		group := must(k.serverGroup(k.mark(), "members", "soft-anti-affinity"))(k)
		var ids []string
		for range 2 {
			spec := k.spec(k.port().ID)
			spec.GroupID = group.ID
			ids = append(ids, must(k.Cloud.Servers.Create(k.ctx, spec))(k).ID)
		}
		for _, id := range ids {
			k.waitServer(id, "ACTIVE")
		}
		slices.Sort(ids)
		if got := must(k.Cloud.ServerGroups.Get(k.ctx, group.ID))(k); !slices.Equal(got.MemberIDs, ids) {
			k.Errorf("the members are %v, want %v", got.MemberIDs, ids)
		}
		k.ok(k.Cloud.Servers.Delete(k.ctx, ids[0]))
		k.waitServer(ids[0], gone)
		if got := must(k.Cloud.ServerGroups.Get(k.ctx, group.ID))(k); !slices.Equal(got.MemberIDs, ids[1:]) {
			k.Errorf("the members are %v, want %v", got.MemberIDs, ids[1:])
		}
		k.ok(k.Cloud.ServerGroups.Delete(k.ctx, group.ID))
		k.waitServer(ids[1], "ACTIVE")
	}},
	{"what is not there is refused", func(k *kit) {
		_, err := k.serverGroup(k.mark(), "none", "beside")
		k.wantKind(err, "create server group", providers.KindInvalid)
		spec := k.spec(k.port().ID)
		spec.GroupID = "ffffffff-ffff-4fff-8fff-ffffffffffff"
		_, err = k.Cloud.Servers.Create(k.ctx, spec)
		k.wantKind(err, "create server", providers.KindInvalid)
	}},
}
