package memory

import (
	"context"

	"github.com/trovectl/trovectl/providers"
)

type resizeService struct{ c *Cloud }

// Where the motions of a resize lead.
const (
	toResized   = "resized"   // on the new flavor, not yet confirmed
	toConfirmed = "confirmed" // the old machine is gone
	toReverted  = "reverted"  // on the old flavor again
)

// on runs f with a server that stands still in one of the statuses.
func (s *resizeService) on(ctx context.Context, call, id string, statuses []string, f func(row *server) error) error {
	return s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.servers.get(id)
		if row == nil {
			return refuse(providers.KindNotFound, call, "Instance %s could not be found.", id)
		}
		for _, status := range statuses {
			if row.Status == status && row.to == "" {
				return f(row)
			}
		}
		return refuse(providers.KindConflict, call, "Cannot do it while the instance is in vm_state %s, task_state %s", row.Status, row.TaskState)
	})
}

func (s *resizeService) Resize(ctx context.Context, id, flavorID string) error {
	const call = "resize server"
	return s.on(ctx, call, id, []string{"ACTIVE", "SHUTOFF"}, func(row *server) error {
		now, flavor := s.c.world.flavor(row.FlavorID), s.c.world.flavor(flavorID)
		switch flavor.ID {
		case "":
			return refuse(providers.KindInvalid, call, "Flavor %s could not be found.", flavorID)
		case now.ID:
			return refuse(providers.KindInvalid, call, "When resizing, instances must change flavor!")
		}
		q := s.c.options.Quota
		cores, ram := s.c.computed()
		if err := room(call, "cores", q.Cores, cores, flavor.VCPUs-now.VCPUs); err != nil {
			return err
		}
		if err := room(call, "ram", q.RAMMiB, ram, flavor.RAMMiB-now.RAMMiB); err != nil {
			return err
		}
		row.before, row.otherFlavor = row.Status, flavor
		row.Status, row.TaskState = "RESIZE", "resize_prep"
		row.start(toResized, s.c.options.Looks)
		return nil
	})
}

func (s *resizeService) Confirm(ctx context.Context, id string) error {
	return s.on(ctx, "confirm server resize", id, []string{"VERIFY_RESIZE"}, func(row *server) error {
		row.start(toConfirmed, s.c.options.Looks)
		return nil
	})
}

func (s *resizeService) Revert(ctx context.Context, id string) error {
	return s.on(ctx, "revert server resize", id, []string{"VERIFY_RESIZE"}, func(row *server) error {
		row.Status, row.TaskState = "REVERT_RESIZE", "resize_reverting"
		row.start(toReverted, s.c.options.Looks)
		return nil
	})
}

// resized ends the motion of a resize; c.mu is held.
func (c *Cloud) resized(row *server, to string) {
	if to != toConfirmed {
		now := c.world.flavor(row.FlavorID)
		row.FlavorID, row.FlavorName, row.otherFlavor = row.otherFlavor.ID, row.otherFlavor.Name, now
	}
	row.Status = row.before
	if to == toResized {
		row.Status = "VERIFY_RESIZE"
	}
	row.up = row.before == "ACTIVE"
}
