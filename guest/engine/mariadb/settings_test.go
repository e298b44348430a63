package mariadb

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// The catalog lets it pass, the server cannot do it: it says so in a warning only, and cuts the value.
func TestCutValuesAreErrorsAndUndone(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	before, err := os.ReadFile(e.Paths.Overrides)
	must(t, err)
	// The server holds the lower mark to the upper one.
	_, err = e.Configure(ctx, engine.Settings{"innodb_max_dirty_pages_pct": "20", "innodb_max_dirty_pages_pct_lwm": "60", "max_connections": "99"})
	var known *guest.Error
	if !errors.As(err, &known) || known.Kind != guest.KindEngine || !strings.Contains(known.Message, "nothing was changed") {
		t.Errorf("got %v", err)
	}
	running, err := e.RunningValues(ctx, s)
	must(t, err)
	for name, want := range map[string]string{"max_connections": "151", "innodb_max_dirty_pages_pct": "90", "innodb_max_dirty_pages_pct_lwm": "0"} {
		if running[name] != want {
			t.Errorf("%s is %s, want %s", name, running[name], want)
		}
	}
	after, err := os.ReadFile(e.Paths.Overrides)
	must(t, err)
	if string(before) != string(after) {
		t.Errorf("the file was changed:\n%s", after)
	}
}

// Settings that bound each other are set whatever their alphabetical order.
func TestSettingsThatBoundEachOther(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 256))
	for _, values := range []engine.Settings{
		{"innodb_io_capacity": "5000", "innodb_io_capacity_max": "9000"}, {"innodb_io_capacity": "100", "innodb_io_capacity_max": "200"},
		{"innodb_io_capacity": "7000", "innodb_io_capacity_max": "8000"}, {"character_set_server": "latin1", "collation_server": "latin1_bin"},
		{"character_set_server": "utf8mb4", "collation_server": "utf8mb4_bin"},
	} {
		if _, err := e.Configure(ctx, values); err != nil {
			t.Errorf("%v: %v", values, err)
		}
		settings, err := e.ReadSettings(ctx, nil)
		must(t, err)
		for name, want := range values {
			if settings[name].Running != want {
				t.Errorf("%s is %+v, want %s", name, settings[name], want)
			}
		}
	}
	if _, err := e.Configure(ctx, nil); err != nil {
		t.Error(err)
	}
	settings, err := e.ReadSettings(ctx, []string{"character_set_server", "collation_server"})
	must(t, err)
	for name, setting := range settings {
		if setting.Running != setting.Default {
			t.Errorf("%s did not return to its default: %+v", name, setting)
		}
	}
}

// A value that makes sense to the option parser and not to the machine: the server does not start, and serves again as before.
func TestStartGoesBackToSettingsThatWork(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	s.Close()
	if _, err := e.Configure(ctx, engine.Settings{"max_connections": "99"}); err != nil {
		t.Fatal(err)
	}
	must(t, e.Stop(ctx))
	must(t, e.Start(ctx))
	must(t, e.Stop(ctx))
	if _, err := e.Configure(ctx, engine.Settings{"max_connections": "99", "innodb_buffer_pool_size": "1024T"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(ctx); err == nil || !strings.Contains(err.Error(), "the former ones") {
		t.Errorf("starting with a petabyte of memory: %v", err)
	}
	settings, err := e.ReadSettings(ctx, nil)
	must(t, err)
	if len(settings) != 1 || settings["max_connections"].Running != "99" {
		t.Errorf("settings are %+v", settings)
	}
}

// What a setting's text holds does not end its line in the option file, nor its quotes.
func TestHostileValuesSurviveARestart(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	s.Close()
	for _, value := range []string{`SET @a='x#y'; SET @b="z\\"`, `SET @a="#"`, `# nothing`, `SET @a='\'"'`, `  SET @a = 'ü'  `, `"`, `"quoted"`, `a = b`} {
		if _, err := e.Configure(ctx, engine.Settings{"init_connect": value}); err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		must(t, e.Stop(ctx))
		must(t, e.Start(ctx))
		settings, err := e.ReadSettings(ctx, nil)
		must(t, err)
		if got := settings["init_connect"]; got.Running != value || got.Configured != value {
			t.Errorf("%q is %+v after a restart", value, got)
		}
	}
}

// Whatever name the catalog lets pass is the name that the server has then, for a database, a user and a grant.
func TestNamesRoundTrip(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 256))
	verifier := e.Catalog.Verifier("x", nil)
	rapid.Check(t, func(t *rapid.T) {
		nasty := rapid.SliceOfN(rapid.SampledFrom([]rune("ab_%`'\"\\;-#@ ()*/.,=ü数$0")), 1, 12)
		database := string(nasty.Filter(func(r []rune) bool { return e.Catalog.CheckDatabaseName(string(r)) == nil }).Draw(t, "database"))
		name := string(nasty.Filter(func(r []rune) bool { return e.Catalog.CheckUserName(string(r)) == nil }).Draw(t, "user"))
		grants := []guest.Grant{{Database: database, Privileges: []string{"SELECT"}}}
		if err := e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: database}}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.PutUser(ctx, guest.PutUser{Name: name, Host: "%", Verifier: verifier, Grants: grants, Authoritative: true}); err != nil {
			t.Fatal(err)
		}
		databases, err := e.ListDatabases(ctx)
		if err != nil || len(databases) != 1 || databases[0].Name != database {
			t.Fatalf("databases are %+v, %v", databases, err)
		}
		users, err := e.ListUsers(ctx)
		if err != nil || len(users) != 1 || users[0].Name != name || !cmp.Equal(users[0].Grants, grants) {
			t.Fatalf("users are %+v, %v", users, err)
		}
		if err := e.DropDatabase(ctx, database); err != nil {
			t.Fatal(err)
		}
		if users, err = e.ListUsers(ctx); err != nil || len(users) != 1 || len(users[0].Grants) != 0 {
			t.Fatalf("after the drop users are %+v, %v", users, err)
		}
		if err := e.DropUser(ctx, guest.UserName{Name: name, Host: "%"}); err != nil {
			t.Fatal(err)
		}
	})
}
