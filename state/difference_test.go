package state_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
)

// Applying the difference of two states to the one gives the other.
func TestDifferenceMakesOneOfTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := someState(t, "from"), someState(t, "to")
		if to.Cloud == nil {
			to.Cloud = from.Cloud
		} else if from.Cloud != nil {
			from.Cloud = to.Cloud
		}
		batch, err := state.Difference(from, to)
		if err != nil {
			t.Fatal(err)
		}
		got := from.Clone()
		if err := state.Apply(got, batch); err != nil {
			t.Fatal(err)
		}
		if got.Serial != from.Serial+1 {
			t.Fatalf("the serial is %d after %d", got.Serial, from.Serial)
		}
		got.Serial = to.Serial
		if diff := statetest.Diff(to, got); diff != "" {
			t.Fatalf("(-to +got):\n%s", diff)
		}
	})
}

// someState is a state of a few instances, some with open intents; two of them may have instances in common.
func someState(t *rapid.T, name string) *state.Snapshot {
	s := state.Empty(statetest.Lineage)
	for i := range 4 {
		batch := statetest.Instance(statetest.IDs(uint64(i)), fmt.Sprint("i", i))
		if !rapid.Bool().Draw(t, fmt.Sprint(name, " has ", i)) {
			continue
		}
		if rapid.Bool().Draw(t, "changed") {
			batch.PutRecords[0].Status = state.Failed
			batch.PutMembers[0].Generation = 1
		}
		if rapid.Bool().Draw(t, "intent") {
			in := statetest.Intent(statetest.IDs(uint64(100+i)).Intent(), batch.PutMembers[0].ID, "server")
			in.Digest = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "digest")
			batch.Begin = []state.Intent{in}
		}
		if rapid.Bool().Draw(t, "cloud") {
			batch.Cloud = &state.CloudID{ProjectID: "p"}
		}
		if err := state.Apply(s, batch); err != nil {
			t.Fatal(err)
		}
	}
	if rapid.Bool().Draw(t, "run") {
		s.Run = &state.Run{PlanDigest: "plan"}
	}
	return s
}

func TestDifferenceRefuses(t *testing.T) {
	base := func() *state.Snapshot {
		s := state.Empty(statetest.Lineage)
		s.Cloud, s.KeyCheck, s.Run = &state.CloudID{ProjectID: "p"}, "k", &state.Run{PlanDigest: "plan1"}
		return s
	}
	for word, change := range map[string]func(*state.Snapshot){
		"lineage":     func(s *state.Snapshot) { s.Lineage = strings.Repeat("b", 26) },
		"clouds":      func(s *state.Snapshot) { s.Cloud = &state.CloudID{ProjectID: "q"} },
		"master keys": func(s *state.Snapshot) { s.KeyCheck = "" },
		"plan2":       func(s *state.Snapshot) { s.Run = &state.Run{PlanDigest: "plan2"} },
	} {
		to := base()
		change(to)
		if _, err := state.Difference(base(), to); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}
