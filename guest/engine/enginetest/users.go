package enginetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func expectUsers(ctx context.Context, t *testing.T, u engine.Users, want ...engine.Account) {
	t.Helper()
	got, err := u.ListUsers(ctx)
	ok(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func users(t *testing.T, s Subject) {
	u, has := s.Engine.(engine.Users)
	if !has {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	one, two := s.Catalog.Verifier("one", nil), s.Catalog.Verifier("two", nil)
	put := func(t *testing.T, user guest.PutUser, want string) {
		t.Helper()
		got, err := u.PutUser(ctx, user)
		ok(t, err)
		if got != want {
			t.Error("put returned another verifier than the one that is to be stored")
		}
	}
	t.Run("system accounts are hidden and refused", func(t *testing.T) {
		expectUsers(ctx, t, u)
		for _, name := range s.Catalog.SystemUsers {
			_, err := u.PutUser(ctx, guest.PutUser{Name: name, Host: "localhost", Verifier: one})
			refused(t, err, guest.KindInvalid)
			refused(t, u.DropUser(ctx, guest.UserName{Name: name, Host: "localhost"}), guest.KindInvalid)
		}
	})
	t.Run("put makes, twice is once", func(t *testing.T) {
		for range 2 {
			put(t, guest.PutUser{Name: "app", Host: "10.20.%", Verifier: one, Authoritative: true}, one)
		}
		put(t, guest.PutUser{Name: "app", Host: "10.0.0.0/24", Verifier: two}, two)
		expectUsers(ctx, t, u, engine.Account{Name: "app", Host: "10.0.0.0/255.255.255.0", Verifier: two},
			engine.Account{Name: "app", Host: "10.20.%", Verifier: one})
	})
	t.Run("a new account needs a verifier, an old one keeps its", func(t *testing.T) {
		_, err := u.PutUser(ctx, guest.PutUser{Name: "nobody", Host: "%"})
		refused(t, err, guest.KindInvalid)
		put(t, guest.PutUser{Name: "app", Host: "10.20.%"}, one)
		put(t, guest.PutUser{Name: "app", Host: "10.20.%", Verifier: two}, two)
	})
	t.Run("what the catalog refuses is invalid", func(t *testing.T) {
		for _, bad := range []guest.PutUser{
			{Name: "", Host: "%", Verifier: one}, {Name: "a\x00b", Host: "%", Verifier: one}, {Name: "app", Host: "db.example.org", Verifier: one},
			{Name: "app", Host: "10.0.0.1/24", Verifier: one}, {Name: "app", Host: "%", Verifier: "plain"},
			{Name: "app", Host: "%", Verifier: one, Grants: []guest.Grant{{Database: "*", Privileges: []string{"SUPER"}}}},
			{Name: "app", Host: "%", Verifier: one, Grants: []guest.Grant{{Database: "mysql", Privileges: []string{"SELECT"}}}},
			{Name: "app", Host: "%", Verifier: one, Grants: []guest.Grant{{Database: "shop", Privileges: []string{"PROCESS"}}}},
			{Name: "app", Host: "%", Verifier: one, Grants: []guest.Grant{{Database: "shop", Privileges: nil}}},
		} {
			_, err := u.PutUser(ctx, bad)
			refused(t, err, guest.KindInvalid)
		}
	})
	t.Run("rename keeps the password", func(t *testing.T) {
		rename := guest.PutUser{Name: "web", Host: "10.21.%", RenameFrom: &guest.UserName{Name: "app", Host: "10.20.%"}}
		for range 2 {
			put(t, rename, two)
		}
		put(t, guest.PutUser{Name: "web", Host: "%", Verifier: one, RenameFrom: &guest.UserName{Name: "web", Host: "10.21.%"}}, one)
		expectUsers(ctx, t, u, engine.Account{Name: "app", Host: "10.0.0.0/255.255.255.0", Verifier: two}, engine.Account{Name: "web", Host: "%", Verifier: one})
		_, err := u.PutUser(ctx, guest.PutUser{Name: "app", Host: "10.0.0.0/24", RenameFrom: &guest.UserName{Name: "web", Host: "%"}})
		refused(t, err, guest.KindConflict)
	})
	t.Run("drop removes one, and nothing is a success", func(t *testing.T) {
		for range 2 {
			ok(t, u.DropUser(ctx, guest.UserName{Name: "app", Host: "10.0.0.0/24"}))
			expectUsers(ctx, t, u, engine.Account{Name: "web", Host: "%", Verifier: one})
		}
	})
}

func grants(t *testing.T, s Subject) {
	u, has := s.Engine.(engine.Users)
	if !has {
		return
	}
	d := s.Engine.(engine.Databases)
	ctx := within(t)
	started(ctx, t, s, nil)
	ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop"}}))
	verifier := s.Catalog.Verifier("x", nil)
	put := func(t *testing.T, authoritative bool, given []guest.Grant, want ...guest.Grant) {
		t.Helper()
		for range 2 {
			_, err := u.PutUser(ctx, guest.PutUser{Name: "app", Host: "%", Verifier: verifier, Grants: given, Authoritative: authoritative})
			ok(t, err)
			expectUsers(ctx, t, u, engine.Account{Name: "app", Host: "%", Verifier: verifier, Grants: want})
		}
	}
	grant := func(database string, privileges ...string) guest.Grant {
		return guest.Grant{Database: database, Privileges: privileges}
	}
	t.Run("canonical: sorted, upper case, merged", func(t *testing.T) {
		put(t, true, []guest.Grant{grant("shop", "select", "Insert"), grant("billing", "select"), grant("shop", "insert", "UPDATE")},
			grant("billing", "SELECT"), grant("shop", "INSERT", "SELECT", "UPDATE"))
	})
	t.Run("authoritative takes away", func(t *testing.T) {
		put(t, true, []guest.Grant{grant("shop", "select")}, grant("shop", "SELECT"))
	})
	t.Run("additive does not", func(t *testing.T) {
		put(t, false, []guest.Grant{grant("other", "delete")}, grant("other", "DELETE"), grant("shop", "SELECT"))
		put(t, false, nil, grant("other", "DELETE"), grant("shop", "SELECT"))
	})
	t.Run("all", func(t *testing.T) {
		put(t, true, []guest.Grant{grant("shop", "all")}, grant("shop", "ALL PRIVILEGES"))
		put(t, true, []guest.Grant{grant("shop", s.Catalog.Privileges...)}, grant("shop", "ALL PRIVILEGES"))
		put(t, true, []guest.Grant{grant("shop", s.Catalog.Privileges[1:]...)}, grant("shop", s.Catalog.Privileges[1:]...))
	})
	t.Run("on all databases", func(t *testing.T) {
		put(t, true, []guest.Grant{grant("*", "process", "select")}, grant("*", "PROCESS", "SELECT"))
		put(t, true, []guest.Grant{grant("*", "ALL")}, grant("*", "ALL PRIVILEGES"))
		put(t, true, nil)
	})
	t.Run("a dropped database takes its grants with it", func(t *testing.T) {
		put(t, true, []guest.Grant{grant("shop", "select"), grant("sho_", "select"), grant("*", "SELECT")},
			grant("*", "SELECT"), grant("sho_", "SELECT"), grant("shop", "SELECT"))
		ok(t, d.DropDatabase(ctx, "shop"))
		expectUsers(ctx, t, u, engine.Account{Name: "app", Host: "%", Verifier: verifier, Grants: []guest.Grant{grant("*", "SELECT"), grant("sho_", "SELECT")}})
		ok(t, d.DropDatabase(ctx, "sho_"))
		expectUsers(ctx, t, u, engine.Account{Name: "app", Host: "%", Verifier: verifier, Grants: []guest.Grant{grant("*", "SELECT")}})
	})
	t.Run("rename keeps the grants", func(t *testing.T) {
		put(t, true, []guest.Grant{grant("a_b", "select")}, grant("a_b", "SELECT"))
		_, err := u.PutUser(ctx, guest.PutUser{Name: "web", Host: "%", RenameFrom: &guest.UserName{Name: "app", Host: "%"}})
		ok(t, err)
		expectUsers(ctx, t, u, engine.Account{Name: "web", Host: "%", Verifier: verifier, Grants: []guest.Grant{grant("a_b", "SELECT")}})
	})
}
