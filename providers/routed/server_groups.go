package routed

import (
	"context"

	"github.com/trovectl/trovectl/providers"
)

func theServerGroups(c *providers.Cloud) providers.ServerGroups { return c.ServerGroups }

func serverGroup(alias string, g providers.ServerGroup) providers.ServerGroup {
	g.ID, g.MemberIDs = providers.Qualify(alias, g.ID), named(alias, g.MemberIDs)
	return g
}

type serverGroups struct{ *router }

// Create implements providers.ServerGroups.
func (r serverGroups) Create(ctx context.Context, spec providers.ServerGroupSpec) (providers.ServerGroup, error) {
	s, err := service(r.router, "create server group", spec.Provider, theServerGroups)
	if err != nil {
		return providers.ServerGroup{}, err
	}
	made, err := s.Create(ctx, spec)
	return serverGroup(spec.Provider, made), err
}

// Get implements providers.ServerGroups.
func (r serverGroups) Get(ctx context.Context, id string) (providers.ServerGroup, error) {
	alias, bare := r.split(id)
	s, err := service(r.router, "get server group", alias, theServerGroups)
	if err != nil {
		return providers.ServerGroup{}, err
	}
	got, err := s.Get(ctx, bare)
	return serverGroup(alias, got), err
}

// List implements providers.ServerGroups.
func (r serverGroups) List(ctx context.Context) ([]providers.ServerGroup, error) {
	return gather(ctx, r.router, theServerGroups, func(ctx context.Context, s providers.ServerGroups) ([]providers.ServerGroup, error) {
		return s.List(ctx)
	}, serverGroup)
}

// Delete implements providers.ServerGroups.
func (r serverGroups) Delete(ctx context.Context, id string) error {
	alias, bare := r.split(id)
	s, err := service(r.router, "delete server group", alias, theServerGroups)
	if err != nil {
		return err
	}
	return s.Delete(ctx, bare)
}
