package enginetest

import (
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// PostgreSQL are the facts of PostgreSQL 15, and of whatever stands in for it.
func PostgreSQL() Facts {
	grant := func(database string, privileges ...string) []guest.Grant {
		return []guest.Grant{{Database: database, Privileges: privileges}}
	}
	standard := guest.Database{Collation: "C.UTF-8", Owner: "postgres", Encoding: "UTF8"}
	with := func(extensions ...string) guest.Database {
		d := standard
		d.Extensions = extensions
		return d
	}
	return Facts{
		Standard:    standard,
		Variants:    []guest.Database{{Extensions: []string{"hstore"}}, {Encoding: "utf-8", Extensions: []string{"citext"}}, {}, {Owner: "postgres"}},
		VariantsAre: []guest.Database{with("hstore"), with("citext", "hstore"), with("citext", "hstore"), with("citext", "hstore")},
		BadDatabases: []guest.Database{
			{Name: ""}, {Name: "Postgres"}, {Name: "a=b"}, {Name: "postgresql://evil"}, {Name: "a/b"}, {Name: "a:b"}, {Name: `a\b`},
			{Name: "two\nlines"}, {Name: "end "}, {Name: strings.Repeat("ü", 32)}, {Name: "*"}, {Name: "x\xff"},
			{Name: "x", Charset: "utf8mb4"}, {Name: "x", Encoding: "utf9"}, {Name: "x", Collation: "'"}, {Name: "x", Collation: "xx_XX.UTF-8"},
			{Name: "x", Encoding: "LATIN1", Collation: "C.UTF-8"}, {Name: "x", Owner: "pg_monitor"}, {Name: "x", Extensions: []string{"plpython3u"}},
			{Name: "x", Extensions: []string{"a--b"}},
		},
		BadUsers: []guest.PutUser{
			{Name: ""}, {Name: "a\x00b"}, {Name: "pg_app"}, {Name: "PUBLIC"}, {Name: strings.Repeat("x", 64)}, {Name: "app", Host: "%"},
			{Name: "app", Verifier: "plain"}, {Name: "app", Verifier: "md5" + strings.Repeat("0", 32)}, {Name: "app", Grants: grant("*", "SELECT")},
			{Name: "app", Grants: grant("postgres", "CONNECT")}, {Name: "app", Grants: grant("shop", "SUPERUSER")}, {Name: "app", Grants: grant("shop")},
			{Name: "app", Grants: []guest.Grant{{Database: "shop", Table: "t", Privileges: []string{"SELECT"}}}},
			{Name: "app", Grants: []guest.Grant{{Database: "shop", Schema: "pg_catalog", Privileges: []string{"USAGE"}}}},
			{Name: "app", Rights: guest.Rights{Roles: []string{"pg_execute_server_program"}}},
		},
		Privileges: [3]string{"INSERT", "SELECT", "UPDATE"},
		Table:      []string{"DELETE", "SELECT"},
		MakeTables: []string{"CREATE TABLE orders (id serial PRIMARY KEY, n int)", "CREATE TABLE \"o`d'd \"\"t_b%\" (n int)"},
		Schema:     []string{"public", "CREATE", "SELECT"},
		Dynamic:    Knob{Name: "work_mem", Default: "4MB", One: "8192", OneIs: "8MB", Two: "32768kB", TwoIs: "32MB"},
		Second:     Knob{Name: "log_lock_waits", Default: "OFF", One: "true", OneIs: "ON", Two: "off", TwoIs: "OFF"},
		Static:     Knob{Name: "max_connections", Default: "100", One: "50", OneIs: "50", Two: "60", TwoIs: "60"},
		BadSettings: []engine.Settings{
			{"work_mem": "1kB"}, {"no_such_parameter": "1"}, {"data_directory": "/"}, {"log_lock_waits": "perhaps"}, {"wal_compression": "best"},
			{"archive_command": "rm -rf /"}, {"shared_preload_libraries": "x"}, {"search_path": "a\nb"}, {"statement_timeout": "5 weeks"},
		},
		Refused:  engine.Settings{"timezone": "Mars/Phobos", "default_text_search_config": "no_such_config"},
		Fatal:    engine.Settings{"shared_buffers": "4TB"},
		FatalWhy: "shared memory",
		Landing:  "postgres",
		Ping:     "SELECT 4711",
		Root:     "root",
		Forbidden: []string{
			"CREATE ROLE evil LOGIN", "ALTER ROLE postgres PASSWORD 'x'", "ALTER ROLE root SUPERUSER", "COPY (SELECT 1) TO PROGRAM 'true'",
			"GRANT pg_execute_server_program TO root", "GRANT pg_read_server_files TO root", "ALTER SYSTEM SET work_mem = '8MB'",
			"SELECT pg_read_file('/etc/passwd')", "CREATE EXTENSION file_fdw", "SELECT rolpassword FROM pg_authid", "CREATE TABLE public.t (n int)",
			"CREATE TEMPORARY TABLE t (n int)", "SELECT pg_reload_conf()",
		},
		Sabotage: []string{
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()", "DROP ROLE postgres", "ALTER ROLE postgres NOLOGIN",
			"ALTER DATABASE postgres ALLOW_CONNECTIONS false", "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC", "DROP DATABASE postgres",
			"ALTER ROLE root SET default_transaction_read_only = on", "CREATE DATABASE mine", "ALTER DATABASE mine SET search_path = evil",
		},
		ReadOnly: []string{"ALTER SYSTEM SET default_transaction_read_only = on"},
		Writable: []string{"ALTER SYSTEM RESET default_transaction_read_only"},
	}
}
