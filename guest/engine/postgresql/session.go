package postgresql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// settle makes the agent's work independent of what a config group or the owner of a database sets for everybody, and
// keeps its statements, which hold verifiers, out of the logs. They are set after the login and not with it, so that
// pg_settings.reset_val stays what everybody has; log_statement is the agent's own and no setting of theirs.
const settle = `SET statement_timeout = 0; SET lock_timeout = '60s'; SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0;
SET log_min_duration_statement = -1; SET log_min_duration_sample = -1; SET log_transaction_sample_rate = 0; SET log_min_error_statement = 'panic'; SET log_duration = off;
SET search_path = pg_catalog, pg_temp; SET standard_conforming_strings = on; SET client_encoding = 'UTF8'; SET client_min_messages = 'warning';
SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed'; SET row_security = off; SET DateStyle = 'ISO';
SET synchronous_commit = on; SET session_replication_role = 'origin'; SET check_function_bodies = off`

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
	config.RuntimeParams = map[string]string{"application_name": "trove-guestagent", "log_statement": "none"}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, socket) }
	for try := 1; ; try++ {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return nil, err
		}
		_, err = conn.PgConn().Exec(ctx, settle).ReadAll()
		if err == nil {
			return &session{conn}, nil
		}
		_ = conn.Close(ctx)
		// Until then a timeout of everybody's is in force, which may be a millisecond.
		const queryCanceled = "57014"
		if code(err) != queryCanceled || try == 10 {
			return nil, err
		}
	}
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
