package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/providers/emulator"
)

// troubles are what can happen to one request.
var troubles = []struct {
	name  string
	fault emulator.Fault
}{
	{"500", emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusInternalServerError}},
	{"503 as often as it is repeated", emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusServiceUnavailable, Count: 5}},
	{"429 with Retry-After", emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusTooManyRequests, RetryAfter: 1}},
	{"401 mid-run", emulator.Fault{Kind: emulator.FaultStatus, Status: http.StatusUnauthorized}},
	{"reset before the effect", emulator.Fault{Kind: emulator.FaultDropBefore}},
	{"reset after the effect", emulator.Fault{Kind: emulator.FaultDropAfter}},
	{"hang before the effect", emulator.Fault{Kind: emulator.FaultHangBefore}},
	{"hang after the effect", emulator.Fault{Kind: emulator.FaultHangAfter}},
	{"truncated JSON", emulator.Fault{Kind: emulator.FaultTruncated}},
	{"wrongly typed JSON", emulator.Fault{Kind: emulator.FaultMistyped}},
}

// everyRequest fails every request to the cloud in turn, in every way. The run ends well or says what was wrong, and in the
// end nothing is missing and nothing is there twice.
func (s story) everyRequest(t *testing.T, r *report) {
	whole := s.undisturbed(t, 1)
	for i := range whole.requests {
		for j, trouble := range troubles {
			if !sampled(i*len(troubles)+j, 53) {
				continue
			}
			t.Run(fmt.Sprintf("request-%d/%s", i+1, trouble.name), func(t *testing.T) {
				t.Parallel()
				w := s.begin(t, 1)
				defer w.end()
				fault := trouble.fault
				fault.Skip = i
				check(t, w.cloud.Inject(fault))
				o := w.run(nil, nil, s.serial()...)
				left := w.cloud.Faults()
				struck := len(left) == 0 || left[0].Count < fault.Count
				w.cloud.ClearFaults()
				faults := said(o)
				if o.code == 0 {
					faults = append(faults, w.judge(whole.census, s.command[0])...)
				} else {
					faults = append(faults, s.recover(w, whole.census)...)
				}
				if struck || len(faults) > 0 {
					r.count(t, s.name, trouble.name, faults)
				}
			})
		}
	}
}

// said looks at how a run ended that met a fault: well, or with an error that a person can read.
func said(o outcome) []fault {
	switch {
	case o.code == 0:
		return nil
	case o.code != 1 || !strings.Contains(o.out, "Error: "):
		return []fault{{other, "it neither ended well nor said why: " + o.String()}}
	case strings.Contains(o.out, "goroutine "):
		return []fault{{other, "it panicked: " + o.String()}}
	}
	return nil
}
