package enginetest

import (
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// MariaDB are the facts of MariaDB 10.11, and of whatever stands in for it.
func MariaDB() Facts {
	grant := func(database string, privileges ...string) []guest.Grant {
		return []guest.Grant{{Database: database, Privileges: privileges}}
	}
	return Facts{
		Hosts:     [3]string{"10.20.%", "10.0.0.0/24", "%"},
		Canonical: [3]string{"10.20.%", "10.0.0.0/255.255.255.0", "%"},
		Standard:  guest.Database{Charset: "utf8mb4", Collation: "utf8mb4_general_ci"},
		Variants: []guest.Database{
			{Charset: "latin1"}, {Charset: "UTF8MB4", Collation: "utf8mb4_unicode_ci"}, {}, {Collation: "latin1_bin"},
		},
		VariantsAre: []guest.Database{
			{Charset: "latin1", Collation: "latin1_swedish_ci"}, {Charset: "utf8mb4", Collation: "utf8mb4_unicode_ci"},
			{Charset: "utf8mb4", Collation: "utf8mb4_unicode_ci"}, {Charset: "latin1", Collation: "latin1_bin"},
		},
		BadDatabases: []guest.Database{
			{Name: ""}, {Name: "Information_Schema"}, {Name: "a/b"}, {Name: "a.b"}, {Name: `a\b`},
			{Name: "end "}, {Name: "ctl\x01"}, {Name: strings.Repeat("x", 65)}, {Name: "emoji😀"}, {Name: "*"},
			{Name: "x", Charset: "nope"}, {Name: "x", Collation: "nope"}, {Name: "x", Charset: "latin1", Collation: "utf8mb4_bin"},
		},
		BadUsers: []guest.PutUser{
			{Name: "", Host: "%"}, {Name: "a\x00b", Host: "%"}, {Name: "app", Host: "db.example.org"}, {Name: "app", Host: "10.0.0.1/24"},
			{Name: "app", Host: "%", Verifier: "plain"}, {Name: "app", Host: "%", Grants: grant("*", "SUPER")},
			{Name: "app", Host: "%", Grants: grant("mysql", "SELECT")}, {Name: "app", Host: "%", Grants: grant("shop", "PROCESS")},
			{Name: "app", Host: "%", Grants: grant("shop")},
		},
		Privileges: [3]string{"INSERT", "SELECT", "UPDATE"},
		Global:     "PROCESS",
		Table:      []string{"DELETE", "SELECT"},
		MakeTables: []string{"CREATE TABLE orders (n INT)", "CREATE TABLE `o``d'd \"t_b%` (n INT)"},
		Dynamic:    Knob{Name: "max_connections", Default: "151", One: "201", OneIs: "201", Two: "300", TwoIs: "300"},
		Second:     Knob{Name: "max_allowed_packet", Default: "16777216", One: "32M", OneIs: "33554432", Two: "2097152", TwoIs: "2097152"},
		Static:     Knob{Name: "innodb_log_buffer_size", Default: "16777216", One: "8M", OneIs: "8388608", Two: "6M", TwoIs: "6291456"},
		BadSettings: []engine.Settings{
			{"max_connections": "1"}, {"no_such_parameter": "1"}, {"datadir": "/"}, {"myisam_use_mmap": "perhaps"},
			{"slow_query_log": "ON"}, {"binlog_row_image": "none"}, {"tmpdir": "/x"}, {"init_connect": "a\nb"},
		},
		// The server holds the lower mark to the upper one.
		Refused: engine.Settings{"innodb_max_dirty_pages_pct": "20", "innodb_max_dirty_pages_pct_lwm": "60"},
		Fatal:   engine.Settings{"innodb_buffer_pool_size": "1024T"}, FatalWhy: "buffer_pool",
		Ping: "SELECT 1", Root: "root",
		Forbidden: []string{
			"SET GLOBAL read_only = ON", "SHUTDOWN", "SELECT 'x' INTO OUTFILE 'stolen'", "GRANT SUPER ON *.* TO root@'%'", "GRANT FILE ON *.* TO root@'%'",
		},
		Sabotage: []string{
			"DELETE FROM mysql.global_priv WHERE Host = 'localhost'", "DELETE FROM mysql.db", "FLUSH PRIVILEGES",
		},
		ReadOnly: []string{"SET GLOBAL read_only = ON"}, Writable: []string{"SET GLOBAL read_only = OFF"},
	}
}
