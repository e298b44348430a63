package memory

import (
	"context"
	"crypto/md5" //nolint:gosec // the checksum of Glance's protocol
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/providers"
)

type image struct {
	providers.Image
	motion
}

func (i *image) view() providers.Image {
	v := i.Image
	v.Tags, v.Properties = slices.Clone(i.Tags), maps.Clone(i.Properties)
	return v
}

// operatorImages are those that everybody can see.
func (c *Cloud) operatorImages() {
	for id, name := range map[string]string{
		"1a000000-0000-4000-8000-000000000001": "mariadb-10.11",
		"1a000000-0000-4000-8000-000000000002": "postgresql-15",
		"1a000000-0000-4000-8000-000000000003": "redis-7.0",
	} {
		c.images.add(id, &image{Image: providers.Image{
			ID: id, Name: name, Status: providers.ImageActive, Checksum: "d41d8cd98f00b204e9800998ecf8427e", CreatedAt: "2026-01-01T00:00:00Z",
		}})
	}
	slices.Sort(c.images.order)
}

type imageService struct{ c *Cloud }

func (s *imageService) Create(ctx context.Context, spec providers.ImageSpec) (providers.Image, error) {
	const call = "create image"
	if err := marked(call, spec.Mark); err != nil {
		return providers.Image{}, err
	}
	var made providers.Image
	err := s.c.do(ctx, call, spec.Name, func(f *Fault) error {
		row := &image{Image: providers.Image{
			ID: s.c.newID(0x1a), Name: spec.Name, Status: "queued", Tags: slices.Clone(spec.Tags), Mark: spec.Mark, CreatedAt: s.c.timestamp(),
			Properties: map[string]string{},
		}}
		for name, value := range spec.Properties {
			if strings.HasPrefix(name, "trovectl_") {
				row.Properties[name] = value
			}
		}
		if f != nil {
			row.hidden = f.Hidden
		}
		s.c.images.add(row.ID, row)
		made = row.view()
		return nil
	})
	if err != nil {
		return providers.Image{}, err
	}
	return made, nil
}

func (s *imageService) Upload(ctx context.Context, id string, data io.ReadSeeker, size int64) (providers.Image, error) {
	const call = "upload image"
	sum := md5.New() //nolint:gosec // see the import
	_, err := data.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.CopyN(sum, data, size)
	}
	if err != nil {
		return providers.Image{}, &providers.Error{Kind: providers.KindInvalid, Call: call, Message: err.Error(), Err: err}
	}
	var stored providers.Image
	err = s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.images.get(id)
		switch {
		case row == nil:
			return refuse(providers.KindNotFound, call, "No image found with ID %s", id)
		case row.Status != "queued":
			return refuse(providers.KindConflict, call, "Image status transition from %s to saving is not allowed", row.Status)
		}
		row.Status, row.Checksum = providers.ImageActive, hex.EncodeToString(sum.Sum(nil))
		stored = row.view()
		return nil
	})
	if err != nil {
		return providers.Image{}, err
	}
	return stored, nil
}

func (s *imageService) Get(ctx context.Context, id string) (providers.Image, error) {
	const call = "get image"
	var found providers.Image
	err := s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.images.get(id)
		if row == nil || !row.seen() {
			return refuse(providers.KindNotFound, call, "No image found with ID %s", id)
		}
		found = row.view()
		return nil
	})
	if err != nil {
		return providers.Image{}, err
	}
	return found, nil
}

func (s *imageService) List(ctx context.Context) ([]providers.Image, error) {
	var all []providers.Image
	err := s.c.do(ctx, "list images", "", func(*Fault) error {
		s.c.images.each(func(row *image) {
			if row.seen() {
				all = append(all, row.view())
			}
		})
		return nil
	})
	return all, err
}

func (s *imageService) Delete(ctx context.Context, id string) error {
	return s.c.do(ctx, "delete image", id, func(*Fault) error {
		s.c.images.remove(id)
		return nil
	})
}
