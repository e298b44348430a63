package mariadb

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		e := newEngine(t, newHost(t, 0))
		return enginetest.Subject{
			Engine: e, Again: func() engine.Engine { return newEngine(t, e.Host) }, Crash: func() { kill(t, e) },
			Catalog: e.Catalog, Version: e.Series, Facts: enginetest.MariaDB(), Host: e.Host,
			Connect: enginetest.MySQLClient(e.Host),
			ByHand:  func(ctx context.Context, statement string) error { return byHand(ctx, e, statement) },
		}
	})
}

// newHost makes the directories of a host and a free port. The server runs as its own user, who cannot enter the
// directories that testing makes.
func newHost(t *testing.T, ramMiB int) engine.Host {
	t.Helper()
	root, err := os.MkdirTemp("", "engine-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return hostIn(t, root, ramMiB)
}

func hostIn(t *testing.T, root string, ramMiB int) engine.Host {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	h := engine.Host{
		Data: filepath.Join(root, "data"), Conf: filepath.Join(root, "conf"), Run: filepath.Join(root, "run"), Log: filepath.Join(root, "log"),
		Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, RAMMiB: ramMiB,
	}
	for _, directory := range []string{h.Data, h.Conf, h.Run, h.Log} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func newEngine(t *testing.T, h engine.Host) *Engine {
	t.Helper()
	e, err := New(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(e.Paths.Errors)
			t.Logf("the server's log:\n%s", string(text[max(0, len(text)-4000):]))
		}
	})
	return e
}

func kill(t *testing.T, e *Engine) {
	t.Helper()
	pid, ok := e.Process.Find()
	if !ok {
		t.Fatal("there is no server to kill")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); e.Running(); {
		if time.Now().After(end) {
			t.Fatal(fmt.Errorf("process %d outlives its death", pid))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// byHand runs a statement as the engine's administrator.
func byHand(ctx context.Context, e *Engine, statement string) error {
	s, err := e.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Exec(ctx, statement)
}
