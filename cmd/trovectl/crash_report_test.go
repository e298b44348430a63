package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// faultKind is what a trial left that it should not have.
type faultKind string

const (
	orphan    faultKind = "orphans"
	duplicate faultKind = "duplicates"
	stuckLock faultKind = "stuck locks"
	repair    faultKind = "manual repairs"
	other     faultKind = "other faults"
)

type fault struct {
	kind faultKind
	text string
}

// report counts what was tried and what came of it.
type report struct {
	mu     sync.Mutex
	tried  map[string]map[string]int // trials, by what was done to them, by story
	faults map[faultKind]int         // trials that left one
	trials int
	clean  int
}

func newReport() *report {
	return &report{tried: map[string]map[string]int{}, faults: map[faultKind]int{}}
}

// count takes in one trial, and fails the test where something did not hold.
func (r *report) count(t *testing.T, story, what string, faults []fault) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tried[what] == nil {
		r.tried[what] = map[string]int{}
	}
	r.tried[what][story]++
	r.trials++
	kinds := map[faultKind]bool{}
	for _, f := range faults {
		kinds[f.kind] = true
		t.Errorf("%s: %s: %s", what, f.kind, f.text)
	}
	for kind := range kinds {
		r.faults[kind]++
	}
	if len(faults) == 0 {
		r.clean++
	}
}

// terraform is what kills of Terraform left in 105 trials with the provider for trove: twenty instances, applied again
// until that converged or had failed three times.
var terraform = map[faultKind]string{orphan: "62, with duplicates", stuckLock: "0", repair: "42", other: "33 (state lost)"}

func (r *report) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out strings.Builder
	line := func(first string, cells ...any) {
		fmt.Fprintf(&out, "%-36s", first)
		for _, cell := range cells {
			fmt.Fprintf(&out, " %13v", cell)
		}
		out.WriteString("\n")
	}
	var names []any
	for _, s := range stories {
		names = append(names, s.name)
	}
	line("tried", names...)
	for _, what := range slices.Sorted(maps.Keys(r.tried)) {
		var cells []any
		for _, s := range stories {
			cells = append(cells, r.tried[what][s.name])
		}
		line("  "+what, cells...)
	}
	out.WriteString("\n")
	line("left", "here", "  Terraform")
	line("  trials", r.trials, "  105 (SIGKILL alone)")
	line("  clean recoveries", r.clean, "  2")
	for _, kind := range []faultKind{orphan, duplicate, stuckLock, repair, other} {
		line("  "+string(kind), r.faults[kind], "  "+terraform[kind])
	}
	return out.String()
}
