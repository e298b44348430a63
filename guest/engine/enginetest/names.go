package enginetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// HostileNames are legal and unfriendly: quotes, comments, wildcards, other scripts. Sorted by bytes.
var HostileNames = []string{
	"!bang", "#hash", "$HOME", "%", "'", "''; DROP USER x; --", "--", "0", "1e9", "@", "`", "``",
	"a b", "a'b", "a\"b", "a`b", "a_b", "axb", "drop", "naïve", "null", "select", "x'y\"z`", "ñandú", "数据库", "데이터",
}

func hostileNames(t *testing.T, s Subject) {
	d, has := s.Engine.(engine.Databases)
	if !has {
		return
	}
	u := s.Engine.(engine.Users)
	ctx := within(t)
	started(ctx, t, s, nil)
	var names []string
	for _, name := range HostileNames {
		if s.Catalog.CheckDatabaseName(name) == nil && s.Catalog.CheckUserName(name) == nil {
			names = append(names, name)
		}
	}
	if len(names) < 20 {
		t.Fatalf("the catalog refuses most of the hostile names; left are %q", names)
	}
	slices.Sort(names)
	verifier := s.Catalog.Verifier(`pass'word\"`, nil)
	var want []engine.Account
	for _, name := range names {
		ok(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: name}}))
		given := []guest.Grant{{Database: name, Privileges: []string{"SELECT"}}}
		_, err := u.PutUser(ctx, guest.PutUser{Name: name, Host: "%", Verifier: verifier, Grants: given, Authoritative: true})
		ok(t, err)
		want = append(want, engine.Account{Name: name, Host: "%", Verifier: verifier, Grants: given})
	}
	list, err := d.ListDatabases(ctx)
	ok(t, err)
	var got []string
	for _, database := range list {
		got = append(got, database.Name)
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
	expectUsers(ctx, t, u, want...)
	for i, name := range names {
		ok(t, d.DropDatabase(ctx, name))
		want[i].Grants = nil
		expectUsers(ctx, t, u, want[i:]...)
		ok(t, u.DropUser(ctx, guest.UserName{Name: name, Host: "%"}))
	}
	list, err = d.ListDatabases(ctx)
	ok(t, err)
	if len(list) != 0 {
		t.Errorf("left are %+v", list)
	}
}
