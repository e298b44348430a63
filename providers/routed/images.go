package routed

import (
	"context"
	"io"

	"github.com/trovectl/trovectl/providers"
)

func theImages(c *providers.Cloud) providers.Images { return c.Images }

func image(alias string, i providers.Image) providers.Image {
	i.ID = providers.Qualify(alias, i.ID)
	return i
}

type images struct{ *router }

func (r images) at(call, id string) (s providers.Images, alias, bare string, err error) {
	alias, bare = r.split(id)
	s, err = service(r.router, call, alias, theImages)
	return s, alias, bare, err
}

// Create implements providers.Images.
func (r images) Create(ctx context.Context, spec providers.ImageSpec) (providers.Image, error) {
	s, err := service(r.router, "create image", spec.Provider, theImages)
	if err != nil {
		return providers.Image{}, err
	}
	made, err := s.Create(ctx, spec)
	return image(spec.Provider, made), err
}

// Upload implements providers.Images.
func (r images) Upload(ctx context.Context, id string, data io.ReadSeeker, size int64) (providers.Image, error) {
	s, alias, bare, err := r.at("upload image", id)
	if err != nil {
		return providers.Image{}, err
	}
	got, err := s.Upload(ctx, bare, data, size)
	return image(alias, got), err
}

// Get implements providers.Images.
func (r images) Get(ctx context.Context, id string) (providers.Image, error) {
	s, alias, bare, err := r.at("get image", id)
	if err != nil {
		return providers.Image{}, err
	}
	got, err := s.Get(ctx, bare)
	return image(alias, got), err
}

// List implements providers.Images.
func (r images) List(ctx context.Context) ([]providers.Image, error) {
	return gather(ctx, r.router, theImages, func(ctx context.Context, s providers.Images) ([]providers.Image, error) { return s.List(ctx) }, image)
}

// Delete implements providers.Images.
func (r images) Delete(ctx context.Context, id string) error {
	s, _, bare, err := r.at("delete image", id)
	if err != nil {
		return err
	}
	return s.Delete(ctx, bare)
}
