package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// ListDatabases implements engine.Databases.
func (e *Engine) ListDatabases(context.Context) ([]guest.ObservedDatabase, error) {
	leave, err := e.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	out := make([]guest.ObservedDatabase, 0, len(e.databases))
	for _, name := range slices.Sorted(maps.Keys(e.databases)) {
		out = append(out, guest.ObservedDatabase{Database: e.databases[name]})
	}
	return out, nil
}

// standard is what a database has when nothing was asked for.
func (e *Engine) standard() guest.Database {
	if e.catalog.HasOwners {
		return guest.Database{Owner: "postgres", Encoding: "UTF8", Collation: "C.UTF-8"}
	}
	return guest.Database{Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
}

// PutDatabase implements engine.Databases.
func (e *Engine) PutDatabase(_ context.Context, put guest.PutDatabase) error {
	database, err := e.canonicalDatabase(put.Database)
	if err != nil {
		return guest.Errorf(guest.KindInvalid, "%v", err)
	}
	leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	now, there := e.databases[database.Name]
	if from := put.RenameFrom; from != "" && from != database.Name && e.catalog.RenamesDatabases {
		if was, known := e.databases[from]; known && !there {
			e.renameDatabase(from, database.Name)
			now, there = was, true
		}
	}
	if !there {
		now = e.standard()
	}
	if e.catalog.HasOwners {
		if now, err = e.owned(now, database, there); err != nil {
			return err
		}
	} else {
		now.Charset, now.Collation = e.charset(now, database, there)
	}
	now.Name = database.Name
	e.databases[database.Name] = now
	return e.keep()
}

// locales are the collations that every guest has.
var locales = []string{"", "C", "POSIX", "C.UTF-8"}

func (e *Engine) canonicalDatabase(d guest.Database) (guest.Database, error) {
	if err := e.catalog.CheckDatabaseName(d.Name); err != nil {
		return d, err
	}
	if !e.catalog.HasOwners {
		d.Charset, d.Collation = strings.ToLower(d.Charset), strings.ToLower(d.Collation)
		return d, e.catalog.CheckCharset(e.series, d.Charset, d.Collation)
	}
	encoding, err := e.catalog.NormalizeEncoding(e.series, d.Encoding)
	if d.Encoding = encoding; err == nil {
		err = e.catalog.CheckCharset(e.series, d.Charset, d.Collation)
	}
	for _, extension := range d.Extensions {
		err = cmp.Or(err, e.catalog.CheckExtension(extension))
	}
	if d.Owner != "" && d.Owner != e.standard().Owner {
		err = cmp.Or(err, e.catalog.CheckUserName(d.Owner))
	}
	switch {
	case err != nil:
		return d, err
	case !slices.Contains(locales, d.Collation):
		return d, fmt.Errorf("the guest has no locale %q", d.Collation)
	case cmp.Or(d.Encoding, "UTF8") != "UTF8" && strings.HasSuffix(cmp.Or(d.Collation, e.standard().Collation), ".UTF-8"):
		return d, fmt.Errorf("the encoding %s does not fit the collation of database %q", d.Encoding, d.Name)
	}
	return d, nil
}

// charset is what a database of the MySQL family gets.
func (e *Engine) charset(now, asked guest.Database, there bool) (charset, collation string) {
	known, _ := e.catalog.Version(e.series)
	charset, collation = asked.Charset, asked.Collation
	if charset == "" && collation != "" {
		for name, collations := range known.Charsets {
			if slices.Contains(collations, collation) {
				charset = name
			}
		}
	}
	if charset != "" && (charset != now.Charset || !there) {
		now.Charset, now.Collation = charset, known.Charsets[charset][0]
	}
	return now.Charset, cmp.Or(collation, now.Collation)
}

// owned is a database of PostgreSQL as asked for: its encoding and collation are those that it was made with.
func (e *Engine) owned(now, asked guest.Database, there bool) (guest.Database, error) {
	if there && (asked.Encoding != "" && asked.Encoding != now.Encoding || asked.Collation != "" && asked.Collation != now.Collation) {
		return now, guest.Errorf(guest.KindConflict, "the encoding and the collation of database %q are fixed", asked.Name)
	}
	if asked.Owner != "" && asked.Owner != e.standard().Owner && !e.hasRole(asked.Owner) {
		return now, guest.Errorf(guest.KindConflict, "there is no role %q to own database %q", asked.Owner, asked.Name)
	}
	now.Owner, now.Encoding, now.Collation = cmp.Or(asked.Owner, now.Owner), cmp.Or(asked.Encoding, now.Encoding), cmp.Or(asked.Collation, now.Collation)
	now.Extensions = slices.Compact(slices.Sorted(slices.Values(slices.Concat(now.Extensions, asked.Extensions))))
	return now, nil
}

// renameDatabase takes the grants on it along.
func (e *Engine) renameDatabase(from, to string) {
	delete(e.databases, from)
	for _, a := range e.users {
		for on, privileges := range maps.Clone(a.grants) {
			if on.Database == from {
				delete(a.grants, on)
				on.Database = to
				a.grants[on] = privileges
			}
		}
	}
}

// DropDatabase implements engine.Databases.
func (e *Engine) DropDatabase(_ context.Context, name string) error {
	if err := e.catalog.CheckDatabaseName(name); err != nil {
		return guest.Errorf(guest.KindInvalid, "%v", err)
	}
	leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	delete(e.databases, name)
	for _, a := range e.users {
		maps.DeleteFunc(a.grants, func(on engine.On, _ map[string]bool) bool { return on.Database == name })
	}
	return e.keep()
}
