package postgresql

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

func conflict(t *testing.T, err error) {
	t.Helper()
	var known *guest.Error
	if !errors.As(err, &known) || known.Kind != guest.KindConflict {
		t.Errorf("got %v, want a conflict", err)
	}
}

func TestForeignDataIsLeftAlone(t *testing.T) {
	t.Parallel()
	enginetest.ForeignDataIsLeftAlone(t, func(t *testing.T, h engine.Host) engine.Engine { return newEngine(t, h) }, "postgresql/orders.csv", "PG_VERSION", "mysql/ibdata1", "redis/dump.rdb")
}

func TestDataOfAnotherSeriesIsLeftAlone(t *testing.T) {
	t.Parallel()
	ctx, e := context.Background(), newEngine(t, enginetest.NewHost(t, 0))
	must(t, e.Prepare(ctx, nil))
	must(t, os.WriteFile(filepath.Join(e.paths.data, "PG_VERSION"), []byte("9\n"), 0o600))
	conflict(t, e.Prepare(ctx, nil))
}

// A preparation that was cut short leaves a directory that holds nothing yet; the next one begins again. What comes with
// the data and would be stronger than the agent's files is gone.
func TestPrepareAfterItsDeath(t *testing.T) {
	t.Parallel()
	h := enginetest.NewHost(t, 256)
	leftover := filepath.Join(h.Data, unfinished+"123")
	must(t, os.MkdirAll(filepath.Join(leftover, "base"), 0o700))
	must(t, os.MkdirAll(filepath.Join(h.Data, "lost+found"), 0o700))
	ctx, e, s := start(t, h)
	if there(leftover) {
		t.Error("the unfinished directory is still there")
	}
	must(t, s.exec(ctx, "ALTER SYSTEM SET work_mem = '64kB'"))
	must(t, s.exec(ctx, "ALTER ROLE postgres PASSWORD 'x'"))
	s.close()
	must(t, e.Stop(ctx))
	must(t, e.Start(ctx))
	settings, err := e.ReadSettings(ctx, []string{"work_mem"})
	must(t, err)
	if settings["work_mem"].Running != "4MB" {
		t.Errorf("what ALTER SYSTEM set is in force: %+v", settings)
	}
	must(t, e.within(ctx, maintenance, func(s *session) error {
		roles, err := readRoles(ctx, s)
		if err == nil && roles[superuser].verifier != "" {
			t.Error("the server's own account has a password")
		}
		return err
	}))
}

// A killed server leaves processes behind that work on; the next start does not wait for them.
func TestOrphansOfACrash(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	create(ctx, t, e, "shop")
	busy := make(chan error, 1)
	go func() { busy <- s.exec(ctx, "SELECT count(*) FROM generate_series(1, 100000000000)") }()
	watcher, err := e.session(ctx, maintenance)
	must(t, err)
	defer watcher.close()
	for active := ""; active != "1"; {
		active, err = watcher.value(ctx, "SELECT count(*)::text FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1,%' AND pid <> pg_backend_pid()")
		must(t, err)
	}
	kill(t, e)
	if len(e.orphans()) == 0 {
		t.Error("nothing is left of the killed server, so that this shows nothing")
	}
	must(t, e.Start(ctx))
	if err := <-busy; err == nil {
		t.Error("a query outlives its server")
	}
	if list, err := e.ListDatabases(ctx); err != nil || len(list) != 1 {
		t.Errorf("databases are %+v, %v", list, err)
	}
	kill(t, e)
	must(t, e.Stop(ctx))
	if left := e.orphans(); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// Clients who stay do not keep the server from ending.
func TestStopDoesNotWaitForClients(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	if _, err := s.value(ctx, "SELECT 'I am here'"); err != nil {
		t.Fatal(err)
	}
	must(t, e.Stop(ctx))
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusShutdown {
		t.Errorf("state is %+v, %v", state, err)
	}
}

func TestStalePidOfAnotherProcess(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	s.close()
	must(t, e.Stop(ctx))
	for _, path := range []string{e.paths.pid, filepath.Join(e.paths.data, "postmaster.pid")} {
		must(t, os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o644))
	}
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusCrashed {
		t.Errorf("state is %+v, %v", state, err)
	}
	must(t, e.Start(ctx))
}

func TestLongPaths(t *testing.T) {
	t.Parallel()
	root := enginetest.NewHost(t, 0)
	long := filepath.Join(root.Data, strings.Repeat("long #name's ", 8), strings.Repeat("x", 60))
	must(t, os.MkdirAll(long, 0o755))
	ctx, e, _ := start(t, enginetest.HostIn(t, long, 256))
	if len(e.paths.socket) <= native.MaxSocketPath {
		t.Fatalf("the path %s is not long", e.paths.socket)
	}
	create(ctx, t, e, "shop")
}

// A taken port ends the server while it starts: Start says so and does not wait.
func TestStartSaysWhyItFails(t *testing.T) {
	t.Parallel()
	ctx, first, _ := start(t, enginetest.NewHost(t, 256))
	h := enginetest.NewHost(t, 256)
	h.Port = first.host.Port
	second := newEngine(t, h)
	must(t, second.Prepare(ctx, nil))
	err := second.Start(ctx)
	if err == nil || !strings.Contains(err.Error(), "ddress already in use") {
		t.Errorf("starting on a taken port: %v", err)
	}
}

// The memory follows the flavor at each start.
func TestMemoryFitsTheFlavor(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	s.close()
	for _, c := range []struct {
		ram           int
		buffers, work string
	}{{256, "64MB", "16MB"}, {512, "128MB", "32MB"}} {
		must(t, e.Stop(ctx))
		e.host.RAMMiB = c.ram
		must(t, e.Start(ctx))
		all, err := e.ReadSettings(ctx, []string{"shared_buffers", "maintenance_work_mem"})
		must(t, err)
		for name, want := range map[string]string{"shared_buffers": c.buffers, "maintenance_work_mem": c.work} {
			if all[name] != (guest.Setting{Running: want, Default: want}) {
				t.Errorf("with %d MiB %s is %+v, want %s", c.ram, name, all[name], want)
			}
		}
	}
	must(t, e.Stop(ctx))
	if _, err := e.Configure(ctx, engine.Settings{"shared_buffers": "32MB"}); err != nil {
		t.Fatal(err)
	}
	must(t, e.Start(ctx))
	all, err := e.ReadSettings(ctx, nil)
	must(t, err)
	if all["shared_buffers"] != (guest.Setting{Running: "32MB", Configured: "32MB", Default: "128MB"}) {
		t.Errorf("a config group's value is %+v", all)
	}
}

// The server runs as postgres also where postgres cannot enter the directories above its own, and as the named user when
// one is named. It never runs as root.
func TestWhoTheServerRunsAs(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only root can choose; an ordinary user's server is his own, which TestOrdinaryUser shows")
		return
	}
	_, e, _ := start(t, enginetest.NewHost(t, 256))
	if owner := ownerOf(t, e); owner != superuser {
		t.Errorf("the server runs as %s", owner)
	}
	ctx, private, _ := start(t, enginetest.HostIn(t, t.TempDir(), 256))
	if owner := ownerOf(t, private); owner != superuser {
		t.Errorf("where only root can enter, the server runs as %s", owner)
	}
	create(ctx, t, private, "shop")
	h := enginetest.NewHost(t, 256)
	h.User = "nobody"
	named := newEngine(t, h)
	named.binaries = filepath.Dir(named.process.Binary) // the template is another user's
	must(t, named.Prepare(ctx, nil))
	must(t, named.Start(ctx))
	if owner := ownerOf(t, named); owner != "nobody" {
		t.Errorf("the server runs as %s", owner)
	}
	h = enginetest.NewHost(t, 256)
	h.User = "no-such-user"
	conflict(t, newEngine(t, h).Prepare(context.Background(), nil))
}

func ownerOf(t *testing.T, e *Engine) string {
	t.Helper()
	pid, _ := e.process.Find()
	return enginetest.OwnerOf(t, pid)
}

// TestInitialise is the one that makes a data directory from nothing.
func TestInitialise(t *testing.T) {
	t.Parallel()
	ctx, e := context.Background(), newEngine(t, enginetest.NewHost(t, 0))
	e.binaries = filepath.Dir(e.process.Binary)
	must(t, e.Prepare(ctx, nil))
	must(t, e.Start(ctx))
	must(t, e.within(ctx, maintenance, func(s *session) error {
		sums, err := s.value(ctx, "SHOW data_checksums")
		if err == nil && sums != "on" {
			t.Error("there are no checksums")
		}
		return err
	}))
}

// TestOrdinaryUser runs a part of the contract again as somebody who is not root.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	enginetest.AsNobody(t, "^(TestContract|TestLongPaths|TestOrphansOfACrash)$/^(lifecycle|crash|grants|certificates)$", "TestContract/lifecycle")
}

// agentsValues are what the agent that dies in TestAgent has configured.
var agentsValues = engine.Settings{"max_connections": "23"}

func TestAgent(t *testing.T) {
	enginetest.DieAsAgent(t, func(h engine.Host) (engine.Engine, error) { return New(h) }, agentsValues)
}

func TestEngineOutlivesItsAgent(t *testing.T) {
	t.Parallel()
	h := enginetest.NewHost(t, 256)
	enginetest.OutlivesItsAgent(t, h, newEngine(t, h), agentsValues)
}
