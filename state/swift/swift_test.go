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

func TestContract(t *testing.T) {
	for name, options := range map[string]swift.Options{
		"log": quick(), "snapshots": {Settle: -1, Pause: 5 * time.Millisecond, Snapshot: 1, Keep: 50},
		"lagging lists": {Settle: -1, Pause: 5 * time.Millisecond, Snapshot: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			buckets := map[string]*bucket{}
			statetest.Run(t, func(_ *testing.T, dir string) state.Store {
				mu.Lock()
				defer mu.Unlock()
				if buckets[dir] == nil {
					buckets[dir] = newBucket()
					buckets[dir].lag = name == "lagging lists"
				}
				return swift.New(buckets[dir], "swift://states/prod", "prod", options)
			})
		})
	}
}
