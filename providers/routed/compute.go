package routed

import (
	"context"

	"github.com/trovectl/trovectl/providers"
)

func theServers(c *providers.Cloud) providers.Servers       { return c.Servers }
func theActions(c *providers.Cloud) providers.ServerActions { return c.ServerActions }

func server(alias string, s providers.Server) providers.Server {
	s.ID, s.FlavorID, s.ImageID = providers.Qualify(alias, s.ID), providers.Qualify(alias, s.FlavorID), providers.Qualify(alias, s.ImageID)
	s.VolumeIDs = named(alias, s.VolumeIDs)
	return s
}

type servers struct{ *router }

func (r servers) at(call, id string) (s providers.Servers, alias, bare string, err error) {
	alias, bare = r.split(id)
	s, err = service(r.router, call, alias, theServers)
	return s, alias, bare, err
}

// Create implements providers.Servers.
func (r servers) Create(ctx context.Context, spec providers.ServerSpec) (providers.Server, error) {
	const call = "create server"
	alias := spec.Provider
	s, err := service(r.router, call, alias, theServers)
	if err != nil {
		return providers.Server{}, err
	}
	bare, err := r.bare(call, alias, spec.FlavorID, spec.ImageID, spec.GroupID)
	if err == nil {
		spec.FlavorID, spec.ImageID, spec.GroupID = bare[0], bare[1], bare[2]
		spec.PortIDs, err = r.bare(call, alias, spec.PortIDs...)
	}
	if err == nil {
		spec.VolumeIDs, err = r.bare(call, alias, spec.VolumeIDs...)
	}
	if err != nil {
		return providers.Server{}, err
	}
	made, err := s.Create(ctx, spec)
	return server(alias, made), err
}

// Get implements providers.Servers.
func (r servers) Get(ctx context.Context, id string) (providers.Server, error) {
	s, alias, bare, err := r.at("get server", id)
	if err != nil {
		return providers.Server{}, err
	}
	got, err := s.Get(ctx, bare)
	return server(alias, got), err
}

// List implements providers.Servers.
func (r servers) List(ctx context.Context) ([]providers.Server, error) {
	return gather(ctx, r.router, theServers, func(ctx context.Context, s providers.Servers) ([]providers.Server, error) { return s.List(ctx) }, server)
}

// Rename implements providers.Servers.
func (r servers) Rename(ctx context.Context, id, name string) error {
	s, _, bare, err := r.at("rename server", id)
	if err != nil {
		return err
	}
	return s.Rename(ctx, bare, name)
}

// SetMetadata implements providers.Servers.
func (r servers) SetMetadata(ctx context.Context, id string, set map[string]string, remove []string) error {
	s, _, bare, err := r.at("set server metadata", id)
	if err != nil {
		return err
	}
	return s.SetMetadata(ctx, bare, set, remove)
}

// Delete implements providers.Servers.
func (r servers) Delete(ctx context.Context, id string) error {
	s, _, bare, err := r.at("delete server", id)
	if err != nil {
		return err
	}
	return s.Delete(ctx, bare)
}

type serverWaits struct{ *router }

// Wait implements providers.Waiter.
func (r serverWaits) Wait(ctx context.Context, id string, done func(providers.Server, bool) (bool, error)) (providers.Server, error) {
	alias, bare := r.split(id)
	w, err := service(r.router, "wait for server", alias, func(c *providers.Cloud) providers.Waiter[providers.Server] { return c.ServerWaits })
	if err != nil {
		return providers.Server{}, err
	}
	last, err := w.Wait(ctx, bare, func(s providers.Server, present bool) (bool, error) { return done(server(alias, s), present) })
	return server(alias, last), err
}

type actions struct{ *router }

func (r actions) do(call, id string, act func(providers.ServerActions, string) error) error {
	alias, bare := r.split(id)
	s, err := service(r.router, call, alias, theActions)
	if err != nil {
		return err
	}
	return act(s, bare)
}

// Start implements providers.ServerActions.
func (r actions) Start(ctx context.Context, id string) error {
	return r.do("start server", id, func(s providers.ServerActions, bare string) error { return s.Start(ctx, bare) })
}

// Stop implements providers.ServerActions.
func (r actions) Stop(ctx context.Context, id string) error {
	return r.do("stop server", id, func(s providers.ServerActions, bare string) error { return s.Stop(ctx, bare) })
}

// Reboot implements providers.ServerActions.
func (r actions) Reboot(ctx context.Context, id string, hard bool) error {
	return r.do("reboot server", id, func(s providers.ServerActions, bare string) error { return s.Reboot(ctx, bare, hard) })
}

// Console implements providers.ServerActions.
func (r actions) Console(ctx context.Context, id string, lines int) (text string, err error) {
	err = r.do("read server console", id, func(s providers.ServerActions, bare string) error {
		text, err = s.Console(ctx, bare, lines)
		return err
	})
	return text, err
}

// Act implements providers.ServerActions.
func (r actions) Act(ctx context.Context, id string, action providers.ServerAction) error {
	return r.do(action.Call(), id, func(s providers.ServerActions, bare string) error { return s.Act(ctx, bare, action) })
}

type attachments struct{ *router }

func (r attachments) do(call, server, volume string, act func(a providers.Attachments, server, volume string) error) error {
	alias, bare := r.split(server)
	a, err := service(r.router, call, alias, func(c *providers.Cloud) providers.Attachments { return c.Attachments })
	if err != nil {
		return err
	}
	volumes, err := r.bare(call, alias, volume)
	if err != nil {
		return err
	}
	return act(a, bare, volumes[0])
}

// Attach implements providers.Attachments.
func (r attachments) Attach(ctx context.Context, server, volume string) error {
	return r.do("attach volume", server, volume, func(a providers.Attachments, s, v string) error { return a.Attach(ctx, s, v) })
}

// Detach implements providers.Attachments.
func (r attachments) Detach(ctx context.Context, server, volume string) error {
	return r.do("detach volume", server, volume, func(a providers.Attachments, s, v string) error { return a.Detach(ctx, s, v) })
}

type resizes struct{ *router }

func (r resizes) do(call, id string, act func(s providers.Resizes, alias, bare string) error) error {
	alias, bare := r.split(id)
	s, err := service(r.router, call, alias, func(c *providers.Cloud) providers.Resizes { return c.Resizes })
	if err != nil {
		return err
	}
	return act(s, alias, bare)
}

// Resize implements providers.Resizes.
func (r resizes) Resize(ctx context.Context, id, flavorID string) error {
	const call = "resize server"
	return r.do(call, id, func(s providers.Resizes, alias, bare string) error {
		flavor, err := r.bare(call, alias, flavorID)
		if err != nil {
			return err
		}
		return s.Resize(ctx, bare, flavor[0])
	})
}

// Confirm implements providers.Resizes.
func (r resizes) Confirm(ctx context.Context, id string) error {
	return r.do("confirm server resize", id, func(s providers.Resizes, _, bare string) error { return s.Confirm(ctx, bare) })
}

// Revert implements providers.Resizes.
func (r resizes) Revert(ctx context.Context, id string) error {
	return r.do("revert server resize", id, func(s providers.Resizes, _, bare string) error { return s.Revert(ctx, bare) })
}

type flavors struct{ *router }

// List implements providers.Flavors.
func (r flavors) List(ctx context.Context) ([]providers.Flavor, error) {
	return gather(ctx, r.router, func(c *providers.Cloud) providers.Flavors { return c.Flavors },
		func(ctx context.Context, f providers.Flavors) ([]providers.Flavor, error) { return f.List(ctx) },
		func(alias string, f providers.Flavor) providers.Flavor {
			f.ID = providers.Qualify(alias, f.ID)
			return f
		})
}
