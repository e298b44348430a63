package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/pipe"
)

// beAgent makes the test's own binary be the agent.
const beAgent = "TROVE_TEST_BE_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(beAgent) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const (
	volumeID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	soon     = 60 * time.Second
)

// A testGuest is a guest's root with a disk, and real processes in it.
type testGuest struct {
	t    *testing.T
	root string
	port int

	daemon *exec.Cmd
	log    *bytes.Buffer
	mu     sync.Mutex // of log
}

// newGuest makes a root that the engine's own user may pass through, unlike the test's temporary directory.
func newGuest(t *testing.T, engineName string, deep ...string) *testGuest {
	t.Helper()
	top, err := os.MkdirTemp("", "guest")
	if err != nil {
		t.Fatal(err)
	}
	g := &testGuest{t: t, root: filepath.Join(append([]string{top}, deep...)...), port: freePort(t), log: &bytes.Buffer{}}
	t.Cleanup(func() {
		g.killAll()
		if err := os.RemoveAll(top); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	born, err := json.Marshal(guest.AgentConfig{
		Member: "m-1", Engine: engineName, Version: "10.11", Address: "127.0.0.1", Port: g.port, RAMMiB: 256,
		VolumeID: volumeID, Generation: 1, DigestKey: strings.Repeat("01", 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	g.write(guest.AgentConfigPath, string(born), 0o600)
	g.write("disks/a/size", "2\n", 0o644)
	g.write("usr/bin/systemctl", "#!/bin/sh\necho \"$@\" >>\"$TROVE_GUEST_ROOT/systemctl.log\"\n", 0o755)
	link := filepath.Join(g.root, "dev/disk/by-id/virtio-"+volumeID[:20])
	if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(filepath.Join(g.root, "disks/a"), link)); err != nil {
		t.Fatal(err)
	}
	return g
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

func (g *testGuest) write(path, text string, mode os.FileMode) {
	g.t.Helper()
	path = filepath.Join(g.root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
		g.t.Fatal(err)
	}
}

func (g *testGuest) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = []string{
		beAgent + "=1", "TROVE_GUEST_ROOT=" + g.root, "HOME=" + g.root,
		"PATH=" + filepath.Join(g.root, "usr/bin") + ":" + os.Getenv("PATH") + ":/usr/sbin:/sbin",
	}
	cmd.Dir = "/"
	return cmd
}

// Write collects the daemon's log.
func (g *testGuest) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.Write(p)
}

func (g *testGuest) logged() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.String()
}

func (g *testGuest) start() {
	g.t.Helper()
	read, write, err := os.Pipe() // the engine inherits no stream that Wait would wait for
	if err != nil {
		g.t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(g, read)
		_ = read.Close()
	}()
	g.daemon = g.command("daemon")
	g.daemon.Stderr, g.daemon.Stdout = write, write
	if err := errors.Join(g.daemon.Start(), write.Close()); err != nil {
		g.t.Fatal(err)
	}
}

// end sends the daemon a signal and waits for it.
func (g *testGuest) end(signal unix.Signal) error {
	g.t.Helper()
	if err := g.daemon.Process.Signal(signal); err != nil {
		g.t.Fatal(err)
	}
	return g.daemon.Wait()
}

// engine is the pid of the guest's MariaDB server, 0 when none runs.
func (g *testGuest) engine() int {
	for _, pid := range g.processes() {
		name, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err == nil && strings.HasPrefix(filepath.Base(name), "mariadbd") {
			return pid
		}
	}
	return 0
}

// processes are the pids of everything that lives in this guest: its root is in their environment.
func (g *testGuest) processes() []int {
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		g.t.Fatal(err)
	}
	var pids []int
	for _, entry := range entries {
		line, err := os.ReadFile(entry)
		environment, _ := os.ReadFile(filepath.Join(filepath.Dir(entry), "environ"))
		if err != nil || !bytes.Contains(append(line, environment...), []byte(g.root)) {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(entry, "/proc/%d/", &pid); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killAll ends what a test left; it leaves alone what does not name this guest's root.
func (g *testGuest) killAll() {
	if g.daemon != nil && g.daemon.ProcessState == nil {
		_ = g.daemon.Process.Kill()
		_ = g.daemon.Wait()
	}
	for deadline := time.Now().Add(soon); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		left := g.processes()
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	g.t.Error("processes of the guest do not end")
}

// An rpc is the forced command, as SSH would run it.
type rpc struct {
	io.Reader
	io.WriteCloser
}

func (r rpc) Close() error { return r.WriteCloser.Close() }

// client calls the daemon by way of the forced command.
func (g *testGuest) client(args ...string) *guest.Client {
	g.t.Helper()
	cmd := g.command(append([]string{"rpc"}, args...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	carrier := pipe.Dial(rpc{out, in})
	g.t.Cleanup(func() {
		_ = carrier.Close()
		_ = cmd.Wait() // its status is 1 where the daemon was ended
	})
	return guest.NewClient(carrier, nil)
}

func (g *testGuest) inspect() guest.Inspection {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), soon)
	defer cancel()
	seen, err := g.client().Inspect(ctx, guest.Inspect{})
	if err != nil {
		g.t.Fatalf("inspect: %v\nlog:\n%s", err, g.logged())
	}
	return seen
}

func (g *testGuest) eventually(what string, true func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(soon); !true(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			g.t.Fatalf("it never happened: %s\nlog:\n%s", what, g.logged())
		}
	}
}
