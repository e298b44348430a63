package postgresql

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// The values that the server is given survive a restart, and every default in the table is the server's.
func TestEveryParameterCanBeConfigured(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	known, _ := e.catalog.Version(e.series)
	values := engine.Settings{}
	running, err := e.runningValues(ctx, s, nil)
	must(t, err)
	for name, p := range known.Parameters {
		if p.Refused != "" || p.Default == "" {
			continue
		}
		values[name] = p.Default
		if running[name] != e.base(p) {
			t.Errorf("%s runs with %q, and its default is %q", name, running[name], e.base(p))
		}
	}
	pending, err := e.Configure(ctx, values)
	must(t, err)
	if len(pending) > 0 {
		t.Errorf("pending are %v", pending)
	}
	s.close()
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

// What a config group sets for everybody does not reach the agent's own work.
func TestTheAgentsWorkDoesNotDependOnSettings(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	s.close()
	values := engine.Settings{
		"statement_timeout": "1ms", "lock_timeout": "1ms", "search_path": "nowhere", "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on",
		"datestyle": "German", "bytea_output": "escape", "quote_all_identifiers": "on", "log_min_duration_statement": "0", "client_min_messages": "debug5", "extra_float_digits": "-15",
		"idle_session_timeout": "1ms", "synchronous_commit": "off", "timezone": "Asia/Tokyo",
	}
	_, err := e.Configure(ctx, values)
	must(t, err)
	create(ctx, t, e, "shop")
	put(ctx, t, e, "app", "a", on("shop", "ALL"))
	expect(ctx, t, e, "app", on("shop", "ALL PRIVILEGES"))
	settings, err := e.ReadSettings(ctx, nil)
	must(t, err)
	for name, want := range values {
		p, _ := e.catalog.Parameter(e.series, name)
		if got := settings[name]; got.Running != canonical(p, want) || got.Configured != got.Running {
			t.Errorf("%s is %+v, want %s", name, got, want)
		}
	}
	if _, err := e.Configure(ctx, nil); err != nil {
		t.Error(err)
	}
}

// What a setting's text holds does not end its line in the file, nor its quotes.
func TestHostileValuesSurviveARestart(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	s.close()
	put(ctx, t, e, "app", "a")
	for _, value := range []string{`"$user", public`, `"x'y"`, `"a\b"`, `"#"`, `"a = b"`, `"ü数"`, `"include 'x'"`} {
		if _, err := e.Configure(ctx, engine.Settings{"search_path": value}); err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		for range 2 {
			settings, err := e.ReadSettings(ctx, nil)
			must(t, err)
			running := ""
			c := login(ctx, t, e, "app", "a", maintenance)
			must(t, c.conn.QueryRow(ctx, "SHOW search_path").Scan(&running))
			if got := settings["search_path"]; got.Running != value || got.Configured != value || running != value {
				t.Errorf("%q is %+v, and %q in the server", value, got, running)
			}
			must(t, e.Stop(ctx))
			must(t, e.Start(ctx))
		}
	}
}

// The server computes the same verifier from a password as the catalog, whatever is in it.
func TestVerifiersAreTheServers(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	must(t, s.exec(ctx, "CREATE ROLE app LOGIN"))
	check := func(t *rapid.T, password string) {
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(s.exec(ctx, "ALTER ROLE app PASSWORD "+literal(password)))
		stored, err := s.value(ctx, "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")
		must(err)
		text, _, _ := strings.Cut(strings.TrimPrefix(stored, "SCRAM-SHA-256$4096:"), "$")
		salt, err := base64.StdEncoding.DecodeString(text)
		must(err)
		if got := e.catalog.Verifier(password, salt); got != stored {
			t.Fatalf("%q is %s, and %s for the server", password, got, stored)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{1,40}`), rapid.StringOf(rapid.SampledFrom([]rune("aü\u1D48\u00AA\u00AD\u00A0\u2168ﬁ１Å가\u3000\u200D'\"\\"))))
		text := password.Filter(func(s string) bool { return s != "" && !strings.ContainsRune(s, 0) }).Draw(t, "password")
		check(t, text)
	})
}

func TestTheThresholdOfTheSlowLog(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	must(t, e.PutLogs(ctx, []string{"slow"}))
	settings, err := e.ReadSettings(ctx, []string{"log_min_duration_statement"})
	must(t, err)
	if settings["log_min_duration_statement"] != (guest.Setting{Running: "1s", Default: "1s"}) {
		t.Errorf("the slow log is %+v", settings)
	}
	// A config group's threshold is stronger.
	if _, err := e.Configure(ctx, engine.Settings{"log_min_duration_statement": "50ms"}); err != nil {
		t.Fatal(err)
	}
	settings, err = e.ReadSettings(ctx, nil)
	must(t, err)
	if settings["log_min_duration_statement"] != (guest.Setting{Running: "50ms", Configured: "50ms", Default: "1s"}) {
		t.Errorf("the slow log is %+v", slices.Collect(maps.Values(settings)))
	}
}
