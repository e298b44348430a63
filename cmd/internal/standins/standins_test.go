package standins

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/emulator/machines"
)

// network is a computer's network without a computer.
type network struct {
	mu   sync.Mutex
	have []string
	fail bool
}

func (n *network) Add(_ context.Context, address string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail {
		return errors.New("no address today")
	}
	n.have = append(n.have, address)
	return nil
}

func (n *network) Remove(_ context.Context, address string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.have = slices.DeleteFunc(n.have, func(have string) bool { return have == address })
	return nil
}

// journal is machines that run nothing, and what they were told.
type journal struct {
	machines.None
	mu   sync.Mutex
	told []string
}

func (j *journal) say(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.told = append(j.told, what)
}

func (j *journal) Boot(ctx context.Context, m emulator.Machine) error {
	j.say("boot " + m.Name)
	return j.None.Boot(ctx, m)
}

func (j *journal) Stop(ctx context.Context, id string) error {
	j.say("stop " + id)
	return j.None.Stop(ctx, id)
}

func (j *journal) Destroy(ctx context.Context, id string) error {
	j.say("destroy " + id)
	return j.None.Destroy(ctx, id)
}

func newWorld(t *testing.T) (h *hypervisor, n *network, heavy, light *journal) {
	t.Helper()
	n, heavy, light = &network{}, &journal{}, &journal{}
	return &hypervisor{
		dir: t.TempDir(), hosts: "fake*", log: hclog.NewNullLogger(), link: n, heavy: heavy, light: light,
		actions: func(context.Context, string) (int, error) { return 0, nil },
		known:   map[string]*standin{}, slots: make(chan struct{}, atOnce),
	}, n, heavy, light
}

func orders() server {
	return server{
		host: "fake1", runs: true, changed: time.Unix(1000, 0),
		machine: emulator.Machine{ID: "id-1", Name: "orders", Image: "mariadb-10.11", Address: "10.0.0.5", Volumes: []emulator.Disk{{VolumeID: "v1", SizeGiB: 1}}},
	}
}

// see is one look, with what comes of it.
func (h *hypervisor) see(t *testing.T, found ...server) {
	t.Helper()
	h.round(t.Context(), found)
	h.busy.Wait()
}

func wantTold(t *testing.T, j *journal, want ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if got := strings.Join(j.told, ", "); got != strings.Join(want, ", ") {
		t.Errorf("the machines were told %q, want %q", got, want)
	}
	j.told = nil
}

// TestAServersLife: what Nova does with a server is done with its machine, once.
func TestAServersLife(t *testing.T) {
	h, n, heavy, light := newWorld(t)
	building := orders()
	building.runs, building.machine.Address = false, ""
	h.see(t, building)
	wantTold(t, heavy)

	h.see(t, orders())
	h.see(t, orders())
	wantTold(t, heavy, "boot orders")
	if !slices.Equal(n.have, []string{"10.0.0.5"}) {
		t.Errorf("the computer has the addresses %v", n.have)
	}

	stopped := orders()
	stopped.runs, stopped.changed = false, time.Unix(1001, 0)
	h.see(t, stopped)
	wantTold(t, heavy, "stop id-1")
	started := orders()
	started.changed = time.Unix(1002, 0)
	h.see(t, started)
	wantTold(t, heavy, "boot orders")

	h.actions = func(context.Context, string) (int, error) { return 1, nil }
	rebooted := orders()
	rebooted.changed = time.Unix(1003, 0)
	h.see(t, rebooted)
	wantTold(t, heavy, "stop id-1", "boot orders")

	leaving := rebooted // Nova takes the address away before it forgets the server
	leaving.runs, leaving.machine.Address, leaving.changed = false, "", time.Unix(1004, 0)
	h.see(t, leaving)
	h.see(t)
	wantTold(t, heavy, "stop id-1", "destroy id-1")
	if len(n.have) != 0 || len(h.known) != 0 {
		t.Errorf("left are the addresses %v and the machines %v", n.have, h.known)
	}
	wantTold(t, light)
}

// TestVolumes: a machine finds its volumes with their sizes, also after they grew, and the data of those that are gone goes.
func TestVolumes(t *testing.T) {
	h, _, heavy, _ := newWorld(t)
	h.see(t, orders())
	grown := orders()
	grown.machine.Volumes[0].SizeGiB = 3
	h.see(t, grown)
	wantTold(t, heavy, "boot orders", "boot orders") // of one that runs: it is shown its volumes
	size, err := os.ReadFile(filepath.Join(h.dir, volumesDir, "v1", "size"))
	if err != nil || string(size) != "3\n" {
		t.Errorf("the size is %q, %v", size, err)
	}
	if err := h.prune(map[string]int{"v1": 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(h.dir, volumesDir, "v1")); err != nil {
		t.Errorf("the data of a volume that is there: %v", err)
	}
	if err := h.prune(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(h.dir, volumesDir, "v1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data of a volume that is gone: %v", err)
	}
}

// TestWhichServers: those of other hosts have guests of their own, and the image says what kind of stand-in it is.
func TestWhichServers(t *testing.T) {
	h, _, heavy, light := newWorld(t)
	real, simple := orders(), orders()
	real.host = "kvm1"
	simple.machine.ID, simple.machine.Name, simple.machine.Image = "id-2", "simple", "mariadb-10.11"+lightSuffix
	h.see(t, real, simple)
	wantTold(t, heavy)
	wantTold(t, light, "boot simple")
}

// TestTriedAgain: what failed is done after the next look; in the end everything goes.
func TestTriedAgain(t *testing.T) {
	h, n, heavy, _ := newWorld(t)
	n.fail = true
	h.see(t, orders())
	wantTold(t, heavy)
	n.fail = false
	h.see(t, orders())
	wantTold(t, heavy, "boot orders")
	if err := h.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantTold(t, heavy, "destroy id-1")
	if len(n.have) != 0 {
		t.Errorf("left are the addresses %v", n.have)
	}
}

func TestFirstAddress(t *testing.T) {
	address := func(addr, kind string, version float64) map[string]any {
		return map[string]any{"addr": addr, "OS-EXT-IPS:type": kind, "version": version}
	}
	networks := map[string]any{"a": []any{address("fd00::1", "fixed", 6), address("10.0.0.9", "fixed", 4), address("10.0.0.1", "floating", 4)}}
	if got := firstAddress(networks); got != "10.0.0.9" {
		t.Errorf("the address is %q", got)
	}
	if got := firstAddress(nil); got != "" {
		t.Errorf("without a network the address is %q", got)
	}
}
