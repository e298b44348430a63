package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/rogpeppe/go-internal/testscript"
)

// A speaker talks to one kind of engine: as an ordinary client, and as somebody with a shell in the guest would.
type speaker interface {
	client(ctx context.Context, address, user, password, text string) (string, error)
	admin(ctx context.Context, machine, text string) (string, error)
}

var speakers = map[string]speaker{"": mysqlSpeaker{}, "mariadb": mysqlSpeaker{}, "postgresql": postgresSpeaker{}, "redis": redisSpeaker{}}

// client USER PASSWORD QUERY: asks the engine ENGINE (MariaDB, when that is not set) at the address in the file endpoint, as
// an ordinary client of the database shop, and prints what it answers.
func client(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: [!] client USER PASSWORD QUERY")
	}
	address := strings.TrimSpace(ts.ReadFile("endpoint"))
	asked(ts, neg, args[2], func(ctx context.Context, s speaker) (string, error) {
		return s.client(ctx, address, args[0], args[1], args[2])
	})
}

// admin SERVER QUERY: asks the engine as somebody with a shell in the guest, behind trovectl's back.
func admin(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: admin SERVER QUERY")
	}
	machine, err := machineOf(ts, args[0])
	ts.Check(err)
	asked(ts, neg, args[1], func(ctx context.Context, s speaker) (string, error) { return s.admin(ctx, machine, args[1]) })
}

// asked prints what a question brings.
func asked(ts *testscript.TestScript, neg bool, text string, ask func(context.Context, speaker) (string, error)) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := ask(ctx, speakers[ts.Getenv("ENGINE")])
	_, _ = fmt.Fprint(ts.Stdout(), out)
	if err != nil {
		_, _ = fmt.Fprintln(ts.Stderr(), err)
	}
	if neg != (err != nil) {
		ts.Fatalf("%s: %v\n%s", text, err, out)
	}
}

// machineOf is the root of the machine whose host name is the server's.
func machineOf(ts *testscript.TestScript, server string) (string, error) {
	roots, err := filepath.Glob(filepath.Join(ts.Getenv("CLOUD"), "machines", "*", "root"))
	if err != nil {
		return "", err
	}
	found := slices.DeleteFunc(roots, func(root string) bool {
		name, err := os.ReadFile(filepath.Join(root, "etc/hostname"))
		return err != nil || strings.TrimSpace(string(name)) != server
	})
	if len(found) > 1 { // scripts that run beside this one have a server of that name too
		ours := ts.Value(placeKey{}).(*place).serverIDs(ts)
		found = slices.DeleteFunc(found, func(root string) bool { return !ours[filepath.Base(filepath.Dir(root))] })
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d machines are called %s", len(found), server)
	}
	return found[0], nil
}

// nearSocket calls use with a short name of a socket below the machine's root: the path of a unix socket is short.
func nearSocket(machine string, patterns []string, use func(socket string) (string, error)) (string, error) {
	for _, pattern := range patterns {
		sockets, err := filepath.Glob(filepath.Join(machine, pattern))
		if err != nil || len(sockets) == 0 {
			continue
		}
		short, err := os.MkdirTemp("", "trovectl-sock-")
		if err != nil {
			return "", err
		}
		defer func() { _ = os.RemoveAll(short) }()
		if err := os.Symlink(filepath.Dir(sockets[0]), filepath.Join(short, "d")); err != nil {
			return "", err
		}
		return use(filepath.Join(short, "d", filepath.Base(sockets[0])))
	}
	return "", fmt.Errorf("no engine's socket in %s", machine)
}

// mysqlSpeaker speaks to MariaDB and its kin.
type mysqlSpeaker struct{}

func (mysqlSpeaker) client(ctx context.Context, address, user, password, text string) (string, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = "tcp", address, user, password, "shop"
	return mysqlQuery(ctx, c, text)
}

func (mysqlSpeaker) admin(ctx context.Context, machine, text string) (string, error) {
	return nearSocket(machine, []string{"var/lib/trove-guestagent/run/*/mysqld.sock", "var/lib/trove-guestagent/data/db/*/mysqld.sock"},
		func(socket string) (string, error) {
			c := mysql.NewConfig()
			c.Net, c.Addr, c.User = "unix", socket, account()
			return mysqlQuery(ctx, c, text)
		})
}

func account() string {
	if name := os.Getenv("USER"); name != "" && os.Geteuid() != 0 {
		return name
	}
	return "root"
}

func mysqlQuery(ctx context.Context, c *mysql.Config, text string) (string, error) {
	c.Timeout = 10 * time.Second
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return "", err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	return rows(ctx, db, text)
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

// postgresSpeaker speaks to PostgreSQL.
type postgresSpeaker struct{}

func (postgresSpeaker) client(ctx context.Context, address, user, password, text string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	return postgresQuery(ctx, host, port, text, func(c *pgx.ConnConfig) { c.User, c.Password = user, password })
}

// admin comes in as the guest's root, in the database shop.
func (postgresSpeaker) admin(ctx context.Context, machine, text string) (string, error) {
	return nearSocket(machine, []string{"var/lib/trove-guestagent/run/*/.s.PGSQL.*[0-9]", "var/lib/trove-guestagent/data/db/*/.s.PGSQL.*[0-9]"},
		func(socket string) (string, error) {
			port := strings.TrimPrefix(filepath.Ext(socket), ".")
			return postgresQuery(ctx, filepath.Dir(socket), port, text, func(c *pgx.ConnConfig) { c.User = "postgres" })
		})
}

func postgresQuery(ctx context.Context, host, port, text string, login func(*pgx.ConnConfig)) (string, error) {
	c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s dbname=shop sslmode=disable connect_timeout=10", host, port))
	if err != nil {
		return "", err
	}
	login(c)
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	var out strings.Builder
	for statement := range strings.SplitSeq(text, ";") { // one by one: some refuse company
		results, err := conn.PgConn().Exec(ctx, statement).ReadAll()
		if err != nil {
			return out.String(), err
		}
		for _, result := range results {
			for _, row := range result.Rows {
				out.Write(append(bytes.Join(row, []byte("\t")), '\n'))
			}
		}
	}
	return out.String(), nil
}

// redisSpeaker speaks to Redis and Valkey. Words of a command have spaces between.
type redisSpeaker struct{}

func (redisSpeaker) client(ctx context.Context, address, user, password, text string) (string, error) {
	return redisDo(ctx, &redis.Options{Addr: address, Username: user, Password: password}, text)
}

// admin comes in with what the guest's root can read: the file that holds the agent's own password.
func (redisSpeaker) admin(ctx context.Context, machine, text string) (string, error) {
	password, err := os.ReadFile(filepath.Join(machine, "etc/trove-guestagent/engine/agent.password"))
	if err != nil {
		return "", err
	}
	return nearSocket(machine, []string{"var/lib/trove-guestagent/run/*/server.sock", "var/lib/trove-guestagent/data/db/*/server.sock"},
		func(socket string) (string, error) {
			return redisDo(ctx, &redis.Options{Network: "unix", Addr: socket, Username: "trovectl", Password: strings.TrimSpace(string(password))}, text)
		})
}

func redisDo(ctx context.Context, o *redis.Options, text string) (string, error) {
	o.MaxRetries, o.DisableIdentity = -1, true
	client := redis.NewClient(o)
	defer func() { _ = client.Close() }()
	var words []any
	for _, word := range strings.Fields(text) {
		words = append(words, word)
	}
	answer, err := client.Do(ctx, words...).Result()
	if err != nil {
		return "", err
	}
	return lines(answer), nil
}

// lines are an answer, one line for each value in it.
func lines(answer any) string {
	switch answer := answer.(type) {
	case []any:
		var out strings.Builder
		for _, one := range answer {
			out.WriteString(lines(one))
		}
		return out.String()
	case map[any]any:
		var out strings.Builder
		for key, value := range answer {
			out.WriteString(lines(key) + lines(value))
		}
		return out.String()
	}
	return fmt.Sprintln(answer)
}
