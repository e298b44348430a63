package postgresql

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

func TestEncodingsAndCollations(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	for _, c := range []struct{ given, want guest.Database }{
		{guest.Database{Name: "a", Encoding: "latin1"}, guest.Database{Name: "a", Encoding: "LATIN1", Collation: "C", Owner: superuser}},
		{guest.Database{Name: "b", Collation: "C"}, guest.Database{Name: "b", Encoding: "UTF8", Collation: "C", Owner: superuser}},
		{guest.Database{Name: "c", Collation: "de-AT-x-icu", Encoding: "utf8"}, guest.Database{Name: "c", Encoding: "UTF8", Collation: "de-AT-x-icu", Owner: superuser}},
	} {
		for range 2 {
			must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: c.given}))
		}
		list, err := e.ListDatabases(ctx)
		must(t, err)
		if diff := cmp.Diff(c.want, list[len(list)-1].Database); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.given, diff)
		}
		if list[len(list)-1].SizeBytes == 0 {
			t.Error("it has no size")
		}
	}
	conflict(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "a", Encoding: "UTF8"}}))
	conflict(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "b", Collation: "C.UTF-8"}}))
	conflict(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "d", Extensions: []string{"no_such_extension"}}}))
	must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "d", Extensions: []string{"earthdistance"}}}))
	list, err := e.ListDatabases(ctx)
	must(t, err)
	if got := list[3].Extensions; !cmp.Equal(got, []string{"cube", "earthdistance"}) {
		t.Errorf("extensions are %v, want the one and what it needs", got)
	}
}

// A database is renamed with clients in it who come back as soon as they are thrown out; grants and data stay.
func TestRenameOfABusyDatabase(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	create(ctx, t, e, "shop", "taken")
	put(ctx, t, e, "app", "a", on("shop", "ALL"))
	may(ctx, t, login(ctx, t, e, "app", "a", "shop"), "CREATE TABLE t (n int)")
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if c, err := connect(ctx, e, loginTo("app", "a", "shop")); err == nil {
				for c.Exec(ctx, "SELECT * FROM t") == nil {
					select {
					case <-stop:
						_ = c.Close()
						return
					default:
					}
				}
				_ = c.Close()
			}
		}
	}()
	conflict(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "taken"}, RenameFrom: "shop"}))
	for range 2 {
		must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "store"}, RenameFrom: "shop"}))
	}
	close(stop)
	<-ended
	may(ctx, t, login(ctx, t, e, "app", "a", "store"), "SELECT * FROM t")
	expect(ctx, t, e, "app", on("store", "ALL PRIVILEGES"))
}

// A database is closed to the public from its first moment; one whose making was cut short is finished.
func TestDatabasesAreNotEverybodys(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "app", "a")
	must(t, s.exec(ctx, "CREATE DATABASE half ALLOW_CONNECTIONS false"))
	create(ctx, t, e, "half", "shop")
	for _, database := range []string{"half", "shop", "template1"} {
		if c, err := connect(ctx, e, loginTo("app", "a", database)); err == nil {
			_ = c.Close()
			t.Errorf("everybody comes into %s", database)
		}
	}
	put(ctx, t, e, "app", "a", on("half", "CONNECT"))
	may(ctx, t, login(ctx, t, e, "app", "a", "half"), "SELECT 1")
	mayNot(ctx, t, login(ctx, t, e, "app", "a", maintenance), "CREATE TABLE public.t (n int)", "CREATE TEMPORARY TABLE t (n int)", "CREATE SCHEMA s")
	if c, err := connect(ctx, e, loginTo(superuser, "", maintenance)); err == nil {
		_ = c.Close()
		t.Error("the server's own account comes in over the network")
	}
	must(t, e.DropDatabase(ctx, "half"))
}

// Whatever name the catalog lets pass is the name that the server has then, for a database, a user, a schema, a table and a
// grant.
func TestNamesRoundTrip(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	verifier := e.catalog.Verifier("x", nil)
	nasty := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]rune("ab_%`'\"\\;-#@ ()*/.,=ü数$0{}+!")), 1, 12), func(r []rune) string { return string(r) })
	databases := nasty.Filter(func(name string) bool { return e.catalog.CheckDatabaseName(name) == nil })
	others := nasty.Filter(func(name string) bool { return e.catalog.CheckUserName(name) == nil })
	// Making a database takes the server a while: these are as many as a minute of a busy machine allows.
	for seed := range 12 {
		database, name, table := databases.Example(3*seed), others.Example(3*seed+1), others.Example(3*seed+2)
		create(ctx, t, e, database)
		must(t, e.within(ctx, database, func(s *session) error {
			return s.exec(ctx, "CREATE SCHEMA "+identifier(table)+"; CREATE TABLE "+identifier(table)+"."+identifier(table)+" ("+identifier(table)+" serial)")
		}))
		grants := []guest.Grant{
			{Database: database, Privileges: []string{"TEMPORARY"}}, {Database: database, Schema: table, Privileges: []string{"SELECT"}},
			{Database: database, Schema: table, Table: table, Privileges: []string{"INSERT"}, Grantable: true},
		}
		_, err := e.PutUser(ctx, guest.PutUser{Name: name, Verifier: verifier, Grants: grants, Authoritative: true, Rights: guest.Rights{RequireTLS: true}})
		must(t, err)
		users, err := e.ListUsers(ctx)
		want := []engine.Account{{Name: name, Verifier: verifier, Grants: grants, Rights: guest.Rights{RequireTLS: true}}}
		if diff := cmp.Diff(want, users); diff != "" || err != nil {
			t.Errorf("users: %v (-want +got):\n%s", err, diff)
		}
		must(t, e.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: database, Owner: name}}))
		list, err := e.ListDatabases(ctx)
		if err != nil || len(list) != 1 || list[0].Name != database || list[0].Owner != name {
			t.Errorf("databases are %+v, %v", list, err)
		}
		must(t, errors.Join(e.DropUser(ctx, guest.UserName{Name: name}), e.DropDatabase(ctx, database)))
	}
}
