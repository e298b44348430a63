package postgresql

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		e := newEngine(t, enginetest.NewHost(t, 0))
		return enginetest.Subject{
			Engine: e, Again: func() engine.Engine { return newEngine(t, e.host) }, Crash: func() { kill(t, e) },
			Catalog: e.catalog, Version: e.series, Facts: enginetest.PostgreSQL(), Host: e.host,
			Connect: func(ctx context.Context, login enginetest.Login) (enginetest.Client, error) {
				c, err := connect(ctx, e, login)
				if err != nil {
					return nil, err
				}
				return c, nil
			},
			ByHand: func(ctx context.Context, statement string) error {
				return e.within(ctx, maintenance, func(s *session) error {
					if err := s.exec(ctx, statement); err != nil {
						return err
					}
					return e.reload(ctx, s) // some take effect with it only
				})
			},
		}
	})
}

// client is an ordinary one over TCP.
type client struct{ conn *pgx.Conn }

func connect(ctx context.Context, e *Engine, login enginetest.Login) (*client, error) {
	config, err := pgx.ParseConfig("host=127.0.0.1 port=1 user=x dbname=x sslmode=disable passfile=/dev/null servicefile=/dev/null")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.User, config.Password = e.host.Address, uint16(e.host.Port), login.Name, login.Password
	config.TLSConfig = login.TLS
	if config.Database = login.Database; config.Database == "" {
		config.Database = maintenance
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &client{conn}, nil
}

func (c *client) Exec(ctx context.Context, statement string) error {
	_, err := c.conn.Exec(ctx, statement)
	return err
}

func (c *client) Close() error { return c.conn.Close(context.Background()) }

// template is a data directory that the real initdb made once for all tests of this process: it takes most of a second of
// the processor.
var template = sync.OnceValues(func() (string, error) {
	root, err := os.MkdirTemp("", "template-*")
	if err != nil {
		return "", err
	}
	templateRoot = root
	h := engine.Host{Data: filepath.Join(root, "data"), Conf: root, Run: root, Log: root, Address: "127.0.0.1", Port: 5432}
	if err := errors.Join(os.Chmod(root, 0o755), os.Mkdir(h.Data, 0o755)); err != nil {
		return "", err
	}
	e, err := newOn(h)
	if err != nil {
		return "", err
	}
	if err := e.Prepare(context.Background(), nil); err != nil {
		return "", err
	}
	copier := fmt.Sprintf("#!/bin/sh\nexec cp -a '%s/.' \"$2\"\n", e.paths.data)
	return root, os.WriteFile(filepath.Join(root, "initdb"), []byte(copier), 0o755)
})

var templateRoot string

// newOn is New, on request with the server at TROVE_TEST_POSTGRES in place of the one that is found: with it the tests tell
// what another version does.
func newOn(h engine.Host) (*Engine, error) {
	e, err := New(h)
	path := os.Getenv("TROVE_TEST_POSTGRES")
	if err != nil || path == "" {
		return e, err
	}
	if e.version, err = versionOf(path); err != nil {
		return nil, err
	}
	e.series, _, _ = strings.Cut(e.version, ".")
	e.process.Binary, e.binaries = path, filepath.Dir(path)
	return e, nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(templateRoot)
	os.Exit(code)
}

func newEngine(t *testing.T, h engine.Host) *Engine {
	t.Helper()
	e, err := newOn(h)
	must(t, err)
	e.binaries, err = template()
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(e.paths.server)
			t.Logf("the server's log:\n%s", lastLines(string(text), 20))
		}
	})
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kill(t *testing.T, e *Engine) {
	t.Helper()
	pid, ok := e.process.Find()
	if !ok {
		t.Fatal("there is no server to kill")
	}
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	for end := time.Now().Add(10 * time.Second); e.running(); {
		if time.Now().After(end) {
			t.Fatal(fmt.Errorf("process %d outlives its death", pid))
		}
		time.Sleep(5 * time.Millisecond)
	}
}
