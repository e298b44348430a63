package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/agent"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/transport/pipe"
)

const (
	volumeID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
	soon     = 10 * time.Second
)

// A world is a guest's root with a disk, and the agent that lives there.
type world struct {
	t      *testing.T
	root   string
	disk   string
	config agent.Config
	hidden bool // the engine has no optional powers
	ends   chan struct{}

	engine  atomic.Pointer[tiny]
	reloads atomic.Int32
	ids     atomic.Int32
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, root: t.TempDir()}
	w.disk = w.addDisk(volumeID, 3)
	w.config = agent.Config{
		Root: w.root, Version: "9.9", Watch: 20 * time.Millisecond, VolumeWait: 100 * time.Millisecond,
		NewEngine: func(name string, host engine.Host) (engine.Engine, error) {
			if name != "tiny" {
				return nil, guest.Errorf(guest.KindUnsupported, "no engine %s", name)
			}
			e, err := newTiny(host)
			if err != nil {
				return nil, err
			}
			e.ends = w.ends
			w.engine.Store(e)
			if w.hidden {
				return plain{e}, nil
			}
			return e, nil
		},
		ReloadSSH: func(context.Context) error {
			w.reloads.Add(1)
			return errors.New("there is no SSH server here")
		},
	}
	w.born(guest.AgentConfig{
		Member: "m-1", Engine: "tiny", Version: "1.2", Address: "127.0.0.1", Port: 3306, RAMMiB: 256, VolumeID: volumeID,
		Generation: 1, DigestKey: strings.Repeat("ab", 32),
	})
	return w
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.root}, parts...)...)
}

func (w *world) write(path, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(path string) string {
	w.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// addDisk attaches an emulated disk and returns its directory.
func (w *world) addDisk(id string, sizeGiB int) string {
	w.t.Helper()
	dir := w.t.TempDir()
	w.write(filepath.Join(dir, "size"), fmt.Sprintln(sizeGiB))
	link := w.path("dev/disk/by-id", "virtio-"+id[:20])
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Symlink(dir, link); err != nil {
		w.t.Fatal(err)
	}
	return dir
}

func (w *world) born(config guest.AgentConfig) {
	w.t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(w.path(guest.AgentConfigPath), string(text))
}

// open opens an agent that does not run: it answers, and no engine is started but by requests.
func (w *world) open() *agent.Agent {
	w.t.Helper()
	a, err := agent.Open(w.config)
	if err != nil {
		w.t.Fatalf("opening the agent: %v", err)
	}
	w.t.Cleanup(func() {
		if err := a.Close(); err != nil {
			w.t.Errorf("closing the agent: %v", err)
		}
	})
	return a
}

// run runs the agent until the returned function is called, which returns what Run did.
func (w *world) run(a *agent.Agent) (stop func() error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	w.t.Cleanup(func() {
		if err := stop(); err != nil {
			w.t.Errorf("running the agent: %v", err)
		}
	})
	return stop
}

// client calls the agent through a pipe.
func (w *world) client(handler guest.Handler) *guest.Client {
	w.t.Helper()
	here, there := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = pipe.Serve(ctx, there, handler)
	}()
	carrier := pipe.Dial(here)
	w.t.Cleanup(func() {
		_ = carrier.Close()
		cancel()
		<-served
	})
	return guest.NewClient(carrier, nil)
}

// id makes a request id that was not used before.
func (w *world) id() string { return fmt.Sprint("intent-", w.ids.Add(1)) }

func (w *world) prepare(c *guest.Client) {
	w.t.Helper()
	prepared, err := c.Prepare(w.t.Context(), w.id(), guest.Prepare{VolumeID: volumeID, Values: map[string]string{"a": "1"}})
	if err != nil {
		w.t.Fatalf("prepare: %v", err)
	}
	if prepared.RunningVersion != "1.2.3" {
		w.t.Errorf("prepared version %q", prepared.RunningVersion)
	}
}

func wantKind(t *testing.T, err error, kind guest.ErrorKind, words ...string) {
	t.Helper()
	var got *guest.Error
	if !errors.As(err, &got) || got.Kind != kind {
		t.Fatalf("error is %v, want kind %s", err, kind)
	}
	for _, word := range words {
		if !strings.Contains(got.Message, word) {
			t.Errorf("error says %q, which lacks %q", got.Message, word)
		}
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}
