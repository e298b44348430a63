package standins

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// loopback is the interface lo: what is sent to an address of it stays in this computer's network namespace.
type loopback struct{}

// Add gives lo the address; having it already is no error.
func (loopback) Add(ctx context.Context, address string) error {
	return ip(ctx, "address", "replace", address+"/32", "dev", "lo")
}

// Remove takes the address away; one that is not there is no error.
func (loopback) Remove(ctx context.Context, address string) error {
	err := ip(ctx, "address", "delete", address+"/32", "dev", "lo")
	if err != nil && strings.Contains(err.Error(), "Cannot assign requested address") {
		return nil
	}
	return err
}

func ip(ctx context.Context, words ...string) error {
	out, err := exec.CommandContext(ctx, "ip", words...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
