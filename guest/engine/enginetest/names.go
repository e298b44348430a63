package enginetest

import (
	"slices"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// HostileNames are legal and unfriendly: quotes, comments, wildcards, other scripts.
var HostileNames = []string{
	"!bang", "#hash", "$HOME", "%", "'", "''; DROP USER x; --", "--", "0", "1e9", "@", "`", "``",
	"a b", "a'b", "a\"b", "a`b", "a_b", "axb", "drop", "naïve", "null", "select", "x'y\"z`", "ñandú", "数据库", "데이터",
}

// hostileNames: whatever name the catalog lets pass comes back as it was, and what it does not is invalid.
func hostileNames(t *testing.T, s Subject) {
	u, has := s.Engine.(engine.Users)
	if !has {
		return
	}
	d, hasDatabases := s.Engine.(engine.Databases)
	ctx := within(t)
	started(ctx, t, s, nil)
	verifier := s.verifier(`pass'word\"`)
	var want []engine.Account
	for _, name := range slices.Sorted(slices.Values(HostileNames)) {
		account := s.anywhere(name)
		if s.Catalog.CheckUserName(name) != nil {
			_, err := u.PutUser(ctx, putUser(account, verifier))
			refused(t, err, guest.KindInvalid)
			continue
		}
		if hasDatabases && s.Catalog.CheckDatabaseName(name) != nil {
			refused(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: name}}), guest.KindInvalid)
			continue
		}
		put := putUser(account, verifier)
		if put.Authoritative = true; hasDatabases {
			putDatabase(ctx, t, d, name)
			put.Grants = []guest.Grant{{Database: name, Privileges: s.Facts.Privileges[:1]}}
		}
		_, err := u.PutUser(ctx, put)
		ok(t, err)
		want = append(want, listed(account, verifier, put.Grants...))
	}
	if len(want) < 5 {
		t.Fatalf("the catalog refuses most of the hostile names; left are %+v", want)
	}
	expectUsers(ctx, t, u, want...)
	for i, account := range want {
		if hasDatabases {
			ok(t, d.DropDatabase(ctx, account.Name))
		}
		want[i].Grants = nil
		expectUsers(ctx, t, u, want[i:]...)
		ok(t, u.DropUser(ctx, guest.UserName{Name: account.Name, Host: account.Host}))
	}
	if hasDatabases {
		expectDatabases(ctx, t, d)
	}
}
