package enginetest

import (
	"context"
	"crypto/tls"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Facts are what a clause must know of an engine to ask it for something: the same for every host. What is empty is not
// there in the engine, and its clauses are not for it.
type Facts struct {
	// Hosts are three hosts of accounts as a user writes them, and Canonical the same as the engine stores them.
	Hosts, Canonical [3]string

	Standard     guest.Database   // what a database has when nothing was asked for; without a name
	Variants     []guest.Database // what is put on one database one after another; without a name
	VariantsAre  []guest.Database // what is there then
	BadDatabases []guest.Database // what the catalog refuses
	BadUsers     []guest.PutUser  // the same; whoever has no verifier is given one

	Privileges [3]string // may be granted on a database; sorted
	Global     string    // may be granted on all databases only
	Table      []string  // two that may be granted on a table; sorted
	// MakeTables make the tables orders and o`d'd "t_b% in the schema Schema[0]; the client is logged in to their database.
	MakeTables []string
	Schema     []string // a schema that every database has, and what may be granted on it; sorted

	Dynamic, Second Knob              // change while the engine runs
	Static          Knob              // waits for a restart
	BadSettings     []engine.Settings // refused, whatever else is asked for
	Refused         engine.Settings   // the catalog lets it pass and the running server does not take it
	Fatal           engine.Settings   // the server does not start with it
	FatalWhy        string            // a part of what it says then

	Landing   string   // the database that a client without one of its own logs in to
	Ping      string   // a statement that everybody may run
	Root      string   // the name that root logs in with
	Forbidden []string // what root may not
	Sabotage  []string // what root may try to lock the agent out
	ReadOnly  []string // run by hand, they make the server refuse writes
	Writable  []string // and take them again
}

// Knob is a parameter: its default in canonical text and two other values, as a user may write them and in canonical text.
type Knob struct{ Name, Default, One, OneIs, Two, TwoIs string }

// Login is a customer who comes in over the network.
type Login struct {
	Name, Password, Database string
	TLS                      *tls.Config // nil: in clear
}

// Client is what a customer's login gives. Closing it twice is harmless.
type Client interface {
	Exec(ctx context.Context, statement string) error
	Close() error
}

// account is the first, second or third account of one name, as a user writes it and as the engine lists it. Where accounts
// have no hosts their names differ.
func (s Subject) account(name string, i int) (given, stored guest.UserName) {
	if !s.Catalog.HasUserHosts {
		given = guest.UserName{Name: name + []string{"", "-2", "-3"}[i]}
		return given, given
	}
	return guest.UserName{Name: name, Host: s.Facts.Hosts[i]}, guest.UserName{Name: name, Host: s.Facts.Canonical[i]}
}

// anywhere is the account of one name that is let in from everywhere.
func (s Subject) anywhere(name string) guest.UserName {
	_, stored := s.account(name, 2)
	return guest.UserName{Name: name, Host: stored.Host}
}

// verifier is what the engine stores for a password. The salt is always the same: an engine without one ignores it.
func (s Subject) verifier(password string) string {
	return s.Catalog.Verifier(password, []byte(strings.Repeat("salt", 8)))
}

// putUser is a request for an account.
func putUser(name guest.UserName, verifier string) guest.PutUser {
	return guest.PutUser{Name: name.Name, Host: name.Host, Verifier: verifier}
}

// listed is the account as the engine lists it.
func listed(name guest.UserName, verifier string, grants ...guest.Grant) engine.Account {
	return engine.Account{Name: name.Name, Host: name.Host, Verifier: verifier, Grants: grants}
}
