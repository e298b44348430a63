package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/trovectl/trovectl/providers/emulator"
)

var (
	full = flag.Bool("full", false, "try every kill and every fault, not a sample")
	seed = flag.Uint64("seed", 0, "of samples and of random moments; 0: the time")
)

// TestCrashProcess kills the real trovectl: at every transaction of its state in turn, at random moments, and while every
// request that it makes to the cloud fails in turn. Whatever happens, applying again ends it, and what there is then is what
// there would have been.
func TestCrashProcess(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	r := newReport()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			s.everyPoint(t, r)
			s.randomMoments(t, r)
			s.everyRequest(t, r)
		})
	}
	t.Logf("-seed=%d -full=%v\n%s", *seed, *full, r)
}

// sampled tells whether the nth of many is tried: all of them, or one of so many.
func sampled(n int, of uint64) bool { return *full || uint64(n)%of == *seed%of }

// everyPoint dies just before and just after every transaction, and then once more at some transaction of the recovery.
func (s story) everyPoint(t *testing.T, r *report) {
	whole := s.undisturbed(t, 2)
	for i, what := range whole.points {
		if !sampled(i, 7) {
			continue
		}
		for _, twice := range []bool{false, true} {
			t.Run(fmt.Sprintf("point-%d,twice=%v", i+1, twice), func(t *testing.T) {
				t.Parallel()
				w := s.begin(t, 2)
				defer w.end()
				kind := "SIGKILL at a journal point"
				if o := w.mortal(i+1, s.serial()...); !o.killed {
					t.Fatalf("it was to die at point %d, %s: %s", i+1, what, o)
				}
				if twice {
					random := rand.New(rand.NewPCG(*seed, uint64(i)))
					if !w.mortal(1+random.IntN(len(whole.points)-i), s.serial()...).killed {
						return // it had not so many points left
					}
					kind += ", twice"
				}
				r.count(t, s.name, kind, s.recover(w, whole.census))
			})
		}
	}
}

// randomMoments dies whenever it comes, and sometimes again while it recovers, with many steps at a time and a slow cloud.
func (s story) randomMoments(t *testing.T, r *report) {
	whole := s.undisturbed(t, 2)
	trials := 2
	if *full {
		trials = 20
	}
	for i := range trials {
		t.Run(fmt.Sprintf("moment-%d", i+1), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(*seed, uint64(i)))
			w := s.begin(t, 2)
			defer w.end()
			check(t, w.cloud.Inject(emulator.Fault{Kind: emulator.FaultLatency, LatencyMS: 10, Count: -1}))
			kills := 0
			for range 1 + random.IntN(2) {
				moment := time.Duration(random.Int64N(int64(whole.took)))
				if o := w.run(nil, time.After(moment), s.command...); o.killed {
					kills++
				}
			}
			if faults := s.recover(w, whole.census); kills > 0 || len(faults) > 0 {
				r.count(t, s.name, "SIGKILL at a random moment", faults)
			}
		})
	}
}

// TestCrashHooksAreNotShipped: the trovectl that people use has no kill points.
func TestCrashHooksAreNotShipped(t *testing.T) {
	mortal, err := mortalBinary()
	check(t, err)
	for path, want := range map[string]bool{mortal: true, filepath.Join(binaries, "trovectl"): false} {
		data, err := os.ReadFile(path)
		check(t, err)
		if got := bytes.Contains(data, []byte("TROVE_KILL_")); got != want {
			t.Errorf("%s has kill points: %v, want %v", path, got, want)
		}
	}
}
