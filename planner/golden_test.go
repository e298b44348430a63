package planner_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/trovectl/trovectl/planner/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestPlan_golden compares the plan of every scenario, as lines and as JSON, and what it tells, with the golden files.
func TestPlan_golden(t *testing.T) {
	for _, group := range [][]scenario{creations, changesInPlace, removals, observations, byHand, floatings, localities, interruptions, rotations, rights, refusals, headroom, movings, targetings} {
		for _, s := range group {
			t.Run(s.name, func(t *testing.T) { s.check(t) })
		}
	}
	t.Run("no file without a scenario", func(t *testing.T) {
		known := map[string]bool{}
		for _, group := range [][]scenario{creations, changesInPlace, removals, observations, byHand, floatings, localities, interruptions, rotations, rights, refusals, headroom, movings, targetings} {
			for _, s := range group {
				known[s.file()] = true
			}
		}
		files, err := filepath.Glob("testdata/*.txtar")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !known[f] {
				t.Errorf("%s belongs to no scenario", f)
			}
		}
	})
}

// scenario is a world in which something happened since its last apply.
type scenario struct {
	name  string
	about string // a sentence
	world func(t *testing.T) *world
}

func (s scenario) file() string { return filepath.Join("testdata", s.name+".txtar") }

func (s scenario) check(t *testing.T) {
	w := s.world(t)
	p, list := w.plan()
	encoded, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := plan.Decode(encoded); !list.HasErrors() && err != nil {
		t.Errorf("its plan cannot be read back: %v", err)
	} else if err == nil {
		if second, _ := plan.Encode(again); string(second) != string(encoded) {
			t.Error("its plan reads back as another")
		}
	}
	got := txtar.Format(&txtar.Archive{Comment: []byte(s.about + "\n"), Files: []txtar.File{
		{Name: "plan.txt", Data: []byte(compact(p))}, {Name: "diagnostics.txt", Data: []byte(tell(list))}, {Name: "plan.json", Data: encoded},
	}})
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.file(), got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(s.file())
	if err != nil {
		t.Fatal(fmt.Errorf("%w (go test ./planner -update writes it)", err))
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the plan differs from %s (-want +got):\n%s", s.file(), diff)
	}
}
