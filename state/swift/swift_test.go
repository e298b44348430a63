package swift_test

import (
	"sync"
	"testing"
	"time"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
	"github.com/trovectl/trovectl/state/swift"
)

// quick are options for tests: nothing is waited for longer than needed.
func quick() swift.Options {
	return swift.Options{Settle: -1, Pause: 5 * time.Millisecond}
}

func open(b *bucket) *swift.Store { return swift.New(b, "swift://states/prod", "prod", quick()) }

func TestContract(t *testing.T) {
	for name, options := range map[string]swift.Options{
		"log": quick(), "snapshots": {Settle: -1, Pause: 5 * time.Millisecond, Snapshot: 1, Keep: 3},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			buckets := map[string]*bucket{}
			statetest.Run(t, func(_ *testing.T, dir string) state.Store {
				mu.Lock()
				defer mu.Unlock()
				if buckets[dir] == nil {
					buckets[dir] = newBucket()
				}
				return swift.New(buckets[dir], "swift://states/prod", "prod", options)
			})
		})
	}
}
