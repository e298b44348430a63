package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/providers/emulator"
)

// troubles are what can happen to one request.
var troubles = []trouble{
	{name: "500", fault: status(http.StatusInternalServerError)},
	{name: "503 as often as it is repeated", fault: emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusServiceUnavailable, Count: 5}, store: true},
	{name: "429 with Retry-After", fault: status(http.StatusTooManyRequests), mends: true, peer: "30 orphans among 65 instances"},
	// Not for the token itself: there it says that the password is wrong.
	{name: "401 mid-run", fault: emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusUnauthorized, PathRegexp: "^/[^i]|^/image"}, mends: true},
	{name: "reset before the effect", fault: emulator.Fault{Kind: emulator.FaultDropBefore}, store: true},
	{name: "reset after the effect", fault: emulator.Fault{Kind: emulator.FaultDropAfter}, store: true, peer: "5 of 5 lost creates duplicated"},
	{name: "hang before the effect", fault: emulator.Fault{Kind: emulator.FaultHangBefore}},
	{name: "hang after the effect", fault: emulator.Fault{Kind: emulator.FaultHangAfter}, store: true},
	{name: "truncated JSON", fault: emulator.Fault{Kind: emulator.FaultTruncated}},
	{name: "wrongly typed JSON", fault: emulator.Fault{Kind: emulator.FaultMistyped}},
}

type trouble struct {
	name  string
	fault emulator.Fault
	mends bool   // the run itself gets over it
	store bool   // tried on the object store as well, when that has the state
	peer  string // what it did to Terraform, where that was measured
}

func status(code int) emulator.Fault {
	return emulator.Fault{Kind: emulator.FaultStatus, Status: code}
}

// everyRequest fails every request to the cloud in turn, in every way. The run ends well or says what was wrong, and in the
// end nothing is missing and nothing is there twice. Where the state is in the object store, that is what fails.
func (s story) everyRequest(w whole) (all []trial) {
	requests, service := w.requests, ""
	if s.state != "" {
		requests, service = w.objects, "object-store"
	}
	for i := range requests {
		for _, trouble := range troubles {
			if s.state != "" && !trouble.store {
				continue
			}
			trouble.fault.Skip, trouble.fault.Service = i, service
			all = append(all, trial{fmt.Sprintf("request-%d,%s", i+1, trouble.name), trouble.name, func(t *testing.T) ([]fault, bool) {
				return s.fail(t, trouble, w.census)
			}})
		}
	}
	return all
}

// fail runs a story in which one request fails.
func (s story) fail(t *testing.T, trouble trouble, want []string) (faults []fault, met bool) {
	w := s.begin(t, 1)
	defer w.end()
	check(t, w.cloud.Inject(trouble.fault))
	o := s.run(w, life{serial: true})
	left := w.cloud.Faults()
	met = len(left) == 0 || left[0].Count < trouble.fault.Count
	w.cloud.ClearFaults()
	if o.code == 0 {
		return s.judge(w, want), met
	}
	if trouble.mends || o.code != 1 || !strings.Contains(o.out, "Error: ") || strings.Contains(o.out, "goroutine ") {
		faults = append(faults, fault{other, "it neither got over it nor said what was wrong: " + o.String()})
	}
	return append(faults, s.recover(w, want)...), met
}
