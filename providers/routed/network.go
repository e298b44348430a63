package routed

import (
	"context"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

func theNetworks(c *providers.Cloud) providers.Networks     { return c.Networks }
func thePorts(c *providers.Cloud) providers.Ports           { return c.Ports }
func theGroups(c *providers.Cloud) providers.SecurityGroups { return c.SecurityGroups }

type networks struct{ *router }

// List implements providers.Networks.
func (r networks) List(ctx context.Context) ([]providers.Network, error) {
	return gather(ctx, r.router, theNetworks, func(ctx context.Context, n providers.Networks) ([]providers.Network, error) { return n.List(ctx) },
		func(alias string, n providers.Network) providers.Network {
			n.ID, n.Subnets = providers.Qualify(alias, n.ID), slices.Clone(n.Subnets)
			for i := range n.Subnets {
				n.Subnets[i].ID = providers.Qualify(alias, n.Subnets[i].ID)
			}
			return n
		})
}

// Zones implements providers.Networks: the names of another cloud than the default one bear its alias.
func (r networks) Zones(ctx context.Context) ([]string, error) {
	return gather(ctx, r.router, theNetworks, func(ctx context.Context, n providers.Networks) ([]string, error) { return n.Zones(ctx) }, providers.Qualify)
}

func port(alias string, p providers.Port) providers.Port {
	p.ID, p.NetworkID, p.DeviceID = providers.Qualify(alias, p.ID), providers.Qualify(alias, p.NetworkID), providers.Qualify(alias, p.DeviceID)
	p.SubnetIDs, p.SecurityGroups = named(alias, p.SubnetIDs), named(alias, p.SecurityGroups)
	return p
}

type ports struct{ *router }

func (r ports) at(call, id string) (s providers.Ports, alias, bare string, err error) {
	alias, bare = r.split(id)
	s, err = service(r.router, call, alias, thePorts)
	return s, alias, bare, err
}

// Create implements providers.Ports.
func (r ports) Create(ctx context.Context, spec providers.PortSpec) (providers.Port, error) {
	const call = "create port"
	alias := spec.Provider
	s, err := service(r.router, call, alias, thePorts)
	if err != nil {
		return providers.Port{}, err
	}
	bare, err := r.bare(call, alias, spec.NetworkID, spec.SubnetID)
	if err == nil {
		spec.NetworkID, spec.SubnetID = bare[0], bare[1]
		spec.SecurityGroups, err = r.bare(call, alias, spec.SecurityGroups...)
	}
	if err != nil {
		return providers.Port{}, err
	}
	made, err := s.Create(ctx, spec)
	return port(alias, made), err
}

// Get implements providers.Ports.
func (r ports) Get(ctx context.Context, id string) (providers.Port, error) {
	s, alias, bare, err := r.at("get port", id)
	if err != nil {
		return providers.Port{}, err
	}
	got, err := s.Get(ctx, bare)
	return port(alias, got), err
}

// List implements providers.Ports.
func (r ports) List(ctx context.Context) ([]providers.Port, error) {
	return gather(ctx, r.router, thePorts, func(ctx context.Context, s providers.Ports) ([]providers.Port, error) { return s.List(ctx) }, port)
}

// SetSecurityGroups implements providers.Ports.
func (r ports) SetSecurityGroups(ctx context.Context, id string, groups []string) error {
	const call = "set port security groups"
	s, alias, bare, err := r.at(call, id)
	if err != nil {
		return err
	}
	if groups, err = r.bare(call, alias, groups...); err != nil {
		return err
	}
	return s.SetSecurityGroups(ctx, bare, groups)
}

// Delete implements providers.Ports.
func (r ports) Delete(ctx context.Context, id string) error {
	s, _, bare, err := r.at("delete port", id)
	if err != nil {
		return err
	}
	return s.Delete(ctx, bare)
}

func group(alias string, g providers.SecurityGroup) providers.SecurityGroup {
	g.ID, g.Rules = providers.Qualify(alias, g.ID), slices.Clone(g.Rules)
	for i := range g.Rules {
		g.Rules[i].ID = providers.Qualify(alias, g.Rules[i].ID)
	}
	return g
}

type groups struct{ *router }

func (r groups) at(call, id string) (s providers.SecurityGroups, alias, bare string, err error) {
	alias, bare = r.split(id)
	s, err = service(r.router, call, alias, theGroups)
	return s, alias, bare, err
}

// Create implements providers.SecurityGroups.
func (r groups) Create(ctx context.Context, spec providers.SecurityGroupSpec) (providers.SecurityGroup, error) {
	s, err := service(r.router, "create security group", spec.Provider, theGroups)
	if err != nil {
		return providers.SecurityGroup{}, err
	}
	made, err := s.Create(ctx, spec)
	return group(spec.Provider, made), err
}

// Get implements providers.SecurityGroups.
func (r groups) Get(ctx context.Context, id string) (providers.SecurityGroup, error) {
	s, alias, bare, err := r.at("get security group", id)
	if err != nil {
		return providers.SecurityGroup{}, err
	}
	got, err := s.Get(ctx, bare)
	return group(alias, got), err
}

// List implements providers.SecurityGroups.
func (r groups) List(ctx context.Context) ([]providers.SecurityGroup, error) {
	return gather(ctx, r.router, theGroups, func(ctx context.Context, s providers.SecurityGroups) ([]providers.SecurityGroup, error) {
		return s.List(ctx)
	}, group)
}

// AddRule implements providers.SecurityGroups.
func (r groups) AddRule(ctx context.Context, id string, mark providers.Mark, rule providers.Rule) (providers.Rule, error) {
	s, alias, bare, err := r.at("add security group rule", id)
	if err != nil {
		return providers.Rule{}, err
	}
	made, err := s.AddRule(ctx, bare, mark, rule)
	made.ID = providers.Qualify(alias, made.ID)
	return made, err
}

// DeleteRule implements providers.SecurityGroups.
func (r groups) DeleteRule(ctx context.Context, id string) error {
	s, _, bare, err := r.at("delete security group rule", id)
	if err != nil {
		return err
	}
	return s.DeleteRule(ctx, bare)
}

// Delete implements providers.SecurityGroups.
func (r groups) Delete(ctx context.Context, id string) error {
	s, _, bare, err := r.at("delete security group", id)
	if err != nil {
		return err
	}
	return s.Delete(ctx, bare)
}
