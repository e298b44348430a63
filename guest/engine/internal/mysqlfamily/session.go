package mysqlfamily

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

type silent struct{}

func (silent) Print(...any) {}

// A Session is one administrative connection over the unix socket, without a password.
type Session struct {
	db   *sql.DB
	conn *sql.Conn
}

// Open connects as account, which the server knows to be the operating system user of this process. params are variables
// of the session beside those that all members of the family need.
func Open(ctx context.Context, socket, account string, params map[string]string) (*Session, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr = account, "unix", socket
	cfg.DialFunc = native.Dial
	cfg.Timeout = 10 * time.Second
	cfg.Logger = silent{}
	cfg.Params = map[string]string{
		// No NO_BACKSLASH_ESCAPES or ANSI_QUOTES, which would change what quoting means.
		"sql_mode": "''",
		// DDL waits this long for sessions that hold a table, in seconds, rather than a day.
		"lock_wait_timeout": "60",
		// A config group sets these for clients; the agent's work must not depend on them.
		"autocommit": "1", "completion_type": "0", "sql_big_selects": "1",
		// What the agent does is not for customers' logs: it sends password hashes. In seconds.
		"sql_log_off": "1", "long_query_time": "31536000",
	}
	maps.Copy(cfg.Params, params)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("preparing a connection: %w", err)
	}
	return NewSession(ctx, connector)
}

// NewSession is a session on the one connection that connector makes.
func NewSession(ctx context.Context, connector driver.Connector) (*Session, error) {
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return &Session{db: db, conn: conn}, nil
}

// Close ends the connection.
func (s *Session) Close() {
	_ = s.conn.Close()
	_ = s.db.Close()
}

// Exec runs one statement.
func (s *Session) Exec(ctx context.Context, statement string) error {
	_, err := s.conn.ExecContext(ctx, statement)
	return err
}

// Rows runs a query and returns its rows by column name. NULL is absent from the row.
func (s *Session) Rows(ctx context.Context, query string) (out []map[string]string, err error) {
	rows, err := s.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	cells, targets := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range cells {
		targets[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		row := make(map[string]string, len(columns))
		for i, cell := range cells {
			if cell.Valid {
				row[columns[i]] = cell.String
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// Value runs a query of one row and one column.
func (s *Session) Value(ctx context.Context, query string) (string, error) {
	var value sql.NullString
	if err := s.conn.QueryRowContext(ctx, query).Scan(&value); err != nil {
		return "", err
	}
	return value.String, nil
}

// Fault turns what the server or the driver said into a guest's error. The server quotes the statement in syntax errors,
// and the statement may hold a verifier: their text stays here.
func Fault(doing string, err error) error {
	if err == nil {
		return nil
	}
	var known *guest.Error
	if errors.As(err, &known) {
		return err
	}
	const syntax = 1064
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &refused) && refused.Number == syntax:
		return guest.Errorf(guest.KindInternal, "%s: the server does not understand the statement (error %d)", doing, refused.Number)
	case errors.As(err, &refused):
		return guest.Errorf(guest.KindEngine, "%s: %s (error %d)", doing, refused.Message, refused.Number)
	}
	return guest.Errorf(guest.KindEngine, "%s: %v", doing, err)
}

// ErrorNumber is the server's number for an error, 0 when it is not the server's.
func ErrorNumber(err error) uint16 {
	var refused *mysql.MySQLError
	if errors.As(err, &refused) {
		return refused.Number
	}
	return 0
}
