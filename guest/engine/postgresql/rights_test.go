package postgresql

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// start prepares and starts a server and returns the administrative session beside the engine.
func start(t *testing.T, h engine.Host) (context.Context, *Engine, *session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	e := newEngine(t, h)
	must(t, e.Prepare(ctx, nil))
	must(t, e.Start(ctx))
	s, err := e.session(ctx, maintenance)
	must(t, err)
	t.Cleanup(s.close)
	return ctx, e, s
}

func create(ctx context.Context, t *testing.T, e *Engine, names ...string) {
	t.Helper()
	for _, name := range names {
		must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: name}}))
	}
}

func put(ctx context.Context, t *testing.T, e *Engine, name, password string, grants ...guest.Grant) {
	t.Helper()
	_, err := e.PutUser(ctx, guest.PutUser{Name: name, Verifier: e.catalog.Verifier(password, []byte(name)), Grants: grants, Authoritative: true})
	must(t, err)
}

func on(database string, privileges ...string) guest.Grant {
	return guest.Grant{Database: database, Privileges: privileges}
}

// login is an ordinary client's that must succeed.
func login(ctx context.Context, t *testing.T, e *Engine, name, password, database string) *client {
	t.Helper()
	c, err := connect(ctx, e, enginetest.Login{Name: name, Password: password, Database: database})
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func may(ctx context.Context, t *testing.T, c *client, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if err := c.Exec(ctx, statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func mayNot(ctx context.Context, t *testing.T, c *client, statements ...string) {
	t.Helper()
	const denied = "42501"
	for _, statement := range statements {
		if err := c.Exec(ctx, statement); code(err) != denied {
			t.Errorf("%s: %v, want it to be denied", statement, err)
		}
	}
}

func grantsOf(ctx context.Context, t *testing.T, e *Engine, name string) []guest.Grant {
	t.Helper()
	list, err := e.ListUsers(ctx)
	must(t, err)
	for _, a := range list {
		if a.Name == name {
			return a.Grants
		}
	}
	t.Fatalf("there is no %s in %+v", name, list)
	return nil
}

func expect(ctx context.Context, t *testing.T, e *Engine, name string, want ...guest.Grant) {
	t.Helper()
	if diff := cmp.Diff(want, grantsOf(ctx, t, e, name)); diff != "" {
		t.Errorf("grants of %s (-want +got):\n%s", name, diff)
	}
}

// Grants on a database hold for what there is and for what anybody makes later, also for somebody who comes later.
func TestGrantsHoldForWhatIsYetToBeMade(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	create(ctx, t, e, "shop", "other")
	put(ctx, t, e, "app", "a", on("shop", "ALL"))
	app := login(ctx, t, e, "app", "a", "shop")
	may(ctx, t, app, "CREATE TABLE before (id serial PRIMARY KEY, n int)", "INSERT INTO before (n) VALUES (1)", "CREATE SCHEMA mine",
		"CREATE TABLE mine.t (id serial, n int)", "CREATE TEMPORARY TABLE passing (n int)")
	put(ctx, t, e, "reader", "r", on("shop", "SELECT"))
	put(ctx, t, e, "writer", "w", on("shop", "INSERT", "SELECT", "UPDATE"))
	may(ctx, t, app, "CREATE TABLE after (id serial PRIMARY KEY, n int)", "CREATE SCHEMA later", "CREATE TABLE later.t (id serial, n int)", "CREATE VIEW seen AS SELECT * FROM after")
	put(ctx, t, e, "newcomer", "n", on("shop", "ALL"))
	newcomer := login(ctx, t, e, "newcomer", "n", "shop")
	may(ctx, t, newcomer, "CREATE TABLE newest (id serial, n int)", "INSERT INTO before (n) VALUES (2)", "SELECT * FROM later.t", "CREATE TABLE later.u (n int)")
	reader, writer := login(ctx, t, e, "reader", "r", "shop"), login(ctx, t, e, "writer", "w", "shop")
	for _, table := range []string{"before", "after", "mine.t", "later.t", "newest"} {
		may(ctx, t, reader, "SELECT * FROM "+table)
		may(ctx, t, writer, "INSERT INTO "+table+" (n) VALUES (3)", "UPDATE "+table+" SET n = 4", "SELECT * FROM "+table)
		mayNot(ctx, t, reader, "INSERT INTO "+table+" (n) VALUES (5)")
		mayNot(ctx, t, writer, "DELETE FROM "+table, "TRUNCATE "+table)
	}
	may(ctx, t, reader, "SELECT * FROM seen", "SELECT * FROM later.u", "SELECT last_value FROM newest_id_seq")
	mayNot(ctx, t, reader, "CREATE TABLE t (n int)", "CREATE TEMPORARY TABLE t (n int)", "CREATE SCHEMA s", "SELECT nextval('newest_id_seq')")
	for _, name := range []string{"app", "reader", "writer"} {
		if c, err := connect(ctx, e, enginetest.Login{Name: name, Password: name[:1], Database: "other"}); err == nil {
			_ = c.Close()
			t.Errorf("%s comes into a database without a grant on it", name)
		}
	}
	expect(ctx, t, e, "app", on("shop", "ALL PRIVILEGES"))
	expect(ctx, t, e, "newcomer", on("shop", "ALL PRIVILEGES"))
	expect(ctx, t, e, "reader", on("shop", "SELECT"))
	expect(ctx, t, e, "writer", on("shop", "INSERT", "SELECT", "UPDATE"))
	put(ctx, t, e, "writer", "w", on("shop", "TEMPORARY"))
	expect(ctx, t, e, "writer", on("shop", "TEMPORARY"))
	mayNot(ctx, t, writer, "SELECT * FROM after", "SELECT * FROM mine.t")
	may(ctx, t, writer, "CREATE TEMPORARY TABLE t (n int)")
}

// What is missing of a grant makes it missing as a whole; what is there of it is not told piece by piece.
func TestHoles(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	create(ctx, t, e, "shop")
	put(ctx, t, e, "app", "a", on("shop", "ALL"))
	may(ctx, t, login(ctx, t, e, "app", "a", "shop"), "CREATE TABLE orders (id serial, n int)", "CREATE TABLE lines (n int)")
	put(ctx, t, e, "reader", "r", on("shop", "DELETE", "SELECT"))
	for _, hole := range []string{
		"REVOKE SELECT ON orders FROM reader", "REVOKE CONNECT ON DATABASE shop FROM reader", "REVOKE SELECT ON SEQUENCE orders_id_seq FROM reader",
		"ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE SELECT ON TABLES FROM reader", "SET ROLE app; CREATE SCHEMA s; REVOKE USAGE ON SCHEMA s FROM reader; RESET ROLE",
	} {
		must(t, e.within(ctx, "shop", func(s *session) error { return s.exec(ctx, "SET search_path = public; "+hole) }))
		for _, g := range grantsOf(ctx, t, e, "reader") {
			if cmp.Equal(g, on("shop", "DELETE", "SELECT")) || g.Schema != "" || strings.Contains(strings.Join(g.Privileges, ","), " ON ") {
				t.Errorf("%s: reader has %+v", hole, g)
			}
		}
		put(ctx, t, e, "reader", "r", on("shop", "DELETE", "SELECT"))
		expect(ctx, t, e, "reader", on("shop", "DELETE", "SELECT"))
	}
}

// What somebody grants by hand shows, whatever its kind, and goes away.
func TestRightsMadeByHand(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	create(ctx, t, e, "shop")
	put(ctx, t, e, "app", "a", on("shop", "SELECT"))
	put(ctx, t, e, "other", "o")
	must(t, s.exec(ctx, `CREATE ROLE auditor; GRANT auditor TO app WITH ADMIN OPTION; ALTER ROLE app CREATEDB CREATEROLE REPLICATION BYPASSRLS;
		GRANT CREATE ON TABLESPACE pg_default TO app; GRANT SET ON PARAMETER work_mem TO app; GRANT CONNECT ON DATABASE postgres TO app`))
	must(t, e.within(ctx, "shop", func(in *session) error {
		return in.exec(ctx, `CREATE TABLE public."t'x" (n int, "m""" int); CREATE FUNCTION public.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE public.mood AS ENUM ('a');
			CREATE PROCEDURE public.p() LANGUAGE sql AS 'SELECT 1'; CREATE SCHEMA s; CREATE TABLE s.t (n int);
			GRANT UPDATE ("m"""), INSERT (n) ON public."t'x" TO app; GRANT DELETE ON public."t'x" TO app WITH GRANT OPTION; GRANT EXECUTE ON FUNCTION public.f(int) TO app;
			GRANT EXECUTE ON PROCEDURE public.p() TO app; GRANT USAGE ON TYPE public.mood TO app; GRANT USAGE ON LANGUAGE sql TO app; GRANT SELECT ON pg_authid TO app;
			GRANT INSERT, SELECT ON s.t TO app; ALTER DEFAULT PRIVILEGES FOR ROLE other GRANT DELETE ON TABLES TO app; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app;
			ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT EXECUTE ON FUNCTIONS TO app`)
	}))
	want := []guest.Grant{
		{Database: "*", Privileges: []string{
			"ADMIN OPTION FOR ROLE auditor", "BYPASSRLS", "CONNECT ON DATABASE postgres", "CREATE ON TABLESPACE pg_default", "CREATEDB", "CREATEROLE", "REPLICATION", "SET ON PARAMETER work_mem",
		}},
		on("shop", "DELETE ON TABLES OF other", "EXECUTE ON ROUTINE pg_read_file(text)", "EXECUTE ON ROUTINE public.f(integer)", "EXECUTE ON ROUTINE public.p()",
			"EXECUTE ON ROUTINES OF postgres IN SCHEMA s", "INSERT (n) ON TABLE public.\"t'x\"", "SELECT", "SELECT ON TABLE pg_catalog.pg_authid", `UPDATE ("m""") ON TABLE public."t'x"`,
			"USAGE ON LANGUAGE sql", "USAGE ON TYPE public.mood"),
		{Database: "shop", Schema: "public", Table: "t'x", Privileges: []string{"DELETE"}, Grantable: true},
		{Database: "shop", Schema: "s", Table: "t", Privileges: []string{"INSERT"}},
	}
	expect(ctx, t, e, "app", want...)
	// Somebody who was handed a right hands it on: nobody else's word takes it back.
	must(t, e.within(ctx, "shop", func(in *session) error { return in.exec(ctx, `SET ROLE app; GRANT DELETE ON public."t'x" TO other`) }))
	put(ctx, t, e, "other", "o")
	if got := grantsOf(ctx, t, e, "other"); len(got) != 0 {
		t.Errorf("what app handed on stays: %+v", got)
	}
	put(ctx, t, e, "app", "a", on("shop", "SELECT"))
	expect(ctx, t, e, "app", on("shop", "SELECT"))
	put(ctx, t, e, "app", "a")
	if got := grantsOf(ctx, t, e, "app"); len(got) != 0 {
		t.Errorf("left are %+v", got)
	}
}

// Who owns a database may everything in it without a grant, and grants to the owner count for what others make.
func TestOwners(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "app", "a")
	put(ctx, t, e, "next", "n")
	database := guest.Database{Name: "shop", Owner: "app"}
	for range 2 {
		must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: database}))
	}
	app := login(ctx, t, e, "app", "a", "shop")
	may(ctx, t, app, "CREATE TABLE orders (n int)", "CREATE SCHEMA s", "CREATE TEMPORARY TABLE t (n int)")
	if got := grantsOf(ctx, t, e, "app"); len(got) != 0 {
		t.Errorf("what the owner has anyway shows as grants: %+v", got)
	}
	put(ctx, t, e, "app", "a", on("shop", "ALL"))
	expect(ctx, t, e, "app", on("shop", "ALL PRIVILEGES"))
	put(ctx, t, e, "app", "a", on("shop", "SELECT"))
	expect(ctx, t, e, "app", on("shop", "SELECT"))
	_, err := e.PutUser(ctx, guest.PutUser{Name: "app", Grants: []guest.Grant{on("shop", "TEMPORARY")}})
	conflict(t, err)
	put(ctx, t, e, "reader", "r", on("shop", "SELECT"))
	database.Owner = "next"
	must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: database}))
	may(ctx, t, login(ctx, t, e, "next", "n", "shop"), "CREATE TABLE made_by_next (n int)")
	may(ctx, t, login(ctx, t, e, "reader", "r", "shop"), "SELECT * FROM made_by_next", "SELECT * FROM orders")
	expect(ctx, t, e, "reader", on("shop", "SELECT"))
	list, err := e.ListDatabases(ctx)
	must(t, err)
	if list[0].Owner != "next" {
		t.Errorf("databases are %+v", list)
	}
	database.Owner = "nobody"
	conflict(t, e.PutDatabase(ctx, guest.PutDatabase{Database: database}))
}

// A user who owns things in several databases is dropped; what is in them stays.
func TestDropUserWhoOwnsThings(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	create(ctx, t, e, "one", "two")
	put(ctx, t, e, "app", "a", on("one", "ALL"), on("two", "ALL"))
	put(ctx, t, e, "reader", "r", on("one", "SELECT"))
	must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "three", Owner: "app"}}))
	for _, database := range []string{"one", "two", "three"} {
		may(ctx, t, login(ctx, t, e, "app", "a", database), "CREATE TABLE t (id serial, n int)", "INSERT INTO t (n) VALUES (1)",
			"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
	}
	session := login(ctx, t, e, "app", "a", "one")
	must(t, e.DropUser(ctx, guest.UserName{Name: "app"}))
	if err := session.Exec(ctx, "SELECT 1"); err == nil {
		t.Error("a session outlives its account")
	}
	must(t, e.DropUser(ctx, guest.UserName{Name: "app"}))
	may(ctx, t, login(ctx, t, e, "reader", "r", "one"), "SELECT * FROM t")
	expect(ctx, t, e, "reader", on("one", "SELECT"))
	list, err := e.ListDatabases(ctx)
	must(t, err)
	if len(list) != 3 || list[1].Owner != superuser {
		t.Errorf("databases are %+v", list)
	}
}

// Whatever changes who can log in changes the verifier, so that it is seen and mended.
func TestLoginsChangedByHand(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	create(ctx, t, e, "shop")
	put(ctx, t, e, "app", "x", on("shop", "CONNECT"))
	verifier := e.catalog.Verifier("x", []byte("app"))
	for _, statement := range []string{
		"ALTER ROLE app PASSWORD 'other'", "ALTER ROLE app NOLOGIN", "ALTER ROLE app VALID UNTIL '2001-01-01'", "ALTER ROLE app VALID UNTIL '2999-01-01'", "ALTER ROLE app PASSWORD NULL", "ALTER ROLE app CONNECTION LIMIT 0",
	} {
		must(t, s.exec(ctx, statement))
		list, err := e.ListUsers(ctx)
		must(t, err)
		if list[0].Verifier == verifier {
			t.Errorf("%s: does not show in the verifier", statement)
		}
		put(ctx, t, e, "app", "x", on("shop", "CONNECT"))
		if list, err = e.ListUsers(ctx); err != nil || list[0].Verifier != verifier {
			t.Errorf("%s: is not mended: %s, %v", statement, list[0].Verifier, err)
		}
		may(ctx, t, login(ctx, t, e, "app", "x", "shop"), "SELECT 1")
	}
	session := login(ctx, t, e, "app", "x", "shop")
	put(ctx, t, e, "app", "x", on("shop", "CONNECT"))
	may(ctx, t, session, "SELECT 1")
	put(ctx, t, e, "app", "y", on("shop", "CONNECT"))
	if err := session.Exec(ctx, "SELECT 1"); err == nil {
		t.Error("a session outlives the change of its password")
	}
}

func loginTo(name, password, database string) enginetest.Login {
	return enginetest.Login{Name: name, Password: password, Database: database}
}
