package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func postgres(t testing.TB) *Engine {
	t.Helper()
	e, ok := Lookup("postgresql")
	if !ok {
		t.Fatal("postgresql is not known")
	}
	return e
}

func TestPostgreSQLNames(t *testing.T) {
	e := postgres(t)
	for _, good := range []string{"shop", "a b", "a_b", "%", "o'b", `"`, "select", "ü", "数据库", "a-b", "a.b", "😀", strings.Repeat("x", 63)} {
		if err := e.CheckDatabaseName(good); err != nil {
			t.Errorf("database %q: %v", good, err)
		}
		if err := e.CheckUserName(good); err != nil {
			t.Errorf("user %q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", " x", "x ", "a\nb", "a\x00", "\xff", "a\u200bb", "*", "postgres", "Template1", "a=b", "a/b", `a\b`, "postgresql://evil", strings.Repeat("x", 64), strings.Repeat("ü", 32),
	} {
		if err := e.CheckDatabaseName(bad); err == nil {
			t.Errorf("database %q passes", bad)
		}
	}
	for _, bad := range []string{"", "postgres", "Root", "public", "NONE", "pg_monitor", "PG_x", "trovectl_tls", "a\tb", strings.Repeat("x", 64)} {
		if err := e.CheckUserName(bad); err == nil {
			t.Errorf("user %q passes", bad)
		}
	}
	if e.CheckHost("") != nil || e.CheckHost("%") == nil || e.NormalizeHost("") != "" {
		t.Error("users have hosts")
	}
}

func TestPostgreSQLRoles(t *testing.T) {
	e := postgres(t)
	for name, good := range map[string]bool{
		"pg_monitor": true, "pg_write_all_data": true, "pg_read_all_data": false, "auditor": true, "pg_execute_server_program": false, "pg_write_server_files": false, "postgres": false,
		"root": false, "pg_database_owner": false, "": false, "trovectl_tls": false,
	} {
		if err := e.CheckRole(name); (err == nil) != good {
			t.Errorf("the role %q: %v", name, err)
		}
	}
}

func TestPostgreSQLDefaultsOfDatabases(t *testing.T) {
	e := postgres(t)
	for given, want := range map[string]string{"": "", "utf-8": "UTF8", "Latin1": "LATIN1", "iso 8859 5": "ISO_8859_5", "sql_ascii": "SQL_ASCII"} {
		if got, err := e.NormalizeEncoding("15", given); err != nil || got != want {
			t.Errorf("encoding %q is %q, %v", given, got, err)
		}
	}
	for _, bad := range []string{"utf9", "SJIS", "'"} {
		if got, err := e.NormalizeEncoding("15", bad); err == nil {
			t.Errorf("encoding %q is %q", bad, got)
		}
	}
	for _, c := range []struct {
		charset, collation string
		good               bool
	}{{"", "", true}, {"", "C.UTF-8", true}, {"", "de_DE.utf8@euro", true}, {"", "de-AT-x-icu", true}, {"", "C'", false}, {"", "a b", false}, {"utf8mb4", "", false}} {
		if err := e.CheckCharset("15", c.charset, c.collation); (err == nil) != c.good {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for name, good := range map[string]bool{"hstore": true, "uuid-ossp": true, "pg_trgm": true, "postgis": true, "plpython3u": false, "a--b": false, "-a": false, "A": false, "": false, "file_fdw": false} {
		if err := e.CheckExtension(name); (err == nil) != good {
			t.Errorf("the extension %q: %v", name, err)
		}
	}
}

func TestPostgreSQLPrivileges(t *testing.T) {
	e := postgres(t)
	database, schema, table := Target{Database: "shop"}, Target{Database: "shop", Schema: "public"}, Target{Database: "shop", Schema: "public", Table: "orders"}
	for _, c := range []struct {
		on          Target
		given, want []string
		refused     string // a word of the error
	}{
		{database, []string{"select", "Insert"}, []string{"INSERT", "SELECT"}, ""},
		{database, []string{"connect"}, []string{"CONNECT"}, ""},
		{database, []string{"connect", "select"}, []string{"SELECT"}, ""},
		{database, []string{"temp"}, []string{"TEMPORARY"}, ""},
		{database, []string{"ALL"}, []string{"ALL PRIVILEGES"}, ""},
		{database, e.Privileges, []string{"ALL PRIVILEGES"}, ""},
		{schema, []string{"usage", "create"}, []string{"CREATE"}, ""},
		{schema, []string{"usage"}, []string{"USAGE"}, ""},
		{schema, []string{"temporary"}, nil, "whole database"},
		{table, []string{"all"}, []string{"ALL PRIVILEGES"}, ""},
		{table, []string{"usage"}, nil, "no privilege"},
		{database, []string{"execute"}, nil, "functions"},
		{database, []string{"SUPERUSER"}, nil, "account"},
		{database, nil, nil, "no privilege"},
	} {
		got, err := e.CheckPrivileges(c.on, c.given)
		if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%q on %s: %v, want %q", c.given, c.on, err, c.refused)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q on %s (-want +got):\n%s", c.given, c.on, diff)
		}
	}
	for _, bad := range []Target{{Database: "*"}, {Database: "postgres"}, {Database: "shop", Table: "t"}, {Database: "shop", Schema: "pg_catalog"}, {Database: "shop", Schema: "a\nb"}} {
		if e.CheckTarget(bad) == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

func TestPostgreSQLGrantsAreNested(t *testing.T) {
	e := postgres(t)
	on := func(schema, table, privilege string, grantable bool) Right {
		return Right{Target{"shop", schema, table}, privilege, grantable}
	}
	all := on("", "", "SELECT", false)
	for _, c := range []struct {
		right, other Right
		want         bool
	}{
		{on("public", "", "SELECT", false), all, true},
		{on("public", "orders", "SELECT", false), all, true},
		{on("public", "orders", "SELECT", true), all, false},
		{on("public", "orders", "INSERT", false), all, false},
		{on("public", "", "USAGE", false), all, true},
		{on("public", "", "CREATE", false), all, false},
		{on("public", "", "CREATE", false), on("", "", "CREATE", false), true},
		{on("public", "", "USAGE", false), on("", "", "TEMPORARY", false), false},
		{on("", "", "CONNECT", false), on("public", "orders", "SELECT", false), true},
		{on("public", "", "USAGE", false), on("public", "orders", "SELECT", true), true},
		{on("other", "", "USAGE", false), on("public", "orders", "SELECT", false), false},
		{on("public", "lines", "SELECT", false), on("public", "orders", "SELECT", false), false},
		{all, on("", "", "SELECT", true), true},
		{all, all, false},
		{on("", "", "CONNECT", false), on("", "", "SELECT", true), true},
		{Right{Target{"other", "public", ""}, "SELECT", false}, all, false},
	} {
		if got := e.Covered(c.right, []Right{c.other}); got != c.want {
			t.Errorf("%+v beside %+v: %v", c.right, c.other, got)
		}
	}
	if e := mariadb(t); e.Covered(on("", "t", "SELECT", false), []Right{all}) {
		t.Error("MariaDB's grants are nested")
	}
}

func TestPostgreSQLQuantities(t *testing.T) {
	e := postgres(t)
	for _, c := range []struct{ name, given, want, refused string }{
		{"shared_buffers", "128MB", "128MB", ""},
		{"shared_buffers", "16384", "128MB", ""},
		{"shared_buffers", "131072 kb", "128MB", ""},
		{"shared_buffers", "1GB", "1GB", ""},
		{"shared_buffers", "1.5GB", "1536MB", ""},
		{"shared_buffers", "12kB", "", "multiple of 8kB"},
		{"shared_buffers", "64kB", "", "from 16"},
		{"shared_buffers", "128M", "", "with a unit"},
		{"shared_buffers", "128ms", "", "with a unit"},
		{"shared_buffers", "a lot", "", "with a unit"},
		{"shared_buffers", "", "", "with a unit"},
		{"wal_buffers", "-1", "-1", ""},
		{"statement_timeout", "0", "0", ""},
		{"statement_timeout", "90000", "90s", ""},
		{"statement_timeout", "90s", "90s", ""},
		{"statement_timeout", "1h", "1h", ""},
		{"statement_timeout", "24h", "1d", ""},
		{"vacuum_cost_delay", "0.5", "500us", ""},
		{"vacuum_cost_delay", "2ms", "2ms", ""},
		{"checkpoint_timeout", "5min", "5min", ""},
		{"checkpoint_timeout", "300", "5min", ""},
		{"checkpoint_timeout", "1s", "", "from 30"},
		{"track_activity_query_size", "1024", "1kB", ""},
		{"max_connections", "100", "100", ""},
		{"random_page_cost", "1.10", "1.1", ""},
		{"synchronous_commit", "LOCAL", "local", ""},
		{"wal_compression", "true", "on", ""},
		{"autovacuum", "no", "OFF", ""},
		{"TimeZone", "Europe/Berlin", "Europe/Berlin", ""},
	} {
		p, ok := e.Parameter("15", c.name)
		if !ok {
			t.Errorf("%s is not there", c.name)
			continue
		}
		got, err := p.Normalize(c.given)
		if got != c.want || (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s = %q is %q, %v; want %q, %q", c.name, c.given, got, err, c.want, c.refused)
		}
		if err != nil {
			continue
		}
		if again, err := p.Normalize(got); err != nil || again != got {
			t.Errorf("%s = %q is %q and then %q, %v", c.name, c.given, got, again, err)
		}
	}
}

func TestPostgreSQLAgentsParametersAreRefused(t *testing.T) {
	e := postgres(t)
	for _, name := range strings.Fields(`archive_command archive_cleanup_command archive_library restore_command recovery_end_command shared_preload_libraries
		session_preload_libraries local_preload_libraries dynamic_library_path data_directory hba_file ident_file config_file ssl_passphrase_command
		unix_socket_directories unix_socket_permissions listen_addresses port primary_conninfo log_directory krb_server_keyfile ssl ssl_cert_file fsync
		full_page_writes zero_damaged_pages log_statement password_encryption server_version block_size wal_level default_transaction_read_only
		superuser_reserved_connections restart_after_crash jit_provider default_tablespace allow_system_table_mods log_min_error_statement`) {
		if p, ok := e.Parameter("15", name); !ok || p.Refused == "" {
			t.Errorf("%s may be set (found: %v)", name, ok)
		}
	}
	for _, name := range strings.Fields(`max_connections shared_buffers work_mem maintenance_work_mem effective_cache_size random_page_cost autovacuum
		statement_timeout log_min_duration_statement timezone DateStyle search_path synchronous_commit checkpoint_timeout max_wal_size
		idle_in_transaction_session_timeout max_parallel_workers jit default_text_search_config log_connections`) {
		if p, ok := e.Parameter("15", name); !ok || p.Refused != "" {
			t.Errorf("%s may not be set (found: %v): %s", name, ok, p.Refused)
		}
	}
}

func TestScramVerifier(t *testing.T) {
	e := postgres(t)
	// RFC 7677's example: the server's own text for it.
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	salt := []byte{0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81}
	if got := e.Verifier("pencil", append(salt, "more than is used"...)); got != want {
		t.Errorf("the verifier is %s", got)
	}
	if e.Verifier("pencil", nil) == e.Verifier("pencil", salt) || e.CheckVerifier(e.Verifier("pencil", nil)) != nil {
		t.Error("the salt does not matter")
	}
	if e.Verifier("", salt) != "" {
		t.Error("an empty password has a verifier")
	}
	for _, bad := range []string{
		"", "pencil", "md5" + strings.Repeat("0", 32), want + "=", strings.Replace(want, "4096", "1", 1), strings.Replace(want, "4096", "04096", 1),
		strings.Replace(want, "$WG5d", "$W'5d", 1), strings.Replace(want, ":wfPL", ":", 1), strings.Replace(want, "256", "512", 1), want + "\n",
	} {
		err := e.CheckVerifier(bad)
		if err == nil {
			t.Errorf("%q passes", bad)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error tells the value: %v", err)
		}
	}
	if err := e.CheckVerifier(want); err != nil {
		t.Error(err)
	}
	// SASLprep: what looks the same is the same.
	for _, pair := range [][2]string{{"\u00AApass", "apass"}, {"I\u00ADX", "IX"}, {"\u2168", "IX"}, {"a\u00A0ü", "a ü"}, {"u\u0308", "ü"}} {
		if e.Verifier(pair[0], salt) != e.Verifier(pair[1], salt) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
}
