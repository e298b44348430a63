package agent

import (
	"bytes"
	"strings"
	"testing"
)

// planted is a secret that no log line of these tests may show.
const planted = "S3cr3tS3cr3t"

// statements hold the planted secret where X stands, as engines log them.
var statements = []string{
	"CREATE USER 'a'@'%' IDENTIFIED BY 'X'", "CREATE USER a IDENTIFIED BY PASSWORD 'X'", `alter user a identified by "X" account unlock`,
	"GRANT ALL ON *.* TO a IDENTIFIED\nBY\n'X'", "CREATE USER a IDENTIFIED VIA ed25519 USING 'Y' OR mysql_native_password USING 'X'",
	"CREATE USER a IDENTIFIED WITH 'caching_sha2_password' AS 'X'", "SET PASSWORD FOR a = PASSWORD('X')", "SET PASSWORD FOR 'a'@'%' = 'X'",
	"CHANGE MASTER TO MASTER_USER='r', MASTER_PASSWORD='X', MASTER_PORT=1", "ALTER ROLE a PASSWORD 'X'", "CREATE ROLE a LOGIN PASSWORD E'it''s X'",
	"ALTER USER a WITH ENCRYPTED PASSWORD $$X$$", "alter role a password $t$X$t$", `SET PASSWORD = 'it\'s X'`, "SET PASSWORD = 'it''s X'",
	"SELECT PASSWORD( 'X' )", "primary_conninfo = 'host=a user=b password=X'", "postgresql://a:X@host/db",
	`1 [0 127.0.0.1:1] "AUTH" "app" "X"`, `AUTH X`, `"ACL" "SETUSER" "app" "on" ">X"`, "CONFIG SET requirepass X", `"masterauth" "X"`,
	"SET PASSWORD = 'X", // cut off
}

func TestMask(t *testing.T) {
	for _, statement := range statements {
		line := strings.ReplaceAll(statement, "X", planted)
		text := []byte("2026 query " + line + "\nSELECT 1 FROM shop.orders WHERE name = 'kept'\n")
		long := len(text)
		mask(text)
		if bytes.Contains(text, []byte(planted)) || len(text) != long {
			t.Errorf("%s\nbecomes %s", line, text)
		}
	}
	for _, kept := range []string{
		"SELECT * FROM shop.orders WHERE name = 'kept' AND n > 3", "# Query_time: 1.2  Lock_time: 0.0", "2026-01-01 [Note] ready for connections at 10.0.0.1:3306",
		"duration: 12 ms  statement: SELECT count(*) FROM t WHERE a < 4", "user: app[app] @ [10.0.0.7]",
	} {
		text := []byte(kept)
		mask(text)
		if string(text) != kept {
			t.Errorf("%q becomes %q", kept, text)
		}
	}
}

// FuzzMask: what stands around a statement never uncovers its secret.
func FuzzMask(f *testing.F) {
	f.Add(uint8(0), "", "", "")
	f.Add(uint8(3), "it's \"quoted\" ", "\\'", "'; DROP")
	f.Fuzz(func(t *testing.T, which uint8, before, inside, after string) {
		statement := statements[int(which)%len(statements)]
		ends := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("'\"\\$@,;:/<>", r) }
		if strings.ContainsAny(before, `'"$`) || strings.ContainsFunc(inside, ends) {
			return // such texts end the words of the statement itself
		}
		line := strings.ReplaceAll(statement, "X", inside+planted)
		text := []byte(before + "\n" + line + "\n" + after)
		long := len(text)
		mask(text)
		if bytes.Contains(text, []byte(planted)) && !strings.Contains(before+after, planted) {
			t.Errorf("%q is masked as %q", line, text)
		}
		if len(text) != long {
			t.Errorf("%d bytes became %d", long, len(text))
		}
	})
}
