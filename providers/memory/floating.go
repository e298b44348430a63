package memory

import (
	"context"
	"net/netip"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

type floatingIP struct {
	providers.FloatingIP
	motion
	subnet string // that the address is of
}

type floatingService struct{ c *Cloud }

func (s *floatingService) Create(ctx context.Context, spec providers.FloatingIPSpec) (made providers.FloatingIP, err error) {
	const call = "create floating ip"
	if err := marked(call, spec.Mark); err != nil {
		return made, err
	}
	err = s.c.do(ctx, call, spec.PortID, func(f *Fault) error {
		row, err := s.c.newFloatingIP(call, spec)
		if err != nil {
			return err
		}
		if f != nil {
			row.hidden = f.Hidden
		}
		made = row.FloatingIP
		return nil
	})
	if err != nil {
		return providers.FloatingIP{}, err
	}
	return made, nil
}

func (c *Cloud) newFloatingIP(call string, spec providers.FloatingIPSpec) (*floatingIP, error) {
	i := slices.IndexFunc(c.world.networks, func(n providers.Network) bool { return n.ID == spec.NetworkID })
	if i < 0 {
		return nil, refuse(providers.KindNotFound, call, "Network %s could not be found.", spec.NetworkID)
	}
	network := c.world.networks[i]
	if !network.External {
		return nil, refuse(providers.KindInvalid, call, "Bad floatingip request: Network %s is not a valid external network.", network.ID)
	}
	if err := room(call, "floatingip", c.options.Quota.FloatingIPs, len(c.floating.rows), 1); err != nil {
		return nil, err
	}
	row := &floatingIP{subnet: network.Subnets[0].ID, FloatingIP: providers.FloatingIP{NetworkID: network.ID, Mark: spec.Mark, CreatedAt: c.timestamp()}}
	if err := c.associate(call, row, spec.PortID); err != nil {
		return nil, err
	}
	address, err := c.address(call, network.Subnets[0], "")
	if err != nil {
		return nil, err
	}
	row.ID, row.Address = c.newID(0xf1), address
	c.floating.add(row.ID, row)
	return row, nil
}

func (c *Cloud) associate(call string, row *floatingIP, port string) error {
	if port != "" && c.ports.get(port) == nil {
		return refuse(providers.KindNotFound, call, "Port %s could not be found.", port)
	}
	var taken error
	c.floating.each(func(other *floatingIP) {
		if port != "" && other.PortID == port && other != row && other.NetworkID == row.NetworkID {
			taken = refuse(providers.KindConflict, call, "Cannot associate floating IP %s with port %s: that has %s.", row.Address, port, other.Address)
		}
	})
	if taken == nil {
		row.PortID = port
	}
	return taken
}

func (s *floatingService) Get(ctx context.Context, id string) (found providers.FloatingIP, err error) {
	err = s.c.do(ctx, "get floating ip", id, func(*Fault) error {
		row := s.c.floating.get(id)
		if row == nil || !row.seen() {
			return refuse(providers.KindNotFound, "get floating ip", "Floating IP %s could not be found", id)
		}
		found = row.FloatingIP
		return nil
	})
	return found, err
}

func (s *floatingService) List(ctx context.Context) (all []providers.FloatingIP, err error) {
	err = s.c.do(ctx, "list floating ips", "", func(*Fault) error {
		s.c.floating.each(func(row *floatingIP) {
			if row.seen() {
				all = append(all, row.FloatingIP)
			}
		})
		return nil
	})
	return all, err
}

func (s *floatingService) Associate(ctx context.Context, id, port string) error {
	const call = "associate floating ip"
	return s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.floating.get(id)
		if row == nil {
			return refuse(providers.KindNotFound, call, "Floating IP %s could not be found", id)
		}
		return s.c.associate(call, row, port)
	})
}

func (s *floatingService) Delete(ctx context.Context, id string) error {
	return s.c.do(ctx, "delete floating ip", id, func(*Fault) error {
		if row := s.c.floating.get(id); row != nil {
			s.c.floating.remove(id)
			s.c.pools[row.subnet].free(netip.MustParseAddr(row.Address))
		}
		return nil
	})
}
