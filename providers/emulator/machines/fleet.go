package machines

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers/emulator"
)

// A fleet is the directory with all machines and the port on which their SSH answers: what Local and Simulated share.
type fleet struct {
	dir     string
	port    int
	log     hclog.Logger
	mu      sync.Mutex
	started map[string]*computer
}

// newFleet makes the directory. Port 0 is 2222; a nil log is silent.
func newFleet(dir string, port int, log hclog.Logger) (*fleet, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the directory of the machines: %w", err)
	}
	// Processes are found by the exact text of their root, so it must not depend on how the caller spelled it.
	dir, err := realPath(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the directory of the machines: %w", err)
	}
	if port == 0 {
		port = defaultSSHPort
	}
	if log == nil {
		log = hclog.NewNullLogger()
	}
	return &fleet{dir: dir, port: port, log: log, started: map[string]*computer{}}, nil
}

func realPath(path string) (string, error) {
	if path == "" {
		return "", errors.New("no path given")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

var validID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// computer returns the machine with that id; it need not exist on disk.
func (f *fleet) computer(id string) (*computer, error) {
	if !validID.MatchString(id) {
		return nil, fmt.Errorf("machine id %q: want letters, digits, dots, dashes and underscores", id)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.started[id]
	if c == nil {
		dir := filepath.Join(f.dir, id)
		c = &computer{id: id, dir: dir, root: filepath.Join(dir, "root"), log: f.log.With("machine", id)}
		f.started[id] = c
	}
	return c, nil
}

// Attach makes disks the machine's volumes, whether it runs or not: volumes that are not in the list disappear from
// /dev/disk/by-id, new ones appear. The machine must have been booted once.
func (f *fleet) Attach(id string, disks []emulator.Disk) error {
	c, err := f.computer(id)
	if err != nil {
		return err
	}
	return c.attach(disks)
}

// Console implements emulator.Machines: what cloud-init printed, then what the agent logged.
func (f *fleet) Console(id string, lines int) (string, error) {
	c, err := f.computer(id)
	if err != nil {
		return "", err
	}
	return c.consoleTail(lines)
}

// listen takes the SSH port of each of the machine's addresses. A machine without an address gets no listener.
func (f *fleet) listen(m emulator.Machine) (all []net.Listener, err error) {
	if m.Address == "" {
		return nil, nil
	}
	for _, address := range append([]string{m.Address}, m.Others...) {
		listener, err := f.listenAt(address)
		if err != nil {
			for _, taken := range all {
				_ = taken.Close() // nothing was said on it
			}
			return nil, err
		}
		all = append(all, listener)
	}
	return all, nil
}

func (f *fleet) listenAt(address string) (net.Listener, error) {
	addr := net.JoinHostPort(address, strconv.Itoa(f.port))
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		if holder := PortHolder(addr); holder != "" {
			return nil, fmt.Errorf("listening for SSH on %s: the port is taken by %s: %w", addr, holder, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listening for SSH on %s: %w", addr, err)
	}
	return listener, nil
}
