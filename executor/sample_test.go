package executor_test

import (
	"flag"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	full = flag.Bool("full", false, "die at every point of every recovery, not at a sample")
	seed = flag.Uint64("seed", 0, "of samples and of random deaths; 0: the time")
)

// dice is a source of its own for each name, so that one test can be repeated alone. It prints its seed.
func dice(t *testing.T, name string) *rand.Rand {
	t.Helper()
	from := *seed
	if from == 0 {
		from = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed=%d", from)
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return rand.New(rand.NewPCG(from, h.Sum64()))
}

// sample chooses where the recoveries of a story die again: everywhere with -full; otherwise wherever no recovery of the
// story died before (a place is what was done last and what would come next), and at one in oneIn of the other points.
type sample struct {
	oneIn int
	dice  *rand.Rand
	seen  map[[2]string]bool
}

func newSample(t *testing.T, oneIn int) *sample {
	t.Helper()
	return &sample{oneIn, dice(t, t.Name()), map[[2]string]bool{}}
}

// of chooses points of a recovery that came to its end in this way, counted from one.
func (s *sample) of(trace []string) (chosen []int) {
	last := ""
	for i, what := range trace {
		place := [2]string{last, what}
		if *full || !s.seen[place] || s.dice.IntN(s.oneIn) == 0 {
			chosen = append(chosen, i+1)
		}
		s.seen[place], last = true, what
	}
	return chosen
}
