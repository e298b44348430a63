package executor

import (
	"context"
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// makerOf knows how the object of a slot is made, found and removed. Without a spec it can only find and remove.
type makerOf struct {
	make   func(ctx context.Context, mark providers.Mark) (string, error)
	find   func(ctx context.Context, mark providers.Mark) (string, error)
	remove func(ctx context.Context, id string) error
}

var _ journaled.Maker = makerOf{}

func (m makerOf) Make(ctx context.Context, mark providers.Mark) (string, error) {
	return m.make(ctx, mark)
}
func (m makerOf) Find(ctx context.Context, mark providers.Mark) (string, error) {
	return m.find(ctx, mark)
}
func (m makerOf) Remove(ctx context.Context, id string) error { return m.remove(ctx, id) }

// findMark looks through a complete list for the one object with a mark.
func findMark[T any](ctx context.Context, list func(context.Context) ([]T, error), facts func(T) (string, providers.Mark), mark providers.Mark) (string, error) {
	all, err := list(ctx) // what is found counts, also where a list of several clouds is not complete
	for _, object := range all {
		if id, has := facts(object); has == mark {
			return id, nil
		}
	}
	return "", err
}

// maker is the maker of a slot; spec fills it and may be nil where nothing is to be made.
func (r *run) maker(slot state.Slot, make func(context.Context, providers.Mark) (string, error)) makerOf {
	c := r.Cloud
	switch slot {
	case state.SlotSecurityGroup, state.SlotManagementGroup:
		return makerOf{make, func(ctx context.Context, mark providers.Mark) (string, error) {
			return findMark(ctx, c.SecurityGroups.List, func(g providers.SecurityGroup) (string, providers.Mark) { return g.ID, g.Mark }, mark)
		}, func(ctx context.Context, id string) error { return r.removeInUse(ctx, id, c.SecurityGroups.Delete) }}
	case state.SlotPort, state.SlotManagementPort:
		return makerOf{make, func(ctx context.Context, mark providers.Mark) (string, error) {
			return findMark(ctx, c.Ports.List, func(p providers.Port) (string, providers.Mark) { return p.ID, p.Mark }, mark)
		}, func(ctx context.Context, id string) error { return r.removeInUse(ctx, id, c.Ports.Delete) }}
	case state.SlotFloatingIP:
		return makerOf{make, func(ctx context.Context, mark providers.Mark) (string, error) {
			return findMark(ctx, c.FloatingIPs.List, func(f providers.FloatingIP) (string, providers.Mark) { return f.ID, f.Mark }, mark)
		}, func(ctx context.Context, id string) error { return c.FloatingIPs.Delete(ctx, id) }}
	case state.SlotAccount:
		return makerOf{make, func(ctx context.Context, mark providers.Mark) (string, error) {
			return findMark(ctx, c.Broker.List, func(a providers.Account) (string, providers.Mark) { return a.ID, a.Mark }, mark)
		}, func(ctx context.Context, id string) error {
			return r.patiently(ctx, func(ctx context.Context) error { return c.Broker.Delete(ctx, id) })
		}}
	case state.SlotServerGroup:
		return makerOf{make, func(ctx context.Context, mark providers.Mark) (string, error) {
			return findMark(ctx, c.ServerGroups.List, func(g providers.ServerGroup) (string, providers.Mark) { return g.ID, g.Mark }, mark)
		}, func(ctx context.Context, id string) error { return c.ServerGroups.Delete(ctx, id) }}
	case state.SlotVolume:
		return makerOf{make, func(ctx context.Context, mark providers.Mark) (string, error) {
			return findMark(ctx, c.Volumes.List, func(v providers.Volume) (string, providers.Mark) { return v.ID, v.Mark }, mark)
		}, r.removeVolume}
	case state.SlotServer:
		return makerOf{make, func(ctx context.Context, mark providers.Mark) (string, error) {
			return findMark(ctx, c.Servers.List, func(s providers.Server) (string, providers.Mark) { return s.ID, s.Mark }, mark)
		}, r.removeServer}
	default:
		panic(fmt.Sprintf("unknown slot %q", slot))
	}
}

func (r *run) removeServer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeouts.Remove)
	defer cancel()
	if err := r.Cloud.Servers.Delete(ctx, id); err != nil {
		return err
	}
	_, err := r.Cloud.ServerWaits.Wait(ctx, id, func(s providers.Server, present bool) (bool, error) {
		if present && s.Status == "ERROR" && s.TaskState == "" {
			return false, fmt.Errorf("server %s went to ERROR while it was deleted: %s", id, s.Fault)
		}
		return !present || s.Status == "DELETED", nil
	})
	return err
}

func (r *run) removeVolume(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeouts.Remove)
	defer cancel()
	// A volume that was attached is released a moment after its server has gone.
	volume, err := r.Cloud.VolumeWaits.Wait(ctx, id, func(v providers.Volume, present bool) (bool, error) {
		return !present || slices.Contains([]string{"available", "error", "error_deleting", "error_extending", "deleting"}, v.Status), nil
	})
	if err != nil {
		return fmt.Errorf("waiting until volume %s is released: %w", id, err)
	}
	if volume.Status != "deleting" {
		if err := r.Cloud.Volumes.Delete(ctx, id); err != nil {
			return err
		}
	}
	_, err = r.Cloud.VolumeWaits.Wait(ctx, id, func(v providers.Volume, present bool) (bool, error) {
		if present && v.Status == "error_deleting" {
			return false, fmt.Errorf("volume %s could not be deleted (error_deleting)", id)
		}
		return !present, nil
	})
	return err
}

// removeInUse deletes what Neutron holds on to for a moment after its user has gone.
func (r *run) removeInUse(ctx context.Context, id string, remove func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeouts.Remove)
	defer cancel()
	for tries := 0; ; tries++ {
		err := remove(ctx, id)
		if !providers.IsKind(err, providers.KindConflict) || tries >= 20 {
			return err
		}
		if sleepErr := r.Clock.Sleep(ctx, r.Timeouts.Retry); sleepErr != nil {
			return err
		}
	}
}

// holds tells whether an object is recorded in one of a member's slots.
func holds(m state.Member, object *plan.Object) bool {
	for slot, has := range m.Objects {
		if string(slot.Object()) == object.Service && has.ID == object.ID {
			return true
		}
	}
	return false
}

// deleteOrphan removes an object that bears our mark and stands in no record.
func (a *act) deleteOrphan(ctx context.Context) error {
	object := a.step.Orphan
	if object == nil {
		return fmt.Errorf("the step %s names no object", a.step.ID)
	}
	slots := map[string]state.Slot{
		"server": state.SlotServer, "volume": state.SlotVolume, "port": state.SlotPort, "security_group": state.SlotSecurityGroup,
		"floating_ip": state.SlotFloatingIP, "server_group": state.SlotServerGroup, "broker_account": state.SlotAccount,
	}
	slot, ok := slots[object.Service]
	if !ok {
		return fmt.Errorf("the step %s names the service %q, which has no orphans", a.step.ID, object.Service)
	}
	if m, recorded := a.journal.Member(state.MemberID(object.Member)); recorded && (m.Released || holds(m, object)) {
		return fmt.Errorf("%s %s is recorded now: it is no orphan", object.Service, object.ID)
	}
	return a.maker(slot, nil).Remove(ctx, object.ID)
}
