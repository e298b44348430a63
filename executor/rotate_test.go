package executor_test

import (
	"strconv"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// rotating is a world in which somebody asks for new keys.
func rotating(t *testing.T) *world {
	t.Helper()
	w, _ := built(t)
	w.rotate = []resource.Address{address(orders)}
	return w
}

// keys checks which generation of keys the guest has, by reaching it.
func (w *world) keys(generation int) {
	w.t.Helper()
	m := w.member(orders)
	if m.Generation != generation || m.Rotating != 0 {
		w.t.Errorf("generation %d is recorded, and %d is being set; want %d", m.Generation, m.Rotating, generation)
	}
	carrier, err := w.guests.Dial(w.t.Context(), m, generation)
	if err != nil {
		w.t.Fatalf("reaching the guest with generation %d: %v", generation, err)
	}
	must(w.t, carrier.Close())
	tells := w.server().Metadata // what a lost state is made anew from
	wantText(w.t, tells[providers.LineageKey], w.snapshot().Lineage)
	if newest := tells[providers.GenerationKey]; newest != strconv.Itoa(generation) && newest != strconv.Itoa(generation+1) {
		w.t.Errorf("the server tells of generation %s, and %d is in force", newest, generation)
	}
}

func TestRotate(t *testing.T) {
	w := rotating(t)
	w.keys(2)
	w.apply(plan.ModeRotate)
	w.keys(3)
	must(t, w.settled(plan.ModeApply))
	w.apply(plan.ModeRotate)
	w.keys(4)

	// A server that is made again gets none of the keys that an earlier one had.
	w.gone(state.SlotServer)
	w.apply(plan.ModeApply)
	w.keys(6)
	must(t, w.settled(plan.ModeApply))
}

// TestRotate_everyDeath: wherever it dies, the guest stays within reach, and the next apply ends what was begun.
func TestRotate_everyDeath(t *testing.T) {
	deaths := 0
	for point := 1; ; point++ {
		w := rotating(t)
		_, _, err := w.run(point, plan.ModeRotate)
		if err == nil {
			break
		}
		deaths++
		before := w.member(orders)
		w.apply(plan.ModeApply)
		if err := w.settled(plan.ModeApply); err != nil {
			t.Fatalf("died at %d: %v", point, err)
		}
		after := w.member(orders)
		if before.Rotating != 0 && after.Generation != 3 || after.Rotating != 0 {
			t.Errorf("died at %d: the generation is %d, and %d is being set", point, after.Generation, after.Rotating)
		}
		w.keys(after.Generation)
		w.guests.end()
	}
	if deaths < 4 {
		t.Errorf("there were %d points to die at", deaths)
	}
}
