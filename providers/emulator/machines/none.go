package machines

import (
	"context"
	"sync"

	"github.com/trovectl/trovectl/providers/emulator"
)

// None boots nothing: its machines run as soon as they are booted and answer to nobody. The zero value is ready.
type None struct {
	Offers []string // image names; nil: emulator.EveryEngine

	mu sync.Mutex
	up map[string]bool
}

var _ emulator.Machines = (*None)(nil)

// Boot implements emulator.Machines.
func (n *None) Boot(_ context.Context, m emulator.Machine) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.up == nil {
		n.up = map[string]bool{}
	}
	n.up[m.ID] = true
	return nil
}

// Stop implements emulator.Machines.
func (n *None) Stop(_ context.Context, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.up, id)
	return nil
}

// Destroy implements emulator.Machines.
func (n *None) Destroy(ctx context.Context, id string) error { return n.Stop(ctx, id) }

// Console implements emulator.Machines: nothing runs, so nothing was printed.
func (n *None) Console(string, int) (string, error) { return "", nil }

// Running implements emulator.Machines.
func (n *None) Running(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up[id]
}

// Images implements emulator.Machines.
func (n *None) Images() []string {
	if n.Offers != nil {
		return append([]string(nil), n.Offers...)
	}
	return append([]string(nil), emulator.EveryEngine...)
}
