package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/providers/emulator"
)

// troubles are what can happen to one request, and what they do to Terraform where that was measured.
var troubles = []struct {
	name  string
	fault emulator.Fault
	peer  string
}{
	{"500", emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusInternalServerError}, ""},
	{"503 as often as it is repeated", emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusServiceUnavailable, Count: 5}, ""},
	{"429 with Retry-After", emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusTooManyRequests, RetryAfter: 1}, "30 orphans among 65 instances"},
	{"401 mid-run", emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusUnauthorized}, ""},
	{"reset before the effect", emulator.Fault{Kind: emulator.FaultDropBefore}, ""},
	{"reset after the effect", emulator.Fault{Kind: emulator.FaultDropAfter}, "5 of 5 lost creates duplicated"},
	{"hang before the effect", emulator.Fault{Kind: emulator.FaultHangBefore}, ""},
	{"hang after the effect", emulator.Fault{Kind: emulator.FaultHangAfter}, ""},
	{"truncated JSON", emulator.Fault{Kind: emulator.FaultTruncated}, ""},
	{"wrongly typed JSON", emulator.Fault{Kind: emulator.FaultMistyped}, ""},
}

// everyRequest fails every request to the cloud in turn, in every way. The run ends well or says what was wrong, and in the
// end nothing is missing and nothing is there twice.
func (s story) everyRequest(w whole) (all []trial) {
	requests, kinds, service := w.requests, troubles, ""
	if s.state != "" { // the other services are those of the other stories, and objects are no JSON
		requests, kinds, service = w.objects, troubles[:len(troubles)-2], "object-store"
	}
	for i := range requests {
		for _, trouble := range kinds {
			all = append(all, trial{fmt.Sprintf("request-%d,%s", i+1, trouble.name), trouble.name, func(t *testing.T) ([]fault, bool) {
				world := s.begin(t, 1)
				defer world.end()
				fault := trouble.fault
				fault.Skip, fault.Service = i, service
				check(t, world.cloud.Inject(fault))
				o := s.run(world, life{serial: true})
				left := world.cloud.Faults()
				met := len(left) == 0 || left[0].Count < fault.Count
				world.cloud.ClearFaults()
				if o.code == 0 {
					return s.judge(world, w.census), met
				}
				return append(said(o), s.recover(world, w.census)...), met
			}})
		}
	}
	return all
}

// said looks at how a run ended that did not end well: with an error that a person can read.
func said(o outcome) []fault {
	if o.code != 1 || !strings.Contains(o.out, "Error: ") || strings.Contains(o.out, "goroutine ") {
		return []fault{{other, "it neither ended well nor said why: " + o.String()}}
	}
	return nil
}
