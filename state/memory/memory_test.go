package memory_test

import (
	"sync"
	"testing"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/memory"
	"github.com/trovectl/trovectl/state/statetest"
)

func TestContract(t *testing.T) {
	var mu sync.Mutex
	stores := map[string]*memory.Store{}
	statetest.Run(t, func(_ *testing.T, dir string) state.Store {
		mu.Lock()
		defer mu.Unlock()
		if stores[dir] == nil {
			stores[dir] = memory.New()
		}
		return stores[dir]
	})
}
