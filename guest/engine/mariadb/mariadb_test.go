package mariadb

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		e := newEngine(t, enginetest.NewHost(t, 0))
		return enginetest.Subject{
			Engine: e, Again: func() engine.Engine { return newEngine(t, e.Host) }, Crash: func() { kill(t, e) },
			Catalog: e.Catalog, Version: e.Series, Facts: enginetest.MariaDB(), Host: e.Host,
			Connect: enginetest.MySQLClient(e.Host),
			ByHand:  func(ctx context.Context, statement string) error { return byHand(ctx, e, statement) },
		}
	})
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
