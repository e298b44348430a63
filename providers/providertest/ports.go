package providertest

import (
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
)

var portClauses = []clause{
	{"a port has an address of its subnet and exactly the groups asked for", func(k *kit) {
		a, b := k.group(), k.group()
		groups := []string{a.ID, b.ID}
		slices.Sort(groups)
		subnet := k.network.Subnets[0]
		spec := providers.PortSpec{Mark: k.mark(), Name: "p", NetworkID: k.network.ID, SubnetID: subnet.ID, SecurityGroups: []string{b.ID, a.ID}}
		made := must(k.Cloud.Ports.Create(k.ctx, spec))(k)
		got := must(k.Cloud.Ports.Get(k.ctx, made.ID))(k)
		if diff := cmp.Diff(made, got); diff != "" {
			k.Errorf("get differs from create (-create +get):\n%s", diff)
		}
		if len(got.Addresses) != 1 || !slices.Equal(got.SubnetIDs, []string{subnet.ID}) || !slices.Equal(got.SecurityGroups, groups) {
			k.Errorf("got %+v, want one address of %s and the groups %v", got, subnet.ID, groups)
		}
		if got.NetworkID != k.network.ID || got.DeviceID != "" || got.CreatedAt == "" {
			k.Errorf("got %+v, want an unbound port of %s", got, k.network.ID)
		}
		if bare := k.port(); len(bare.SecurityGroups) != 0 {
			k.Errorf("a port asked for without groups has %v", bare.SecurityGroups)
		}
	}},
	{"an address is given once", func(k *kit) {
		first := k.port()
		spec := providers.PortSpec{Mark: k.mark(), Name: "twin", NetworkID: k.network.ID, SubnetID: first.SubnetIDs[0], Address: first.Addresses[0]}
		_, err := k.Cloud.Ports.Create(k.ctx, spec)
		if k.Foreign {
			k.wantKind(err, "create port", providers.KindDenied)
			return
		}
		k.wantKind(err, "create port", providers.KindConflict)
		k.ok(k.Cloud.Ports.Delete(k.ctx, first.ID))
		got := must(k.Cloud.Ports.Create(k.ctx, spec))(k)
		if !slices.Equal(got.Addresses, first.Addresses) {
			k.Errorf("got %v, want %v", got.Addresses, first.Addresses)
		}
	}},
	{"security groups are replaced", func(k *kit) {
		a, b := k.group(), k.group()
		port := k.port(a.ID)
		k.ok(k.Cloud.Ports.SetSecurityGroups(k.ctx, port.ID, []string{b.ID}))
		got := must(k.Cloud.Ports.Get(k.ctx, port.ID))(k)
		if !slices.Equal(got.SecurityGroups, []string{b.ID}) || got.Mark != port.Mark {
			k.Errorf("got groups %v and mark %q, want %s and %q", got.SecurityGroups, got.Mark, b.ID, port.Mark)
		}
		k.ok(k.Cloud.Ports.SetSecurityGroups(k.ctx, port.ID, nil))
		if got := must(k.Cloud.Ports.Get(k.ctx, port.ID))(k); len(got.SecurityGroups) != 0 {
			k.Errorf("got groups %v, want none", got.SecurityGroups)
		}
	}},
	{"what is not there is refused", func(k *kit) {
		const none = "ffffffff-ffff-4fff-8fff-ffffffffffff"
		_, err := k.Cloud.Ports.Create(k.ctx, providers.PortSpec{Mark: k.mark(), Name: "x", NetworkID: none})
		k.wantKind(err, "create port", providers.KindNotFound, providers.KindInvalid)
		_, err = k.Cloud.Ports.Create(k.ctx, providers.PortSpec{Mark: k.mark(), Name: "x", NetworkID: k.network.ID, SecurityGroups: []string{none}})
		k.wantKind(err, "create port", providers.KindNotFound, providers.KindInvalid)
		_, err = k.Cloud.Ports.Create(k.ctx, providers.PortSpec{Mark: k.mark(), Name: "x", NetworkID: k.network.ID,
			SubnetID: k.network.Subnets[0].ID, Address: "192.0.2.77"})
		if k.Foreign {
			k.wantKind(err, "create port", providers.KindDenied)
		} else {
			k.wantKind(err, "create port", providers.KindInvalid)
		}
		k.wantKind(k.Cloud.Ports.SetSecurityGroups(k.ctx, none, nil), "set port security groups", providers.KindNotFound)
	}},
}
