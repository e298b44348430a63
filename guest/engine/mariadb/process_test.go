package mariadb

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
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
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
	enginetest.ForeignDataIsLeftAlone(t, func(t *testing.T, h engine.Host) engine.Engine { return newEngine(t, h) }, "mysql/orders.csv", "ibdata1", "PG_VERSION", "postgresql/PG_VERSION")
}

func TestDataOfAnotherSeriesIsLeftAlone(t *testing.T) {
	t.Parallel()
	ctx, e := context.Background(), newEngine(t, enginetest.NewHost(t, 0))
	must(t, e.Prepare(ctx, nil))
	must(t, os.WriteFile(filepath.Join(e.Paths.Data, "mysql_upgrade_info"), []byte("11.4.2-MariaDB"), 0o644))
	conflict(t, e.Prepare(ctx, nil))
}

// A preparation that was cut short leaves a directory that holds nothing yet; the next one begins again.
func TestPrepareAfterItsDeath(t *testing.T) {
	t.Parallel()
	h := enginetest.NewHost(t, 256)
	leftover := filepath.Join(h.Data, ".mysql-unfinished-123")
	must(t, os.MkdirAll(filepath.Join(leftover, "mysql"), 0o700))
	must(t, os.MkdirAll(filepath.Join(h.Data, "lost+found"), 0o700))
	_, e, _ := start(t, h)
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unfinished directory is still there: %v", err)
	}
	if list, err := e.ListDatabases(context.Background()); err != nil || len(list) != 0 {
		t.Errorf("databases are %v, %v", list, err)
	}
}

// A customer with enough rights can drop the agent's account; the next start makes it again.
func TestAgentsAccountHealsItself(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	must(t, s.Exec(ctx, "DROP USER "+mysqlfamily.AccountName(e.Admin, "localhost")))
	s.Close()
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusStarting {
		t.Errorf("locked out, the state is %+v, %v", state, err)
	}
	if err := e.Start(ctx); err == nil {
		t.Error("locked out, Start says that all is well")
	}
	if _, err := e.ListUsers(ctx); err == nil || !strings.Contains(err.Error(), "restart the engine") {
		t.Errorf("locked out, the users are asked: %v", err)
	}
	must(t, e.Stop(ctx))
	must(t, e.Start(ctx))
	if _, err := e.ListUsers(ctx); err != nil {
		t.Error(err)
	}
}

func TestStalePidOfAnotherProcess(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	s.Close()
	must(t, e.Stop(ctx))
	must(t, os.WriteFile(e.Paths.PID, []byte(strconv.Itoa(os.Getpid())), 0o644))
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
	long := filepath.Join(root, strings.Repeat("long #name's ", 8), strings.Repeat("x", 60))
	must(t, os.MkdirAll(long, 0o755))
	ctx, e, _ := start(t, enginetest.HostIn(t, long, 256))
	if len(e.Paths.Socket) <= native.MaxSocketPath {
		t.Fatalf("the path %s is not long", e.Paths.Socket)
	}
	must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop"}}))
}

// A taken port ends the server while it starts: Start says so and does not wait.
func TestStartSaysWhyItFails(t *testing.T) {
	t.Parallel()
	ctx, first, _ := start(t, enginetest.NewHost(t, 256))
	h := enginetest.NewHost(t, 256)
	h.Port = first.Host.Port
	second := newEngine(t, h)
	must(t, second.Prepare(ctx, nil))
	err := second.Start(ctx)
	if err == nil || !strings.Contains(err.Error(), "port") {
		t.Errorf("starting on a taken port: %v", err)
	}
}

func TestMemoryFitsTheFlavor(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 256))
	all, err := e.ReadSettings(ctx, []string{"innodb_buffer_pool_size", "performance_schema"})
	must(t, err)
	want := guest.Setting{Running: "67108864", Default: "67108864"}
	if all["innodb_buffer_pool_size"] != want || all["performance_schema"].Running != "OFF" {
		t.Errorf("settings are %+v", all)
	}
	pid, _ := e.Process.Find()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	must(t, err)
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(line, "VmRSS") {
			t.Log(line)
		}
	}
}

// A machine that was resized has its memory used by the next start, whoever prepared it.
func TestMemoryFollowsAResize(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	s.Close()
	must(t, e.Stop(ctx))
	h := e.Host
	h.RAMMiB = 512
	larger := newEngine(t, h)
	must(t, larger.Start(ctx))
	all, err := larger.ReadSettings(ctx, []string{"innodb_buffer_pool_size"})
	must(t, err)
	if want := (guest.Setting{Running: "201326592", Default: "201326592"}); all["innodb_buffer_pool_size"] != want {
		t.Errorf("settings are %+v, want %+v", all, want)
	}
}

// The server runs as mysql when it can, and as the named user or not at all when one is named.
func TestWhoTheServerRunsAs(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only root can choose; an ordinary user's server is his own, which TestOrdinaryUser shows")
		return
	}
	_, e, _ := start(t, enginetest.NewHost(t, 256))
	if owner := ownerOf(t, e); owner != "mysql" {
		t.Errorf("the server runs as %s", owner)
	}
	h := enginetest.HostIn(t, t.TempDir(), 256)
	_, private, _ := start(t, h)
	if owner := ownerOf(t, private); owner != "root" {
		t.Errorf("where only root can enter, the server runs as %s", owner)
	}
	h = enginetest.HostIn(t, t.TempDir(), 256)
	h.User = "mysql"
	conflict(t, newEngine(t, h).Prepare(context.Background(), nil))
	h.User = "no-such-user"
	conflict(t, newEngine(t, h).Prepare(context.Background(), nil))
}

func ownerOf(t *testing.T, e *Engine) string {
	t.Helper()
	pid, _ := e.Process.Find()
	return enginetest.OwnerOf(t, pid)
}

// TestOrdinaryUser runs what depends on who the agent is again, as somebody who is not root.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	enginetest.AsNobody(t, "^(TestContract|TestLongPaths|TestClientsLogInAsDeclared|TestAgentsAccountHealsItself)$/^(lifecycle|crash|rights|root|certificates|logs)$", "TestContract/lifecycle")
}

// The values that the server is given survive a restart: names in option files are not always those of the variables.
func TestEveryParameterCanBeConfigured(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	known, _ := e.Catalog.Version(e.Series)
	values := engine.Settings{}
	running, err := e.RunningValues(ctx, s)
	must(t, err)
	for name, p := range known.Parameters {
		// Whoever names a size for the query cache has it switched on by the server, whatever its type.
		if p.Refused != "" || p.Default == "" || name == "query_cache_size" {
			continue
		}
		values[name] = p.Default
		if base, _ := e.Base(p); running[name] != base {
			t.Errorf("%s runs with %q, and its default is %q", name, running[name], base)
		}
	}
	pending, err := e.Configure(ctx, values)
	must(t, err)
	if len(pending) > 0 {
		t.Errorf("pending are %v", pending)
	}
	s.Close()
	must(t, e.Stop(ctx))
	must(t, e.Start(ctx))
	settings, err := e.ReadSettings(ctx, nil)
	must(t, err)
	for name, setting := range settings {
		if setting.Running != setting.Configured {
			t.Errorf("%s is %+v", name, setting)
		}
	}
	t.Logf("%d parameters", len(settings))
}
