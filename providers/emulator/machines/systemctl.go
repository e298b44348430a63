package machines

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

//go:embed systemctl.sh
var shim []byte

const enabledUnit = "etc/systemd/system/multi-user.target.wants/" + agentName + ".service"

// writeShim puts the systemctl that all machines of dir share beside them and returns its path.
func writeShim(dir string) (string, error) {
	path := filepath.Join(dir, ".systemctl")
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, shim) {
		return path, nil
	}
	syscall.ForkLock.RLock() // see cloudInit.write
	defer syscall.ForkLock.RUnlock()
	// Replaced, not rewritten: a machine of an earlier life may be running it, and a shell reads as it goes.
	fresh, err := os.CreateTemp(dir, ".systemctl-*")
	if err != nil {
		return "", fmt.Errorf("writing the machines' systemctl: %w", err)
	}
	_, wrote := fresh.Write(shim)
	if err := errors.Join(wrote, fresh.Chmod(0o755), fresh.Close(), os.Rename(fresh.Name(), path)); err != nil {
		return "", fmt.Errorf("writing the machines' systemctl: %w", err)
	}
	return path, nil
}

// startUnits starts what is enabled, as an init does at boot. A unit that runs is left alone.
func (c *computer) startUnits(ctx context.Context, root *os.Root, out *console) error {
	if _, err := root.Stat(enabledUnit); err != nil {
		return nil // nothing is enabled
	}
	out.printf("systemd: starting %s", agentName)
	err := c.run(ctx, out, filepath.Join(c.root, "usr/bin/systemctl"), "start", agentName)
	if err != nil && ctx.Err() == nil {
		out.printf("systemd: starting %s: %v", agentName, err)
	}
	return ctx.Err()
}
