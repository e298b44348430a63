// Package standins gives guests to the servers of compute hosts that run none: Nova's fake driver says that a server runs,
// and a machine of providers/emulator/machines stands in for it, at the server's own address.
//
// It plays the hypervisor's part and is no part of the product: it looks at the servers as an administrator, boots each
// from its user-data, shows it its volumes, stops and reboots it as Nova says, and removes it when Nova has no such server.
package standins

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/emulator/machines"
)

// Options say which servers get stand-ins, and what those are.
type Options struct {
	Cloud    string        // the entry of clouds.yaml that is an administrator
	Projects []string      // the ids of the projects whose servers get stand-ins; none: of all
	Hosts    string        // pattern of the compute hosts without guests, as path.Match reads it: "fake*"
	Dir      string        // holds the machines and the data of the volumes
	Agent    string        // the binary trove-guestagent
	SSHPort  int           // where SSH listens in the guests
	Pause    time.Duration // between two looks
	Log      hclog.Logger
}

const volumesDir = "volumes"

// lightSuffix ends the name of an image whose stand-ins answer from memory; all others are processes.
const lightSuffix = "-simulated"

// hypervisor keeps the machines as Nova has the servers.
type hypervisor struct {
	dir     string
	hosts   string
	log     hclog.Logger
	link    addresses
	actions func(ctx context.Context, id string) (reboots int, err error)
	heavy   emulator.Machines
	light   emulator.Machines

	mu    sync.Mutex
	known map[string]*standin
	busy  sync.WaitGroup
	slots chan struct{} // how many may boot or stop at once
}

// addresses gives the computer's network the addresses of the machines.
type addresses interface {
	Add(ctx context.Context, address string) error
	Remove(ctx context.Context, address string) error
}

// atOnce: a booting machine starts a database server.
const atOnce = 4

// A standin is one server's machine, with what was done for it last.
type standin struct {
	server  server
	busy    bool
	up      bool
	address string // that the computer has for it
	reboots int
}

// Run looks again and again until ctx ends, then stops and removes every machine.
func Run(ctx context.Context, o Options) error {
	cloud, err := openNova(ctx, o.Cloud, o.Projects)
	if err != nil {
		return err
	}
	h, err := newHypervisor(o)
	if err != nil {
		return err
	}
	h.actions = cloud.reboots
	tick := time.NewTicker(o.Pause)
	defer tick.Stop()
	for {
		found, sizes, err := cloud.look(ctx)
		switch {
		case ctx.Err() != nil:
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
			defer cancel()
			return h.end(ending)
		case err != nil:
			o.Log.Warn("looking at the servers", "error", err) // nothing is concluded from not knowing
		default:
			h.round(ctx, found)
			if err := h.prune(sizes); err != nil {
				o.Log.Warn("removing what is not needed", "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func newHypervisor(o Options) (*hypervisor, error) {
	// All machines are in one folder, whatever their kind: who looks for a machine finds it by its name.
	dir := filepath.Join(o.Dir, "machines")
	heavy, err := machines.NewLocal(machines.Options{Dir: dir, AgentBinary: o.Agent, SSHPort: o.SSHPort, Log: o.Log})
	if err != nil {
		return nil, err
	}
	light, err := machines.NewSimulated(dir, o.SSHPort, o.Log)
	if err != nil {
		return nil, err
	}
	return &hypervisor{
		dir: o.Dir, hosts: o.Hosts, log: o.Log, link: loopback{}, heavy: heavy, light: light,
		known: map[string]*standin{}, slots: make(chan struct{}, atOnce),
	}, nil
}

// round starts what has to be done so that the machines are as the servers; what is still under way for a machine comes first.
func (h *hypervisor) round(ctx context.Context, found []server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	there := map[string]bool{}
	for _, s := range found {
		id := s.machine.ID
		st := h.known[id]
		shelved := s.host == "" && st != nil
		if mine, err := filepath.Match(h.hosts, s.host); err != nil || !mine && !shelved {
			continue
		}
		there[id] = true
		if st == nil {
			st = &standin{}
			h.known[id] = st
		}
		if !st.busy && st.differs(s) {
			h.begin(ctx, st, func(ctx context.Context) error { return h.settle(ctx, st, s) })
		}
	}
	for id, st := range h.known {
		if !there[id] && !st.busy {
			h.begin(ctx, st, func(ctx context.Context) error { return h.remove(ctx, id, st) })
		}
	}
}

func (st *standin) differs(s server) bool {
	return st.up != s.wanted() || !st.server.changed.Equal(s.changed) ||
		!slices.Equal(st.server.machine.Volumes, s.machine.Volumes)
}

// begin runs one piece of work for a machine; a failed one is tried again after the next look.
func (h *hypervisor) begin(ctx context.Context, st *standin, work func(context.Context) error) {
	st.busy = true
	h.busy.Go(func() {
		h.slots <- struct{}{}
		err := work(ctx)
		<-h.slots
		if err != nil && ctx.Err() == nil {
			h.log.Warn("a machine is not as its server", "error", err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		st.busy = false
	})
}

// settle makes the machine as its server is.
func (h *hypervisor) settle(ctx context.Context, st *standin, s server) error {
	reboots, err := h.actions(ctx, s.machine.ID)
	if err != nil {
		return err
	}
	m := s.machine
	m.Image = cmp.Or(st.server.machine.Image, m.Image) // while it is unshelved Nova names the image of its disk
	if m.Volumes, err = h.disks(m.Volumes); err != nil {
		return err
	}
	kind := h.kind(m.Image)
	st.server = server{machine: m} // what remove needs, should the rest fail; it differs from what is wanted
	if st.up && (!s.wanted() || reboots > st.reboots) {
		h.log.Info("stops", "server", m.Name)
		if err := kind.Stop(ctx, m.ID); err != nil {
			return err
		}
		st.up = false
	}
	if m.Address != st.address {
		if err := h.move(ctx, st, m.Address); err != nil {
			return err
		}
	}
	if s.wanted() {
		if err := kind.Boot(ctx, m); err != nil {
			return err
		}
		if !st.up {
			h.log.Info("boots", "server", m.Name, "address", m.Address)
		}
		st.up = true
	}
	st.server, st.reboots = s, reboots
	return nil
}

// move gives the machine another address; "" is none.
func (h *hypervisor) move(ctx context.Context, st *standin, address string) error {
	if st.address != "" {
		if err := h.link.Remove(ctx, st.address); err != nil {
			return err
		}
	}
	st.address = ""
	if address == "" {
		return nil
	}
	st.address = address // removed in the end even if it was not all there
	return h.link.Add(ctx, address)
}

func (h *hypervisor) kind(image string) emulator.Machines {
	if strings.HasSuffix(image, lightSuffix) {
		return h.light
	}
	return h.heavy
}

// disks makes the folders that stand for the volumes, and says their sizes.
func (h *hypervisor) disks(volumes []emulator.Disk) ([]emulator.Disk, error) {
	disks := slices.Clone(volumes)
	for i := range disks {
		disk := &disks[i]
		disk.Dir = filepath.Join(h.dir, volumesDir, disk.VolumeID)
		if err := os.MkdirAll(filepath.Join(disk.Dir, "disk"), 0o755); err != nil {
			return nil, fmt.Errorf("making volume %s: %w", disk.VolumeID, err)
		}
		if err := os.WriteFile(filepath.Join(disk.Dir, "size"), []byte(strconv.Itoa(disk.SizeGiB)+"\n"), 0o644); err != nil {
			return nil, fmt.Errorf("sizing volume %s: %w", disk.VolumeID, err)
		}
	}
	return disks, nil
}

// prune removes the data of volumes that are gone.
func (h *hypervisor) prune(sizes map[string]int) error {
	entries, err := os.ReadDir(filepath.Join(h.dir, volumesDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("listing the volumes' data: %w", err)
	}
	for _, entry := range entries {
		if _, there := sizes[entry.Name()]; !there {
			if err := os.RemoveAll(filepath.Join(h.dir, volumesDir, entry.Name())); err != nil {
				return fmt.Errorf("removing the data of volume %s: %w", entry.Name(), err)
			}
		}
	}
	return nil
}

// remove ends the machine of a server that is gone.
func (h *hypervisor) remove(ctx context.Context, id string, st *standin) error {
	m := st.server.machine
	if m.ID != "" { // else it never became anything
		h.log.Info("goes", "server", m.Name)
		if err := h.kind(m.Image).Destroy(ctx, id); err != nil {
			return err
		}
		if err := h.move(ctx, st, ""); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.known, id)
	return nil
}

// end removes every machine, also those that are just booting.
func (h *hypervisor) end(ctx context.Context) error {
	h.busy.Wait()
	var failed []error
	for _, id := range slices.Sorted(maps.Keys(h.known)) {
		failed = append(failed, h.remove(ctx, id, h.known[id]))
	}
	return errors.Join(failed...)
}
