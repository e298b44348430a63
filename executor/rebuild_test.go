package executor_test

import (
	"context"
	"slices"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner/plan"
	cloudmem "github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/state"
)

// gone deletes an object by hand, and looks until it is away.
func (w *world) gone(slot state.Slot) {
	w.t.Helper()
	ctx, cloud, id := context.Background(), w.cloud.Cloud(), w.object(orders, slot)
	switch slot {
	case state.SlotServer:
		must(w.t, cloud.Servers.Delete(ctx, id))
		for range 4 {
			_, err := cloud.Servers.List(ctx)
			must(w.t, err)
		}
	case state.SlotPort, state.SlotManagementPort:
		must(w.t, cloud.Ports.Delete(ctx, id))
	case state.SlotServerGroup:
		must(w.t, cloud.ServerGroups.Delete(ctx, id))
	case state.SlotFloatingIP:
		must(w.t, cloud.FloatingIPs.Delete(ctx, id))
	case state.SlotSecurityGroup, state.SlotManagementGroup:
		port := map[state.Slot]state.Slot{state.SlotSecurityGroup: state.SlotPort, state.SlotManagementGroup: state.SlotManagementPort}[slot]
		must(w.t, cloud.Ports.SetSecurityGroups(ctx, w.object(orders, port), nil))
		must(w.t, cloud.SecurityGroups.Delete(ctx, id))
	case state.SlotVolume:
		must(w.t, cloud.Volumes.Delete(ctx, id))
		for range 4 {
			_, err := cloud.Volumes.List(ctx)
			must(w.t, err)
		}
	}
}

// kept: the data is that of before, the rules stand, and the port uses its group.
func (w *world) kept(volume string) {
	w.t.Helper()
	wantText(w.t, w.object(orders, state.SlotVolume), volume)
	if _, there := w.database("kept"); !there {
		w.t.Error("the data is gone")
	}
	wantGrant(w.t, w, "app", "%", "shop", "SELECT")
	wantTexts(w.t, w.allowed(3306), "10.0.0.0/8")
	port, err := w.cloud.Cloud().Ports.Get(context.Background(), w.object(orders, state.SlotPort))
	must(w.t, err)
	wantTexts(w.t, port.SecurityGroups, w.object(orders, state.SlotSecurityGroup))
}

// TestRebuild: what is gone is made again on the volume that is still there, and the data with it.
func TestRebuild(t *testing.T) {
	for name, slots := range map[string][]state.Slot{
		"server": {state.SlotServer}, "port": {state.SlotPort}, "security group": {state.SlotSecurityGroup},
		"server and port": {state.SlotServer, state.SlotPort}, "port and group": {state.SlotSecurityGroup, state.SlotPort},
		"all but the volume": {state.SlotServer, state.SlotSecurityGroup, state.SlotPort},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := built(t)
			must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "kept"}}))
			volume := w.object(orders, state.SlotVolume)
			for _, slot := range slots {
				w.gone(slot)
			}
			p := w.done(plan.ModeApply, "update "+orders)
			if p.Steps[0].Reason.Code != plan.ReasonMissing || len(p.Steps[0].Rebuild) != len(slots) {
				t.Errorf("the step is %+v", p.Steps[0])
			}
			w.kept(volume)
		})
	}
}

// TestRebuild_ofAServerThatFails: nothing was ever on the new server itself, so it is replaced again.
func TestRebuild_ofAServerThatFails(t *testing.T) {
	w, _ := built(t)
	must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "kept"}}))
	volume := w.object(orders, state.SlotVolume)
	w.gone(state.SlotServer)
	w.cloud.Fail(cloudmem.Fault{Call: "create server", Build: "ERROR", Message: "No valid host was found"})
	_ = w.fails(plan.ModeApply, "No valid host was found")
	w.done(plan.ModeApply, "create "+orders)
	w.kept(volume)
}

func TestRebuild_volumeGoneIsRefused(t *testing.T) {
	w, _ := built(t)
	w.gone(state.SlotServer)
	w.gone(state.SlotVolume)
	w.refuses(plan.ModeApply, "The data of "+orders+" is gone")
}

// TestRebuild_keepsALocalDisk: without a volume the data is on the server, which is never deleted for the sake of a port.
func TestRebuild_keepsALocalDisk(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{password: "one"})
	w.estate().inst.Volume = nil
	w.apply(plan.ModeApply)
	server := w.object(orders, state.SlotServer)
	w.gone(state.SlotPort)
	_, _, _ = w.run(0, plan.ModeApply)
	if !slices.ContainsFunc(w.cloud.Objects().Servers, func(s serverView) bool { return s.ID == server && s.TaskState == "" }) {
		t.Fatal("the server with the data was deleted")
	}
}

// TestRebuild_everyDeath: die at each point of a rebuild, with the data there in the end.
func TestRebuild_everyDeath(t *testing.T) {
	for name, slots := range map[string][]state.Slot{
		"server": {state.SlotServer}, "port": {state.SlotPort}, "security group": {state.SlotSecurityGroup},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := story{name: name, mode: plan.ModeApply, ask: shape{limit: "200", password: "one"}, min: 5, start: func(w *world) {
				w.ask(shape{limit: "200", password: "one"})
				w.apply(plan.ModeApply)
				must(t, w.engine().PutDatabase(context.Background(), guest.PutDatabase{Database: guest.Database{Name: "kept"}}))
				for _, slot := range slots {
					w.gone(slot)
				}
			}}
			for p := range s.points(t) {
				w := s.begin(t)
				volume := w.object(orders, state.SlotVolume)
				died, _, _ := w.run(p+1, s.mode)
				if err := s.finish(w); err != nil {
					t.Fatalf("died at %d (%s): %v", p+1, lastOf(died.trace), err)
				}
				w.kept(volume)
				w.guests.end()
			}
		})
	}
}
