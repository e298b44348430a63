package executor_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	cloudmem "github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/state"
)

// hand does something to the server of the orders instance, as somebody with a client would.
func (w *world) hand(actions ...providers.ServerAction) {
	w.t.Helper()
	for _, action := range actions {
		must(w.t, w.cloud.Cloud().ServerActions.Act(context.Background(), w.object(orders, state.SlotServer), action))
		w.arrive()
	}
}

func (w *world) detach() {
	w.t.Helper()
	must(w.t, w.cloud.Cloud().Attachments.Detach(context.Background(), w.object(orders, state.SlotServer), w.object(orders, state.SlotVolume)))
	w.arrive()
}

func (w *world) stop() {
	w.t.Helper()
	must(w.t, w.cloud.Cloud().ServerActions.Stop(context.Background(), w.object(orders, state.SlotServer)))
	w.arrive()
}

// arrive lets arrive what moves.
func (w *world) arrive() {
	w.t.Helper()
	for range 3 {
		_, err := w.cloud.Cloud().Servers.List(context.Background())
		must(w.t, err)
		_, err = w.cloud.Cloud().Volumes.List(context.Background())
		must(w.t, err)
	}
}

// TestApply_putsTogether: what somebody brought down is brought up, on the same volume and server, and the plan is empty.
func TestApply_putsTogether(t *testing.T) {
	for _, c := range []struct {
		name string
		by   func(*world)
	}{
		{"stopped", func(w *world) { w.stop() }},
		{"paused", func(w *world) { w.hand(providers.Pause) }},
		{"suspended", func(w *world) { w.hand(providers.Suspend) }},
		{"shelved", func(w *world) { w.hand(providers.Shelve) }},
		{"detached", func(w *world) { w.detach() }},
		{"stopped and detached", func(w *world) { w.stop(); w.detach() }},
		{"detached and suspended", func(w *world) { w.detach(); w.hand(providers.Suspend) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := built(t)
			server, volume := w.object(orders, state.SlotServer), w.object(orders, state.SlotVolume)
			c.by(w)
			p := w.done(plan.ModeApply, onlyInstance...)
			if p.Steps[0].Reason.Code != plan.ReasonDrift {
				t.Errorf("the reason is %v", p.Steps[0].Reason)
			}
			now := w.server()
			if now.ID != server || now.Status != "ACTIVE" || !slices.Equal(now.VolumeIDs, []string{volume}) {
				t.Errorf("the server is %+v", now)
			}
			if _, there := w.account("app", "%"); !there {
				t.Error("the account is gone")
			}
		})
	}
}

// TestApply_stoppedWhileItWasMade: what was made half and then stopped by hand is brought up by the run that goes on with it.
func TestApply_stoppedWhileItWasMade(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{limit: "200", password: "one"})
	w.waits = func(context.Context) error { return errors.New("nobody knows") }
	_ = w.fails(plan.ModeApply, "nobody knows")
	w.waits = nil
	w.arrive()
	w.stop()
	w.apply(plan.ModeApply)
	must(t, w.settled(plan.ModeApply))
}

// TestApply_lockedMeanwhile: a lock that came after the plan fails the step in Nova's words, and keeps nothing.
func TestApply_lockedMeanwhile(t *testing.T) {
	w, _ := built(t)
	w.stop()
	w.onCall = func(call string) {
		if call == "start server" {
			w.onCall = nil
			must(t, w.cloud.Cloud().ServerActions.Act(context.Background(), w.object(orders, state.SlotServer), providers.Lock))
		}
	}
	_ = w.fails(plan.ModeApply, "is locked")
	w.hand(providers.Unlock)
	w.done(plan.ModeApply, onlyInstance...)
}

// TestApply_cloudGoesAwayWhilePuttingTogether: the next run goes on with it.
func TestApply_cloudGoesAwayWhilePuttingTogether(t *testing.T) {
	for _, call := range []string{"stop server", "attach volume", "start server"} {
		t.Run(call, func(t *testing.T) {
			w, _ := built(t)
			w.detach()
			away := false
			w.onCall = func(made string) {
				if made == "stop server" && !away { // the look is over
					away = true
					w.cloud.Fail(cloudmem.Fault{Call: call, Kind: providers.KindTransient, When: cloudmem.After, Times: 1})
				}
			}
			_ = w.fails(plan.ModeApply, call)
			w.onCall = nil
			w.apply(plan.ModeApply)
			w.arrive()
			w.apply(plan.ModeApply) // what Nova was still at
			must(t, w.settled(plan.ModeApply))
		})
	}
}
