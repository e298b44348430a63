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

// packaged is what the distribution's package of an engine brings into a real guest.
type packaged struct {
	user string // the operating system user that the engine runs as
	unit string // the service, which nothing starts: the agent alone starts the engine
}

// packages are those of Debian and its kin. Masking PostgreSQL's unit stops every cluster that the package would start.
var packages = map[string]packaged{
	"mariadb":    {"mysql", "mariadb.service"},
	"mysql":      {"mysql", "mysql.service"},
	"percona":    {"mysql", "mysql.service"},
	"postgresql": {"postgres", "postgresql.service"},
	"redis":      {"redis", "redis-server.service"},
	"valkey":     {"valkey", "valkey-server.service"},
}

// standAlone stops the distribution's own service for good, in a real guest. One that cannot be stopped shows when the
// engine finds its port taken.
func (a *Agent) standAlone(ctx context.Context) {
	unit := packages[a.born.Engine].unit
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
