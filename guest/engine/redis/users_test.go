package redis

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

func put(ctx context.Context, t *testing.T, e *Engine, name, password string, acl ...string) {
	t.Helper()
	_, err := e.PutUser(ctx, guest.PutUser{
		Name: name, Verifier: e.catalog.Verifier(password, nil), Authoritative: true, Rights: guest.Rights{ACL: acl},
	})
	must(t, err)
}

func expectUsers(ctx context.Context, t *testing.T, e *Engine, want ...engine.Account) {
	t.Helper()
	got, err := e.ListUsers(ctx)
	must(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func account(e *Engine, name, password string, acl ...string) engine.Account {
	return engine.Account{Name: name, Verifier: e.catalog.Verifier(password, nil), Rights: guest.Rights{ACL: acl}}
}

// Whatever rules are given, the server lists an account that reads back in the same canonical form, and does so after a
// restart.
func TestRulesAreWhatTheServerLists(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	commands, err := s.client.Do(ctx, "COMMAND", "LIST").StringSlice()
	must(t, err)
	categories, err := s.client.Do(ctx, "ACL", "CAT").StringSlice()
	must(t, err)
	words := slices.DeleteFunc(commands, func(name string) bool {
		_, err := e.catalog.CanonicalACL([]string{"+" + name})
		return err != nil
	})
	for _, category := range append(categories, "all", "all") {
		words = append(words, "@"+category, "@"+category, "@"+category)
	}
	slices.Sort(words)
	rule := rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
			return rapid.SampledFrom([]string{
				"~*", "~app:*", "%R~app:*", "%W~app:*", "%R~*", "~[a-z]?", "~a\\*(b", "&*", "&news", "resetkeys", "resetchannels", "allkeys", "allchannels",
			}).Draw(t, "pattern")
		}
		return rapid.SampledFrom([]string{"+", "-"}).Draw(t, "sign") + rapid.SampledFrom(words).Draw(t, "word")
	})
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rule, 0, 10).Draw(t, "rules")
		if inner := rapid.SliceOfN(rule, 0, 4).Draw(t, "selector"); !strings.Contains(strings.Join(inner, ""), "(b") && len(inner) > 0 {
			rules = append(rules, "("+strings.Join(inner, " ")+")")
		}
		want, err := e.catalog.CanonicalACL(rules)
		if err != nil {
			t.Fatalf("%q: %v", rules, err)
		}
		for name, given := range map[string][]string{"canonical": e.catalog.ServerACL(want), "raw": asGiven(e, rules)} {
			command := []any{"ACL", "SETUSER", name, "reset", "on"}
			for _, r := range given {
				command = append(command, r)
			}
			if err := s.do(ctx, command...); err != nil {
				t.Fatalf("%s %q: %v", name, given, err)
			}
			a, err := s.account(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, e.catalog.StoredACL(a.rules)); diff != "" {
				t.Fatalf("%s: %q is %q, and the server lists %q (-want +got):\n%s", name, rules, want, a.rules, diff)
			}
		}
	})
	must(t, s.do(ctx, "ACL", "SAVE"))
	before, err := e.ListUsers(ctx)
	must(t, err)
	must(t, e.Stop(ctx))
	must(t, e.Start(ctx))
	expectUsers(ctx, t, e, before...)
}

// asGiven are rules as they were written, with reserved commands taken away as ServerACL does, and without patterns that the
// server refuses because a wider one is there.
func asGiven(e *Engine, rules []string) []string {
	var root, selectors []string
	whole := map[byte]bool{} // keys and channels of which everything is allowed already
	for _, r := range rules {
		sign := strings.NewReplacer("%", "~").Replace(r)[0]
		switch {
		case sign == '(':
			selectors = append(selectors, "("+strings.Join(asGiven(e, strings.Fields(strings.Trim(r, "()"))), " ")+")")
			continue
		case r == "allkeys" || r == "~*":
			whole['~'] = true
		case r == "allchannels" || r == "&*":
			whole['&'] = true
		case r == "resetkeys":
			whole['~'] = false
		case r == "resetchannels":
			whole['&'] = false
		case whole[sign]:
			continue
		}
		root = append(root, r)
	}
	guard := e.catalog.ServerACL([]string{"+get"})[1:]
	return slices.Concat(root, guard, selectors)
}

// What nobody is given cannot be reached by another way.
func TestReservedCommandsStayReserved(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "all", "x", "~*", "&*", "+@all")
	put(ctx, t, e, "selector", "x", "(~* +@all)")
	put(ctx, t, e, "client", "x", "+client", "+@connection")
	_, err := e.PutRoot(ctx, guest.PutRoot{Enabled: true, Verifier: e.catalog.Verifier("x", nil)})
	must(t, err)
	commands := [][]any{
		{"CONFIG", "GET", "*"}, {"CONFIG", "SET", "dir", "/tmp"}, {"ACL", "LIST"}, {"ACL", "SETUSER", agentAccount, "off"},
		{"SHUTDOWN", "NOSAVE"}, {"DEBUG", "SEGFAULT"}, {"REPLICAOF", "127.0.0.1", "1"}, {"SLAVEOF", "127.0.0.1", "1"}, {"FAILOVER"},
		{"MODULE", "LIST"}, {"CLUSTER", "INFO"}, {"SAVE"}, {"BGSAVE"}, {"MONITOR"}, {"SYNC"}, {"PSYNC", "?", "-1"}, {"REPLCONF", "ack", "1"},
		{"MIGRATE", "127.0.0.1", "1", "k", "0", "1"}, {"CLIENT", "KILL", "USER", agentAccount}, {"CLIENT", "PAUSE", "1000"}, {"PFSELFTEST"},
		{"EVAL", "return redis.call('CONFIG','GET','*')", "0"}, {"EVAL", "return redis.call('ACL','LIST')", "0"},
		{"EVAL", "return redis.call('SHUTDOWN')", "0"},
	}
	for _, name := range []string{"all", "selector", "client", "default"} {
		client := connect(t, e, name, "x")
		for _, command := range commands {
			err := client.Do(ctx, command...).Err()
			if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "not allowed") {
				t.Errorf("%s: %v: %v", name, command, err)
			}
		}
	}
	if err := connect(t, e, "default", "x").Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Errorf("the administrator cannot write: %v", err)
	}
}

func TestSessionsEndWithThePassword(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "app", "one", "~*", "+@all")
	put(ctx, t, e, "other", "one", "~*", "+@all")
	app, other := connect(t, e, "app", "one"), connect(t, e, "other", "one")
	sessions := func(name string) int {
		list, err := s.client.Do(ctx, "CLIENT", "LIST").Text()
		must(t, err)
		return strings.Count(list, " user="+name+" ")
	}
	must(t, app.Ping(ctx).Err())
	must(t, other.Ping(ctx).Err())
	put(ctx, t, e, "app", "one", "~*", "+@all", "-@dangerous")
	if sessions("app") != 1 {
		t.Error("a change of rules ended the session")
	}
	put(ctx, t, e, "app", "two", "~*", "+@all")
	if sessions("app") != 0 || sessions("other") != 1 {
		t.Errorf("after a change of password there are %d sessions, and %d of the other", sessions("app"), sessions("other"))
	}
	if err := connect(t, e, "app", "one").Ping(ctx).Err(); err == nil {
		t.Error("the former password is good still")
	}
	must(t, connect(t, e, "app", "two").Ping(ctx).Err())
	must(t, e.DropUser(ctx, guest.UserName{Name: "app"}))
	if sessions("app") != 0 {
		t.Error("a dropped user goes on")
	}
}

// Between the copy and the drop of a rename the agent may die.
func TestRenameAfterItsDeath(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "old", "x", "~*", "+get")
	former, err := s.account(ctx, "old")
	must(t, err)
	former.name = "new"
	must(t, s.copyOf(ctx, former))
	rename := guest.PutUser{Name: "new", Authoritative: true, RenameFrom: &guest.UserName{Name: "old"}, Rights: guest.Rights{ACL: []string{"~*", "+get"}}}
	for range 2 {
		_, err := e.PutUser(ctx, rename)
		must(t, err)
		expectUsers(ctx, t, e, account(e, "new", "x", "~*", "+get"))
	}
	rename.RenameFrom = &guest.UserName{Name: rootAccount}
	_, err = e.PutUser(ctx, rename)
	kind(t, err, guest.KindInvalid)
}

// What somebody did by hand is seen, and goes with the next put.
func TestHandmadeAccountsAreSeenAndMended(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "app", "x", "~*", "+get")
	for _, c := range []struct {
		by   []any
		want []string
	}{
		{[]any{"off"}, []string{"~*", "+get", "off"}},
		{[]any{"+config"}, []string{"~*", "+get", "+config"}},
		{[]any{"nopass"}, []string{"~*", "+get", "nopass"}},
		{[]any{"allcommands"}, []string{
			"~*", "+@all", "+acl", "+bgsave", "+client|kill", "+client|pause", "+client|unpause", "+cluster", "+config", "+debug", "+failover",
			"+migrate", "+module", "+monitor", "+pfdebug", "+pfselftest", "+psync", "+replconf", "+replicaof", "+save", "+shutdown", "+slaveof", "+sync",
		}},
	} {
		must(t, s.do(ctx, append([]any{"ACL", "SETUSER", "app"}, c.by...)...))
		users, err := e.ListUsers(ctx)
		must(t, err)
		if diff := cmp.Diff(c.want, users[0].ACL); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", c.by, diff)
		}
		put(ctx, t, e, "app", "x", "~*", "+get")
		expectUsers(ctx, t, e, account(e, "app", "x", "~*", "+get"))
	}
	must(t, s.do(ctx, "ACL", "SETUSER", "app", ">second"))
	users, err := e.ListUsers(ctx)
	must(t, err)
	if !strings.Contains(users[0].Verifier, e.catalog.Verifier("second", nil)) {
		t.Error("a second password is not seen")
	}
	put(ctx, t, e, "app", "x", "~*", "+get")
	expectUsers(ctx, t, e, account(e, "app", "x", "~*", "+get"))
}

func TestAdditiveRulesAddUp(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "app", "x", "~a", "+get")
	must(t, s.do(ctx, "ACL", "SETUSER", "app", "+shutdown"))
	_, err := e.PutUser(ctx, guest.PutUser{Name: "app", Rights: guest.Rights{ACL: []string{"~b", "+set"}}})
	must(t, err)
	expectUsers(ctx, t, e, account(e, "app", "x", "~a", "~b", "+get", "+set"))
}

// A rule that only the server knows to be wrong changes nothing, and its error tells no verifier.
func TestRefusedRulesChangeNothing(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "app", "x", "~*", "+get")
	_, err := e.PutUser(ctx, guest.PutUser{Name: "app", Authoritative: true, Rights: guest.Rights{ACL: []string{"+nosuchcommand"}}})
	kind(t, err, guest.KindInvalid)
	if err != nil && (!strings.Contains(err.Error(), "nosuchcommand") || strings.Contains(err.Error(), e.catalog.Verifier("x", nil))) {
		t.Errorf("the error is %v", err)
	}
	expectUsers(ctx, t, e, account(e, "app", "x", "~*", "+get"))
}
