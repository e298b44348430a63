package mariadb

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
)

// start prepares and starts a server and returns the administrative session beside the engine.
func start(t *testing.T, h engine.Host) (context.Context, *Engine, *mysqlfamily.Session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	e := newEngine(t, h)
	must(t, e.Prepare(ctx, nil))
	must(t, e.Start(ctx))
	s, err := e.Session(ctx)
	must(t, err)
	t.Cleanup(s.Close)
	return ctx, e, s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect is an ordinary client over TCP.
func connect(t *testing.T, e *Engine, name, password, database string) *sql.DB {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.DBName = name, password, "tcp", database
	cfg.Addr = fmt.Sprintf("%s:%d", e.Host.Address, e.Host.Port)
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	must(t, err)
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func put(ctx context.Context, t *testing.T, e *Engine, name, password string, grants ...guest.Grant) {
	t.Helper()
	_, err := e.PutUser(ctx, guest.PutUser{
		Name: name, Host: "%", Verifier: e.Catalog.Verifier(password, nil), Grants: grants, Authoritative: true,
	})
	must(t, err)
}

func TestClientsLogInAsDeclared(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 256))
	for _, name := range []string{"a_b", "axb"} {
		must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: name}}))
	}
	const name, password = `o'b"\x`, `pa'ss\"wörd`
	put(ctx, t, e, name, password, guest.Grant{Database: "a_b", Privileges: []string{"CREATE", "INSERT", "SELECT"}})
	db := connect(t, e, name, password, "a_b")
	for _, statement := range []string{"CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1)", "SELECT n FROM t"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if _, err := db.ExecContext(ctx, "DELETE FROM t"); err == nil {
		t.Error("a privilege that was not granted is there")
	}
	if err := connect(t, e, name, password, "axb").PingContext(ctx); err == nil {
		t.Error("the underscore of a_b let the user into axb")
	}
	if err := connect(t, e, name, "wrong", "a_b").PingContext(ctx); err == nil {
		t.Error("a wrong password let the user in")
	}
	list, err := e.ListDatabases(ctx)
	must(t, err)
	if len(list) != 2 || list[0].SizeBytes == 0 || list[1].SizeBytes != 0 {
		t.Errorf("sizes are %+v; want some bytes for a_b and none for axb", list)
	}
}

func TestSessionsEndWithTheirReason(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 256))
	open := func() *sql.Conn {
		t.Helper()
		c, err := connect(t, e, "app", "one", "").Conn(ctx)
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		must(t, c.PingContext(ctx))
		return c
	}
	put(ctx, t, e, "app", "one")
	put(ctx, t, e, "other", "one")
	bystander, err := connect(t, e, "other", "one", "").Conn(ctx)
	must(t, err)
	t.Cleanup(func() { _ = bystander.Close() })

	session := open()
	put(ctx, t, e, "app", "one")
	must(t, session.PingContext(ctx))
	put(ctx, t, e, "app", "two")
	if err := session.PingContext(ctx); err == nil {
		t.Error("a session outlives the change of its password")
	}
	put(ctx, t, e, "app", "one")
	session = open()
	must(t, e.DropUser(ctx, guest.UserName{Name: "app", Host: "%"}))
	if err := session.PingContext(ctx); err == nil {
		t.Error("a session outlives its account")
	}
	must(t, bystander.PingContext(ctx))
}

// What somebody grants by hand shows, whatever its kind, and goes away.
func TestRightsMadeByHand(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop"}}))
	put(ctx, t, e, "app", "x", guest.Grant{Database: "shop", Privileges: []string{"SELECT"}})
	for _, statement := range []string{
		"CREATE TABLE shop.t (```n)``` INT, m INT)", "CREATE TABLE shop.u (n INT)", "CREATE PROCEDURE shop.p() SELECT 1", "CREATE FUNCTION shop.f() RETURNS INT RETURN 1", "CREATE ROLE auditor", "CREATE ROLE boss",
		"GRANT SELECT ON shop.* TO app@'%' WITH GRANT OPTION", "GRANT INSERT ON shop.* TO app@'%'",
		"GRANT UPDATE ON shop.t TO app@'%' WITH GRANT OPTION", "GRANT SELECT (```n)```), REFERENCES (m) ON shop.t TO app@'%'",
		"GRANT EXECUTE ON FUNCTION shop.f TO app@'%'", "GRANT DELETE ON `sh%`.* TO app@'%'", "GRANT SUPER, PROCESS ON *.* TO app@'%'",
		"GRANT auditor TO app@'%'", "GRANT boss TO app@'%' WITH ADMIN OPTION", "GRANT USAGE ON shop.u TO app@'%' WITH GRANT OPTION",
		"GRANT USAGE ON PROCEDURE shop.p TO app@'%' WITH GRANT OPTION", "ALTER USER app@'%' REQUIRE X509 WITH MAX_USER_CONNECTIONS 7",
	} {
		if err := s.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	list, err := e.ListUsers(ctx)
	must(t, err)
	want := []guest.Grant{
		{Database: "*", Privileges: []string{"ADMIN OPTION OF ROLE boss", "PROCESS", "SUPER"}},
		{Database: "sh%", Privileges: []string{"DELETE ON DATABASES LIKE sh%"}},
		{Database: "shop", Privileges: []string{"EXECUTE ON FUNCTION f", "GRANT OPTION ON PROCEDURE p"}},
		{Database: "shop", Privileges: []string{"INSERT", "SELECT"}, Grantable: true},
		{Database: "shop", Table: "t", Privileges: []string{"REFERENCES (m)", "SELECT (`n)`)", "UPDATE"}, Grantable: true},
		{Database: "shop", Table: "u", Privileges: []string{"GRANT OPTION"}},
	}
	if diff := cmp.Diff(want, list[0].Grants); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
	rights := guest.Rights{Roles: []string{"auditor", "boss"}, ConnectionLimit: 7, RequireTLS: true}
	if diff := cmp.Diff(rights, list[0].Rights); diff != "" {
		t.Errorf("rights (-want +got):\n%s", diff)
	}
	put(ctx, t, e, "app", "x", guest.Grant{Database: "shop", Privileges: []string{"SELECT"}})
	list, err = e.ListUsers(ctx)
	must(t, err)
	after := engine.Account{Name: "app", Host: "%", Verifier: e.Catalog.Verifier("x", nil), Grants: []guest.Grant{{Database: "shop", Privileges: []string{"SELECT"}}}}
	if diff := cmp.Diff(after, list[0]); diff != "" {
		t.Errorf("after put (-want +got):\n%s", diff)
	}
}

// The server grants on databases that are not there; dropping such a one takes the grants away.
func TestDropOfAnAbsentDatabaseRevokes(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 256))
	put(ctx, t, e, "app", "x", guest.Grant{Database: "nowhere", Privileges: []string{"SELECT"}})
	must(t, e.DropDatabase(ctx, "nowhere"))
	if list, err := e.ListUsers(ctx); err != nil || len(list) != 1 || len(list[0].Grants) != 0 {
		t.Errorf("users are %+v, %v", list, err)
	}
}

// A declared role counts as soon as its user logs in.
func TestARoleIsSwitchedOn(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	for _, statement := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.t (n INT)", "CREATE ROLE auditor", "GRANT SELECT ON shop.* TO auditor"} {
		must(t, s.Exec(ctx, statement))
	}
	user := guest.PutUser{Name: "app", Host: "%", Verifier: e.Catalog.Verifier("x", nil), Authoritative: true}
	user.Roles = []string{"auditor"}
	if _, err := e.PutUser(ctx, user); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, e, "app", "x", "").ExecContext(ctx, "SELECT n FROM shop.t"); err != nil {
		t.Error(err)
	}
}

func TestDropDatabaseRevokesWhatWasInIt(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop"}}))
	put(ctx, t, e, "app", "x", guest.Grant{Database: "shop", Privileges: []string{"ALL"}})
	for _, statement := range []string{
		"CREATE TABLE shop.t (n INT)", "CREATE PROCEDURE shop.p() SELECT 1", "GRANT UPDATE ON shop.t TO app@'%'", "GRANT EXECUTE ON PROCEDURE shop.p TO app@'%'",
	} {
		must(t, s.Exec(ctx, statement))
	}
	must(t, e.DropDatabase(ctx, "shop"))
	list, err := e.ListUsers(ctx)
	must(t, err)
	if len(list) != 1 || len(list[0].Grants) != 0 {
		t.Errorf("left are %+v", list)
	}
}

// Whatever changes who can log in changes the verifier, so that it is seen and mended.
func TestLoginsChangedByHand(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 256))
	put(ctx, t, e, "app", "x")
	verifier := e.Catalog.Verifier("x", nil)
	for _, statement := range []string{
		"ALTER USER app@'%' IDENTIFIED BY 'other'", "ALTER USER app@'%' ACCOUNT LOCK", "ALTER USER app@'%' IDENTIFIED VIA unix_socket",
		"ALTER USER app@'%' PASSWORD EXPIRE", "ALTER USER app@'%' IDENTIFIED VIA unix_socket OR mysql_native_password USING '" + verifier + "'",
		"ALTER USER app@'%' IDENTIFIED VIA mysql_native_password USING ''",
	} {
		if err := s.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		list, err := e.ListUsers(ctx)
		must(t, err)
		if list[0].Verifier == verifier {
			t.Errorf("%s: does not show in the verifier", statement)
		}
		put(ctx, t, e, "app", "x")
		list, err = e.ListUsers(ctx)
		must(t, err)
		if list[0].Verifier != verifier {
			t.Errorf("%s: is not mended: %s", statement, list[0].Verifier)
		}
		if err := connect(t, e, "app", "x", "").PingContext(ctx); err != nil {
			t.Errorf("%s: after it the user cannot log in: %v", statement, err)
		}
	}
}
