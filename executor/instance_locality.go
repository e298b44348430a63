package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// locality gives the id of the server group that the instances of the block share; empty: the cloud places the server where
// it likes. Nova lets go of a group that has members, so that one that is recorded may be gone.
func (i *instanceAct) locality(ctx context.Context) (string, error) {
	if i.body.Locality == "" {
		if i.hands.Member().ServerGroup == "" {
			return "", nil
		}
		return "", i.hands.Update(ctx, func(m *state.Member) { m.ServerGroup = "" }) // it is left when the step ends
	}
	if i.Cloud.ServerGroups == nil {
		return "", errors.New("the cloud has no compute service with server groups")
	}
	group, err := i.share(ctx, common{
		key: i.body.LocalityKey(i.step.Address), slot: state.SlotServerGroup, doubted: true,
		claim: func(machine *state.Member, group state.MemberID) bool {
			changed := machine.ServerGroup != group
			machine.ServerGroup = group
			return changed
		},
		make: func(ctx context.Context, mark providers.Mark) (string, error) {
			made, err := i.Cloud.ServerGroups.Create(ctx, providers.ServerGroupSpec{
				Mark: mark, Provider: i.body.Provider, Name: i.prefix + i.step.Address.Name + "-" + i.body.Locality, Policy: i.body.Locality,
			})
			return made.ID, err
		},
	})
	return group.Objects[state.SlotServerGroup].ID, err
}

// crowds are Nova's words for a server that found no host that its group allows: the second, where others of the group were
// placed at the same time.
var crowds = []string{"No valid host", "group policy was violated"}

// crowded adds to a build that failed for want of a host how many servers its group asks the scheduler to heed.
func (i *instanceAct) crowded(ctx context.Context, err error, group string) error {
	if err == nil || group == "" || !slices.ContainsFunc(crowds, func(words string) bool { return strings.Contains(err.Error(), words) }) {
		return err
	}
	seen, getErr := i.Cloud.ServerGroups.Get(ctx, group)
	if getErr != nil {
		return err
	}
	return fmt.Errorf("%w (its locality is %q, and its server group %s has %d servers with this one: "+
		"apply again if others were placed at the same time; else declare fewer instances, or others in a block with a soft locality)", err, i.body.Locality, group, len(seen.MemberIDs))
}
