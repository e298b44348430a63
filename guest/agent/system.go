package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// cloudInitPath is where the agent tells cloud-init what is no longer its business.
const cloudInitPath = "etc/cloud/cloud.cfg.d/99-trove-guestagent.cfg"

// keepIdentity makes cloud-init leave the host key alone from now on. It does so by itself while it knows the server, but a
// boot at which it finds neither a config drive nor the metadata service looks to it like a new server's first.
func (a *Agent) keepIdentity() error {
	path := filepath.Join(a.paths.root, cloudInitPath)
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, os.ErrNotExist) {
		return nil // the image has no cloud-init
	}
	if err := writeFile(path, []byte("# The agent has replaced the host key.\nssh_deletekeys: false\n"), 0o644); err != nil {
		return fmt.Errorf("telling cloud-init to keep the host key: %w", err)
	}
	return nil
}

// distributionUnit names the service that an engine's package brings. Nothing but the agent may start the engine.
func distributionUnit(engineName string) string {
	switch engineName {
	case "mariadb":
		return "mariadb.service"
	case "mysql", "percona":
		return "mysql.service"
	case "postgresql":
		return "postgresql.service"
	case "redis":
		return "redis-server.service"
	case "valkey":
		return "valkey-server.service"
	}
	return ""
}

// standAlone stops the distribution's own service for good, in a real guest. One that cannot be stopped shows when the
// engine finds its port taken.
func (a *Agent) standAlone(ctx context.Context) {
	unit := distributionUnit(a.born.Engine)
	if a.paths.root != "/" || unit == "" {
		return
	}
	if _, _, err := runCommand(ctx, "systemctl", "mask", "--now", unit); err != nil {
		a.log.Warn("stopping the distribution's own service", "unit", unit, "error", err)
	}
}

// reloadSSH makes the SSH server read its host key anew: "ssh" is its name in Debian and its kin, "sshd" elsewhere. One that
// a socket starts reads it with every connection and has nothing to reload.
func reloadSSH(ctx context.Context) error {
	_, _, err := runCommand(ctx, "systemctl", "reload", "ssh")
	if err == nil {
		return nil
	}
	if _, _, other := runCommand(ctx, "systemctl", "reload", "sshd"); other != nil {
		return err
	}
	return nil
}
