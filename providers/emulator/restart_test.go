package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/volumeattach"

	"github.com/trovectl/trovectl/providers/emulator"
)

// memoryMachines are machines without processes: they remember what ran and what they were given.
type memoryMachines struct {
	mu      sync.Mutex
	running map[string]emulator.Machine
	boots   []emulator.Machine
	gone    []string
	refuse  error
}

func (m *memoryMachines) Boot(_ context.Context, mc emulator.Machine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse != nil {
		return m.refuse
	}
	if m.running == nil {
		m.running = map[string]emulator.Machine{}
	}
	m.running[mc.ID] = mc
	m.boots = append(m.boots, mc)
	return nil
}

func (m *memoryMachines) Stop(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.running, id)
	return nil
}

func (m *memoryMachines) Destroy(ctx context.Context, id string) error {
	m.mu.Lock()
	m.gone = append(m.gone, id)
	m.mu.Unlock()
	return m.Stop(ctx, id)
}

func (m *memoryMachines) Console(id string, lines int) (string, error) {
	return fmt.Sprintf("%s booted, %d lines\n", id, lines), nil
}

func (m *memoryMachines) Running(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.running[id]
	return ok
}

func (m *memoryMachines) Images() []string { return []string{"mariadb-10.11", "redis-7.0"} }

func (m *memoryMachines) last() emulator.Machine {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.boots[len(m.boots)-1]
}

func TestMachinesAreBootedStoppedAndDestroyed(t *testing.T) {
	ms := &memoryMachines{}
	c := open(t, emulator.Options{Machines: ms})
	ctx := t.Context()
	st := c.stack(t, "orders")
	sv := c.waitServer(t, st.server, "ACTIVE")
	got := ms.last()
	want := emulator.Machine{
		ID: st.server, Name: "orders", Image: "mariadb-10.11", RAMMiB: 512, UserData: []byte("#cloud-config\n"), FirstBoot: true,
		Address:  sv.Addresses["private"].([]any)[0].(map[string]any)["addr"].(string),
		Metadata: map[string]string{"mark": "orders"},
		Volumes:  []emulator.Disk{{VolumeID: st.volume, SizeGiB: 1, Dir: got.Volumes[0].Dir}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the machine: %s", d)
	}
	if raw, err := os.ReadFile(filepath.Join(got.Volumes[0].Dir, "size")); strings.TrimSpace(string(must(t, raw, err))) != "1" {
		t.Errorf("size file %q", raw)
	}
	text, err := servers.ShowConsoleOutput(ctx, c.compute, st.server, servers.ShowConsoleOutputOpts{Length: 5}).Extract()
	if must(t, text, err); text != st.server+" booted, 5 lines\n" {
		t.Errorf("console %q", text)
	}

	extra := c.newVolume(t, "extra", 3)
	if _, err := volumeattach.Create(ctx, c.compute, st.server, volumeattach.CreateOpts{VolumeID: extra.ID}).Extract(); err != nil {
		t.Fatal(err)
	}
	c.waitVolume(t, extra.ID, "in-use")
	if m := ms.last(); len(m.Volumes) != 2 || m.FirstBoot {
		t.Errorf("after the attachment: %+v", m)
	}
	if err := volumeattach.Delete(ctx, c.compute, st.server, extra.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitVolume(t, extra.ID, "available")
	if m := ms.last(); len(m.Volumes) != 1 || m.Volumes[0].VolumeID != st.volume {
		t.Errorf("after the detachment: %+v", m)
	}

	if err := servers.Stop(ctx, c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, st.server, "SHUTOFF")
	if ms.Running(st.server) {
		t.Error("the machine of a stopped server runs")
	}
	if err := servers.Delete(ctx, c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, st.server, "gone")
	if !slices.Contains(ms.gone, st.server) {
		t.Error("the machine of a deleted server was not destroyed")
	}
}

func TestBootFailureIsAFault(t *testing.T) {
	ms := &memoryMachines{refuse: errors.New("no such image on this host")}
	c := open(t, emulator.Options{Machines: ms})
	st := c.stack(t, "orders")
	if sv := c.waitServer(t, st.server, "ERROR"); !strings.Contains(sv.Fault.Message, "no such image") || sv.Fault.Code != 500 {
		t.Errorf("fault %+v", sv.Fault)
	}
	if err := servers.Delete(t.Context(), c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, st.server, "gone")
	c.waitVolume(t, st.volume, "available")
}

func TestRestartKeepsEverything(t *testing.T) {
	dir, ms := t.TempDir(), &memoryMachines{}
	c := open(t, emulator.Options{Dir: dir, Machines: ms})
	ctx := t.Context()
	runs, stopped := c.stack(t, "runs"), c.stack(t, "stopped")
	c.waitServer(t, runs.server, "ACTIVE")
	c.waitServer(t, stopped.server, "ACTIVE")
	if err := servers.Stop(ctx, c.compute, stopped.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, stopped.server, "SHUTOFF")
	before := c.Summary()
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if ms.Running(runs.server) {
		t.Error("Close left a machine running")
	}
	c = open(t, emulator.Options{Dir: dir, Machines: ms})
	eventually(t, "the machine of the ACTIVE server runs again", func() bool { return ms.Running(runs.server) })
	if ms.Running(stopped.server) {
		t.Error("the machine of a stopped server was booted")
	}
	if m := ms.last(); m.FirstBoot || string(m.UserData) != "#cloud-config\n" {
		t.Errorf("the second boot: %+v", m)
	}
	if d := cmp.Diff(before.Servers, c.Summary().Servers); d != "" {
		t.Errorf("servers after the restart: %s", d)
	}
	if d := cmp.Diff(before.Images, c.Summary().Images); d != "" {
		t.Errorf("images after the restart: %s", d)
	}
	if p := c.port(t, "new"); slices.ContainsFunc(before.Servers, func(s emulator.ServerSummary) bool { return s.Address == p.FixedIPs[0].IPAddress }) {
		t.Errorf("the address %s was given twice", p.FixedIPs[0].IPAddress)
	}
}

// manualClock stands still until it is told otherwise, so that work stays under way as long as a test needs it.
type manualClock struct {
	mu   sync.Mutex
	now  time.Time
	wake []chan time.Time
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) After(time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	c.wake = append(c.wake, ch)
	return ch
}

// advance moves the time and ends every wait.
func (c *manualClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for _, ch := range c.wake {
		ch <- c.now
	}
	c.wake = nil
}

func TestRestartGoesOnWithWhatWasUnderWay(t *testing.T) {
	dir := t.TempDir()
	clock := &manualClock{now: time.Now()}
	c := open(t, emulator.Options{Dir: dir})
	ctx := t.Context()
	dying, vol := c.stack(t, "dying"), c.newVolume(t, "grows", 1)
	c.waitServer(t, dying.server, "ACTIVE")
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}

	c = open(t, emulator.Options{Dir: dir, Clock: clock, BuildDelay: time.Minute, VolumeDelay: time.Minute})
	p := c.port(t, "builds")
	sv, err := c.createServer(t, "builds", p.ID, "")
	must(t, sv, err)
	if err := servers.Delete(ctx, c.compute, dying.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	if err := volumes.ExtendSize(ctx, c.volume, vol.ID, volumes.ExtendSizeOpts{NewSize: 4}).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	fresh, err := volumes.Create(ctx, c.volume, volumes.CreateOpts{Name: "fresh", Size: 1}, nil).Extract()
	must(t, fresh, err)
	if d, err := servers.Get(ctx, c.compute, dying.server).Extract(); must(t, d, err).TaskState != "deleting" {
		t.Errorf("task_state of a server that is being deleted: %s", d.TaskState)
	}
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}

	c = open(t, emulator.Options{Dir: dir})
	c.waitServer(t, sv.ID, "ACTIVE")
	c.waitServer(t, dying.server, "gone")
	c.waitVolume(t, dying.volume, "available")
	c.waitVolume(t, fresh.ID, "available")
	eventually(t, "the volume has grown", func() bool {
		v, err := volumes.Get(ctx, c.volume, vol.ID).Extract()
		return must(t, v, err).Size == 4 && v.Status == "available"
	})
}

func TestDeletionDoesNotWaitForTheBuild(t *testing.T) {
	c := open(t, emulator.Options{BuildDelay: 2 * time.Second})
	st := c.stack(t, "orders")
	start := time.Now()
	if err := servers.Delete(t.Context(), c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, st.server, "gone")
	if took := time.Since(start); took > 1500*time.Millisecond {
		t.Errorf("the deletion took %s", took)
	}
	c.waitVolume(t, st.volume, "available")
}

func TestNoSecretIsWrittenDown(t *testing.T) {
	dir := t.TempDir()
	c := open(t, emulator.Options{Dir: dir})
	p := c.port(t, "orders")
	sv, err := servers.Create(t.Context(), c.compute, servers.CreateOpts{
		Name: "orders", FlavorRef: "d1", ImageRef: c.imageID(t), Networks: []servers.Network{{Port: p.ID}},
		UserData: []byte("#cloud-config\nkey: per-machine-secret\n"),
	}, nil).Extract()
	must(t, sv, err)
	c.waitServer(t, sv.ID, "ACTIVE")
	token := c.provider.Token()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Contains(string(raw), token) {
			t.Errorf("%s holds a token", path)
		}
		if filepath.Base(path) != "user_data" && strings.Contains(string(raw), "per-machine-secret") {
			t.Errorf("%s holds user-data", path)
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
