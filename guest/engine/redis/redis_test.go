package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// asValkey makes the Redis of the machine the server of the manager valkey: Debian has no Valkey, which began as Redis 7.2.
func asValkey(h engine.Host) (*Engine, error) {
	e, err := New(h)
	if err != nil {
		return nil, err
	}
	v := newEngine(h, valkeyProduct, e.process.Binary, e.version)
	v.series = "7.2"
	return v, nil
}

func TestContract(t *testing.T) {
	t.Parallel()
	t.Run(Name, func(t *testing.T) { contract(t, New, "7.0") })
	t.Run(Valkey, func(t *testing.T) { contract(t, asValkey, "7.0") })
}

func contract(t *testing.T, open func(engine.Host) (*Engine, error), version string) {
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		e := newServer(t, open, newHost(t, 0))
		return enginetest.Subject{
			Engine: e, Again: func() engine.Engine { return newServer(t, open, e.host) }, Crash: func() { kill(t, e) },
			Catalog: e.catalog, Version: version, Facts: facts(),
		}
	})
}

func facts() enginetest.Facts {
	return enginetest.Facts{
		BadUsers: []guest.PutUser{
			{Name: ""}, {Name: "a b"}, {Name: "a\x00b"}, {Name: "app", Host: "%"}, {Name: "app", Verifier: "plain"},
			{Name: "app", Rights: guest.Rights{ACL: []string{"+config"}}}, {Name: "app", Rights: guest.Rights{ACL: []string{"nopass"}}},
			{Name: "app", Rights: guest.Rights{ACL: []string{">hunter2"}}}, {Name: "app", Rights: guest.Rights{ACL: []string{"+@nonsense"}}},
			{Name: "app", Rights: guest.Rights{ACL: []string{"+nosuchcommand"}}}, {Name: "app", Rights: guest.Rights{Roles: []string{"r"}}},
			{Name: "app", Grants: []guest.Grant{{Database: "0", Privileges: []string{"ALL"}}}},
		},
		Dynamic: enginetest.Knob{Name: "maxclients", Default: "10000", One: "201", OneIs: "201", Two: "300", TwoIs: "300"},
		Second: enginetest.Knob{
			Name: "client_query_buffer_limit", Default: "1073741824", One: "32mb", OneIs: "33554432", Two: "64MB", TwoIs: "67108864",
		},
		Static: enginetest.Knob{Name: "databases", Default: "16", One: "32", OneIs: "32", Two: "24", TwoIs: "24"},
		BadSettings: []engine.Settings{
			{"maxclients": "0"}, {"no_such_parameter": "1"}, {"dir": "/"}, {"appendonly": "perhaps"}, {"maxmemory_policy": "none"},
			{"requirepass": "x"}, {"save": "1"}, {"port": "1"},
		},
	}
}

// newHost makes the directories of a host and a free port. The server runs as its own user, who cannot enter the
// directories that testing makes.
func newHost(t *testing.T, ramMiB int) engine.Host {
	t.Helper()
	root, err := os.MkdirTemp("", "engine-*")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(root)) })
	must(t, os.Chmod(root, 0o755))
	return hostIn(t, root, ramMiB)
}

func hostIn(t *testing.T, root string, ramMiB int) engine.Host {
	t.Helper()
	h := engine.Host{
		Data: filepath.Join(root, "data"), Conf: filepath.Join(root, "conf"), Run: filepath.Join(root, "run"), Log: filepath.Join(root, "log"),
		Address: "127.0.0.1", Port: freePorts(t), RAMMiB: ramMiB,
	}
	for _, directory := range []string{h.Data, h.Conf, h.Run, h.Log} {
		must(t, os.MkdirAll(directory, 0o755))
	}
	return h
}

// freePorts finds a free port with a free one after it, where TLS may be offered.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		must(t, first.Close())
		if err == nil {
			must(t, second.Close())
			return port
		}
	}
	t.Fatal("there are no two free ports side by side")
	return 0
}

func newServer(t *testing.T, open func(engine.Host) (*Engine, error), h engine.Host) *Engine {
	t.Helper()
	e, err := open(h)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(e.paths.errors)
			t.Logf("the server's log:\n%s", lastLines(string(text), 20))
		}
	})
	return e
}

// start prepares and starts a server and returns the administrative session beside the engine.
func start(t *testing.T, h engine.Host) (context.Context, *Engine, *session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	e := newServer(t, New, h)
	must(t, e.Prepare(ctx, nil))
	must(t, e.Start(ctx))
	s, err := e.session(ctx)
	must(t, err)
	t.Cleanup(s.Close)
	return ctx, e, s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(t *testing.T, err error, want guest.ErrorKind) {
	t.Helper()
	if known, ok := errors.AsType[*guest.Error](err); !ok || known.Kind != want {
		t.Errorf("got %v, want an error of kind %s", err, want)
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
			t.Fatalf("process %d outlives its death", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// connect is an ordinary client over TCP.
func connect(t *testing.T, e *Engine, name, password string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: fmt.Sprintf("%s:%d", e.host.Address, e.host.Port), Username: name, Password: password, Protocol: 2,
		DisableIdentity: true, MaxRetries: -1, PoolSize: 1, DialerRetries: 1,
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}
