package emulator_test

import (
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/trovectl/trovectl/providers/emulator"
)

func TestPorts(t *testing.T) {
	c := open(t, emulator.Options{Subnet: "127.70.8.0/28"})
	ctx := t.Context()
	private := c.privateNetwork(t)
	n, err := networks.Get(ctx, c.network, private).Extract()
	must(t, n, err)
	sub, err := subnets.Get(ctx, c.network, n.Subnets[0]).Extract()
	if must(t, sub, err); sub.CIDR != "127.70.8.0/28" || sub.GatewayIP != "127.70.8.1" {
		t.Errorf("subnet %+v", sub)
	}
	fixed := func(ip string) (*ports.Port, error) {
		return ports.Create(ctx, c.network, ports.CreateOpts{NetworkID: private, FixedIPs: []ports.IP{{SubnetID: sub.ID, IPAddress: ip}}}).Extract()
	}
	p, err := fixed("127.70.8.9")
	if must(t, p, err); p.FixedIPs[0].IPAddress != "127.70.8.9" || len(p.SecurityGroups) != 1 {
		t.Errorf("port %+v", p)
	}
	_, err = fixed("127.70.8.9")
	wantCode(t, err, 409)
	_, err = fixed("10.0.0.1")
	wantCode(t, err, 400)
	_, err = ports.Create(ctx, c.network, ports.CreateOpts{NetworkID: "nope"}).Extract()
	wantCode(t, err, 404)
	none := []string{"nope"}
	_, err = ports.Create(ctx, c.network, ports.CreateOpts{NetworkID: private, SecurityGroups: &none}).Extract()
	wantCode(t, err, 404)

	name, description, empty := "renamed", "trovectl/1 x", []string{}
	p, err = ports.Update(ctx, c.network, p.ID, ports.UpdateOpts{
		Name: &name, Description: &description, SecurityGroups: &empty, FixedIPs: []ports.IP{{SubnetID: sub.ID, IPAddress: "127.70.8.10"}},
	}).Extract()
	if must(t, p, err); p.Name != name || p.Description != description || len(p.SecurityGroups) != 0 || p.FixedIPs[0].IPAddress != "127.70.8.10" {
		t.Errorf("after the update: %+v", p)
	}
	if _, err = fixed("127.70.8.9"); err != nil {
		t.Errorf("the address that was given back: %v", err)
	}
	seen := map[string]bool{}
	for range 11 { // 16 addresses without network, gateway, broadcast and the two above
		p, err := ports.Create(ctx, c.network, ports.CreateOpts{NetworkID: private}).Extract()
		if must(t, p, err); seen[p.FixedIPs[0].IPAddress] {
			t.Errorf("%s was given twice", p.FixedIPs[0].IPAddress)
		}
		seen[p.FixedIPs[0].IPAddress] = true
	}
	_, err = ports.Create(ctx, c.network, ports.CreateOpts{NetworkID: private}).Extract()
	wantCode(t, err, 409)
	wantCode(t, networks.Delete(ctx, c.network, private).ExtractErr(), 409)
}

func TestSecurityGroupRules(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	g, err := groups.Create(ctx, c.network, groups.CreateOpts{Name: "orders", Description: "mark"}).Extract()
	if must(t, g, err); len(g.Rules) != 2 || g.Description != "mark" {
		t.Errorf("a new group: %+v", g)
	}
	opts := rules.CreateOpts{
		SecGroupID: g.ID, Direction: rules.DirIngress, EtherType: rules.EtherType4, Protocol: rules.ProtocolTCP,
		PortRangeMin: 3306, PortRangeMax: 3306, RemoteIPPrefix: "10.20.0.0/16", Description: "trovectl/1 x",
	}
	r, err := rules.Create(ctx, c.network, opts).Extract()
	if must(t, r, err); r.Description != "trovectl/1 x" || r.PortRangeMin != 3306 || r.RemoteIPPrefix != "10.20.0.0/16" {
		t.Errorf("rule %+v", r)
	}
	opts.Description = "another description, the same rule"
	_, err = rules.Create(ctx, c.network, opts).Extract()
	wantCode(t, err, 409)
	for name, spoil := range map[string]func(*rules.CreateOpts){
		"ports the wrong way round": func(o *rules.CreateOpts) { o.PortRangeMin = 4000 },
		"CIDR":                      func(o *rules.CreateOpts) { o.RemoteIPPrefix = "10.20.0.0/99" },
		"ethertype and CIDR":        func(o *rules.CreateOpts) { o.EtherType = rules.EtherType6 },
		"protocol":                  func(o *rules.CreateOpts) { o.Protocol = "carrier-pigeon" },
	} {
		bad := opts
		spoil(&bad)
		if _, err := rules.Create(ctx, c.network, bad).Extract(); err == nil {
			t.Errorf("accepted: %s", name)
		}
	}
	ids, _ := collect(t, rules.List(c.network, rules.ListOpts{SecGroupID: g.ID, Direction: "ingress"}), rules.ExtractRules,
		func(r rules.SecGroupRule) string { return r.ID })
	if len(ids) != 1 || ids[0] != r.ID {
		t.Errorf("ingress rules %v", ids)
	}
	if err := rules.Delete(ctx, c.network, r.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, rules.Delete(ctx, c.network, r.ID).ExtractErr(), 404)
	_, err = groups.Create(ctx, c.network, groups.CreateOpts{Name: "default"}).Extract()
	wantCode(t, err, 409)
}

func TestFloatingIPs(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	page, err := networks.List(c.network, networks.ListOpts{Name: "public"}).AllPages(ctx)
	must(t, page, err)
	list, err := networks.ExtractNetworks(page)
	must(t, list, err)
	st := c.stack(t, "orders")
	c.waitServer(t, st.server, "ACTIVE")
	f, err := floatingips.Create(ctx, c.network, floatingips.CreateOpts{FloatingNetworkID: list[0].ID, Description: "mark", PortID: st.port}).Extract()
	if must(t, f, err); f.Status != "ACTIVE" || f.Description != "mark" || f.FixedIP == "" {
		t.Errorf("floating IP %+v", f)
	}
	sv := c.waitServer(t, st.server, "ACTIVE")
	if len(sv.Addresses["private"].([]any)) != 2 {
		t.Errorf("addresses %v", sv.Addresses)
	}
	_, err = floatingips.Create(ctx, c.network, floatingips.CreateOpts{FloatingNetworkID: list[0].ID, PortID: st.port}).Extract()
	wantCode(t, err, 409)
	_, err = floatingips.Create(ctx, c.network, floatingips.CreateOpts{FloatingNetworkID: c.privateNetwork(t)}).Extract()
	wantCode(t, err, 400)
	f, err = floatingips.Update(ctx, c.network, f.ID, floatingips.UpdateOpts{PortID: new(string)}).Extract()
	if must(t, f, err); f.PortID != "" || f.Status != "DOWN" {
		t.Errorf("after the update: %+v", f)
	}
	if err := floatingips.Delete(ctx, c.network, f.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
}
