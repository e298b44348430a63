package providertest

import (
	"context"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

// external is the first external network; false: the cloud has none.
func (k *kit) external() (providers.Network, bool) {
	k.Helper()
	all := must(k.Cloud.Networks.List(k.ctx))(k)
	i := slices.IndexFunc(all, func(n providers.Network) bool { return n.External })
	if i < 0 || k.Foreign {
		return providers.Network{}, false
	}
	return all[i], true
}

// floatingIP allocates one for a port (empty: for none) and releases it in the end.
func (k *kit) floatingIP(network, port string) providers.FloatingIP {
	k.Helper()
	made := must(k.Cloud.FloatingIPs.Create(k.ctx, providers.FloatingIPSpec{Mark: k.mark(), NetworkID: network, PortID: port}))(k)
	k.Cleanup(func() { _ = k.Cloud.FloatingIPs.Delete(context.WithoutCancel(k.ctx), made.ID) }) // a clause has said what it thinks of it
	return made
}

// carriers are those that every cloud has, and floating IPs where there is a network for them.
func (k *kit) carriers() []carrier {
	network, ok := k.external()
	if !ok {
		return append(slices.Clone(carriers), serverGroupCarrier)
	}
	return append(slices.Clone(carriers), serverGroupCarrier, carrier{
		call: "create floating ip",
		create: func(k *kit, mark providers.Mark) (string, providers.Mark, error) {
			made, err := k.Cloud.FloatingIPs.Create(k.ctx, providers.FloatingIPSpec{Mark: mark, NetworkID: network.ID})
			if err == nil {
				k.Cleanup(func() { _ = k.Cloud.FloatingIPs.Delete(context.WithoutCancel(k.ctx), made.ID) })
			}
			return made.ID, made.Mark, err
		},
		get: func(k *kit, id string) (providers.Mark, error) {
			got, err := k.Cloud.FloatingIPs.Get(k.ctx, id)
			return got.Mark, err
		},
		list: func(k *kit) (map[string]providers.Mark, error) {
			all, err := k.Cloud.FloatingIPs.List(k.ctx)
			return marksOf(all, func(f providers.FloatingIP) (string, providers.Mark) { return f.ID, f.Mark }), err
		},
		remove: func(k *kit, id string) error { return k.Cloud.FloatingIPs.Delete(k.ctx, id) },
	})
}

// leads checks which port a floating IP leads to.
func (k *kit) leads(id, port string) {
	k.Helper()
	if got := must(k.Cloud.FloatingIPs.Get(k.ctx, id))(k); got.PortID != port {
		k.Errorf("the floating IP %s leads to %q, want %q", got.Address, got.PortID, port)
	}
}

var floatingClauses = []clause{
	{"it leads to the port of its create call, to another, and to none", func(k *kit) {
		network, ok := k.external()
		if !ok {
			return
		}
		first, second := k.port(), k.port()
		made := k.floatingIP(network.ID, first.ID)
		if made.PortID != first.ID || made.NetworkID != network.ID || made.Address == "" || made.CreatedAt == "" {
			k.Errorf("got %+v, want one of %s for port %s", made, network.ID, first.ID)
		}
		k.leads(made.ID, first.ID)
		for _, port := range []string{second.ID, second.ID, "", "", first.ID} {
			k.ok(k.Cloud.FloatingIPs.Associate(k.ctx, made.ID, port))
			k.leads(made.ID, port)
		}
		k.ok(k.Cloud.Ports.Delete(k.ctx, first.ID))
		k.leads(made.ID, "")
	}},
	{"a port has one of a network", func(k *kit) {
		network, ok := k.external()
		if !ok {
			return
		}
		port, before := k.port(), len(must(k.Cloud.FloatingIPs.List(k.ctx))(k))
		k.floatingIP(network.ID, port.ID)
		spare := k.floatingIP(network.ID, "")
		k.wantKind(k.Cloud.FloatingIPs.Associate(k.ctx, spare.ID, port.ID), "associate floating ip", providers.KindConflict)
		k.leads(spare.ID, "")
		_, err := k.Cloud.FloatingIPs.Create(k.ctx, providers.FloatingIPSpec{Mark: k.mark(), NetworkID: network.ID, PortID: port.ID})
		k.wantKind(err, "create floating ip", providers.KindConflict)
		if all := must(k.Cloud.FloatingIPs.List(k.ctx))(k); len(all) != before+2 {
			k.Errorf("there are %d floating IPs more, want 2: a refused create made one", len(all)-before)
		}
	}},
	{"what is not there is refused", func(k *kit) {
		const none = "ffffffff-ffff-4fff-8fff-ffffffffffff"
		k.wantKind(k.Cloud.FloatingIPs.Associate(k.ctx, none, ""), "associate floating ip", providers.KindNotFound)
		_, err := k.Cloud.FloatingIPs.Create(k.ctx, providers.FloatingIPSpec{Mark: k.mark(), NetworkID: k.network.ID})
		k.wantKind(err, "create floating ip", providers.KindInvalid, providers.KindNotFound)
	}},
}
