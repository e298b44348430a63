package memory

import (
	"context"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

type attachmentService struct{ c *Cloud }

// pair finds both, and refuses what a server's lock or status forbids.
func (a *attachmentService) pair(call, serverID, volumeID string) (*server, *volume, error) {
	row, v := a.c.servers.get(serverID), a.c.volumes.get(volumeID)
	switch {
	case row == nil:
		return nil, nil, refuse(providers.KindNotFound, call, "Instance %s could not be found.", serverID)
	case v == nil:
		return nil, nil, refuse(providers.KindNotFound, call, "Volume %s could not be found.", volumeID)
	case row.Locked:
		return nil, nil, locked(call, serverID)
	case row.to != "" || !slices.Contains([]string{"ACTIVE", "SHUTOFF", "PAUSED", "SHELVED", "SHELVED_OFFLOADED"}, row.Status):
		return nil, nil, refuse(providers.KindConflict, call, "Cannot do it while the instance is in vm_state %s, task_state %s", row.Status, row.TaskState)
	}
	return row, v, nil
}

func (a *attachmentService) Attach(ctx context.Context, serverID, volumeID string) error {
	const call = "attach volume"
	return a.c.do(ctx, call, volumeID, func(*Fault) error {
		row, v, err := a.pair(call, serverID, volumeID)
		if err != nil {
			return err
		}
		if v.Status != "available" || v.to != "" {
			return refuse(providers.KindConflict, call, "Invalid volume: volume %s status must be available, now it is %s", v.ID, v.Status)
		}
		row.VolumeIDs = append(row.VolumeIDs, v.ID)
		v.Status, v.ServerIDs = "attaching", []string{row.ID}
		v.start(toInUse, a.c.options.Looks)
		return nil
	})
}

func (a *attachmentService) Detach(ctx context.Context, serverID, volumeID string) error {
	const call = "detach volume"
	return a.c.do(ctx, call, volumeID, func(*Fault) error {
		row, v, err := a.pair(call, serverID, volumeID)
		if err != nil {
			return err
		}
		if !slices.Contains(row.VolumeIDs, volumeID) {
			return refuse(providers.KindNotFound, call, "Instance %s is not attached to volume %s.", serverID, volumeID)
		}
		row.VolumeIDs = slices.DeleteFunc(row.VolumeIDs, func(id string) bool { return id == volumeID })
		v.Status = "detaching"
		v.start(toFree, a.c.options.Looks)
		return nil
	})
}
