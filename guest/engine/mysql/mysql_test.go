package mysql

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// running is a stand-in that was prepared and started, with all of a transcript before it.
func running(t *testing.T, values engine.Settings) (context.Context, *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	e := standInFor(t, Name, community)
	must(t, e.Prepare(ctx, values))
	launch(ctx, t, e)
	return ctx, e
}

// launch starts the stand-in and waits until it is as far as a server is that answers: its pid file is there.
func launch(ctx context.Context, t *testing.T, e *Engine) {
	t.Helper()
	converse(t, e, "start.txt")
	must(t, e.Start(ctx))
	for {
		if _, err := os.Stat(e.Paths.PID); err == nil {
			return
		}
		must(t, native.Pause(ctx, 5*time.Millisecond))
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]string{Name: community, Percona: percona} {
		if e := standInFor(t, name, version); e.Name() != name || !strings.HasPrefix(version, "mysqld  Ver "+e.Version) {
			t.Errorf("%s is %s", name, e)
		}
	}
	root := enginetest.Directory(t)
	binary := filepath.Join(root, "mysqld")
	for _, c := range []struct{ name, version string }{
		{Name, "mysqld  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"}, {Percona, community},
		{Name, "mysqld  Ver 5.7.44 for Linux on x86_64 (MySQL Community Server (GPL))"}, {Name, "no version"},
	} {
		must(t, os.WriteFile(binary, []byte("#!/bin/sh\necho '"+c.version+"'\n"), 0o755))
		if _, err := newWith(binary, c.name, hostIn(t, root, 3306)); kindOf(err) != guest.KindUnsupported {
			t.Errorf("%s over %q: %v", c.name, c.version, err)
		}
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	ctx, e := running(t, engine.Settings{"max_connections": "200"})
	expect := func(want guest.Status) {
		t.Helper()
		if state, err := e.State(ctx); err != nil || state.Status != want || want == guest.StatusHealthy && state.Version != "8.0.36" {
			t.Fatalf("state is %+v, %v, want %s", state, err, want)
		}
	}
	converse(t, e, "healthy.txt")
	expect(guest.StatusHealthy)
	converse(t, e, "readonly.txt")
	expect(guest.StatusReadOnly)
	must(t, e.Prepare(ctx, nil))
	text, err := os.ReadFile(e.Paths.Init)
	must(t, err)
	if diff := cmp.Diff(strings.ReplaceAll(golden(t, "init.sql"), "AGENT", e.Admin), string(text)); diff != "" {
		t.Errorf("the first statements (-want +got):\n%s", diff)
	}
	kill(t, e)
	expect(guest.StatusCrashed)
	launch(ctx, t, e)
	must(t, e.Stop(ctx))
	expect(guest.StatusShutdown)
	must(t, os.WriteFile(filepath.Join(e.Paths.Data, "mysql_upgrade_info"), []byte("8.4.2"), 0o644))
	if err := e.Prepare(ctx, nil); kindOf(err) != guest.KindConflict {
		t.Errorf("data of 8.4 is opened by 8.0: %v", err)
	}
}

func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	return string(text)
}

// Data of another product is left alone: it would be upgraded, or destroyed.
func TestForeignData(t *testing.T) {
	t.Parallel()
	e := standInFor(t, Name, community)
	must(t, os.MkdirAll(filepath.Join(e.Paths.Data, "mysql"), 0o755))
	must(t, os.WriteFile(filepath.Join(e.Paths.Data, "mysql", "global_priv.frm"), []byte("MariaDB's"), 0o644))
	if err := e.Prepare(context.Background(), nil); kindOf(err) != guest.KindConflict || !strings.Contains(err.Error(), "MySQL") {
		t.Errorf("got %v", err)
	}
}

func TestDatabases(t *testing.T) {
	t.Parallel()
	ctx, e := running(t, nil)
	converse(t, e, "databases.txt")
	list, err := e.ListDatabases(ctx)
	must(t, err)
	want := []guest.ObservedDatabase{
		{Database: guest.Database{Name: "Shop", Charset: "latin1", Collation: "latin1_swedish_ci"}},
		{Database: guest.Database{Name: "shop", Charset: "utf8mb4", Collation: "utf8mb4_0900_ai_ci"}, SizeBytes: 16384},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
	must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "a`b", Charset: "utf8mb4"}}))
	must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop", Collation: "utf8mb4_bin"}}))
	must(t, e.DropDatabase(ctx, "shop"))
}

// verifier is the verifier of the password "secret" with a salt of the tests.
func verifier(e *Engine) string { return e.Catalog.Verifier("secret", []byte("tests")) }

func TestUsers(t *testing.T) {
	t.Parallel()
	ctx, e := running(t, nil)
	converse(t, e, "users_list.txt")
	list, err := e.ListUsers(ctx)
	must(t, err)
	want := []engine.Account{
		{
			Name: "app", Host: "10.20.%", Verifier: verifier(e), Rights: guest.Rights{Roles: []string{"auditor", "boss@10.%"}, ConnectionLimit: 5, RequireTLS: true},
			Grants: []guest.Grant{
				{Database: "*", Privileges: []string{"ADMIN OPTION OF ROLE boss@10.%", "BACKUP_ADMIN", "PROCESS", "SHOW DATABASES"}},
				{Database: "a_b", Privileges: []string{"CREATE TEMPORARY TABLES", "SELECT"}, Grantable: true},
				{Database: "a_b", Table: "orders", Privileges: []string{"SELECT", "UPDATE (n)"}},
			},
		},
		{Name: "other", Host: "%", Verifier: "mysql_native_password:*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29 or $A$005$old locked"},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}

	app := guest.PutUser{Name: "app", Host: "10.20.0.0/16", Verifier: verifier(e), Authoritative: true}
	app.Roles, app.ConnectionLimit, app.RequireTLS = []string{"auditor"}, 5, true
	app.Grants = []guest.Grant{
		{Database: "a_b", Privileges: []string{"SELECT", "INSERT"}, Grantable: true}, {Database: "a_b", Table: "o`rders", Privileges: []string{"SELECT"}},
		{Database: "*", Privileges: []string{"PROCESS"}},
	}
	converse(t, e, "users_create.txt")
	if got, err := e.PutUser(ctx, app); err != nil || got != verifier(e) {
		t.Errorf("got %q, %v", got, err)
	}
	converse(t, e, "users_change.txt")
	if _, err := e.PutUser(ctx, guest.PutUser{
		Name: "web", Host: "%", Verifier: verifier(e), Authoritative: true, RenameFrom: &guest.UserName{Name: "app", Host: "10.20.%"},
	}); err != nil {
		t.Error(err)
	}
	converse(t, e, "users_admin.txt")
	web := guest.PutUser{Name: "web", Host: "%", Authoritative: true}
	web.Roles = []string{"auditor"}
	if _, err := e.PutUser(ctx, web); err != nil {
		t.Error(err)
	}
	converse(t, e, "users_refused.txt")
	app.Roles = []string{"nobody"}
	if _, err := e.PutUser(ctx, app); kindOf(err) != guest.KindConflict {
		t.Errorf("a role that is not there: %v", err)
	}
	app.Roles = nil
	if _, err := e.PutUser(ctx, app); kindOf(err) != guest.KindConflict || strings.Contains(err.Error(), verifier(e)) {
		t.Errorf("a table that is not there: %v", err)
	}
	converse(t, e, "users_drop.txt")
	must(t, e.DropUser(ctx, guest.UserName{Name: "app", Host: "10.20.%"}))
}

func TestRoot(t *testing.T) {
	t.Parallel()
	ctx, e := running(t, nil)
	converse(t, e, "root.txt")
	root, err := e.Root(ctx)
	if err != nil || root.Verifier != "" {
		t.Errorf("root is %+v, %v", root, err)
	}
	if got, err := e.PutRoot(ctx, guest.PutRoot{Enabled: true, Verifier: verifier(e)}); err != nil || got != verifier(e) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := e.PutRoot(ctx, guest.PutRoot{}); err != nil {
		t.Error(err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	ctx, e := running(t, nil)
	converse(t, e, "settings.txt")
	pending, err := e.Configure(ctx, engine.Settings{"max_connections": "300", "innodb_write_io_threads": "8", "transaction_isolation": "read-committed"})
	must(t, err)
	if diff := cmp.Diff([]string{"innodb_write_io_threads"}, pending); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	before, err := os.ReadFile(e.Paths.Overrides)
	must(t, err)
	if diff := cmp.Diff(golden(t, "overrides.cnf"), string(before)); diff != "" {
		t.Errorf("the option file (-want +got):\n%s", diff)
	}
	// The server's own check of the file, then a value that the running server cuts.
	for _, values := range []engine.Settings{{"max_connections": "77777"}, {"innodb_max_dirty_pages_pct_lwm": "95"}} {
		if _, err := e.Configure(ctx, values); kindOf(err) != guest.KindEngine {
			t.Errorf("%v: %v", values, err)
		}
	}
	after, err := os.ReadFile(e.Paths.Overrides)
	must(t, err)
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the option file was changed:\n%s", diff)
	}
}

func TestLogsAndMetrics(t *testing.T) {
	t.Parallel()
	ctx, e := running(t, nil)
	converse(t, e, "logs.txt")
	must(t, e.PutLogs(ctx, []string{"slow"}))
	logs, err := e.ListLogs(ctx)
	must(t, err)
	for _, log := range logs {
		if log.Enabled != (log.Name != "general") {
			t.Errorf("log %+v", log)
		}
	}
	must(t, e.ReopenLog(ctx, "slow"))
	metrics, err := e.Metrics(ctx)
	must(t, err)
	want := map[string]float64{
		"connections": 3, "max_connections": 151, "queries": 7, "uptime_seconds": 60, "data_bytes": 16384, "mysql.slow_queries": 0,
	}
	if diff := cmp.Diff(want, metrics); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	ctx, e := running(t, nil)
	converse(t, e, "certificates.txt")
	files := enginetest.Certificate(t, "127.0.0.1")
	if pending, err := e.PutCertificate(ctx, files, true); err != nil || pending {
		t.Errorf("pending is %v, %v", pending, err)
	}
	if required, err := e.TLSRequired(ctx); err != nil || !required {
		t.Errorf("required is %v, %v", required, err)
	}
	if _, err := e.PutCertificate(ctx, files, true); kindOf(err) != guest.KindEngine {
		t.Errorf("a server that does not take the certificate: %v", err)
	}
}

// TestRealServer runs the contract of all engines over a real server, where TROVE_TEST_MYSQLD names one.
func TestRealServer(t *testing.T) {
	binary := os.Getenv("TROVE_TEST_MYSQLD")
	if binary == "" {
		t.Log("there is no MySQL server here: TROVE_TEST_MYSQLD names none")
		return
	}
	t.Parallel()
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		e, err := newWith(binary, Name, hostIn(t, enginetest.Directory(t), freePort(t)))
		must(t, err)
		stopAtEnd(t, e)
		again := func() engine.Engine {
			again, err := newWith(binary, Name, e.Host)
			must(t, err)
			return again
		}
		return enginetest.Subject{
			Engine: e, Again: again, Crash: func() { kill(t, e) }, Catalog: e.Catalog, Version: e.Series, Facts: enginetest.MySQL(), Host: e.Host,
			Connect: enginetest.MySQLClient(e.Host), ByHand: func(ctx context.Context, statement string) error {
				s, err := e.Session(ctx)
				if err != nil {
					return err
				}
				defer s.Close()
				return s.Exec(ctx, statement)
			},
		}
	})
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// kill ends the server without a chance to tidy up.
func kill(t *testing.T, e *Engine) {
	t.Helper()
	pid, ok := e.Process.Find()
	if !ok {
		t.Fatal("there is no server to kill")
	}
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	for end := time.Now().Add(10 * time.Second); e.Running(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d outlives its death", pid)
		}
	}
}
