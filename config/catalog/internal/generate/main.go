// Command generate writes the catalog's table of a database engine: it starts the server that is installed, on its own,
// asks it for its parameters and charsets, and writes what it says as Go. Equal servers give equal bytes.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

func main() {
	out := flag.String("out", "", "the Go file to write")
	name := flag.String("func", "", "the name of the function that returns the table")
	version := flag.String("version", "", "the version that must be installed, 10.11")
	engine := flag.String("engine", "mariadb", "the engine: mariadb, postgresql")
	flag.Parse()
	write := map[string]func(out, function, version string) error{"mariadb": run, "postgresql": runPostgreSQL}[*engine]
	if write == nil {
		write = func(string, string, string) error { return fmt.Errorf("no way to ask %s", *engine) }
	}
	if err := write(*out, *name, *version); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(out, function, version string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	directory, err := os.MkdirTemp("", "catalog-*")
	if err != nil {
		return fmt.Errorf("making a directory for the server: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	server, db, err := start(ctx, directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(server)) }()
	defer func() { err = errors.Join(err, db.Close()) }()
	source, err := table(ctx, db, function, version)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, source, 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// start makes an empty server without option files, so that what it says are its own defaults.
func start(ctx context.Context, directory string) (*exec.Cmd, *sql.DB, error) {
	me, err := user.Current()
	if err != nil {
		return nil, nil, fmt.Errorf("asking who runs this: %w", err)
	}
	data, socket := filepath.Join(directory, "data"), filepath.Join(directory, "s")
	as := "--user=" + me.Username
	install := exec.CommandContext(ctx, "mariadb-install-db", "--no-defaults", as, "--datadir="+data,
		"--auth-root-authentication-method=socket", "--auth-root-socket-user="+me.Username, "--skip-test-db", "--skip-name-resolve")
	if text, err := install.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("initialising a server: %w: %s", err, text)
	}
	path, err := exec.LookPath("mariadbd")
	if err != nil {
		path = "/usr/sbin/mariadbd"
	}
	server := exec.Command(path, "--no-defaults", as, "--datadir="+data, "--socket="+socket, "--skip-networking",
		"--pid-file="+filepath.Join(directory, "pid"), "--log-error="+filepath.Join(directory, "log"))
	if err := server.Start(); err != nil {
		return nil, nil, fmt.Errorf("starting a server: %w", err)
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr = me.Username, "unix", socket
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("preparing a connection: %w", err), stop(server))
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return server, db, nil
		}
		if ctx.Err() != nil {
			return nil, nil, errors.Join(fmt.Errorf("waiting for the server: %w", err), db.Close(), stop(server))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func stop(server *exec.Cmd) error {
	if err := server.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the server: %w", err)
	}
	if err := server.Wait(); err != nil {
		return fmt.Errorf("waiting for the server's end: %w", err)
	}
	return nil
}

// query returns the rows of a query as text; NULL is "\x00".
func query(ctx context.Context, db *sql.DB, text string) (out [][]string, err error) {
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("asking %.60q: %w", strings.TrimSpace(text), err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		cells, targets := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range cells {
			targets[i] = &cells[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		row := make([]string, len(columns))
		for i, cell := range cells {
			if row[i] = cell.String; !cell.Valid {
				row[i] = null
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

const null = "\x00"
