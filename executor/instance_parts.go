package executor

import (
	"context"
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// reassemble puts the parts of the instance together again, as far as the step says so: its address is that of its port, its
// server has its volume and runs, and its engine is ready. A volume comes to a server that is stopped, so that whatever dies
// in between is seen from outside and gone on with.
func (i *instanceAct) reassemble(ctx context.Context) error {
	attach, wake := i.touches(plan.PathAttached), i.touches(plan.PathStatus)
	if !attach && !wake && !i.touches(plan.PathAddress) {
		return nil
	}
	objects := i.hands.Member().Objects
	server, volume := objects[state.SlotServer].ID, objects[state.SlotVolume].ID
	if err := i.learnAddress(ctx); err != nil {
		return err
	}
	if attach {
		if err := i.cloudCall(ctx, "attach", volume, func(ctx context.Context) error { return i.attachVolume(ctx, server, volume) }); err != nil {
			return err
		}
	}
	if attach || wake {
		if err := i.cloudCall(ctx, "wake", server, func(ctx context.Context) error { return i.bring(ctx, server, "ACTIVE") }); err != nil {
			return err
		}
	}
	prepared, err := i.meet(ctx, volume)
	if err != nil {
		return err
	}
	i.record.Computed = i.computed(prepared)
	return nil
}

func (i *instanceAct) attachVolume(ctx context.Context, server, volume string) error {
	now, err := i.Cloud.Volumes.Get(ctx, volume)
	if err != nil {
		return err
	}
	if !slices.Contains(now.ServerIDs, server) {
		if err := i.bring(ctx, server, "SHUTOFF"); err != nil {
			return err
		}
		i.progress("attaching volume %s", volume)
		if err := i.Cloud.Attachments.Attach(ctx, server, volume); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, i.Timeouts.Build)
	defer cancel()
	_, err = i.Cloud.VolumeWaits.Wait(ctx, volume, func(v providers.Volume, present bool) (bool, error) {
		if !present || v.Status == "error" || v.Status == "available" {
			return false, refusal("attach volume", "volume %s could not be attached (%s)", volume, v.Status)
		}
		return v.Status == "in-use", nil
	})
	return err
}

// refusal is said as the cloud's answer that it is, so that nothing is held to be under way any more.
func refusal(call, text string, args ...any) error {
	return &providers.Error{Kind: providers.KindConflict, Call: call, Message: fmt.Sprintf(text, args...), Sent: true}
}

// wakes are the actions that bring a server up, by its status; a stopped one is started.
var wakes = map[string]providers.ServerAction{
	"PAUSED": providers.Unpause, "SUSPENDED": providers.Resume, "SHELVED": providers.Unshelve, "SHELVED_OFFLOADED": providers.Unshelve,
}

// bring brings a server to ACTIVE or SHUTOFF, by way of ACTIVE where it must.
func (i *instanceAct) bring(ctx context.Context, id, want string) error {
	var last error
	for range 4 { // up, then down, and a look at the end; somebody else's work may come in between once
		server, err := i.idle(ctx, id)
		if err != nil || server.Status == want {
			return err
		}
		if server.Locked {
			return refusal("bring up server", "server %s is locked: `openstack server unlock %s`", id, id)
		}
		action, asleep := wakes[server.Status]
		switch {
		case asleep:
			i.progress("the server is %s: %s", server.Status, action.Call())
			err = i.Cloud.ServerActions.Act(ctx, id, action)
		case server.Status == "SHUTOFF":
			i.progress("starting server %s", id)
			err = i.Cloud.ServerActions.Start(ctx, id)
		case server.Status == "ACTIVE":
			i.progress("stopping server %s", id)
			err = i.Cloud.ServerActions.Stop(ctx, id)
		default:
			return refusal("bring up server", "server %s is %s: %s", id, server.Status, server.Fault)
		}
		if err != nil && !providers.IsKind(err, providers.KindConflict) {
			return err
		}
		last = err
	}
	if last != nil {
		return last
	}
	return refusal("bring up server", "server %s does not become %s: somebody else changes it", id, want)
}

// idle waits until Nova is at work on a server no more.
func (i *instanceAct) idle(ctx context.Context, id string) (providers.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, i.Timeouts.Build)
	defer cancel()
	return i.Cloud.ServerWaits.Wait(ctx, id, func(s providers.Server, present bool) (bool, error) {
		if !present {
			return false, fmt.Errorf("server %s is gone", id)
		}
		return s.TaskState == "", nil
	})
}
