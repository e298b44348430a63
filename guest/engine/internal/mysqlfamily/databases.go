package mysqlfamily

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trovectl/trovectl/guest"
)

// ListDatabases implements engine.Databases: two queries, whatever the number of databases.
func (e *Server) ListDatabases(ctx context.Context) ([]guest.ObservedDatabase, error) {
	s, err := e.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	rows, err := s.Rows(ctx, `SELECT SCHEMA_NAME AS name, DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation
		FROM information_schema.SCHEMATA`)
	if err != nil {
		return nil, Fault("listing the databases", err)
	}
	sizes, err := e.sizes(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []guest.ObservedDatabase
	for _, row := range rows {
		if name := row["name"]; !e.systemDatabase(name) {
			database := guest.Database{Name: name, Charset: row["charset"], Collation: row["collation"]}
			out = append(out, guest.ObservedDatabase{Database: database, SizeBytes: sizes[name]})
		}
	}
	slices.SortFunc(out, func(a, b guest.ObservedDatabase) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// sizes are the bytes of data and indexes by database; one without tables is not in it.
func (e *Server) sizes(ctx context.Context, s *Session) (map[string]int64, error) {
	// BINARY: names that differ in case only are different databases.
	rows, err := s.Rows(ctx, `SELECT MIN(TABLE_SCHEMA) AS name, SUM(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)) AS size
		FROM information_schema.TABLES GROUP BY BINARY TABLE_SCHEMA`)
	if err != nil {
		return nil, Fault("measuring the databases", err)
	}
	out := make(map[string]int64, len(rows))
	for _, row := range rows {
		if out[row["name"]], err = strconv.ParseInt(row["size"], 10, 64); err != nil {
			return nil, internal("reading the size of a database", err)
		}
	}
	return out, nil
}

// PutDatabase implements engine.Databases. On a database that is there, an empty charset or collation leaves what it has.
func (e *Server) PutDatabase(ctx context.Context, put guest.PutDatabase) error {
	database := put.Database
	if err := e.Catalog.CheckDatabaseName(database.Name); err != nil {
		return guest.Errorf(guest.KindInvalid, "%v", err)
	}
	charset, collation := strings.ToLower(database.Charset), strings.ToLower(database.Collation)
	if err := e.Catalog.CheckCharset(e.Series, charset, collation); err != nil {
		return guest.Errorf(guest.KindInvalid, "%v", err)
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	var clauses string
	if charset != "" {
		clauses += " CHARACTER SET " + Literal(charset)
	}
	if collation != "" {
		clauses += " COLLATE " + Literal(collation)
	}
	name := Identifier(database.Name)
	if err := s.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+name+clauses); err != nil {
		return Fault("creating the database "+database.Name, err)
	}
	rows, err := s.Rows(ctx, fmt.Sprintf(`SELECT DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation
		FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = BINARY %s`, Literal(database.Name)))
	if err != nil || len(rows) != 1 {
		return Fault("reading the database "+database.Name+" back", orMissing(err))
	}
	if (charset == "" || rows[0]["charset"] == charset) && (collation == "" || rows[0]["collation"] == collation) {
		return nil
	}
	if err := s.Exec(ctx, "ALTER DATABASE "+name+clauses); err != nil {
		return Fault("altering the database "+database.Name, err)
	}
	return nil
}

func orMissing(err error) error {
	if err != nil {
		return err
	}
	return guest.Errorf(guest.KindEngine, "it is not there")
}

// DropDatabase implements engine.Databases. The server keeps the grants on a database that is gone, and whoever had them
// could read a later one of the same name: they are revoked also when the database is not there.
func (e *Server) DropDatabase(ctx context.Context, name string) error {
	if err := e.Catalog.CheckDatabaseName(name); err != nil {
		return guest.Errorf(guest.KindInvalid, "%v", err)
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Exec(ctx, "DROP DATABASE IF EXISTS "+Identifier(name)); err != nil {
		return Fault("dropping the database "+name, err)
	}
	accounts, err := e.readAccounts(ctx, s)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		for _, r := range a.Rights {
			if r.Database != name {
				continue
			}
			if err := e.revoke(ctx, s, a, r, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Server) systemDatabase(name string) bool {
	lower := strings.ToLower(name)
	return slices.Contains(e.Catalog.SystemDBs, lower) || strings.HasPrefix(lower, "#mysql50#")
}
