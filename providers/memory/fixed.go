package memory

import (
	"context"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

// fixed is what the operator of the cloud made and the project only reads.
type fixed struct {
	flavors  []providers.Flavor
	networks []providers.Network
	types    []string
	zones    []string
}

func newFixed() fixed {
	return fixed{
		flavors: []providers.Flavor{
			{ID: "flavor-tiny", Name: "db.tiny", RAMMiB: 256, VCPUs: 1, DiskGiB: 5},
			{ID: "flavor-small", Name: "db.small", RAMMiB: 512, VCPUs: 1, DiskGiB: 5},
			{ID: "flavor-medium", Name: "db.medium", RAMMiB: 1024, VCPUs: 2, DiskGiB: 5},
			{ID: "flavor-large", Name: "db.large", RAMMiB: 2048, VCPUs: 2, DiskGiB: 5},
		},
		networks: []providers.Network{
			{ID: "4e000000-0000-4000-8000-000000000001", Name: "private", Subnets: []providers.Subnet{
				{ID: "4f000000-0000-4000-8000-000000000001", Name: "private-subnet", CIDR: "10.66.0.0/16"},
			}},
			{ID: "4e000000-0000-4000-8000-000000000002", Name: "public", External: true, Subnets: []providers.Subnet{
				{ID: "4f000000-0000-4000-8000-000000000002", Name: "public-subnet", CIDR: "203.0.113.0/24"},
			}},
			{ID: "4e000000-0000-4000-8000-000000000003", Name: "management", Subnets: []providers.Subnet{
				{ID: "4f000000-0000-4000-8000-000000000003", Name: "management-subnet", CIDR: "10.99.0.0/16"},
			}},
		},
		types: []string{"ssd", "hdd"},
		zones: []string{"az1", "az2", "az3"},
	}
}

// flavor is the one with an id; one that is not there is empty.
func (w *fixed) flavor(id string) providers.Flavor {
	i := slices.IndexFunc(w.flavors, func(f providers.Flavor) bool { return f.ID == id })
	if i < 0 {
		return providers.Flavor{}
	}
	return w.flavors[i]
}

type flavorService struct{ c *Cloud }

func (s *flavorService) List(ctx context.Context) ([]providers.Flavor, error) {
	var all []providers.Flavor
	err := s.c.do(ctx, "list flavors", "", func(*Fault) error {
		all = slices.Clone(s.c.world.flavors)
		return nil
	})
	return all, err
}

type networkService struct{ c *Cloud }

func (s *networkService) List(ctx context.Context) ([]providers.Network, error) {
	var all []providers.Network
	err := s.c.do(ctx, "list networks", "", func(*Fault) error {
		all = slices.Clone(s.c.world.networks)
		for i := range all {
			all[i].Subnets = slices.Clone(all[i].Subnets)
		}
		return nil
	})
	return all, err
}

func (s *networkService) Zones(ctx context.Context) ([]string, error) {
	var zones []string
	err := s.c.do(ctx, "list zones", "", func(*Fault) error {
		zones = slices.Sorted(slices.Values(s.c.world.zones))
		return nil
	})
	return zones, err
}
