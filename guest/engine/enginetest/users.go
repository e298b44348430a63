package enginetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func expectUsers(ctx context.Context, t *testing.T, u engine.Users, want ...engine.Account) {
	t.Helper()
	got, err := u.ListUsers(ctx)
	ok(t, err)
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
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
	one, two := s.verifier("one"), s.verifier("two")
	first, firstIs := s.account("app", 0)
	second, secondIs := s.account("app", 1)
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
			_, err := u.PutUser(ctx, putUser(s.anywhere(name), one))
			refused(t, err, guest.KindInvalid)
			refused(t, u.DropUser(ctx, s.anywhere(name)), guest.KindInvalid)
		}
	})
	t.Run("put makes, twice is once", func(t *testing.T) {
		made := putUser(first, one)
		made.Authoritative = true
		for range 2 {
			put(t, made, one)
		}
		put(t, putUser(second, two), two)
		expectAll(ctx, t, u, listed(firstIs, one), listed(secondIs, two))
	})
	t.Run("a new account needs a verifier, an old one keeps its", func(t *testing.T) {
		_, err := u.PutUser(ctx, putUser(s.anywhere("nobody"), ""))
		refused(t, err, guest.KindInvalid)
		put(t, putUser(first, ""), one)
		put(t, putUser(first, two), two)
	})
	t.Run("what the catalog refuses is invalid", func(t *testing.T) {
		for _, bad := range s.Facts.BadUsers {
			if bad.Verifier == "" {
				bad.Verifier = one
			}
			_, err := u.PutUser(ctx, bad)
			refused(t, err, guest.KindInvalid)
		}
	})
	web, webIs := s.account("web", 0)
	t.Run("rename keeps the password", func(t *testing.T) {
		rename := putUser(web, "")
		rename.RenameFrom = &first
		for range 2 {
			put(t, rename, two)
		}
		former := web
		web, webIs = s.account("web", 2)
		rename = putUser(web, one)
		rename.RenameFrom = &former
		put(t, rename, one)
		expectAll(ctx, t, u, listed(secondIs, two), listed(webIs, one))
		rename = putUser(second, "")
		rename.RenameFrom = &web
		_, err := u.PutUser(ctx, rename)
		refused(t, err, guest.KindConflict)
	})
	t.Run("drop removes one, and nothing is a success", func(t *testing.T) {
		for range 2 {
			ok(t, u.DropUser(ctx, second))
			expectUsers(ctx, t, u, listed(webIs, one))
		}
	})
}

// expectAll is expectUsers for accounts in any order.
func expectAll(ctx context.Context, t *testing.T, u engine.Users, want ...engine.Account) {
	t.Helper()
	slices.SortFunc(want, func(a, b engine.Account) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Host, b.Host))
	})
	expectUsers(ctx, t, u, want...)
}

// find is one account of those that the engine lists.
func find(ctx context.Context, t *testing.T, u engine.Users, name guest.UserName) engine.Account {
	t.Helper()
	list, err := u.ListUsers(ctx)
	ok(t, err)
	for _, account := range list {
		if account.Name == name.Name && account.Host == name.Host {
			return account
		}
	}
	t.Fatalf("there is no account %s@%s", name.Name, name.Host)
	return engine.Account{}
}
