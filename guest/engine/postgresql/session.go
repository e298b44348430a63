package postgresql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// ours makes the agent's work independent of what a config group or the owner of a database sets for everybody, and keeps
// its statements, which hold verifiers, out of the logs.
var ours = map[string]string{
	"application_name": "trove-guestagent", "search_path": "pg_catalog, pg_temp", "standard_conforming_strings": "on", "client_encoding": "UTF8", "DateStyle": "ISO",
	"statement_timeout": "0", "lock_timeout": "60s", "idle_in_transaction_session_timeout": "0", "idle_session_timeout": "0",
	"log_statement": "none", "log_duration": "off", "log_min_duration_statement": "-1", "log_min_duration_sample": "-1", "log_transaction_sample_rate": "0",
	"log_min_error_statement": "panic", "client_min_messages": "warning", "row_security": "off", "synchronous_commit": "on", "check_function_bodies": "off",
	"default_transaction_read_only": "off", "default_transaction_isolation": "read committed", "default_transaction_deferrable": "off",
	"session_replication_role": "origin", "bytea_output": "hex", "extra_float_digits": "1", "quote_all_identifiers": "off",
}

// A session is one administrative connection to one database over the unix socket, without a password.
type session struct{ conn *pgx.Conn }

// open connects as the superuser, whom the server takes the operating system user of this process for.
func open(ctx context.Context, socket, database string) (*session, error) {
	// The text says all that the library would otherwise look for in the environment and in files.
	config, err := pgx.ParseConfig("host=/ port=1 user=x dbname=x sslmode=disable passfile=/dev/null servicefile=/dev/null connect_timeout=10")
	if err != nil {
		return nil, fmt.Errorf("preparing a connection: %w", err)
	}
	config.User, config.Database, config.Password = superuser, database, ""
	config.RuntimeParams = maps.Clone(ours)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, socket) }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &session{conn}, nil
}

// dial reaches a socket whose path is too long for the kernel through its directory's descriptor.
func dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	if len(path) <= native.MaxSocketPath {
		return d.DialContext(ctx, "unix", path)
	}
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("opening the directory of the socket: %w", err)
	}
	defer func() { _ = directory.Close() }()
	return d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", directory.Fd(), filepath.Base(path)))
}

// close ends the connection. It does so also when the context of the work has ended.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
}

// exec runs one statement, or several that are one transaction unless they say otherwise.
func (s *session) exec(ctx context.Context, statements string) error {
	_, err := s.conn.PgConn().Exec(ctx, statements).ReadAll()
	return err
}

// value runs a query of one row and one column of text; NULL is empty.
func (s *session) value(ctx context.Context, query string, arguments ...any) (string, error) {
	var out *string
	if err := s.conn.QueryRow(ctx, query, arguments...).Scan(&out); err != nil || out == nil {
		return "", err
	}
	return *out, nil
}

// rows runs a query and calls each with a row's scanner, in the order of the rows.
func (s *session) rows(ctx context.Context, query string, each func(scan func(...any) error) error) error {
	rows, err := s.conn.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// fault turns what the server or the driver said into a guest's error. The text of a syntax error may quote the statement,
// and the statement may hold a verifier: it stays here.
func fault(doing string, err error) error {
	if err == nil {
		return nil
	}
	var known *guest.Error
	if errors.As(err, &known) {
		return err
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return guest.Errorf(guest.KindEngine, "%s: %v", doing, err)
	}
	const syntax = "42601"
	if refused.Code == syntax {
		return guest.Errorf(guest.KindInternal, "%s: the server does not understand the statement (%s)", doing, refused.Code)
	}
	text := refused.Message
	if refused.Detail != "" {
		text += ": " + refused.Detail
	}
	return guest.Errorf(guest.KindEngine, "%s: %s (%s)", doing, text, refused.Code)
}

// code is the server's SQLSTATE of an error; empty when it is not the server's.
func code(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}
