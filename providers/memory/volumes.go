package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

type volume struct {
	providers.Volume
	motion
	newSize  int
	extended string // the status to go back to
}

func (v *volume) view() providers.Volume {
	view := v.Volume
	view.Metadata = maps.Clone(v.Metadata)
	view.ServerIDs = slices.Clone(v.ServerIDs)
	return view
}

type volumeService struct{ c *Cloud }

func (s *volumeService) Create(ctx context.Context, spec providers.VolumeSpec) (providers.Volume, error) {
	const call = "create volume"
	if err := marked(call, spec.Mark); err != nil {
		return providers.Volume{}, err
	}
	var made providers.Volume
	err := s.c.do(ctx, call, spec.Name, func(f *Fault) error {
		row, err := s.c.newVolume(call, spec)
		if err != nil {
			return err
		}
		row.begin(toActive, s.c.options.Looks, f)
		made = row.view()
		return nil
	})
	if err != nil {
		return providers.Volume{}, err
	}
	return made, nil
}

func (c *Cloud) newVolume(call string, spec providers.VolumeSpec) (*volume, error) {
	kind, zone := spec.Type, spec.Zone
	if kind == "" {
		kind = c.world.types[0]
	}
	if zone == "" {
		zone = c.world.zones[0]
	}
	switch {
	case spec.SizeGiB < 1:
		return nil, refuse(providers.KindInvalid, call, "Volume size %d cannot be less than 1", spec.SizeGiB)
	case !slices.Contains(c.world.types, kind):
		return nil, refuse(providers.KindNotFound, call, "Volume type with name %s could not be found.", kind)
	case !slices.Contains(c.world.zones, zone):
		return nil, refuse(providers.KindInvalid, call, "Availability zone %q is invalid.", zone)
	}
	if err := c.volumeQuota(call, 1, spec.SizeGiB); err != nil {
		return nil, err
	}
	row := &volume{Volume: providers.Volume{
		ID: c.newID(0xc1), Name: spec.Name, Status: "creating", SizeGiB: spec.SizeGiB, Type: kind, Zone: zone,
		Metadata: map[string]string{}, Mark: spec.Mark, CreatedAt: c.timestamp(),
	}}
	c.volumes.add(row.ID, row)
	return row, nil
}

func (c *Cloud) volumeQuota(call string, volumes, gigabytes int) error {
	q := c.options.Quota
	return cmp.Or(room(call, "volumes", q.Volumes, len(c.volumes.rows), volumes), room(call, "gigabytes", q.Gigabytes, c.gigabytes(), gigabytes))
}

func (s *volumeService) Get(ctx context.Context, id string) (providers.Volume, error) {
	var found providers.Volume
	err := s.c.do(ctx, "get volume", id, func(*Fault) error {
		if row := s.c.volumes.get(id); row != nil {
			s.c.moveVolume(row)
		}
		row := s.c.volumes.get(id)
		if row == nil || !row.seen() {
			return refuse(providers.KindNotFound, "get volume", "Volume %s could not be found.", id)
		}
		found = row.view()
		return nil
	})
	return found, err
}

func (s *volumeService) List(ctx context.Context) ([]providers.Volume, error) {
	var all []providers.Volume
	err := s.c.do(ctx, "list volumes", "", func(*Fault) error {
		s.c.volumes.each(s.c.moveVolume)
		s.c.volumes.each(func(row *volume) {
			if row.seen() {
				all = append(all, row.view())
			}
		})
		return nil
	})
	return all, err
}

func (s *volumeService) Types(ctx context.Context) ([]string, error) {
	var types []string
	err := s.c.do(ctx, "list volume types", "", func(*Fault) error {
		types = slices.Sorted(slices.Values(s.c.world.types))
		return nil
	})
	return types, err
}

// moveVolume counts one look at a volume and carries out a motion that is due.
func (c *Cloud) moveVolume(row *volume) {
	if !row.look() {
		return
	}
	to := row.to
	row.to = ""
	switch to {
	case toActive:
		row.Status = "available"
	case toFailed:
		row.Status = "error"
	case toSize:
		row.SizeGiB, row.newSize, row.Status = row.newSize, 0, row.extended
	case toInUse:
		row.Status = "in-use"
	case toFree:
		row.Status, row.ServerIDs = "available", nil
	case toGone:
		c.volumes.remove(row.ID)
	}
}

func (s *volumeService) Extend(ctx context.Context, id string, sizeGiB int) error {
	const call = "extend volume"
	return s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.volumes.get(id)
		switch {
		case row == nil:
			return refuse(providers.KindNotFound, call, "Volume %s could not be found.", id)
		case row.Status != "available" && row.Status != "in-use":
			return refuse(providers.KindConflict, call, "Invalid volume: Volume %s status must be available or in-use to extend, now it is %s", id, row.Status)
		case sizeGiB <= row.SizeGiB:
			return refuse(providers.KindInvalid, call, "Invalid input: New size for extend must be greater than current size. (current: %d, extended: %d).", row.SizeGiB, sizeGiB)
		}
		if err := s.c.volumeQuota(call, 0, sizeGiB-row.SizeGiB); err != nil {
			return err
		}
		row.newSize, row.extended, row.Status = sizeGiB, row.Status, "extending"
		row.start(toSize, s.c.options.Looks)
		return nil
	})
}

func (s *volumeService) Delete(ctx context.Context, id string) error {
	const call = "delete volume"
	return s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.volumes.get(id)
		if row == nil || row.to == toGone {
			return nil
		}
		if row.Status != "available" && row.Status != "error" {
			return refuse(providers.KindConflict, call, "Invalid volume: Volume status must be available or error, now it is %s", row.Status)
		}
		row.Status = "deleting"
		row.start(toGone, s.c.options.Looks)
		return nil
	})
}
