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

// report counts what was tried and what came of it.
type report struct {
	mu     sync.Mutex
	tried  map[string]int // trials by what was done to them
	order  []string
	faults map[faultKind]int // trials that left one
	clean  int
}

func newReport() *report { return &report{tried: map[string]int{}, faults: map[faultKind]int{}} }

// count takes in one trial, and fails the test where something did not hold.
func (r *report) count(t *testing.T, what string, faults []fault) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tried[what] == 0 {
		r.order = append(r.order, what)
	}
	r.tried[what]++
	kinds := map[faultKind]bool{}
	for _, f := range faults {
		kinds[f.kind] = true
		t.Errorf("%s: %s", f.kind, f.text)
	}
	for kind := range kinds {
		r.faults[kind]++
	}
	if len(faults) == 0 {
		r.clean++
	}
}

// terraform is what a kill of Terraform left, of 105 trials with the trove provider: twenty instances, applied again until
// that converged or had failed three times.
var terraform = map[faultKind]string{orphan: "62 with duplicates", stuckLock: "0", repair: "42", other: "33 (state lost)"}

func (r *report) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out strings.Builder
	total := 0
	for _, what := range r.order {
		fmt.Fprintf(&out, "  %-40s %6d\n", what, r.tried[what])
		total += r.tried[what]
	}
	fmt.Fprintf(&out, "\n  %-40s %6s   %s\n", "", "here", "Terraform")
	fmt.Fprintf(&out, "  %-40s %6d   %s\n", "trials", total, "105 (SIGKILL alone)")
	fmt.Fprintf(&out, "  %-40s %6d   %s\n", "clean recoveries", r.clean, "2")
	for _, kind := range []faultKind{orphan, duplicate, stuckLock, repair, other} {
		fmt.Fprintf(&out, "  %-40s %6d   %s\n", kind, r.faults[kind], terraform[kind])
	}
	return out.String()
}
