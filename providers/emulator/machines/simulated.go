package machines

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers/emulator"
)

// Simulated boots machines that are no processes. Each has its directory, its disks and its SSH server, which serves one
// command: the agent's channel. The agent is the real one, in this process, with an engine that answers from memory and
// keeps itself on the machine's disk. Of user-data, what writes files counts; commands are not run. A fleet of thousands
// fits: a machine costs one file descriptor and a few KiB, and two more while its agent is open. It is safe for concurrent use.
type Simulated struct {
	*fleet
	guests guestSet
}

var _ emulator.Machines = (*Simulated)(nil)

// NewSimulated prepares dir and returns the machines that live in it; port 0 is 2222. It fails when dir cannot be made.
func NewSimulated(dir string, port int, log hclog.Logger) (*Simulated, error) {
	f, err := newFleet(dir, port, log)
	if err != nil {
		return nil, err
	}
	return &Simulated{fleet: f}, nil
}

// Boot implements emulator.Machines. A machine whose user-data brings no agent boots all the same: nobody answers in it.
func (s *Simulated) Boot(ctx context.Context, m emulator.Machine) error {
	c, err := s.computer(m.ID)
	if err != nil {
		return err
	}
	c.life.Lock()
	defer c.life.Unlock()
	if c.running() {
		return c.attach(m.Volumes)
	}
	if err := s.start(ctx, c, m); err != nil {
		return fmt.Errorf("booting machine %s: %w", m.ID, err)
	}
	return nil
}

func (s *Simulated) start(ctx context.Context, c *computer, m emulator.Machine) (err error) {
	listeners, err := s.listen(m)
	if err != nil {
		return err
	}
	server := newSSHServer(c, listeners)
	defer func() {
		if err != nil {
			server.close()
		}
	}()
	root, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := furnish(root, m, nil); err != nil {
		return err
	}
	out, err := openConsole(root)
	if err != nil {
		return err
	}
	defer out.close()
	init := &cloudInit{computer: c, root: root, out: out, machine: m, noCommands: true}
	if err := errors.Join(init.early(ctx), init.final(ctx)); err != nil {
		return err
	}
	server.guest = &simulatedGuest{root: c.root, fleet: &s.guests}
	if err := server.guest.attend(); err != nil {
		return err
	}
	server.serve()
	c.wentUp(server)
	return nil
}

// Stop implements emulator.Machines.
func (s *Simulated) Stop(_ context.Context, id string) error {
	c, err := s.computer(id)
	if err != nil {
		return err
	}
	c.life.Lock()
	defer c.life.Unlock()
	return s.halt(c)
}

func (s *Simulated) halt(c *computer) error {
	server := c.wentDown()
	if server == nil {
		return nil
	}
	server.close()
	server.wait()
	if err := server.guest.close(); err != nil {
		return fmt.Errorf("stopping machine %s: %w", c.id, err)
	}
	return nil
}

// Destroy implements emulator.Machines.
func (s *Simulated) Destroy(_ context.Context, id string) error {
	c, err := s.computer(id)
	if err != nil {
		return err
	}
	c.life.Lock()
	defer c.life.Unlock()
	if err := s.halt(c); err != nil {
		return err
	}
	// RemoveAll removes links, never what they point at: the volumes stay.
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("removing machine %s: %w", id, err)
	}
	return nil
}

// Running implements emulator.Machines.
func (s *Simulated) Running(id string) bool {
	c, err := s.computer(id)
	return err == nil && c.running()
}

// Images implements emulator.Machines: the engine in memory behaves as each of them.
func (s *Simulated) Images() []string { return append([]string(nil), emulator.EveryEngine...) }

// Requests tells what the guests were asked since the start, by method.
func (s *Simulated) Requests() map[string]int { return s.guests.requests() }
