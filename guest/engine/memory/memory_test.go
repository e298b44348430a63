package memory_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
	"github.com/trovectl/trovectl/guest/engine/memory"
)

func TestContract(t *testing.T) {
	for _, c := range []struct {
		name, version string
		facts         enginetest.Facts
	}{
		{"mariadb", "10.11", enginetest.MariaDB()}, {"postgresql", "15", enginetest.PostgreSQL()}, {"redis", "7.0", redisFacts()},
	} {
		t.Run(c.name, func(t *testing.T) {
			enginetest.Run(t, func(*testing.T) enginetest.Subject {
				e := memory.New(c.name, time.Now)
				known, _ := catalog.Lookup(c.name)
				s := enginetest.Subject{
					Engine: e, Again: func() engine.Engine { return e }, Crash: e.Crash, Catalog: known, Version: c.version, Facts: c.facts,
				}
				if !known.HasDatabases {
					s.Engine = numbered{e, e, e, e, e, e, e}
					s.Again = func() engine.Engine { return s.Engine }
				}
				return s
			})
		})
	}
}

// numbered is an engine without the power to hold databases that have names.
type numbered struct {
	engine.Engine
	engine.Users
	engine.Configurable
	engine.Rooted
	engine.Logged
	engine.Certified
	engine.Metered
}

func redisFacts() enginetest.Facts {
	return enginetest.Facts{
		BadUsers: []guest.PutUser{
			{Name: ""}, {Name: "a b"}, {Name: "app", Host: "%"}, {Name: "app", Verifier: "plain"},
			{Name: "app", Rights: guest.Rights{ACL: []string{"+config"}}}, {Name: "app", Rights: guest.Rights{Roles: []string{"r"}}},
			{Name: "app", Grants: []guest.Grant{{Database: "0", Privileges: []string{"ALL"}}}},
		},
		Dynamic: enginetest.Knob{Name: "maxclients", Default: "10000", One: "201", OneIs: "201", Two: "300", TwoIs: "300"},
		Second: enginetest.Knob{
			Name: "client_query_buffer_limit", Default: "1073741824", One: "32mb", OneIs: "33554432", Two: "64MB", TwoIs: "67108864",
		},
		Static:      enginetest.Knob{Name: "databases", Default: "16", One: "32", OneIs: "32", Two: "24", TwoIs: "24"},
		BadSettings: []engine.Settings{{"maxclients": "0"}, {"no_such_parameter": "1"}, {"dir": "/"}},
	}
}

// TestContract_kept: keeping itself changes nothing of what an engine does.
func TestContract_kept(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		e := open(t, t.TempDir())
		known, _ := catalog.Lookup("mariadb")
		return enginetest.Subject{
			Engine: e, Again: func() engine.Engine { return e }, Crash: e.Crash, Catalog: known, Version: "10.11", Facts: enginetest.MariaDB(),
		}
	})
}

func open(t *testing.T, dir string) *memory.Engine {
	t.Helper()
	e, err := memory.Open("mariadb", time.Now, dir)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// everything is all that an engine tells about itself.
type everything struct {
	State     engine.State
	Databases []guest.ObservedDatabase
	Users     []engine.Account
	Settings  map[string]guest.Setting
	Root      engine.Account
	Logs      []engine.Log
}

func look(t *testing.T, e *memory.Engine) everything {
	t.Helper()
	var all everything
	var errs [6]error
	all.State, errs[0] = e.State(t.Context())
	all.Databases, errs[1] = e.ListDatabases(t.Context())
	all.Users, errs[2] = e.ListUsers(t.Context())
	all.Settings, errs[3] = e.ReadSettings(t.Context(), nil)
	all.Root, errs[4] = e.Root(t.Context())
	all.Logs, errs[5] = e.ListLogs(t.Context())
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOpen_remembers(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	_, putUser := e.PutUser(t.Context(), guest.PutUser{})
	if putUser == nil {
		t.Error("an engine that is not prepared takes a user")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(e.Prepare(t.Context(), engine.Settings{"max_connections": "100"}))
	must(e.Start(t.Context()))
	must(e.PutDatabase(t.Context(), guest.PutDatabase{Database: guest.Database{Name: "shop"}}))
	_, err := e.PutUser(t.Context(), guest.PutUser{
		Name: "app", Host: "%", Verifier: "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29", Authoritative: true,
		Grants: []guest.Grant{{Database: "shop", Privileges: []string{"SELECT", "INSERT"}}},
	})
	must(err)
	_, err = e.PutUser(t.Context(), guest.PutUser{
		Name: "web", Host: "%", Verifier: "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29", Rights: guest.Rights{Roles: []string{"app"}, ConnectionLimit: 3, RequireTLS: true},
		Grants: []guest.Grant{{Database: "shop", Table: "t", Privileges: []string{"SELECT"}, Grantable: true}},
	})
	must(err)
	_, err = e.PutRoot(t.Context(), guest.PutRoot{Enabled: true, Verifier: "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29"})
	must(err)
	must(e.PutLogs(t.Context(), []string{"slow"}))
	pending, err := e.Configure(t.Context(), engine.Settings{"max_connections": "200", "back_log": "70"})
	must(err)
	if len(pending) != 1 {
		t.Errorf("pending %v, want the static one", pending)
	}
	before := look(t, e)
	if diff := cmp.Diff(before, look(t, open(t, dir))); diff != "" {
		t.Errorf("after a restart (-before +after):\n%s", diff)
	}
	e.Crash()
	if state, err := open(t, dir).State(t.Context()); err != nil || state.Status != guest.StatusCrashed {
		t.Errorf("a crash is remembered as %v, %v", state, err)
	}
}

// TestOpen_older: a file of before there were rights, root and logs is read as one that has none.
func TestOpen_older(t *testing.T) {
	dir := t.TempDir()
	older := `{"prepared": true, "running": true, "started_at": "2026-01-02T03:04:05Z", "databases": [{"name": "shop", "charset": "utf8mb4", "collation": "utf8mb4_bin"}],
		"users": [{"name": "app", "host": "%", "verifier": "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29", "grants": [{"database": "shop", "privileges": ["SELECT"]}]}]}`
	if err := os.WriteFile(filepath.Join(dir, "memory.json"), []byte(older), 0o600); err != nil {
		t.Fatal(err)
	}
	all := look(t, open(t, dir))
	want := engine.Account{
		Name: "app", Host: "%", Verifier: "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29", Grants: []guest.Grant{{Database: "shop", Privileges: []string{"SELECT"}}},
	}
	if diff := cmp.Diff([]engine.Account{want}, all.Users); diff != "" || len(all.Databases) != 1 || all.Root.Verifier != "" {
		t.Errorf("users (-want +got):\n%sdatabases %v, root %v", diff, all.Databases, all.Root)
	}
}

func TestOpen_damaged(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "memory.json"), []byte(`{"prepared": "verifier-that-stays-here"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := memory.Open("mariadb", time.Now, dir); err == nil || strings.Contains(err.Error(), "stays-here") {
		t.Errorf("the error is %v", err)
	}
}
