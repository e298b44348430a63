package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mariadb(t testing.TB) *Engine {
	t.Helper()
	e, ok := Lookup("mariadb")
	if !ok {
		t.Fatal("mariadb is not known")
	}
	return e
}

func TestEveryEngineIsWhole(t *testing.T) {
	for _, name := range Names() {
		e, _ := Lookup(name)
		if e.Name != name || e.Port == 0 || e.names == nil || len(e.Versions) == 0 {
			t.Errorf("%s lacks something: %q, port %d, %d versions", name, e.Name, e.Port, len(e.Versions))
		}
		for version, shares := range e.Shares {
			if _, ok := e.Versions[shares]; !ok {
				t.Errorf("%s %s shares the table of %s, which is not there", name, version, shares)
			}
		}
		for _, p := range e.Privileges {
			if e.RefusedPrivileges[p] != "" {
				t.Errorf("%s both grants and refuses %s", name, p)
			}
		}
		for _, s := range e.SystemUsers {
			if e.CheckUserName(s) == nil {
				t.Errorf("%s lets users declare the system's account %s", name, s)
			}
		}
		for _, s := range e.SystemDBs {
			if e.CheckDatabaseName(strings.ToUpper(s)) == nil {
				t.Errorf("%s lets users declare the system's database %s", name, s)
			}
		}
	}
	if _, ok := Lookup("nope"); ok {
		t.Error("an engine nobody knows is found")
	}
}

func TestDatabaseNames(t *testing.T) {
	e := mariadb(t)
	for _, good := range []string{"shop", "a b", "a_b", "%", "o'b", "back`tick", `"`, "select", "ü", "数据库", "a-b", "$x", "0", strings.Repeat("ü", 64)} {
		if err := e.CheckDatabaseName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", " x", "x ", "a/b", `a\b`, "a.b", "a\nb", "a\x00", "mysql", "MySQL", "lost+found", "*", "😀", "\xff", "#mysql50#x", strings.Repeat("x", 65), "a\u200bb"} {
		if err := e.CheckDatabaseName(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestUserNamesAndHosts(t *testing.T) {
	e := mariadb(t)
	for _, good := range []string{"app", "o'b", "a@b", "a.b", `a\b`, "ü", strings.Repeat("x", 32)} {
		if err := e.CheckUserName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "root", "Root", "mariadb.sys", "x ", "a\tb", "😀", strings.Repeat("x", 33)} {
		if err := e.CheckUserName(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
	hosts := map[string]string{
		"": "%", "%": "%", "10.20.%": "10.20.%", "10.20.3._": "10.20.3._", "10.0.0.7": "10.0.0.7", "10.0.0.0/24": "10.0.0.0/255.255.255.0",
		"10.0.0.0/255.255.0.0": "10.0.0.0/255.255.0.0", "0.0.0.0/0": "0.0.0.0/0.0.0.0", "10.0.0.7/32": "10.0.0.7/255.255.255.255",
		"LOCALHOST": "localhost", "2001:DB8::1": "2001:db8::1", "2001:db8:%": "2001:db8:%",
	}
	for given, want := range hosts {
		if err := e.CheckHost(given); err != nil {
			t.Errorf("%q: %v", given, err)
		}
		got := e.NormalizeHost(given)
		if got != want {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
		if e.CheckHost(got) != nil || e.NormalizeHost(got) != got {
			t.Errorf("%q is not stable: %q", got, e.NormalizeHost(got))
		}
	}
	for _, bad := range []string{
		"db.example.org", "app%", "10.0.0.1/24", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/255.0.255.0", "10.0.0.0/024", "2001:db8::/32",
		"10.0.0.256", "%%'", "10.0.%' OR '", " %", "_", "%_",
	} {
		if err := e.CheckHost(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestVerifier(t *testing.T) {
	e := mariadb(t)
	// The server's own SELECT PASSWORD('password').
	if got := e.Verifier("password", nil); got != "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19" {
		t.Errorf("the verifier of \"password\" is %s", got)
	}
	if err := e.CheckVerifier(e.Verifier("ü'\"\\", nil)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "hunter2", strings.ToLower(e.Verifier("x", nil)), e.Verifier("x", nil) + "0", "*" + strings.Repeat("G", 40)} {
		err := e.CheckVerifier(bad)
		if err == nil {
			t.Errorf("%q passes", bad)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error tells the value: %v", err)
		}
	}
}

func TestPrivileges(t *testing.T) {
	e := mariadb(t)
	for _, c := range []struct {
		database    string
		given, want []string
		refused     string // a word of the error
	}{
		{"shop", []string{"select", " Insert", "SELECT"}, []string{"INSERT", "SELECT"}, ""},
		{"shop", []string{"create  temporary tables"}, []string{"CREATE TEMPORARY TABLES"}, ""},
		{"shop", []string{"ALL"}, []string{"ALL PRIVILEGES"}, ""},
		{"shop", []string{"all privileges", "SELECT"}, []string{"ALL PRIVILEGES"}, ""},
		{"shop", e.Privileges, []string{"ALL PRIVILEGES"}, ""},
		{"*", e.Privileges, e.Privileges, ""},
		{"*", []string{"replication client"}, []string{"BINLOG MONITOR"}, ""},
		{"*", []string{"ALL"}, []string{"ALL PRIVILEGES"}, ""},
		{"shop", nil, nil, "no privilege"},
		{"shop", []string{"PROCESS"}, nil, `grant it on "*"`},
		{"*", []string{"SUPER"}, nil, "account"},
		{"*", []string{"FILE"}, nil, "files"},
		{"shop", []string{"GRANT OPTION"}, nil, "grantable"},
		{"shop", []string{"SELEKT"}, nil, "did you mean SELECT?"},
	} {
		got, err := e.CheckPrivileges(Target{Database: c.database}, c.given)
		if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%q on %s: %v, want %q", c.given, c.database, err, c.refused)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q on %s (-want +got):\n%s", c.given, c.database, diff)
		}
	}
	if got := e.JoinPrivileges(Target{Database: "shop"}, map[string]bool{"SELECT": true, "SUPER": true, "DROP": false}); !cmp.Equal(got, []string{"SELECT", "SUPER"}) {
		t.Errorf("joined: %q", got)
	}
}

func TestCharsets(t *testing.T) {
	e := mariadb(t)
	for _, c := range []struct{ version, charset, collation, refused string }{
		{"10.11", "", "", ""}, {"10.11", "utf8mb4", "", ""}, {"10.11.6", "UTF8MB4", "utf8mb4_Unicode_ci", ""}, {"10.6", "", "latin1_bin", ""},
		{"10.11", "utf8mb5", "", `did you mean "utf8mb3"`}, {"10.11", "latin1", "utf8mb4_bin", "belong"},
		{"10.11", "", "utf8mb4_unicod_ci", `did you mean "utf8mb4_unicode_ci"`}, {"5.5", "latin1", "", "not known"},
	} {
		err := e.CheckCharset(c.version, c.charset, c.collation)
		if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestVersions(t *testing.T) {
	e := mariadb(t)
	for _, name := range []string{"10.11", "10.11.6", "10.6", "10.6.18", "11.4"} {
		if v, ok := e.Version(name); !ok || len(v.Parameters) == 0 || !strings.HasPrefix(name, v.Name) {
			t.Errorf("%s is %q, %v", name, v.Name, ok)
		}
	}
	for _, name := range []string{"", "10", "5.7", "12.0", "10.1", "10.110"} {
		if _, ok := e.Version(name); ok {
			t.Errorf("%s is found", name)
		}
	}
	names := e.VersionNames()
	if names[0] != "10.5" || names[5] != "10.10" || names[len(names)-1] != "11.8" {
		t.Errorf("versions are %v", names)
	}
}

func TestNearest(t *testing.T) {
	e := mariadb(t)
	for given, want := range map[string]string{
		"max_conections": "max_connections", "innodb-buffer-pool-sze": "innodb_buffer_pool_size", "wholly_unlike_anything_here": "", "datadirr": "",
	} {
		if got := e.SuggestParameter("10.11", given); got != want {
			t.Errorf("%s suggests %q, want %q", given, got, want)
		}
	}
}
