package providertest

import (
	"context"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

var listClauses = []clause{
	{"a list has every page", func(k *kit) {
		n := 2*k.PageSize + 1
		for _, c := range carriers {
			want := map[string]providers.Mark{}
			for range n {
				mark := k.mark()
				id, _, err := c.create(k, mark)
				k.ok(err)
				want[id] = mark
			}
			got, err := c.list(k)
			k.ok(err)
			for id, mark := range want {
				if got[id] != mark {
					k.Errorf("%s: %s has mark %q in the list, want %q", c.call, id, got[id], mark)
				}
			}
		}
	}},
	{"what the operator made has ids and names", func(k *kit) {
		for _, f := range must(k.Cloud.Flavors.List(k.ctx))(k) {
			if f.ID == "" || f.Name == "" || f.RAMMiB == 0 || f.VCPUs == 0 {
				k.Errorf("flavor %+v lacks something", f)
			}
		}
		for _, image := range must(k.Cloud.Images.List(k.ctx))(k) {
			if image.ID == "" || image.Name == "" || image.CreatedAt == "" {
				k.Errorf("image %+v lacks something", image)
			}
		}
		external := 0
		for _, network := range must(k.Cloud.Networks.List(k.ctx))(k) {
			if network.ID == "" || network.Name == "" {
				k.Errorf("network %+v lacks something", network)
			}
			if network.External {
				external++
			}
			for _, s := range network.Subnets {
				if s.ID == "" || s.CIDR == "" {
					k.Errorf("subnet %+v lacks something", s)
				}
			}
		}
		if (external > 0) != k.External {
			k.Errorf("%d networks are external", external)
		}
	}},
	{"types and zones are sorted", func(k *kit) {
		types := must(k.Cloud.Volumes.Types(k.ctx))(k)
		if len(types) == 0 || !slices.IsSorted(types) {
			k.Errorf("volume types are %v, want some, sorted", types)
		}
		zones := must(k.Cloud.Networks.Zones(k.ctx))(k)
		if len(zones) == 0 || !slices.IsSorted(zones) {
			k.Errorf("zones are %v, want some, sorted", zones)
		}
	}},
	{"nothing begins after its context ended", func(k *kit) {
		ended, cancel := context.WithCancel(k.ctx)
		cancel()
		living := k.ctx
		for _, c := range carriers {
			port := k.port().ID
			before, err := c.list(k)
			k.ok(err)
			k.ctx = ended
			switch c.call {
			case "create server":
				_, err = k.Cloud.Servers.Create(ended, k.spec(port))
			default:
				_, _, err = c.create(k, k.mark())
			}
			k.wantKind(err, c.call, providers.KindTransient)
			k.ctx = living
			after, err := c.list(k)
			k.ok(err)
			if len(after) != len(before) {
				k.Errorf("%s went through after its context ended", c.call)
			}
		}
		_, err := k.Cloud.Servers.List(ended)
		k.wantKind(err, "list servers", providers.KindTransient)
	}},
}
