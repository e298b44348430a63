//go:build acceptance

package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"sync"
	"testing"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/middleware"
	"github.com/trovectl/trovectl/providers/openstack"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/statetest"
	"github.com/trovectl/trovectl/state/swift"
)

// TestSwiftContract runs the contract of a store against the object store of the cloud that TROVE_ACCEPTANCE_CLOUD names. It
// leaves an empty container.
func TestSwiftContract(t *testing.T) {
	name := os.Getenv("TROVE_ACCEPTANCE_CLOUD")
	if name == "" {
		t.Fatal("TROVE_ACCEPTANCE_CLOUD names no cloud")
	}
	stack := middleware.New(middleware.Options{})
	bare, err := openstack.Open(t.Context(), openstack.Options{Cloud: name, Getenv: os.Getenv, Wrap: stack.Transport})
	if err != nil {
		t.Fatal(err)
	}
	cloud := stack.Assemble(bare)
	if cloud.Containers == nil {
		t.Fatal("the cloud has no object store")
	}
	const container = "trovectl-contract"
	var mu sync.Mutex
	keys := map[string]bool{}
	t.Cleanup(func() {
		for key := range keys {
			remove(t, cloud.Containers, container, key)
		}
	})
	statetest.Run(t, func(_ *testing.T, dir string) state.Store {
		digest := sha256.Sum256([]byte(dir))
		key := hex.EncodeToString(digest[:8])
		mu.Lock()
		defer mu.Unlock()
		keys[key] = true
		return swift.New(objects{cloud.Containers, container}, "swift://"+container+"/"+key, key, swift.Options{})
	})
}

func remove(t *testing.T, containers providers.Containers, container, key string) {
	ctx := context.Background()
	names, err := containers.List(ctx, container, key+"/")
	if err != nil {
		t.Errorf("listing what is left of %s: %v", key, err)
	}
	for _, name := range names {
		if err := containers.Delete(ctx, container, name); err != nil {
			t.Errorf("removing %s: %v", name, err)
		}
	}
}
