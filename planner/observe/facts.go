package observe

import (
	"context"
	"fmt"
	"strconv"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// A getter reads one object. A missing one is providers.KindNotFound.
type getter[T any] interface {
	Get(ctx context.Context, id string) (T, error)
}

// Facts reads again what steps rest on.
type Facts struct {
	servers getter[providers.Server]
	volumes getter[providers.Volume]
	ports   getter[providers.Port]
	groups  getter[providers.SecurityGroup]
}

// NewFacts reads from a cloud whose compute, volume and network services are there.
func NewFacts(cloud *providers.Cloud) *Facts {
	return &Facts{cloud.Servers, cloud.Volumes, cloud.Ports, cloud.SecurityGroups}
}

// Verify returns an error that says which fact of a step no longer holds, or could not be read. A step without facts
// costs nothing.
func (f *Facts) Verify(ctx context.Context, step plan.Step) error {
	volume := ""
	for _, fact := range step.Facts {
		switch fact.Kind {
		case plan.FactPresent:
			if err := f.present(ctx, state.Slot(fact.Subject), fact.Value); err != nil {
				return err
			}
			if fact.Subject == string(state.SlotVolume) {
				volume = fact.Value
			}
		case plan.FactVolumeSize:
			if err := f.size(ctx, volume, fact.Value, step); err != nil {
				return err
			}
		default:
			return fmt.Errorf("the step %s rests on %q, which this trovectl cannot read", step.ID, fact.Kind)
		}
	}
	return nil
}

func (f *Facts) present(ctx context.Context, slot state.Slot, id string) error {
	var err error
	switch slot {
	case state.SlotServer:
		var server providers.Server
		server, err = f.servers.Get(ctx, id)
		if err == nil && (server.Status == "DELETED" || server.Status == "SOFT_DELETED") {
			return fmt.Errorf("server %s was deleted after the plan was made: plan again", id)
		}
	case state.SlotVolume:
		_, err = f.volumes.Get(ctx, id)
	case state.SlotPort, state.SlotManagementPort:
		_, err = f.ports.Get(ctx, id)
	case state.SlotSecurityGroup, state.SlotManagementGroup:
		_, err = f.groups.Get(ctx, id)
	default:
		return fmt.Errorf("there is no slot %q to look at", slot)
	}
	if providers.IsKind(err, providers.KindNotFound) {
		return fmt.Errorf("%s %s is gone since the plan was made: plan again", slot, id)
	}
	if err != nil {
		return fmt.Errorf("looking whether %s %s is still there: %w", slot, id, err)
	}
	return nil
}

// size holds with the size that the plan saw, and with the one that the step leads to: an interrupted extend goes on in
// the cloud while the next run plans.
func (f *Facts) size(ctx context.Context, id, want string, step plan.Step) error {
	if id == "" {
		return fmt.Errorf("a fact about the size of a volume does not say of which one")
	}
	volume, err := f.volumes.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("reading the size of volume %s: %w", id, err)
	}
	to, _ := step.After.Body.(*resource.Instance)
	if to != nil && to.Volume != nil && volume.SizeGiB == to.Volume.Size {
		return nil
	}
	if got := strconv.Itoa(volume.SizeGiB); got != want {
		return fmt.Errorf("volume %s has %s GiB and not %s as when the plan was made: plan again", id, got, want)
	}
	return nil
}
