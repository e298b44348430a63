package routed

import (
	"context"

	"github.com/trovectl/trovectl/providers"
)

func theVolumes(c *providers.Cloud) providers.Volumes { return c.Volumes }

func volume(alias string, v providers.Volume) providers.Volume {
	v.ID, v.ServerIDs = providers.Qualify(alias, v.ID), named(alias, v.ServerIDs)
	return v
}

type volumes struct{ *router }

func (r volumes) at(call, id string) (s providers.Volumes, alias, bare string, err error) {
	alias, bare = r.split(id)
	s, err = service(r.router, call, alias, theVolumes)
	return s, alias, bare, err
}

// Create implements providers.Volumes.
func (r volumes) Create(ctx context.Context, spec providers.VolumeSpec) (providers.Volume, error) {
	s, err := service(r.router, "create volume", spec.Provider, theVolumes)
	if err != nil {
		return providers.Volume{}, err
	}
	made, err := s.Create(ctx, spec)
	return volume(spec.Provider, made), err
}

// Get implements providers.Volumes.
func (r volumes) Get(ctx context.Context, id string) (providers.Volume, error) {
	s, alias, bare, err := r.at("get volume", id)
	if err != nil {
		return providers.Volume{}, err
	}
	got, err := s.Get(ctx, bare)
	return volume(alias, got), err
}

// List implements providers.Volumes.
func (r volumes) List(ctx context.Context) ([]providers.Volume, error) {
	return gather(ctx, r.router, theVolumes, func(ctx context.Context, s providers.Volumes) ([]providers.Volume, error) { return s.List(ctx) }, volume)
}

// Extend implements providers.Volumes.
func (r volumes) Extend(ctx context.Context, id string, sizeGiB int) error {
	s, _, bare, err := r.at("extend volume", id)
	if err != nil {
		return err
	}
	return s.Extend(ctx, bare, sizeGiB)
}

// Delete implements providers.Volumes.
func (r volumes) Delete(ctx context.Context, id string) error {
	s, _, bare, err := r.at("delete volume", id)
	if err != nil {
		return err
	}
	return s.Delete(ctx, bare)
}

// Types implements providers.Volumes: the names of another cloud than the default one bear its alias.
func (r volumes) Types(ctx context.Context) ([]string, error) {
	return gather(ctx, r.router, theVolumes, func(ctx context.Context, s providers.Volumes) ([]string, error) { return s.Types(ctx) }, providers.Qualify)
}

type volumeWaits struct{ *router }

// Wait implements providers.Waiter.
func (r volumeWaits) Wait(ctx context.Context, id string, done func(providers.Volume, bool) (bool, error)) (providers.Volume, error) {
	alias, bare := r.split(id)
	w, err := service(r.router, "wait for volume", alias, func(c *providers.Cloud) providers.Waiter[providers.Volume] { return c.VolumeWaits })
	if err != nil {
		return providers.Volume{}, err
	}
	last, err := w.Wait(ctx, bare, func(v providers.Volume, present bool) (bool, error) { return done(volume(alias, v), present) })
	return volume(alias, last), err
}
