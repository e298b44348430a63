package enginetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func grants(t *testing.T, s Subject) {
	u, has := s.Engine.(engine.Users)
	d, hasDatabases := s.Engine.(engine.Databases)
	if !has || !hasDatabases || !s.Catalog.HasGrants {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	putDatabase(ctx, t, d, "shop", "billing", "other", "sho_", "a_b")
	a, b, c := s.Facts.Privileges[0], s.Facts.Privileges[1], s.Facts.Privileges[2]
	put := s.grantsPut(ctx, u)
	t.Run("canonical: sorted, upper case, merged", func(t *testing.T) {
		put(t, true, []guest.Grant{grant("shop", strings.ToLower(b), title(a)), grant("billing", strings.ToLower(b)), grant("shop", strings.ToLower(a), c)},
			grant("billing", b), grant("shop", a, b, c))
	})
	t.Run("authoritative takes away", func(t *testing.T) {
		put(t, true, []guest.Grant{grant("shop", b)}, grant("shop", b))
	})
	t.Run("additive does not", func(t *testing.T) {
		put(t, false, []guest.Grant{grant("other", c)}, grant("other", c), grant("shop", b))
		put(t, false, nil, grant("other", c), grant("shop", b))
	})
	t.Run("all", func(t *testing.T) {
		all := s.Catalog.Privileges
		put(t, true, []guest.Grant{grant("shop", "all")}, grant("shop", "ALL PRIVILEGES"))
		put(t, true, []guest.Grant{grant("shop", all...)}, grant("shop", "ALL PRIVILEGES"))
		put(t, true, []guest.Grant{grant("shop", all[1:]...)}, grant("shop", all[1:]...))
	})
	t.Run("on all databases", func(t *testing.T) {
		if s.Facts.Global != "" {
			put(t, true, []guest.Grant{grant("*", strings.ToLower(s.Facts.Global), b)}, grant("*", sorted(s.Facts.Global, b)...))
		}
		if s.everywhere() {
			put(t, true, []guest.Grant{grant("*", "ALL")}, grant("*", "ALL PRIVILEGES"))
		}
		put(t, true, nil)
	})
	t.Run("a dropped database takes its grants with it", func(t *testing.T) {
		wanted := []guest.Grant{grant("sho_", b), grant("shop", b)}
		if s.everywhere() {
			wanted = append([]guest.Grant{grant("*", b)}, wanted...)
		}
		put(t, true, wanted, wanted...)
		for range 2 {
			ok(t, d.DropDatabase(ctx, "shop"))
			expectUsers(ctx, t, u, listed(s.anywhere("app"), s.verifier("x"), wanted[:len(wanted)-1]...))
		}
		ok(t, d.DropDatabase(ctx, "sho_"))
		expectUsers(ctx, t, u, listed(s.anywhere("app"), s.verifier("x"), wanted[:len(wanted)-2]...))
	})
	t.Run("rename keeps the grants", func(t *testing.T) {
		put(t, true, []guest.Grant{grant("a_b", b)}, grant("a_b", b))
		rename, former := putUser(s.anywhere("web"), ""), s.anywhere("app")
		rename.RenameFrom = &former
		_, err := u.PutUser(ctx, rename)
		ok(t, err)
		expectUsers(ctx, t, u, listed(s.anywhere("web"), s.verifier("x"), grant("a_b", b)))
	})
}

func grant(database string, privileges ...string) guest.Grant {
	return guest.Grant{Database: database, Privileges: privileges}
}

// everywhere tells whether the engine grants on all databases at once.
func (s Subject) everywhere() bool {
	return s.Catalog.CheckTarget(catalog.Target{Database: "*"}) == nil
}

// title is a word as nobody writes it.
func title(word string) string { return word[:1] + strings.ToLower(word[1:]) }

func sorted(words ...string) []string {
	slices.Sort(words)
	return words
}

// grantsPut puts grants on the account app, twice, and expects what the engine lists then.
func (s Subject) grantsPut(ctx context.Context, u engine.Users) func(*testing.T, bool, []guest.Grant, ...guest.Grant) {
	return func(t *testing.T, authoritative bool, given []guest.Grant, want ...guest.Grant) {
		t.Helper()
		user := putUser(s.anywhere("app"), s.verifier("x"))
		user.Grants, user.Authoritative = given, authoritative
		for range 2 {
			_, err := u.PutUser(ctx, user)
			ok(t, err)
			expectUsers(ctx, t, u, listed(s.anywhere("app"), s.verifier("x"), want...))
		}
	}
}
