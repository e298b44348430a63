package machines

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/pipe"
	"github.com/trovectl/trovectl/providers/emulator"
)

// A simulation is one simulated machine with a disk and the key that opens its agent's channel.
type simulation struct {
	*Simulated
	t       *testing.T
	dir     string
	key     ssh.Signer
	address string
	port    int
	machine emulator.Machine
}

const diskID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

func newSimulation(t *testing.T, command string) *simulation {
	t.Helper()
	s := &simulation{t: t, dir: t.TempDir()}
	s.address, s.port = freeAddress(t)
	s.key, _ = newKey(t)
	disk := filepath.Join(t.TempDir(), "disk-of-cinder")
	if err := os.MkdirAll(filepath.Join(disk, "disk"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(disk, "size"), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	born, err := json.Marshal(guest.AgentConfig{
		Member: "m-1", Engine: "mariadb", Version: "10.11", Address: s.address, Port: 3306, VolumeID: diskID, Generation: 1,
		DigestKey: strings.Repeat("01", 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.machine = emulator.Machine{
		ID: "m1", Name: "host-m1", Address: s.address, Volumes: []emulator.Disk{{VolumeID: diskID, Dir: disk, SizeGiB: 1}},
		UserData: fmt.Appendf(nil, `#cloud-config
users:
  - name: trovectl
    ssh_authorized_keys: ['restrict,command="%s" %s']
write_files:
  - {path: /etc/trove-guestagent/agent.json, encoding: b64, content: %s}
runcmd:
  - echo ran >$TROVE_GUEST_ROOT/ran
`, command, keyLine(s.key), base64.StdEncoding.EncodeToString(born)),
	}
	s.again()
	return s
}

// again is another life of the emulator over the same directory, with the machine booted.
func (s *simulation) again() {
	s.t.Helper()
	var err error
	if s.Simulated, err = NewSimulated(s.dir, s.port, nil); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Boot(s.t.Context(), s.machine); err != nil {
		s.t.Fatal(err)
	}
	alive := s.Simulated
	s.t.Cleanup(func() {
		if err := alive.Stop(context.Background(), "m1"); err != nil {
			s.t.Error(err)
		}
	})
}

// channel is the agent's way in and out.
type channel struct {
	io.Reader
	io.WriteCloser
}

// client connects to the agent as trovectl does.
func (s *simulation) client() *guest.Client {
	s.t.Helper()
	w := &world{t: s.t, opts: Options{SSHPort: s.port}, address: s.address}
	connection, _, err := w.dial(guest.AgentUser, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	session, err := connection.NewSession()
	if err != nil {
		s.t.Fatal(err)
	}
	in, inErr := session.StdinPipe()
	out, outErr := session.StdoutPipe()
	if err := errors.Join(inErr, outErr, session.Start("anything: the key says what runs")); err != nil {
		s.t.Fatal(err)
	}
	carrier := pipe.Dial(channel{out, in})
	s.t.Cleanup(func() { _ = errors.Join(carrier.Close(), connection.Close()) })
	return guest.NewClient(carrier, nil)
}

func (s *simulation) inspect() guest.Inspection {
	s.t.Helper()
	seen, err := s.client().Inspect(s.t.Context(), guest.Inspect{})
	if err != nil {
		s.t.Fatal(err)
	}
	seen.StartedAt, seen.Volume, seen.Logs = "", nil, nil // these change with every life
	return seen
}

func TestSimulatedGuestOutlivesTheEmulator(t *testing.T) {
	s := newSimulation(t, "/usr/bin/trove-guestagent rpc")
	if got := s.inspect().Status; got != guest.StatusNew {
		t.Errorf("a new guest is %q", got)
	}
	c := s.client()
	_, prepare := c.Prepare(t.Context(), "p", guest.Prepare{VolumeID: diskID})
	_, put := c.PutDatabase(t.Context(), "d", guest.PutDatabase{Database: guest.Database{Name: "shop"}})
	if err := errors.Join(prepare, put); err != nil {
		t.Fatal(err)
	}
	before := s.inspect()
	if before.Status != guest.StatusHealthy || len(before.Databases) != 1 {
		t.Fatalf("prepared, it is %+v", before)
	}
	if err := s.Stop(t.Context(), "m1"); err != nil {
		t.Fatal(err)
	}
	if s.Running("m1") {
		t.Error("a stopped machine runs")
	}
	s.again()
	after := s.inspect()
	after.StartedAt, after.Logs = before.StartedAt, before.Logs // a start has a time, and a line in the log
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("after a restart (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"inspect": 1}, s.Requests()); diff != "" {
		t.Errorf("requests since the start: %s", diff)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "m1", "root", "ran")); err == nil {
		t.Error("a command of the user-data ran")
	}
}

// TestSimulatedAgentClosesWhereThereIsNoRoom: an agent that is opened again is the same one, and no reboot of its engine.
func TestSimulatedAgentClosesWhereThereIsNoRoom(t *testing.T) {
	s := newSimulation(t, "/usr/bin/trove-guestagent rpc")
	s.guests.opened(mostIdle) // the others
	g := &simulatedGuest{root: filepath.Join(s.dir, "m1", "root"), fleet: &s.guests}
	if err := errors.Join(g.join(), g.join()); err != nil {
		t.Fatal(err)
	}
	started := func() string {
		t.Helper()
		seen, err := guest.NewClient(direct{g}, nil).Inspect(t.Context(), guest.Inspect{})
		if err != nil {
			t.Fatal(err)
		}
		return seen.StartedAt
	}
	if _, err := guest.NewClient(direct{g}, nil).Prepare(t.Context(), "p", guest.Prepare{VolumeID: diskID}); err != nil {
		t.Fatal(err)
	}
	before := started()
	if err := g.leave(); err != nil || g.agent == nil {
		t.Errorf("the agent is closed under its other user: %v", err)
	}
	if err := g.leave(); err != nil || g.agent != nil {
		t.Errorf("the agent stays open: %v", err)
	}
	if err := g.join(); err != nil {
		t.Fatal(err)
	}
	if after := started(); after != before {
		t.Errorf("the engine started at %s, and now says %s", before, after)
	}
	if err := g.leave(); err != nil {
		t.Error(err)
	}
}

// direct calls a handler without a stream between.
type direct struct{ handler guest.Handler }

func (d direct) Call(ctx context.Context, request guest.Request) (json.RawMessage, error) {
	request.Version = guest.Version
	reply := d.handler.Handle(ctx, request)
	if reply.Error != nil {
		return nil, reply.Error
	}
	return reply.Result, nil
}

func (direct) Close() error { return nil }

func TestSimulatedChannelThatReadsOnly(t *testing.T) {
	c := newSimulation(t, "/usr/bin/trove-guestagent rpc --read-only").client()
	_, err := c.Prepare(t.Context(), "p", guest.Prepare{VolumeID: diskID})
	var refused *guest.Error
	if !errors.As(err, &refused) || refused.Kind != guest.KindDenied {
		t.Errorf("prepare on a channel that reads: %v", err)
	}
}

func TestSimulatedMachineRunsNothingElse(t *testing.T) {
	s := newSimulation(t, "/bin/sh")
	w := &world{t: t, opts: Options{SSHPort: s.port}, address: s.address}
	session, err := w.login(guest.AgentUser, s.key).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Run("id"); err == nil {
		t.Error("a command ran")
	}
}
