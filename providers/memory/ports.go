package memory

import (
	"context"
	"net/netip"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

type port struct {
	providers.Port
	motion
}

func (p *port) view() providers.Port {
	v := p.Port
	v.Addresses = slices.Clone(p.Addresses)
	v.SubnetIDs = slices.Clone(p.SubnetIDs)
	v.SecurityGroups = slices.Clone(p.SecurityGroups)
	return v
}

type portService struct{ c *Cloud }

func (s *portService) Create(ctx context.Context, spec providers.PortSpec) (providers.Port, error) {
	const call = "create port"
	if err := marked(call, spec.Mark); err != nil {
		return providers.Port{}, err
	}
	var made providers.Port
	err := s.c.do(ctx, call, spec.Name, func(f *Fault) error {
		row, err := s.c.newPort(call, spec)
		if err != nil {
			return err
		}
		if f != nil {
			row.hidden = f.Hidden
		}
		made = row.view()
		return nil
	})
	if err != nil {
		return providers.Port{}, err
	}
	return made, nil
}

func (c *Cloud) newPort(call string, spec providers.PortSpec) (*port, error) {
	i := slices.IndexFunc(c.world.networks, func(n providers.Network) bool { return n.ID == spec.NetworkID })
	if i < 0 {
		return nil, refuse(providers.KindNotFound, call, "Network %s could not be found.", spec.NetworkID)
	}
	subnets := c.world.networks[i].Subnets
	subnet := subnets[0]
	if spec.SubnetID != "" {
		j := slices.IndexFunc(subnets, func(s providers.Subnet) bool { return s.ID == spec.SubnetID })
		if j < 0 {
			return nil, refuse(providers.KindNotFound, call, "Subnet %s could not be found.", spec.SubnetID)
		}
		subnet = subnets[j]
	}
	groups, err := c.checkGroups(call, spec.SecurityGroups)
	if err != nil {
		return nil, err
	}
	if err := room(call, "port", c.options.Quota.Ports, len(c.ports.rows), 1); err != nil {
		return nil, err
	}
	address, err := c.address(call, subnet, spec.Address)
	if err != nil {
		return nil, err
	}
	row := &port{Port: providers.Port{
		ID: c.newID(0x90), Name: spec.Name, NetworkID: spec.NetworkID, Status: "DOWN", Addresses: []string{address},
		SubnetIDs: []string{subnet.ID}, SecurityGroups: groups, Mark: spec.Mark, CreatedAt: c.timestamp(),
	}}
	c.ports.add(row.ID, row)
	return row, nil
}

// addresses are those of a subnet that ports have.
type addresses struct {
	used  map[netip.Addr]bool
	first netip.Addr // that is given without being asked for
	low   netip.Addr // none from the first to before it is free
}

func (a *addresses) free(address netip.Addr) {
	delete(a.used, address)
	if address.Less(a.low) && !address.Less(a.first) {
		a.low = address
	}
}

// address takes the wanted address of a subnet, or the lowest free one.
func (c *Cloud) address(call string, subnet providers.Subnet, want string) (string, error) {
	prefix, pool := netip.MustParsePrefix(subnet.CIDR), c.pools[subnet.ID]
	if pool == nil {
		first := prefix.Masked().Addr().Next().Next() // after the gateway's
		pool = &addresses{used: map[netip.Addr]bool{}, first: first, low: first}
		c.pools[subnet.ID] = pool
	}
	if want != "" {
		a, err := netip.ParseAddr(want)
		if err != nil || !prefix.Contains(a) {
			return "", refuse(providers.KindInvalid, call, "IP address %s is not a valid IP for the specified subnet.", want)
		}
		if pool.used[a] {
			return "", refuse(providers.KindConflict, call, "Unable to complete operation for network: IP address %s is in use.", want)
		}
		pool.used[a] = true
		return a.String(), nil
	}
	for pool.used[pool.low] {
		pool.low = pool.low.Next()
	}
	pool.used[pool.low] = true
	return pool.low.String(), nil
}

func (c *Cloud) checkGroups(call string, ids []string) ([]string, error) {
	for _, id := range ids {
		if c.groups.get(id) == nil {
			return nil, refuse(providers.KindNotFound, call, "Security group %s does not exist", id)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(ids))), nil
}

func (s *portService) Get(ctx context.Context, id string) (providers.Port, error) {
	var found providers.Port
	err := s.c.do(ctx, "get port", id, func(*Fault) error {
		row := s.c.ports.get(id)
		if row == nil || !row.seen() {
			return refuse(providers.KindNotFound, "get port", "Port %s could not be found.", id)
		}
		found = row.view()
		return nil
	})
	return found, err
}

func (s *portService) List(ctx context.Context) ([]providers.Port, error) {
	var all []providers.Port
	err := s.c.do(ctx, "list ports", "", func(*Fault) error {
		s.c.ports.each(func(row *port) {
			if row.seen() {
				all = append(all, row.view())
			}
		})
		return nil
	})
	return all, err
}

func (s *portService) SetSecurityGroups(ctx context.Context, id string, groups []string) error {
	const call = "set port security groups"
	return s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.ports.get(id)
		if row == nil {
			return refuse(providers.KindNotFound, call, "Port %s could not be found.", id)
		}
		sorted, err := s.c.checkGroups(call, groups)
		if err != nil {
			return err
		}
		row.SecurityGroups = sorted
		return nil
	})
}

// Delete takes the port from its server too, as Neutron does.
func (s *portService) Delete(ctx context.Context, id string) error {
	return s.c.do(ctx, "delete port", id, func(*Fault) error {
		row := s.c.ports.get(id)
		if row == nil {
			return nil
		}
		if owner := s.c.servers.get(row.DeviceID); owner != nil {
			owner.portIDs = slices.DeleteFunc(owner.portIDs, func(other string) bool { return other == id })
			owner.Addresses = slices.DeleteFunc(owner.Addresses, func(a string) bool { return slices.Contains(row.Addresses, a) })
		}
		s.c.ports.remove(id)
		s.c.floating.each(func(f *floatingIP) {
			if f.PortID == id {
				f.PortID = ""
			}
		})
		for _, address := range row.Addresses {
			s.c.pools[row.SubnetIDs[0]].free(netip.MustParseAddr(address))
		}
		return nil
	})
}
