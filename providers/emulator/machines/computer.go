package machines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers/emulator"
)

const (
	consoleFile  = "var/log/cloud-init-output.log"
	agentLogFile = "var/log/trove-guestagent.log"
	diskDir      = "dev/disk/by-id"
	diskPrefix   = "virtio-"
	// A virtio disk shows at most 20 characters of its serial number, which Nova sets to the volume's id.
	diskSerial = 20
	// The console of a hypervisor is a ring; more than this is never read back.
	consoleBytes = 1 << 20
)

// A computer is one machine: its place on disk, and while it runs its SSH server.
type computer struct {
	id   string
	dir  string // Dir/ID
	root string // Dir/ID/root, what the guest takes for /
	log  hclog.Logger

	life sync.Mutex // held by Boot, Stop and Destroy, one at a time

	mu     sync.Mutex // guards what follows
	up     bool
	server *sshServer
	cancel context.CancelFunc
}

func (c *computer) running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up
}

func (c *computer) wentUp(server *sshServer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up, c.server = true, server
}

func (c *computer) wentDown() *sshServer {
	c.mu.Lock()
	defer c.mu.Unlock()
	server := c.server
	c.up, c.server = false, nil
	return server
}

// interruptible returns a context that interrupt ends, so that a stop need not wait for a slow first boot.
func (c *computer) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	return ctx, cancel
}

func (c *computer) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// open makes the machine's root when it is absent and opens it. Everything that the emulator itself reads and writes
// in a machine goes through the returned root, which no path and no link can leave.
func (c *computer) open() (*os.Root, error) {
	// Engines may run as a user of their own and must be able to pass; what is secret has its own mode.
	if err := os.MkdirAll(c.root, 0o755); err != nil {
		return nil, fmt.Errorf("making the machine's root: %w", err)
	}
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return nil, fmt.Errorf("opening the machine's root: %w", err)
	}
	return root, nil
}

// attach makes the links below /dev/disk/by-id say what disks say.
func (c *computer) attach(disks []emulator.Disk) error {
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return fmt.Errorf("attaching volumes to machine %s: %w", c.id, err)
	}
	defer func() { _ = root.Close() }()
	if err := linkDisks(root, disks); err != nil {
		return fmt.Errorf("attaching volumes to machine %s: %w", c.id, err)
	}
	return nil
}

func linkDisks(root *os.Root, disks []emulator.Disk) error {
	if err := root.MkdirAll(diskDir, 0o755); err != nil {
		return err
	}
	want := map[string]string{}
	for _, disk := range disks {
		serial := disk.VolumeID
		if len(serial) > diskSerial {
			serial = serial[:diskSerial]
		}
		if !validID.MatchString(serial) {
			return fmt.Errorf("volume id %q cannot name a disk", disk.VolumeID)
		}
		want[diskPrefix+serial] = disk.Dir
	}
	entries, err := fs.ReadDir(root.FS(), diskDir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(diskDir, entry.Name())
		target, err := root.Readlink(name)
		if err != nil || !strings.HasPrefix(entry.Name(), diskPrefix) {
			continue // not ours
		}
		if want[entry.Name()] == target {
			delete(want, entry.Name())
			continue
		}
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	for name, dir := range want {
		if err := root.Symlink(dir, path.Join(diskDir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *computer) consoleTail(lines int) (string, error) {
	root, err := os.OpenRoot(c.root)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // never booted: its console is empty
	}
	if err != nil {
		return "", fmt.Errorf("reading the console of machine %s: %w", c.id, err)
	}
	defer func() { _ = root.Close() }()
	var all []byte
	for _, name := range []string{consoleFile, agentLogFile} {
		tail, err := readTail(root, name, consoleBytes)
		if err != nil {
			return "", fmt.Errorf("reading the console of machine %s: %w", c.id, err)
		}
		all = append(all, tail...)
	}
	return lastLines(all, lines), nil
}

// readTail returns at most limit bytes of the end of the file, and nothing when it does not exist.
func readTail(root *os.Root, name string, limit int64) ([]byte, error) {
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	offset := max(0, info.Size()-limit)
	return io.ReadAll(io.NewSectionReader(file, offset, limit))
}

// lastLines returns the last n lines of text; n below 1 means all.
func lastLines(text []byte, n int) string {
	if n < 1 {
		return string(text)
	}
	end := len(bytes.TrimSuffix(text, []byte("\n")))
	for i := end - 1; i >= 0; i-- {
		if text[i] != '\n' {
			continue
		}
		if n--; n == 0 {
			return string(text[i+1:])
		}
	}
	return string(text)
}
