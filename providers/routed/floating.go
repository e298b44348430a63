package routed

import (
	"context"

	"github.com/trovectl/trovectl/providers"
)

func theFloatingIPs(c *providers.Cloud) providers.FloatingIPs { return c.FloatingIPs }

func floating(alias string, f providers.FloatingIP) providers.FloatingIP {
	f.ID, f.NetworkID, f.PortID = providers.Qualify(alias, f.ID), providers.Qualify(alias, f.NetworkID), providers.Qualify(alias, f.PortID)
	return f
}

type floatingIPs struct{ *router }

func (r floatingIPs) at(call, id string) (s providers.FloatingIPs, alias, bare string, err error) {
	alias, bare = r.split(id)
	s, err = service(r.router, call, alias, theFloatingIPs)
	return s, alias, bare, err
}

// Create implements providers.FloatingIPs.
func (r floatingIPs) Create(ctx context.Context, spec providers.FloatingIPSpec) (providers.FloatingIP, error) {
	const call = "create floating ip"
	s, err := service(r.router, call, spec.Provider, theFloatingIPs)
	if err != nil {
		return providers.FloatingIP{}, err
	}
	bare, err := r.bare(call, spec.Provider, spec.NetworkID, spec.PortID)
	if err != nil {
		return providers.FloatingIP{}, err
	}
	spec.NetworkID, spec.PortID = bare[0], bare[1]
	made, err := s.Create(ctx, spec)
	return floating(spec.Provider, made), err
}

// Get implements providers.FloatingIPs.
func (r floatingIPs) Get(ctx context.Context, id string) (providers.FloatingIP, error) {
	s, alias, bare, err := r.at("get floating ip", id)
	if err != nil {
		return providers.FloatingIP{}, err
	}
	got, err := s.Get(ctx, bare)
	return floating(alias, got), err
}

// List implements providers.FloatingIPs.
func (r floatingIPs) List(ctx context.Context) ([]providers.FloatingIP, error) {
	return gather(ctx, r.router, theFloatingIPs, func(ctx context.Context, s providers.FloatingIPs) ([]providers.FloatingIP, error) {
		return s.List(ctx)
	}, floating)
}

// Associate implements providers.FloatingIPs.
func (r floatingIPs) Associate(ctx context.Context, id, port string) error {
	const call = "associate floating ip"
	s, alias, bare, err := r.at(call, id)
	if err != nil {
		return err
	}
	to, err := r.bare(call, alias, port)
	if err != nil {
		return err
	}
	return s.Associate(ctx, bare, to[0])
}

// Delete implements providers.FloatingIPs.
func (r floatingIPs) Delete(ctx context.Context, id string) error {
	s, _, bare, err := r.at("delete floating ip", id)
	if err != nil {
		return err
	}
	return s.Delete(ctx, bare)
}
