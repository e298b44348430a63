package redis

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

func TestForeignDataIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"redis/dump.rdb", "dump.rdb", "appendonlydir/appendonly.aof.manifest", "ibdata1", "mysql/ibdata1", "postgresql/PG_VERSION", "valkey/dump.rdb",
	} {
		h := enginetest.NewHost(t, 0)
		path := filepath.Join(h.Data, file)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte("precious"), 0o644))
		kind(t, newServer(t, New, h).Prepare(context.Background(), nil), guest.KindConflict)
		if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
			t.Errorf("%s was touched: %q %v", file, text, err)
		}
	}
}

func TestDataOfAnotherSeriesIsLeftAlone(t *testing.T) {
	t.Parallel()
	ctx, e := context.Background(), newServer(t, New, enginetest.NewHost(t, 0))
	must(t, e.Prepare(ctx, nil))
	for _, other := range []string{"redis 7.2.4", "redis 7.01.0", "valkey 7.0.15", ""} {
		must(t, os.WriteFile(e.paths.mark, []byte(other), 0o644))
		kind(t, e.Prepare(ctx, nil), guest.KindConflict)
	}
}

// A preparation that was cut short leaves a directory that holds nothing yet; the next one begins again.
func TestPrepareAfterItsDeath(t *testing.T) {
	t.Parallel()
	h := enginetest.NewHost(t, 0)
	leftover := filepath.Join(h.Data, unfinished+"123")
	must(t, os.MkdirAll(leftover, 0o700))
	must(t, os.MkdirAll(filepath.Join(h.Data, "lost+found"), 0o700))
	start(t, h)
	if _, err := os.Stat(leftover); err == nil {
		t.Error("the unfinished directory is still there")
	}
}

// Whoever drops the agent's account, or has its password forgotten, locks it out until the next start.
func TestAgentsAccountHealsItself(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	_, err := e.PutUser(ctx, guest.PutUser{Name: "app", Verifier: e.catalog.Verifier("x", nil)})
	must(t, err)
	for _, lockOut := range []func() error{
		func() error { return s.do(ctx, "ACL", "SETUSER", agentAccount, "resetpass", ">another") },
		func() error { return os.Remove(e.paths.password) },
	} {
		must(t, lockOut())
		if state, err := e.State(ctx); err != nil || state.Status != guest.StatusStarting {
			t.Errorf("locked out, the state is %+v, %v", state, err)
		}
		if err := e.Start(ctx); err == nil {
			t.Error("locked out, Start says that all is well")
		}
		must(t, e.Stop(ctx))
		must(t, e.Start(ctx))
		if users, err := e.ListUsers(ctx); err != nil || len(users) != 1 {
			t.Errorf("users are %+v, %v", users, err)
		}
	}
	info, err := os.Stat(e.paths.password)
	must(t, err)
	if info.Mode().Perm() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		t.Errorf("the agent's password is readable by others: %v", info.Mode())
	}
}

func TestStalePidOfAnotherProcess(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	must(t, e.Stop(ctx))
	must(t, os.WriteFile(e.paths.pid, []byte(strconv.Itoa(os.Getpid())), 0o644))
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusCrashed {
		t.Errorf("state is %+v, %v", state, err)
	}
	must(t, e.Start(ctx))
}

func TestLongPaths(t *testing.T) {
	t.Parallel()
	root, err := os.MkdirTemp("", "engine-*")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	must(t, os.Chmod(root, 0o755))
	long := filepath.Join(root, strings.Repeat(`long #name's "`, 8), strings.Repeat("x", 60))
	must(t, os.MkdirAll(long, 0o755))
	ctx, e, _ := start(t, enginetest.HostIn(t, long, 0))
	if len(e.paths.socket) <= native.MaxSocketPath {
		t.Fatalf("the path %s is not long", e.paths.socket)
	}
	_, err = e.PutUser(ctx, guest.PutUser{Name: "app", Verifier: e.catalog.Verifier("x", nil)})
	must(t, err)
}

// A taken port ends the server while it starts: Start says so and does not wait.
func TestStartSaysWhyItFails(t *testing.T) {
	t.Parallel()
	ctx, first, _ := start(t, enginetest.NewHost(t, 0))
	h := enginetest.NewHost(t, 0)
	h.Port = first.host.Port
	second := newServer(t, New, h)
	must(t, second.Prepare(ctx, nil))
	if err := second.Start(ctx); err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("starting on a taken port: %v", err)
	}
}

// A child that writes a dump has the arguments of its parent and may outlive it: it is no server.
func TestAnOrphanedChildIsNoServer(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "app", "x", "~*", "+set")
	client := connect(t, e, "app", "x")
	for i := range 100 {
		must(t, client.Set(ctx, strconv.Itoa(i), "x", 0).Err())
	}
	must(t, s.do(ctx, "CONFIG", "SET", "rdb-key-save-delay", "100000"))
	must(t, s.do(ctx, "BGSAVE"))
	parent, _ := e.process.Find()
	must(t, syscall.Kill(parent, syscall.SIGKILL))
	for end := time.Now().Add(10 * time.Second); syscall.Kill(parent, 0) == nil && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusCrashed {
		t.Errorf("the state is %+v, %v", state, err)
	}
	must(t, e.Start(ctx))
	pid, _ := e.process.Find()
	s, err := e.session(ctx)
	must(t, err)
	defer s.Close()
	info, err := s.info(ctx, "server", "keyspace")
	must(t, err)
	if info["process_id"] != strconv.Itoa(pid) || !strings.HasPrefix(info["db0"], "keys=100,") {
		t.Errorf("process %d says %v", pid, info)
	}
}

func TestMemoryFollowsTheFlavor(t *testing.T) {
	t.Parallel()
	h := enginetest.NewHost(t, 256)
	ctx, e, _ := start(t, h)
	expect := func(e *Engine, want guest.Setting) {
		t.Helper()
		all, err := e.ReadSettings(ctx, []string{"maxmemory"})
		must(t, err)
		if all["maxmemory"] != want {
			t.Errorf("maxmemory is %+v, want %+v", all["maxmemory"], want)
		}
	}
	expect(e, guest.Setting{Running: "100663296", Default: "100663296"})
	must(t, e.Stop(ctx))
	h.RAMMiB = 1024
	larger := newServer(t, New, h)
	must(t, larger.Start(ctx))
	expect(larger, guest.Setting{Running: "704643072", Default: "704643072"})
	_, err := larger.Configure(ctx, engine.Settings{"maxmemory": "64mb"})
	must(t, err)
	expect(larger, guest.Setting{Running: "67108864", Configured: "67108864", Default: "704643072"})
	_, err = larger.Configure(ctx, nil)
	must(t, err)
	expect(larger, guest.Setting{Running: "704643072", Default: "704643072"})
}

// The server runs as redis when it can, and as the named user or not at all when one is named.
func TestWhoTheServerRunsAs(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only root can choose; an ordinary user's server is his own, which TestOrdinaryUser shows")
		return
	}
	_, e, _ := start(t, enginetest.NewHost(t, 0))
	if owner := ownerOf(t, e); owner != "redis" {
		t.Errorf("the server runs as %s", owner)
	}
	_, private, _ := start(t, enginetest.HostIn(t, t.TempDir(), 0))
	if owner := ownerOf(t, private); owner != "root" {
		t.Errorf("where only root can enter, the server runs as %s", owner)
	}
	h := enginetest.HostIn(t, t.TempDir(), 0)
	h.User = "no-such-user"
	kind(t, newServer(t, New, h).Prepare(context.Background(), nil), guest.KindConflict)
}

func ownerOf(t *testing.T, e *Engine) string {
	t.Helper()
	pid, _ := e.process.Find()
	return enginetest.OwnerOf(t, pid)
}

// TestOrdinaryUser runs the contract again as somebody who is not root.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	enginetest.AsNobody(t, "^(TestContract|TestLongPaths|TestAgentsAccountHealsItself)$", "TestContract/redis/lifecycle")
}

// agentsValues are what the agent that dies in TestAgent has configured.
var agentsValues = engine.Settings{"maxclients": "123"}

func TestAgent(t *testing.T) {
	enginetest.DieAsAgent(t, func(h engine.Host) (engine.Engine, error) { return New(h) }, agentsValues)
}

func TestEngineOutlivesItsAgent(t *testing.T) {
	t.Parallel()
	h := enginetest.NewHost(t, 256)
	enginetest.OutlivesItsAgent(t, h, newServer(t, New, h), agentsValues)
}
