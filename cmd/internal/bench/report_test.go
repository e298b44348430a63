package bench

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	of := func(name, peer string, n int, cpu time.Duration) result {
		return result{work: work{name: name, peer: peer}, n: n, wall: 2 * cpu, cpu: cpu, memory: 50 * mib, written: 4.2e6, api: 11, guests: n}
	}
	text := report([]result{
		of("plan, nothing to do", "plan, nothing to do", 100, 200*time.Millisecond),
		of("plan, nothing to do", "plan, nothing to do", 1000, 5100*time.Millisecond),
		of("plan, one change", "", 1000, time.Second),
	}, []rate{{1000, 1234, 7890}}, 30*time.Millisecond)
	for _, want := range []string{
		"30ms for every request",
		"plan, nothing to do  1000   10.20   5.10   50   11   1000         4.2   | 27.4  249  3001          51",
		"plan, one change  1000    2.00   1.00   50   11   1000         4.2      | -    -     -           -",
		"100 to  1000: CPU x 25.5, memory x 1.0, API requests x 1.0",
		"CPU s, guests over SSH      5.10 of    5  MISSED",
		"API requests               11.00 of   30  reached",
		"  1000 guests:   1234 inspected in a plan,   7890 questions and answers through the broker alone",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestWorks: a peer that is named was measured, and a target names a work.
func TestWorks(t *testing.T) {
	names := map[string]bool{}
	for _, w := range slices.Concat(works, brokerWorks) {
		names[w.name] = true
		if _, ok := peers[w.peer]; w.peer != "" && !ok {
			t.Errorf("%s: %q was not measured", w.name, w.peer)
		}
	}
	for _, g := range goals {
		if !names[g.work] {
			t.Errorf("a target for %q, which is no work", g.work)
		}
	}
}
