package agent

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/trovectl/trovectl/guest"
)

// paths says where everything lives below the guest's root.
type paths struct {
	root     string
	config   string // what the agent is born with, 0600
	identity string // rotated keys, generation, volume, 0600
	outcomes string // outcomes of the time before there is a data volume
	data     string // the data volume: a mount point, or a link to a directory that plays a disk
	conf     string // the engine's option files
	tls      string // the guest's own key and certificate, 0700
	run      string // the engine's sockets and pid files; not below /run, which a boot empties: engines find theirs again
	logs     string // the engine's logs
	sockets  string // directory of the agent's own sockets
	devices  string // where udev names disks
	sys      string // where the kernel describes them
}

// The agent's sockets, in paths.sockets.
const (
	socketName         = "agent.sock"
	readOnlySocketName = "readonly.sock"
)

func newPaths(root string) paths {
	at := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	return paths{
		root:     root,
		config:   at(guest.AgentConfigPath),
		identity: at("var/lib/trove-guestagent/identity.json"),
		outcomes: at("var/lib/trove-guestagent/outcomes.log"),
		data:     at("var/lib/trove-guestagent/data"),
		conf:     at("etc/trove-guestagent/engine"),
		tls:      at("var/lib/trove-guestagent/tls"),
		run:      at("var/lib/trove-guestagent/run"),
		logs:     at("var/log/trove-guestagent"),
		sockets:  at("run/trove-guestagent"),
		devices:  at("dev/disk/by-id"),
		sys:      at("sys"),
	}
}

// Below the data volume's root: the agent's own directory, which only it may read, and the engine's.
const (
	ownDir    = ".trove"
	engineDir = "db"
)

func (p paths) marker() string         { return filepath.Join(p.data, ownDir, "volume.json") }
func (p paths) volumeOutcomes() string { return filepath.Join(p.data, ownDir, "outcomes.log") }
func (p paths) engineData() string     { return filepath.Join(p.data, engineDir) }

// make makes the directories that do not depend on the data volume. The engine's user must be able to pass through
// those on the way to its own; secrets are files of mode 0600.
func (p paths) make() error {
	for _, dir := range []string{filepath.Dir(p.identity), p.conf, p.run, p.logs, p.sockets} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the agent's directories: %w", err)
		}
	}
	return nil
}

// giveTo makes directories belong to a user by name. Only root can, and needs to.
func giveTo(name string, dirs ...string) error {
	owner, err := user.Lookup(name)
	if err != nil {
		return guest.Errorf(guest.KindConflict, "the image lacks the engine's user %q: is its package installed?", name)
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return fmt.Errorf("reading the user id of %s: %w", name, err)
	}
	gid, err := strconv.Atoi(owner.Gid)
	if err != nil {
		return fmt.Errorf("reading the group id of %s: %w", name, err)
	}
	for _, dir := range dirs {
		if err := os.Chown(dir, uid, gid); err != nil {
			return fmt.Errorf("giving %s to %s: %w", dir, name, err)
		}
	}
	return nil
}
