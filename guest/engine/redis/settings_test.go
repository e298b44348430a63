package redis

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// Every parameter of the server is one that users may set or one that is refused, and there are no others.
func TestEveryParameterIsKnown(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	all, err := s.client.ConfigGet(ctx, "*").Result()
	must(t, err)
	known, _ := e.catalog.Version(e.series)
	for name := range all {
		if _, ok := known.Parameters[catalog.ParameterName(name)]; !ok {
			t.Errorf("the catalog does not know %s", name)
		}
	}
	if len(all) != len(known.Parameters) {
		t.Errorf("the server has %d parameters and the catalog %d", len(all), len(known.Parameters))
	}
}

// The defaults are the server's own, and the values that it is given survive a restart.
func TestEveryParameterCanBeConfigured(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	known, _ := e.catalog.Version(e.series)
	running, err := e.runningValues(ctx, s)
	must(t, err)
	values := engine.Settings{}
	for name, p := range known.Parameters {
		if p.Refused != "" || p.Default == "" {
			continue
		}
		values[name] = p.Default
		if running[name] != e.base(p) {
			t.Errorf("%s runs with %q, and its default is %q", name, running[name], e.base(p))
		}
	}
	for range 2 {
		configure(ctx, t, e, values)
		settings, err := e.ReadSettings(ctx, nil)
		must(t, err)
		for name, setting := range settings {
			if setting.Running != setting.Configured {
				t.Errorf("%s is %+v", name, setting)
			}
		}
		must(t, e.Stop(ctx))
		must(t, e.Start(ctx))
	}
	t.Logf("%d parameters", len(values))
}

// Texts with a grammar come back in the catalog's canonical form.
func TestTextsAreWhatTheServerReports(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	for _, values := range []engine.Settings{
		{"save": "60 1", "notify_keyspace_events": "KEA", "maxmemory_clients": "5%", "latency_tracking_info_percentiles": "50 99.90"},
		{"save": "", "notify_keyspace_events": "nExg", "maxmemory_clients": "64mb", "client_output_buffer_limit": "replica 1gb 512mb 30"},
		{"save": `""`, "notify_keyspace_events": "Am", "client_output_buffer_limit": "normal 32mb 0 0 pubsub 0 0 0", "list_max_listpack_size": "-5"},
		{"maxmemory": "100m", "maxmemory_policy": "allkeys-lfu", "appendfsync": "ALWAYS", "hz": "500", "slowlog_log_slower_than": "-1"},
	} {
		for range 2 {
			configure(ctx, t, e, values)
			settings, err := e.ReadSettings(ctx, nil)
			must(t, err)
			for name := range values {
				if s := settings[name]; s.Running != s.Configured || s.Configured == "" {
					t.Errorf("%s is %+v", name, s)
				}
			}
			must(t, e.Stop(ctx))
			must(t, e.Start(ctx))
		}
	}
}

// The catalog lets it pass and the server does not: nothing is changed. What the server makes something else of is undone.
func TestRefusedValuesAreUndone(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	before, err := os.ReadFile(e.paths.settings)
	must(t, err)
	// This server was built without.
	_, err = e.Configure(ctx, engine.Settings{"activedefrag": "yes", "hz": "20"})
	kind(t, err, guest.KindEngine)
	defrag, _ := e.catalog.Parameter(e.series, "activedefrag")
	hz, _ := e.catalog.Parameter(e.series, "hz")
	err = e.apply(ctx, s, []change{{parameter: defrag, before: "OFF", after: "ON"}, {parameter: hz, before: "10", after: "20"}})
	kind(t, err, guest.KindEngine)
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("a refused value: %v", err)
	}
	err = e.apply(ctx, s, []change{{parameter: hz, before: "10", after: "501"}})
	kind(t, err, guest.KindEngine)
	if err == nil || !strings.Contains(err.Error(), "makes it 500; nothing was changed") {
		t.Errorf("a cut value: %v", err)
	}
	kind(t, e.validate(ctx, engine.Settings{"hz": "often"}), guest.KindEngine)
	running, err := e.runningValues(ctx, s)
	must(t, err)
	if running["hz"] != "10" || running["activedefrag"] != "OFF" {
		t.Errorf("left is hz = %s, activedefrag = %s", running["hz"], running["activedefrag"])
	}
	after, err := os.ReadFile(e.paths.settings)
	must(t, err)
	if string(before) != string(after) {
		t.Errorf("the file was changed:\n%s", after)
	}
}

// A value that makes sense to the catalog and not to the data: the server does not start, and serves again as before.
func TestStartGoesBackToSettingsThatWork(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	configure(ctx, t, e, engine.Settings{"hz": "20"})
	fill(ctx, t, e, 10)
	app := connect(t, e, "app", "x")
	must(t, app.Do(ctx, "SELECT", "9").Err())
	must(t, app.Do(ctx, "SET", "in", "nine").Err())
	must(t, app.Do(ctx, "BGREWRITEAOF").Err())
	must(t, e.save(ctx, s))
	must(t, e.Stop(ctx))
	must(t, e.Start(ctx))
	must(t, e.Stop(ctx))
	_, err := e.Configure(ctx, engine.Settings{"hz": "20", "databases": "4"})
	must(t, err)
	if err := e.Start(ctx); err == nil || !strings.Contains(err.Error(), "the former ones") || !strings.Contains(err.Error(), "4 databases") {
		t.Errorf("starting with too few databases: %v", err)
	}
	settings, err := e.ReadSettings(ctx, nil)
	must(t, err)
	if len(settings) != 1 || settings["hz"].Running != "20" {
		t.Errorf("settings are %+v", settings)
	}
	expectKeys(ctx, t, e, 10)
}

// An agent that dies while it changes settings leaves a server that the next one brings in order.
func TestConfigureAfterItsDeath(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	must(t, s.do(ctx, "CONFIG", "SET", "hz", "30"))
	configure(ctx, t, e, engine.Settings{"hz": "30"})
	kill(t, e)
	configure(ctx, t, e, engine.Settings{"hz": "40"})
	must(t, e.Start(ctx))
	settings, err := e.ReadSettings(ctx, nil)
	must(t, err)
	if settings["hz"].Running != "40" {
		t.Errorf("settings are %+v", settings)
	}
}

// splitArguments reads a line as the server does (sds.c, sdssplitargs).
func splitArguments(line string) ([]string, bool) {
	var out []string
	for i := 0; ; {
		for i < len(line) && strings.IndexByte(" \t\n\v\f\r", line[i]) >= 0 {
			i++
		}
		if i >= len(line) || line[i] == 0 {
			return out, true
		}
		var b []byte
		quotes := byte(0)
		for ; ; i++ {
			if i >= len(line) || line[i] == 0 {
				if quotes != 0 {
					return nil, false
				}
				break
			}
			c := line[i]
			if quotes == 0 && strings.IndexByte(" \t\n\r", c) >= 0 {
				break
			}
			switch {
			case quotes == '"' && c == '\\' && i+3 < len(line) && line[i+1] == 'x' && isHex(line[i+2:i+4]):
				n, _ := strconv.ParseUint(line[i+2:i+4], 16, 8)
				b, i = append(b, byte(n)), i+3
			case quotes == '"' && c == '\\' && i+1 < len(line):
				i++
				b = append(b, map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'a': '\a'}[line[i]])
				if b[len(b)-1] == 0 {
					b[len(b)-1] = line[i]
				}
			case quotes == '\'' && c == '\\' && i+1 < len(line) && line[i+1] == '\'':
				i++
				b = append(b, '\'')
			case quotes != 0 && c == quotes:
				if i+1 < len(line) && strings.IndexByte(" \t\n\v\f\r\x00", line[i+1]) < 0 {
					return nil, false
				}
				quotes = 0xFF
			case quotes == 0 && (c == '"' || c == '\''):
				quotes = c
			default:
				b = append(b, c)
			}
			if quotes == 0xFF {
				i++
				break
			}
		}
		out = append(out, string(b))
	}
}

func isHex(text string) bool {
	return strings.Trim(text, "0123456789abcdefABCDEF") == ""
}

// FuzzOptions: no value ends its line or its quotes, and what is written is what is read back.
func FuzzOptions(f *testing.F) {
	for _, seed := range []string{"", "a b", `"`, `\`, `\\"`, "x\ninclude /etc/passwd", "\x00", "\\x41", "ü", "'", `" save "`, "\xff\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		line := "name " + quote(value)
		if strings.ContainsAny(line, "\n\r\x00") {
			t.Fatalf("%q is more than one line: %q", value, line)
		}
		if got, ok := splitArguments(line); !ok || !slices.Equal(got, []string{"name", value}) {
			t.Fatalf("the server reads %q as %q, %v", line, got, ok)
		}
		if got, err := unquote(quote(value)); err != nil || got != value {
			t.Fatalf("%q comes back as %q, %v", value, got, err)
		}
	})
}

// FuzzAccount: whatever name, password and rules pass, each is one argument of its kind and no other, and the server's
// list of it reads back the same.
func FuzzAccount(f *testing.F) {
	known, _ := catalog.Lookup(Name)
	for _, seed := range [][3]string{{"app", "x", "~*"}, {"a b", "x", "+@all"}, {"app", "", "nopass"}, {"#x", ">y", ">z"}, {"app", "p", "(~a +get"}, {"app", "p", "(~a) +config)"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, name, password, rule string) {
		acl, err := known.CanonicalACL([]string{rule})
		if err != nil || known.CheckUserName(name) != nil || password == "" {
			return
		}
		line := "user " + name + " on #" + known.Verifier(password, nil)
		for _, r := range known.ServerACL(acl) {
			if !strings.ContainsRune("~%&+-(", rune(r[0])) || strings.ContainsAny(r, "\n\r\x00") || r[0] != '(' && strings.Contains(r, " ") {
				t.Fatalf("%q makes the rule %q", rule, r)
			}
			line += " " + r
		}
		a, err := parseAccount(line)
		if err != nil || a.name != name || a.verifier() != known.Verifier(password, nil) || !slices.Equal(known.StoredACL(a.rules), acl) {
			t.Fatalf("%q reads back as %+v, %v", line, a, err)
		}
	})
}
