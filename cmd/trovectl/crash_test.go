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

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/providers/emulator"
)

var (
	full = flag.Bool("full", false, "try every kill and every fault, not a sample")
	seed = flag.Uint64("seed", 0, "of samples and of random moments; 0: the time")
)

// atOnce is how many trials run beside each other: most of their time is spent waiting.
const atOnce = 12

// sample is how many points and requests of a story are tried when not all are.
const sample = 12

// A trial is one misfortune of a story. It says what did not hold in the end; met is false when the misfortune found
// nothing to strike.
type trial struct {
	name string
	what string // for the report
	try  func(t *testing.T) (faults []fault, met bool)
}

// TestCrashProcess kills the real trovectl: at every transaction of its state in turn, at random moments, and while every
// request that it makes to the cloud fails in turn. Whatever happens, applying again ends it, and what there is then is what
// there would have been.
func TestCrashProcess(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	r := newReport()
	var pool errgroup.Group
	pool.SetLimit(atOnce)
	defer func() {
		_ = pool.Wait() // the trials tell what failed
		t.Logf("-seed=%d -full=%v\n%s", *seed, *full, r)
	}()
	for _, s := range stories {
		for _, trial := range s.trials(t) {
			pool.Go(func() error {
				t.Run(s.name+"/"+trial.name, func(t *testing.T) {
					if faults, met := trial.try(t); met || len(faults) > 0 {
						r.count(t, s.name, trial.what, faults)
					}
				})
				return nil
			})
		}
	}
}

// trials are all of a story, or a sample.
func (s story) trials(t *testing.T) (all []trial) {
	two, one := s.undisturbed(t, 2), s.undisturbed(t, 1)
	all = append(s.everyPoint(two), s.everyRequest(one)...)
	if *full {
		return append(all, s.randomMoments(two, 20)...)
	}
	random(0).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return append(all[:min(sample, len(all))], s.randomMoments(two, 2)...)
}

// random is a source of its own for each trial, so that one can be tried again.
func random(n int) *rand.Rand { return rand.New(rand.NewPCG(*seed, uint64(n))) }

// everyPoint dies just before and just after every transaction, and then once more at some transaction of the recovery.
func (s story) everyPoint(w whole) (all []trial) {
	for i, what := range w.points {
		for _, twice := range []bool{false, true} {
			kind := atPoint
			if twice {
				kind = atTwo
			}
			all = append(all, trial{fmt.Sprintf("point-%d,twice=%v", i+1, twice), kind, func(t *testing.T) ([]fault, bool) {
				world := s.begin(t, 2)
				defer world.end()
				if o := s.run(world, life{serial: true, point: i + 1}); !o.killed {
					return []fault{{other, fmt.Sprintf("it was to die at point %d, %s: %s", i+1, what, o)}}, true
				}
				met := true
				if twice {
					met = s.run(world, life{serial: true, point: 1 + random(i).IntN(len(w.points)-i)}).killed
				}
				return s.recover(world, w.census), met
			}})
		}
	}
	return all
}

// randomMoments dies whenever it comes, sometimes again while it recovers, with many steps at a time and a slow cloud, in
// which every other time a request fails as well.
func (s story) randomMoments(w whole, trials int) (all []trial) {
	for i := range trials {
		kind := atMoment
		if i%2 == 1 {
			kind = atBoth
		}
		all = append(all, trial{fmt.Sprintf("moment-%d", i+1), kind, func(t *testing.T) ([]fault, bool) {
			random := random(i)
			world := s.begin(t, 2)
			defer world.end()
			if i%2 == 1 {
				fault := troubles[random.IntN(len(troubles))].fault
				fault.Skip = random.IntN(w.requests)
				check(t, world.cloud.Inject(fault))
			}
			check(t, world.cloud.Inject(emulator.Fault{Kind: emulator.FaultLatency, LatencyMS: 10, Count: -1}))
			met := false
			for range 1 + random.IntN(2) {
				moment := time.Duration(random.Int64N(int64(w.took)))
				met = s.run(world, life{moment: time.After(moment)}).killed || met
			}
			world.cloud.ClearFaults()
			return s.recover(world, w.census), met
		}})
	}
	return all
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
