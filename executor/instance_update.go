package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// guestRequest is a journaled request to this instance's guest.
func (i *instanceAct) guestRequest(what string, asked any, do func(context.Context, string) error, record func(*state.Batch)) journaled.Request {
	limited := do
	if what != "prepare" {
		limited = i.timeLimit(do)
	}
	return journaled.Request{Slot: what + "/" + i.step.Address.String(), Asked: asked, Do: limited, Record: record}
}

// update does what the step's changes name, in one order, and records the new body in the end.
func (i *instanceAct) update(ctx context.Context) error {
	record, known := i.journal.Record(i.step.Address)
	if !known {
		return fmt.Errorf("%s is not recorded any more", i.step.Address)
	}
	i.record, i.hands = record, i.journal.Hands(record.Member, record.Address)
	if len(i.step.Rebuild) > 0 {
		return i.rebuild(ctx)
	}
	if err := i.reassemble(ctx); err != nil {
		return err
	}
	if i.touches(append(pathWays, plan.PathAccount)...) {
		if err := i.openWays(ctx); err != nil {
			return err
		}
	}
	if i.hands.Member().Rotating != 0 || i.touches(append(pathWays, plan.PathKeys)...) {
		if err := i.rotateKeys(ctx); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		paths []string
		do    func(context.Context) error
	}{
		{[]string{"name"}, i.rename},
		{[]string{"metadata"}, i.setMetadata},
		{[]string{"access.allowed_cidrs", "guest.source_cidrs", "guest.port", "guest.transports"}, i.setAccess},
		{[]string{"guest.transports"}, i.leaveBroker},
		{[]string{"access.public", "access.public_network", "access.floating_ip"}, i.publish},
		{[]string{"volume.size"}, i.grow},
		{[]string{"config_group"}, i.configure},
		{[]string{"root", "logs"}, i.care},
		{[]string{"tls"}, i.recertify},
		{addressPaths, i.renamed},
	} {
		if !i.touches(part.paths...) {
			continue
		}
		if err := part.do(ctx); err != nil {
			return err
		}
	}
	i.record.Body, i.record.Protect, i.record.DependsOn = i.done(), i.step.Protect, i.step.DependsOn
	i.record.Status, i.record.Fault = state.Ready, ""
	return i.finish(ctx)
}

// rebuild fills the slots that the plan found missing, on the volume that is still there. From its first commit on the
// record says that it is being created, so that a rerun goes on from there.
func (i *instanceAct) rebuild(ctx context.Context) error {
	slots := make([]state.Slot, 0, len(i.step.Rebuild))
	for _, name := range i.step.Rebuild {
		slots = append(slots, state.Slot(name))
	}
	if slices.Contains(slots, state.SlotVolume) {
		return errors.New("a volume is never rebuilt: its data is gone")
	}
	lost, err := i.lost(ctx, slots)
	if err != nil {
		return err
	}
	shared := slices.ContainsFunc(slots, func(slot state.Slot) bool { // that it is there again does not say that this port has it
		return slot.Object() == state.SlotSecurityGroup
	})
	if i.Resume && len(lost) == 0 && i.record.Status == state.Ready && !shared {
		return nil // an earlier life has ended it: it begins by saying that the instance is being created
	}
	_, stands := i.hands.Member().Objects[state.SlotServer]
	// A server keeps no port that it was not born with.
	rebirth := stands && slices.ContainsFunc(lost, isPort) && !slices.Contains(lost, state.SlotServer)
	if rebirth && i.body.Volume == nil && i.hands.Member().MayHoldData {
		return errors.New("the port is gone, and the server with it would be made again, but its own disk holds the data: attach a port by hand")
	}
	if err := i.enroll(ctx); err != nil {
		return err
	}
	if rebirth {
		if err := i.clearServer(ctx, i.hands.Member().Objects[state.SlotVolume].ID); err != nil {
			return err
		}
	}
	if err := i.forget(ctx, lost); err != nil {
		return err
	}
	return i.create(ctx)
}

func isPort(slot state.Slot) bool { return slot.Object() == state.SlotPort }

// forget empties the slots whose objects are gone, with what was known of them.
func (i *instanceAct) forget(ctx context.Context, lost []state.Slot) error {
	return i.hands.Update(ctx, func(m *state.Member) {
		for _, slot := range lost {
			delete(m.Objects, slot)
		}
		if slices.Contains(lost, state.SlotServer) {
			m.Bereave()
		}
		if slices.Contains(lost, state.SlotPort) {
			m.Address = ""
		}
		if slices.Contains(lost, state.SlotManagementPort) {
			m.AgentAddress = ""
		}
	})
}

// cloudCall is a journaled change of an object that exists.
func (i *instanceAct) cloudCall(ctx context.Context, what string, asked any, do func(context.Context) error) error {
	return i.hands.Call(ctx, journaled.Request{
		Slot: what + "/" + i.step.Address.String(), Asked: asked,
		Do: func(ctx context.Context, _ string) error { return do(ctx) },
	})
}

func (i *instanceAct) rename(ctx context.Context) error {
	server := i.hands.Member().Objects[state.SlotServer].ID
	return i.cloudCall(ctx, "rename", i.body.Name, func(ctx context.Context) error {
		return i.Cloud.Servers.Rename(ctx, server, i.body.Name)
	})
}

func (i *instanceAct) setMetadata(ctx context.Context) error {
	server := i.hands.Member().Objects[state.SlotServer].ID
	var remove []string
	for _, c := range i.step.Changes {
		if key, ok := metadataKey(c); ok && c.After == nil {
			remove = append(remove, key)
		}
	}
	return i.cloudCall(ctx, "metadata", i.body.Metadata, func(ctx context.Context) error {
		return i.Cloud.Servers.SetMetadata(ctx, server, i.body.Metadata, remove)
	})
}

func metadataKey(c plan.Change) (string, bool) {
	const prefix = "metadata."
	if len(c.Path) <= len(prefix) || c.Path[:len(prefix)] != prefix {
		return "", false
	}
	return c.Path[len(prefix):], true
}

// grow extends the volume and then the file system on it, while the engine runs.
func (i *instanceAct) grow(ctx context.Context) error {
	member, size := i.hands.Member(), i.body.Volume.Size
	volume := member.Objects[state.SlotVolume].ID
	i.progress("extending volume %s to %d GiB", volume, size)
	err := i.cloudCall(ctx, "extend", size, func(ctx context.Context) error { return i.extend(ctx, volume, size) })
	if err != nil {
		return err
	}
	client, err := i.reach(ctx, member)
	if err != nil {
		return err
	}
	defer client.close()
	return i.hands.Call(ctx, i.guestRequest("resize_volume", size, func(ctx context.Context, id string) error {
		_, err := client.ResizeVolume(ctx, id, guest.ResizeVolume{SizeGiB: size})
		return err
	}, nil))
}

func (i *instanceAct) extend(ctx context.Context, id string, size int) error {
	now, err := i.Cloud.Volumes.Get(ctx, id)
	if err != nil {
		return err
	}
	if now.SizeGiB < size && now.Status != "extending" {
		if err := i.Cloud.Volumes.Extend(ctx, id, size); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, i.Timeouts.Build)
	defer cancel()
	_, err = i.Cloud.VolumeWaits.Wait(ctx, id, func(v providers.Volume, present bool) (bool, error) {
		switch {
		case !present:
			return false, fmt.Errorf("volume %s is gone", id)
		case v.Status == "error_extending":
			return false, refusal("extend volume", "volume %s could not be extended to %d GiB (error_extending)", id, size)
		}
		return v.SizeGiB >= size && v.Status != "extending", nil
	})
	return err
}

// configure makes the config group's values those in force, and restarts only where the step says so.
func (i *instanceAct) configure(ctx context.Context) error {
	client, err := i.reach(ctx, i.hands.Member())
	if err != nil {
		return err
	}
	defer client.close()
	values := i.body.Settings
	if values == nil {
		values = map[string]string{}
	}
	var pending []string
	err = i.hands.Call(ctx, i.guestRequest("configure", values, func(ctx context.Context, id string) error {
		configured, err := client.Configure(ctx, id, guest.Configure{Values: values})
		pending = configured.Pending
		return err
	}, nil))
	if err != nil || len(pending) == 0 {
		return err
	}
	if i.body.Restart != "if_required" {
		i.notes = append(i.notes, fmt.Sprintf("in force after a restart of the engine: %v", pending))
		return nil
	}
	i.progress("restarting the engine")
	return i.hands.Call(ctx, i.guestRequest("restart", values, func(ctx context.Context, id string) error {
		_, err := client.Restart(ctx, id)
		return err
	}, nil))
}
