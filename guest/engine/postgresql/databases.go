package postgresql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// stored is a database as the server has it.
type stored struct {
	guest.Database
	size    int64
	entered bool // it takes connections: one that does not is being made, or was closed by hand
}

const icuSuffix = "-x-icu" // the names of ICU's collations end so

// readDatabases lists all but the server's own, without their extensions, which only the database itself knows.
func (e *Engine) readDatabases(ctx context.Context, s *session) ([]stored, error) {
	var out []stored
	err := s.rows(ctx, `SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding),
		CASE datlocprovider WHEN 'i' THEN `+e.icuLocale()+` || '`+icuSuffix+`' ELSE datcollate END,
		CASE WHEN datallowconn THEN pg_database_size(oid) ELSE 0 END, datallowconn FROM pg_database WHERE NOT datistemplate`,
		func(scan func(...any) error) error {
			var d stored
			if err := scan(&d.Name, &d.Owner, &d.Encoding, &d.Collation, &d.size, &d.entered); err != nil {
				return err
			}
			if !slices.Contains(e.catalog.SystemDBs, strings.ToLower(d.Name)) {
				out = append(out, d)
			}
			return nil
		})
	if err != nil {
		return nil, fault("listing the databases", err)
	}
	slices.SortFunc(out, func(a, b stored) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// icuLocale is the column that holds it: it was renamed in version 17.
func (e *Engine) icuLocale() string {
	if e.series == "15" || e.series == "16" {
		return "daticulocale"
	}
	return "datlocale"
}

// ListDatabases implements engine.Databases: a query, and one in each database.
func (e *Engine) ListDatabases(ctx context.Context) ([]guest.ObservedDatabase, error) {
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return nil, err
	}
	defer s.close()
	all, err := e.readDatabases(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []guest.ObservedDatabase
	for _, d := range all {
		if d.entered {
			err := e.within(ctx, d.Name, func(in *session) error {
				d.Extensions, err = extensions(ctx, in)
				return err
			})
			if code(err) == noSuchDatabase {
				continue // dropped by somebody else meanwhile
			}
			if err != nil {
				return nil, fault("looking into the database "+d.Name, err)
			}
		}
		out = append(out, guest.ObservedDatabase{Database: d.Database, SizeBytes: d.size})
	}
	return out, nil
}

const noSuchDatabase = "3D000"

// within runs something in a database. Its error is the server's.
func (e *Engine) within(ctx context.Context, database string, do func(*session) error) error {
	s, err := open(ctx, e.paths.socket, database)
	if err != nil {
		return err
	}
	defer s.close()
	return do(s)
}

// extensions are those that somebody installed, sorted.
func extensions(ctx context.Context, s *session) ([]string, error) {
	var names []string
	err := s.conn.QueryRow(ctx, `SELECT array_agg(extname::text ORDER BY extname COLLATE "C") FROM pg_extension WHERE extname <> 'plpgsql'`).Scan(&names)
	return names, err
}

// PutDatabase implements engine.Databases. On a database that is there, what is empty leaves what it has; encoding and
// collation cannot be changed, and asking for others is KindConflict.
func (e *Engine) PutDatabase(ctx context.Context, put guest.PutDatabase) error {
	wanted, err := e.checked(put)
	if err != nil {
		return err
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return err
	}
	defer s.close()
	there, err := e.findOrRenameDatabase(ctx, s, wanted.Name, put.RenameFrom)
	if err != nil {
		return err
	}
	if wanted.Owner != "" {
		if err := e.mustExist(ctx, s, wanted.Owner); err != nil {
			return err
		}
	}
	if there == nil {
		if err := s.exec(ctx, "CREATE DATABASE "+identifier(wanted.Name)+creation(wanted)); err != nil {
			return refusedDefaults("creating the database "+wanted.Name, err)
		}
		there = &stored{Database: wanted}
	}
	if err := finish(ctx, s, there, wanted); err != nil {
		return err
	}
	if len(wanted.Extensions) == 0 && wanted.Owner == "" {
		return nil
	}
	err = e.within(ctx, wanted.Name, func(in *session) error {
		if err := e.install(ctx, in, wanted.Extensions); err != nil {
			return err
		}
		// A new owner makes things that others have been granted rights on.
		w, err := readWorld(ctx, in, wanted.Name)
		if err != nil {
			return err
		}
		return w.spread(ctx, in)
	})
	return fault("furnishing the database "+wanted.Name, err)
}

// checked is what is asked for in the server's words. What the catalog refuses is KindInvalid.
func (e *Engine) checked(put guest.PutDatabase) (guest.Database, error) {
	wanted := put.Database
	problems := []error{e.catalog.CheckDatabaseName(wanted.Name), e.catalog.CheckCharset(e.series, wanted.Charset, wanted.Collation)}
	if put.RenameFrom != "" {
		problems = append(problems, e.catalog.CheckDatabaseName(put.RenameFrom))
	}
	if wanted.Owner != "" && wanted.Owner != superuser {
		problems = append(problems, e.catalog.CheckUserName(wanted.Owner))
	}
	for _, name := range wanted.Extensions {
		problems = append(problems, e.catalog.CheckExtension(name))
	}
	encoding, err := e.catalog.NormalizeEncoding(e.series, wanted.Encoding)
	for _, problem := range append(problems, err) {
		if problem != nil {
			return guest.Database{}, guest.Errorf(guest.KindInvalid, "%v", problem)
		}
	}
	wanted.Encoding = encoding
	return wanted, nil
}

// creation are the clauses of a new database. It takes no connections until finish has closed it to the public: whoever may
// log in could enter it otherwise.
func creation(wanted guest.Database) string {
	clauses := " TEMPLATE template0 ALLOW_CONNECTIONS false"
	if wanted.Encoding != "" {
		clauses += " ENCODING " + literal(wanted.Encoding)
		if wanted.Collation == "" && wanted.Encoding != "UTF8" {
			wanted.Collation = "C" // the server's own is for UTF8 only
		}
	}
	if locale, ok := strings.CutSuffix(wanted.Collation, icuSuffix); ok {
		return clauses + " LOCALE_PROVIDER icu ICU_LOCALE " + literal(locale)
	}
	if wanted.Collation != "" {
		clauses += fmt.Sprintf(" LOCALE_PROVIDER libc LC_COLLATE %s LC_CTYPE %s", literal(wanted.Collation), literal(wanted.Collation))
	}
	return clauses
}

// refusedDefaults tells what the server does not have, or does not put together, from what fails.
func refusedDefaults(doing string, err error) error {
	const wrongObject, invalidValue = "42809", "22023"
	if c := code(err); c == wrongObject || c == invalidValue {
		var known *guest.Error
		if errors.As(fault(doing, err), &known) {
			return guest.Errorf(guest.KindInvalid, "%s", known.Message)
		}
	}
	return fault(doing, err)
}

// finish brings a database to what is wanted, and one that was never opened to where it can be.
func finish(ctx context.Context, s *session, there *stored, wanted guest.Database) error {
	for _, fixed := range [][3]string{{"encoding", there.Encoding, wanted.Encoding}, {"collation", there.Collation, wanted.Collation}} {
		if fixed[2] != "" && fixed[1] != fixed[2] {
			return guest.Errorf(guest.KindConflict, "the %s of the database %s is %s and cannot be changed to %s: make another database and move the data there",
				fixed[0], wanted.Name, fixed[1], fixed[2])
		}
	}
	name, statements := identifier(wanted.Name), []string(nil)
	if wanted.Owner != "" && (!there.entered || there.Owner != wanted.Owner) {
		statements = append(statements, "ALTER DATABASE "+name+" OWNER TO "+identifier(wanted.Owner))
	}
	if !there.entered {
		statements = append(statements, "REVOKE CONNECT, TEMPORARY ON DATABASE "+name+" FROM PUBLIC", "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
	}
	if len(statements) == 0 {
		return nil
	}
	return fault("altering the database "+wanted.Name, s.exec(ctx, strings.Join(statements, "; ")))
}

// install adds extensions that are not there, and what they need. Their objects go where the extension says, or into
// public: without that word they would go among the server's own.
func (e *Engine) install(ctx context.Context, in *session, names []string) error {
	for _, name := range names {
		known, err := in.value(ctx, `SELECT CASE WHEN v.schema IS NULL THEN 'public' ELSE '' END || '!' FROM pg_available_extensions AS a
			JOIN pg_available_extension_versions AS v ON v.name = a.name AND v.version = a.default_version WHERE a.name = $1`, name)
		if err != nil && known == "" {
			return guest.Errorf(guest.KindConflict, "the extension %s is not there in the image of this guest", name)
		}
		statement := "CREATE EXTENSION IF NOT EXISTS " + identifier(name)
		if known == "public!" {
			statement += " SCHEMA public"
		}
		if err := in.exec(ctx, statement+" CASCADE"); err != nil {
			return err
		}
	}
	return nil
}

// findOrRenameDatabase returns the database, renamed first when it has to be, or nil when there is none.
func (e *Engine) findOrRenameDatabase(ctx context.Context, s *session, name, former string) (*stored, error) {
	all, err := e.readDatabases(ctx, s)
	if err != nil {
		return nil, err
	}
	find := func(name string) *stored {
		if i := slices.IndexFunc(all, func(d stored) bool { return d.Name == name }); i >= 0 {
			return &all[i]
		}
		return nil
	}
	there, old := find(name), find(former)
	if former == "" || former == name || old == nil {
		return there, nil
	}
	if there != nil {
		return nil, guest.Errorf(guest.KindConflict, "the database %s cannot be renamed to %s: one of that name is there already", former, name)
	}
	if err := e.renameDatabase(ctx, s, former, name); err != nil {
		return nil, fault("renaming the database "+former, err)
	}
	old.Name = name
	return old, nil
}

// renameDatabase ends the sessions in it while the server waits for them to end: meanwhile it lets nobody else in.
func (e *Engine) renameDatabase(ctx context.Context, s *session, former, name string) error {
	other, err := open(ctx, e.paths.socket, maintenance)
	if err != nil {
		return err
	}
	defer other.close()
	done := make(chan error, 1)
	go func() { done <- s.exec(ctx, "ALTER DATABASE "+identifier(former)+" RENAME TO "+identifier(name)) }()
	for {
		ending := endSessions(ctx, other, "datname", former)
		if ending != nil || native.Pause(ctx, 20*time.Millisecond) != nil {
			return errors.Join(<-done, ending)
		}
		select {
		case err := <-done:
			return err
		default:
		}
	}
}

// endSessions ends those in a database, or of a role.
func endSessions(ctx context.Context, s *session, column, name string) error {
	_, err := s.conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "+column+" = $1", name)
	return err
}

// DropDatabase implements engine.Databases. Grants on what is in it go with it.
func (e *Engine) DropDatabase(ctx context.Context, name string) error {
	if err := e.catalog.CheckDatabaseName(name); err != nil {
		return guest.Errorf(guest.KindInvalid, "%v", err)
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return err
	}
	defer s.close()
	return fault("dropping the database "+name, s.exec(ctx, "DROP DATABASE IF EXISTS "+identifier(name)+" WITH (FORCE)"))
}
