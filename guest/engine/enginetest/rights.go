package enginetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// customer is a user with a password who may do everything in one database.
func (s Subject) customer(name, password, database string) guest.PutUser {
	user := putUser(s.anywhere(name), s.verifier(password))
	user.Grants, user.Authoritative = []guest.Grant{grant(database, "ALL")}, true
	return user
}

// narrowGrants: on tables and schemas, with and without the grant option.
func narrowGrants(t *testing.T, s Subject) {
	u, has := s.Engine.(engine.Users)
	d, hasDatabases := s.Engine.(engine.Databases)
	if !has || !hasDatabases || !s.Catalog.HasGrants {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	putDatabase(ctx, t, d, "shop", "other")
	put, a, b := s.grantsPut(ctx, u), s.Facts.Privileges[0], s.Facts.Privileges[1]
	grantable := func(g guest.Grant) guest.Grant {
		g.Grantable = true
		return g
	}
	t.Run("with the grant option, and without it again", func(t *testing.T) {
		put(t, true, []guest.Grant{grantable(grant("shop", a)), grant("other", b)}, grant("other", b), grantable(grant("shop", a)))
		put(t, true, []guest.Grant{grant("shop", a), grantable(grant("other", b))}, grantable(grant("other", b)), grant("shop", a))
		put(t, true, nil)
	})
	t.Run("one option for all, where it is so", func(t *testing.T) {
		user := putUser(s.anywhere("app"), s.verifier("x"))
		user.Grants = []guest.Grant{grantable(grant("shop", a)), grant("shop", b)}
		if s.Catalog.OneGrantOption {
			_, err := u.PutUser(ctx, user)
			refused(t, err, guest.KindInvalid)
			return
		}
		put(t, true, user.Grants, grant("shop", b), grantable(grant("shop", a)))
		put(t, true, nil)
	})
	t.Run("on a schema", func(t *testing.T) {
		if len(s.Facts.Schema) == 0 {
			return
		}
		on := grant("shop", s.Facts.Schema[1:]...)
		on.Schema = s.Facts.Schema[0]
		put(t, true, []guest.Grant{on, grantable(grant("other", b))}, grantable(grant("other", b)), on)
		put(t, true, nil)
	})
	t.Run("on tables", func(t *testing.T) {
		if len(s.Facts.Table) == 0 {
			return
		}
		if s.Connect != nil {
			_, err := u.PutUser(ctx, s.customer("maker", "made", "shop"))
			ok(t, err)
			c := s.login(ctx, t, Login{Name: s.anywhere("maker").Name, Password: "made", Database: "shop"})
			for _, statement := range s.Facts.MakeTables {
				ok(t, c.Exec(ctx, statement))
			}
			ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop"}}))
		}
		orders, lines := s.onTable("orders", s.Facts.Table...), s.onTable("o`d'd \"t_b%", s.Facts.Table[1])
		app := func(t *testing.T, given ...guest.Grant) {
			t.Helper()
			user := putUser(s.anywhere("app"), s.verifier("x"))
			user.Grants, user.Authoritative = given, true
			for range 2 {
				_, err := u.PutUser(ctx, user)
				ok(t, err)
				got := find(ctx, t, u, s.anywhere("app"))
				if diff := cmp.Diff(given, got.Grants, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("grants (-want +got):\n%s", diff)
				}
			}
		}
		app(t, lines, grantable(orders))
		app(t, grant("other", b), orders)
		ok(t, d.DropDatabase(ctx, "shop"))
		got := find(ctx, t, u, s.anywhere("app"))
		if diff := cmp.Diff([]guest.Grant{grant("other", b)}, got.Grants); diff != "" {
			t.Errorf("after the database is gone (-want +got):\n%s", diff)
		}
		if s.Connect != nil {
			user := putUser(s.anywhere("app"), s.verifier("x"))
			user.Grants = []guest.Grant{s.onTable("nowhere", s.Facts.Table...)}
			_, err := u.PutUser(ctx, user)
			refused(t, err, guest.KindConflict)
		}
	})
}

// onTable is a grant on a table of shop, in the schema where tables are made.
func (s Subject) onTable(table string, privileges ...string) guest.Grant {
	g := grant("shop", privileges...)
	if g.Table = table; len(s.Facts.Schema) > 0 {
		g.Schema = s.Facts.Schema[0]
	}
	return g
}

// rights are those beside the grants: roles, the limit of connections, TLS.
func rights(t *testing.T, s Subject) {
	u, has := s.Engine.(engine.Users)
	if !has || !s.Catalog.HasGrants {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	user := putUser(s.anywhere("app"), s.verifier("x"))
	user.Authoritative = true
	put := func(t *testing.T, given guest.Rights) {
		t.Helper()
		user.Rights = given
		for range 2 {
			_, err := u.PutUser(ctx, user)
			ok(t, err)
			if diff := cmp.Diff(given, find(ctx, t, u, s.anywhere("app")).Rights); diff != "" {
				t.Errorf("rights (-want +got):\n%s", diff)
			}
		}
	}
	t.Run("limit and TLS are set and taken away", func(t *testing.T) {
		put(t, guest.Rights{ConnectionLimit: 3, RequireTLS: true})
		put(t, guest.Rights{ConnectionLimit: 1})
		put(t, guest.Rights{RequireTLS: true})
		put(t, guest.Rights{})
	})
	t.Run("a limit limits", func(t *testing.T) {
		if s.Connect == nil {
			return
		}
		put(t, guest.Rights{ConnectionLimit: 1})
		login := Login{Name: s.anywhere("app").Name, Password: "x", Database: s.Facts.Landing}
		c := s.login(ctx, t, login)
		if second, err := s.Connect(ctx, login); err == nil {
			_ = second.Close()
			t.Error("a second connection was let in")
		}
		ok(t, c.Close())
		put(t, guest.Rights{})
	})
	t.Run("who needs TLS is not let in without", func(t *testing.T) {
		if s.Connect == nil {
			return
		}
		login := Login{Name: s.anywhere("app").Name, Password: "x", Database: s.Facts.Landing}
		s.login(ctx, t, login)
		put(t, guest.Rights{RequireTLS: true})
		s.keptOut(ctx, t, login)
	})
	t.Run("roles", func(t *testing.T) {
		if !s.Catalog.HasRoles {
			return
		}
		user.Rights = guest.Rights{Roles: []string{"no such role"}}
		_, err := u.PutUser(ctx, user)
		refused(t, err, guest.KindConflict)
		if s.ByHand == nil {
			return
		}
		for _, role := range []string{"auditor", "writer"} {
			ok(t, s.ByHand(ctx, "CREATE ROLE "+role))
		}
		put(t, guest.Rights{Roles: []string{"auditor"}})
		put(t, guest.Rights{Roles: []string{"auditor", "writer"}})
		put(t, guest.Rights{Roles: []string{"writer"}})
		user.Rights, user.Authoritative = guest.Rights{}, false
		_, err = u.PutUser(ctx, user)
		ok(t, err)
		if got := find(ctx, t, u, s.anywhere("app")); len(got.Roles) != 1 {
			t.Errorf("additive: roles are %v, want the one that was there", got.Roles)
		}
		user.Authoritative = true
		put(t, guest.Rights{})
	})
}
