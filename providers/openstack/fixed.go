package openstack

import (
	"context"
	"net/http"
	"slices"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

// This file holds what the operator of the cloud made and the project only reads.

type flavorService struct {
	*client
	nova *gophercloud.ServiceClient
}

type flavor struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	RAM   int    `json:"ram"`
	VCPUs int    `json:"vcpus"`
	Disk  int    `json:"disk"`
}

func (f flavor) identifier() string { return f.ID }

func (s *flavorService) List(ctx context.Context) ([]providers.Flavor, error) {
	all, err := list[flavor](ctx, s.client, s.nova, "list flavors", "flavors/detail", "flavors", nil)
	return views(all, func(f flavor) providers.Flavor {
		return providers.Flavor{ID: f.ID, Name: f.Name, RAMMiB: f.RAM, VCPUs: f.VCPUs, DiskGiB: f.Disk}
	}), err
}

type networkService struct {
	*client
	neutron *gophercloud.ServiceClient
	nova    *gophercloud.ServiceClient // nil: not there
}

type network struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	External bool   `json:"router:external"`
}

func (n network) identifier() string { return n.ID }

type subnet struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	NetworkID string `json:"network_id"`
	CIDR      string `json:"cidr"`
}

func (s subnet) identifier() string { return s.ID }

// List costs two requests for each page: Neutron names only the ids of a network's subnets.
func (s *networkService) List(ctx context.Context) ([]providers.Network, error) {
	const call = "list networks"
	networks, err := list[network](ctx, s.client, s.neutron, call, "networks", "networks", nil)
	if err != nil {
		return nil, err
	}
	subnets, err := list[subnet](ctx, s.client, s.neutron, call, "subnets", "subnets", nil)
	if err != nil {
		return nil, err
	}
	return views(networks, func(n network) providers.Network {
		out := providers.Network{ID: n.ID, Name: n.Name, External: n.External}
		for _, sub := range subnets {
			if sub.NetworkID == n.ID {
				out.Subnets = append(out.Subnets, providers.Subnet{ID: sub.ID, Name: sub.Name, CIDR: sub.CIDR})
			}
		}
		return out
	}), nil
}

func (s *networkService) Zones(ctx context.Context) ([]string, error) {
	if s.nova == nil {
		return nil, nil
	}
	var reply struct {
		Zones []struct {
			Name  string                   `json:"zoneName"`
			State struct{ Available bool } `json:"zoneState"`
		} `json:"availabilityZoneInfo"`
	}
	if err := s.send(ctx, s.nova, "list zones", http.MethodGet, "os-availability-zone", nil, &reply); err != nil {
		return nil, err
	}
	var zones []string
	for _, zone := range reply.Zones {
		if zone.State.Available {
			zones = append(zones, zone.Name)
		}
	}
	slices.Sort(zones)
	return zones, nil
}
