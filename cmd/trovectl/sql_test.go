package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/rogpeppe/go-internal/testscript"
)

// client USER PASSWORD QUERY: runs a query in the database shop at the address in the file endpoint, as an ordinary client,
// and prints the rows.
func clientSQL(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: [!] client USER PASSWORD QUERY")
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = "tcp", strings.TrimSpace(ts.ReadFile("endpoint")), args[0], args[1], "shop"
	query(ts, neg, c, args[2])
}

// admin INSTANCE QUERY: runs a query as somebody with a shell in the guest, behind trovectl's back.
func adminSQL(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: admin SERVER QUERY")
	}
	socket, err := socketOf(ts, args[0])
	ts.Check(err)
	short, err := os.MkdirTemp("", "trovectl-sock-") // the path of a unix socket is short
	ts.Check(err)
	defer func() { _ = os.RemoveAll(short) }()
	ts.Check(os.Symlink(filepath.Dir(socket), filepath.Join(short, "d")))
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User = "unix", filepath.Join(short, "d", filepath.Base(socket)), account()
	query(ts, neg, c, args[1])
}

func account() string {
	if name := os.Getenv("USER"); name != "" && os.Geteuid() != 0 {
		return name
	}
	return "root"
}

// socketOf finds the engine's socket in the machine whose host name is the server's.
func socketOf(ts *testscript.TestScript, server string) (string, error) {
	roots, err := filepath.Glob(filepath.Join(ts.Getenv("CLOUD"), "machines", "*", "root"))
	if err != nil {
		return "", err
	}
	var found []string
	for _, root := range roots {
		name, err := os.ReadFile(filepath.Join(root, "etc/hostname"))
		if err == nil && strings.TrimSpace(string(name)) == server {
			found = append(found, root)
		}
	}
	if len(found) > 1 { // scripts that run beside this one have a server of that name too
		ours := ts.Value(placeKey{}).(*place).serverIDs(ts)
		found = slices.DeleteFunc(found, func(root string) bool { return !ours[filepath.Base(filepath.Dir(root))] })
	}
	for _, root := range found {
		for _, pattern := range []string{"run/trove-guestagent/engine/mysqld.sock", "var/lib/trove-guestagent/data/db/*/mysqld.sock", "var/lib/trove-guestagent/data/db/mysqld.sock"} {
			if sockets, _ := filepath.Glob(filepath.Join(root, pattern)); len(sockets) > 0 {
				return sockets[0], nil
			}
		}
	}
	return "", fmt.Errorf("no engine's socket in a machine %s", server)
}

func query(ts *testscript.TestScript, neg bool, c *mysql.Config, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c.Timeout = 10 * time.Second
	connector, err := mysql.NewConnector(c)
	ts.Check(err)
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	out, err := rows(ctx, db, text)
	_, _ = fmt.Fprint(ts.Stdout(), out)
	if err != nil {
		_, _ = fmt.Fprintln(ts.Stderr(), err)
	}
	if neg != (err != nil) {
		ts.Fatalf("%s: %v\n%s", text, err, out)
	}
}

func rows(ctx context.Context, db *sql.DB, text string) (string, error) {
	result, err := db.QueryContext(ctx, text)
	if err != nil {
		return "", err
	}
	defer func() { _ = result.Close() }()
	columns, err := result.Columns()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for result.Next() {
		cells, targets := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range cells {
			targets[i] = &cells[i]
		}
		if err := result.Scan(targets...); err != nil {
			return out.String(), err
		}
		for i, cell := range cells {
			if i > 0 {
				out.WriteString("\t")
			}
			out.WriteString(cell.String)
		}
		out.WriteString("\n")
	}
	return out.String(), result.Err()
}
