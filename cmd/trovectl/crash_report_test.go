package main

import (
	"fmt"
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

// Deaths, by the word of the report.
const (
	atPoint  = "SIGKILL at a journal point"
	atTwo    = "SIGKILL at a journal point, and at one of the recovery"
	atMoment = "SIGKILL at a random moment"
	atBoth   = "SIGKILL at a random moment, and a failed request"
)

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
		fmt.Fprintf(&out, "%-32s", first)
		for _, cell := range cells {
			fmt.Fprintf(&out, " %11v", cell)
		}
		out.WriteString("\n")
	}
	kills := []string{atPoint, atTwo, atMoment, atBoth}
	line("SIGKILL", "point", "two points", "moment", "and fault")
	for _, s := range stories {
		var cells []any
		for _, kill := range kills {
			cells = append(cells, r.tried[kill][s.name])
		}
		line("  "+s.name, cells...)
	}
	line("failed requests", "tried", "  Terraform")
	for _, trouble := range troubles {
		all := 0
		for _, n := range r.tried[trouble.name] {
			all += n
		}
		line("  "+trouble.name, all, "  "+trouble.peer)
	}
	line("left", "here", "  Terraform")
	line("  trials", r.trials, "  105 (SIGKILL alone)")
	line("  clean recoveries", r.clean, "  2")
	for _, kind := range []faultKind{orphan, duplicate, stuckLock, repair, other} {
		line("  "+string(kind), r.faults[kind], "  "+terraform[kind])
	}
	return out.String()
}
