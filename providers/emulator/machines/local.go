// Package machines boots the computers behind the emulator's servers.
//
// A Local machine is a directory that stands for its disk, an SSH server on its own loopback address, and the ordinary
// processes that its user-data starts; nothing of it needs root. What a real guest gets from cloud-init, systemd and
// OpenSSH is imitated here closely enough that the same user-data works in both. It is an imitation and not a jail:
// files are kept below the machine's directory, but commands run with the rights of whoever runs the emulator. A
// Simulated machine has the same directory and the same SSH server and no process: its agent lives in the emulator, with
// an engine that answers from memory. A None machine is a record that runs nothing.
package machines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/providers/emulator"
)

const (
	defaultSSHPort   = 2222
	defaultStopGrace = 60 * time.Second
	stopsAtOnce      = 16
)

// Options say where Local machines live and what they run.
type Options struct {
	Dir         string        // holds one directory per machine; made when absent
	AgentBinary string        // the guest agent that every machine finds as /usr/bin/trove-guestagent
	Engines     []string      // image names to offer, such as "mariadb-10.11"; nil: those found on this computer
	SSHPort     int           // the port of SSH on every machine's address; 0: 2222
	StopGrace   time.Duration // how long a stop waits for engines to end by themselves; 0: 60 s
	Log         hclog.Logger  // nil: nothing is logged
}

// Local boots machines as processes of this computer. It is safe for concurrent use.
type Local struct {
	*fleet
	agent  string
	shim   string
	grace  time.Duration
	images func() []string
}

var _ emulator.Machines = (*Local)(nil)

// NewLocal prepares opts.Dir and returns the machines that live in it. Machines of an earlier life that still run are
// left alone until they are booted (adopted) or stopped. It fails when Dir cannot be made or AgentBinary is not there.
func NewLocal(opts Options) (*Local, error) {
	f, err := newFleet(opts.Dir, opts.SSHPort, opts.Log)
	if err != nil {
		return nil, err
	}
	agent, err := realPath(opts.AgentBinary)
	if err != nil {
		return nil, fmt.Errorf("finding the guest agent's binary: %w", err)
	}
	l := &Local{fleet: f, agent: agent, grace: opts.StopGrace}
	if l.grace == 0 {
		l.grace = defaultStopGrace
	}
	l.images = sync.OnceValue(installedEngines)
	if opts.Engines != nil {
		names := append([]string(nil), opts.Engines...)
		l.images = func() []string { return names }
	}
	l.shim, err = writeShim(l.dir)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Boot implements emulator.Machines. Errors in user-data are on the console and do not fail the boot; an address or
// port that cannot be had, a directory that cannot be written and an ended ctx do.
func (l *Local) Boot(ctx context.Context, m emulator.Machine) error {
	c, err := l.computer(m.ID)
	if err != nil {
		return err
	}
	c.life.Lock()
	defer c.life.Unlock()
	if c.running() {
		return c.attach(m.Volumes)
	}
	ctx, done := c.interruptible(ctx)
	defer done()
	if err := l.start(ctx, c, m); err != nil {
		return fmt.Errorf("booting machine %s: %w", m.ID, err)
	}
	return nil
}

// Stop implements emulator.Machines. The agent is asked first, since it stops its engine cleanly; what is left after
// StopGrace is killed. When ctx ends earlier the error says so and Stop may be repeated.
func (l *Local) Stop(ctx context.Context, id string) error {
	c, err := l.computer(id)
	if err != nil {
		return err
	}
	c.interrupt()
	c.life.Lock()
	defer c.life.Unlock()
	return l.halt(ctx, c)
}

func (l *Local) halt(ctx context.Context, c *computer) error {
	server := c.wentDown()
	if server != nil {
		server.close()
	}
	if err := endProcesses(ctx, c.root, l.grace); err != nil {
		return fmt.Errorf("stopping machine %s: %w", c.id, err)
	}
	if server != nil {
		server.wait()
	}
	return nil
}

// Destroy implements emulator.Machines.
func (l *Local) Destroy(ctx context.Context, id string) error {
	c, err := l.computer(id)
	if err != nil {
		return err
	}
	c.interrupt()
	c.life.Lock()
	defer c.life.Unlock()
	if err := l.halt(ctx, c); err != nil {
		return err
	}
	// RemoveAll removes links, never what they point at: the volumes stay.
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("removing machine %s: %w", id, err)
	}
	return nil
}

// StopAll stops every machine below Dir, also those of an earlier life that were not booted in this one.
func (l *Local) StopAll(ctx context.Context) error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return fmt.Errorf("listing the machines: %w", err)
	}
	var group errgroup.Group
	group.SetLimit(stopsAtOnce)
	var mu sync.Mutex
	var failed []error
	for _, entry := range entries {
		if !entry.IsDir() || !validID.MatchString(entry.Name()) {
			continue
		}
		group.Go(func() error {
			if err := l.Stop(ctx, entry.Name()); err != nil {
				mu.Lock()
				failed = append(failed, err)
				mu.Unlock()
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in failed: one machine that does not stop must not hide another
	return errors.Join(failed...)
}

// Running implements emulator.Machines. A machine whose SSH answers runs, even when nothing else does.
func (l *Local) Running(id string) bool {
	c, err := l.computer(id)
	if err != nil {
		return false
	}
	return c.running() || len(machineProcesses(c.root)) > 0
}

// Images implements emulator.Machines.
func (l *Local) Images() []string {
	return append([]string(nil), l.images()...)
}
