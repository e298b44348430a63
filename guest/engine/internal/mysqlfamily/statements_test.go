package mysqlfamily

import (
	"context"
	"database/sql/driver"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// recorder is a server that has nothing, takes everything and remembers what it was told.
type recorder struct{ said []string }

func (r *recorder) Connect(context.Context) (driver.Conn, error) { return r, nil }
func (r *recorder) Driver() driver.Driver                        { return nil }
func (r *recorder) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (r *recorder) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (r *recorder) Close() error                                 { return nil }

func (r *recorder) ExecContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Result, error) {
	r.said = append(r.said, statement)
	return driver.ResultNoRows, nil
}

func (r *recorder) QueryContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Rows, error) {
	r.said = append(r.said, statement)
	return nothing{}, nil
}

type nothing struct{}

func (nothing) Columns() []string         { return nil }
func (nothing) Close() error              { return nil }
func (nothing) Next([]driver.Value) error { return io.EOF }

// plain is a dialect that adds nothing but quotes.
type plain struct{}

func (plain) Options() map[string]string                             { return nil }
func (plain) Install(context.Context, string, native.Account) error  { return nil }
func (plain) InitSQL() string                                        { return "" }
func (plain) Accounts(context.Context, *Session) ([]*Account, error) { return nil, nil }
func (plain) IdentifiedBy(verifier string) string {
	return "IDENTIFIED BY PASSWORD " + Literal(verifier)
}
func (plain) DefaultRoles(account string, _ []string) string {
	return "SET DEFAULT ROLE ALL TO " + account
}

// tokens are the words of statements as the server reads them, and what stands in their quotes.
func tokens(t *testing.T, statements []string) (shape, quoted []string) {
	t.Helper()
	for _, statement := range statements {
		for rest := statement; rest != ""; {
			if i := strings.IndexAny(rest, "'`"); i != 0 {
				if i < 0 {
					i = len(rest)
				}
				if strings.Contains(rest[:i], "--") || strings.ContainsAny(rest[:i], "#;\"\\") || strings.Contains(rest[:i], "/*") {
					t.Fatalf("a comment, another quote or another statement begins in %q", statement)
				}
				shape, rest = append(shape, rest[:i]), rest[i:]
				continue
			}
			value, after, ok := scan(rest, rest[0], rest[0] == '\'')
			if !ok {
				t.Fatalf("a quote is open at the end of %q", statement)
			}
			shape, quoted, rest = append(shape, rest[:1]), append(quoted, value), after
		}
		shape = append(shape, ";")
	}
	return shape, quoted
}

// statements is what the family sends for everything that names somebody or something.
func statements(t *testing.T, name, other, verifier string) []string {
	t.Helper()
	known, _ := catalog.Lookup("mariadb")
	r := &recorder{}
	e := &Server{Dialect: plain{}, Words: Words{Kill: "KILL "}, Catalog: known, Admin: "agent"}
	ctx := context.Background()
	s, err := NewSession(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	user := guest.PutUser{Name: name, Host: "%", Verifier: verifier, Authoritative: true}
	user.Roles = []string{other}
	user.Grants = []guest.Grant{
		{Database: other, Privileges: []string{"SELECT"}, Grantable: true}, {Database: other, Table: name, Privileges: []string{"SELECT"}},
	}
	held := &Account{Name: name, Host: "%", Verifier: "another", Roles: []Role{{Name: name + "2", Host: "%"}, {Name: name + "3", Admin: true}}, Rights: []Right{
		{Level: OnDatabase, Database: name, Privileges: map[string]bool{"INSERT": true}},
		{Level: OnPattern, Database: name, Privileges: map[string]bool{"INSERT": true}},
		{Level: OnTable, Database: name, Object: other, Privileges: map[string]bool{"UPDATE (" + other + ")": true}},
		{Level: OnRoutine, Database: name, Object: other, Kind: "FUNCTION", Privileges: map[string]bool{"EXECUTE": true, grantOption: true}},
	}}
	for _, account := range []*Account{nil, held} {
		if _, err := e.putAccount(ctx, s, account, user); err == nil {
			t.Error("a server that has no account says that it has one")
		}
	}
	if err := e.dropAccount(ctx, s, guest.UserName{Name: name, Host: other}, true); err != nil {
		t.Fatal(err)
	}
	return r.said
}

// No name and no verifier changes the shape of a statement, and each of them arrives as it is.
func FuzzStatements(f *testing.F) {
	for i, text := range hostile {
		f.Add(text, hostile[len(hostile)-1-i], hostile[(i+3)%len(hostile)])
	}
	f.Fuzz(func(t *testing.T, name, other, verifier string) {
		if verifier == "" || verifier == "another" {
			verifier += "x"
		}
		if name == "" || other == "" || name == "*" || other == "*" {
			return // refused before they come here
		}
		const n, o, v = "name", "other", "verifier"
		if name == other || name == other+"2" || name == other+"3" || other == name+"2" || other == name+"3" {
			return // one target, or a role that is there already: other statements
		}
		want, stand := tokens(t, statements(t, n, o, v))
		got, quoted := tokens(t, statements(t, name, other, verifier))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the statements for %q, %q and %q have another shape (-want +got):\n%s", name, other, verifier, diff)
		}
		for i, text := range stand {
			for from, to := range map[string]string{n: name, o: other, v: verifier, n + "2": name + "2", n + "3": name + "3"} {
				if text == from && quoted[i] != to && quoted[i] != Pattern(to) {
					t.Errorf("%q arrives as %q", to, quoted[i])
				}
			}
		}
	})
}

var _ engine.Users = (*Server)(nil)
