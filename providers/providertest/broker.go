package providertest

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
)

// BrokerFixture is one broker under test, in which nobody else makes accounts. Functions may be nil where a broker cannot be
// made to do it; the clause is then left out.
type BrokerFixture struct {
	Broker providers.Broker
	Shared string // a vhost that is there
	// Login opens a connection to a vhost and tells whether the broker let it in. Logins tells how many a user has open.
	Login  func(t *testing.T, vhost, user, password string) bool
	Logins func(t *testing.T, user string) int
	// Tamper changes something of an account by hand: "permission", "topic", "user", "vhost", "policy", "limit", "tag".
	Tamper func(t *testing.T, what string, account providers.Account)
}

// RunBroker runs every clause of a broker's management, each against accounts of its own.
func RunBroker(t *testing.T, open func(t *testing.T) BrokerFixture) {
	for _, c := range []struct {
		name  string
		check func(k *brokerKit)
	}{
		{"an identity", (*brokerKit).identity},
		{"a mark is needed", (*brokerKit).unmarked},
		{"an account of its own", func(k *brokerKit) { k.lives(k.spec()) }},
		{"an account in a shared vhost", func(k *brokerKit) { k.lives(k.sharing()) }},
		{"a shared vhost that is not there", (*brokerKit).nowhere},
		{"somebody else's account", (*brokerKit).foreign},
		{"what was changed by hand", func(k *brokerKit) {
			k.mends(k.spec(), "permission", "topic", "user", "vhost", "policy", "limit", "tag")
		}},
		{"what was changed by hand in a shared vhost", func(k *brokerKit) { k.mends(k.sharing(), "permission", "topic", "user", "tag") }},
		{"passwords", (*brokerKit).passwords},
		{"a login with a certificate", (*brokerKit).certified},
		{"an end", (*brokerKit).ended},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &brokerKit{T: t, BrokerFixture: open(t), ctx: t.Context()}
			t.Cleanup(k.nothingLeft)
			c.check(k)
		})
	}
}

type brokerKit struct {
	*testing.T
	BrokerFixture
	ctx context.Context
	ids []string
}

// spec asks for the n-th account of a clause, with a vhost of its own.
func (k *brokerKit) spec() providers.AccountSpec {
	n := string(rune('a' + len(k.ids)))
	name := "contract-" + n
	k.ids = append(k.ids, name)
	return providers.AccountSpec{
		Mark: providers.Mark{Lineage: Lineage, Member: "m" + n, Intent: "i" + n}, Name: name, Password: "first " + n,
		Rights: providers.Rights{
			Permission: providers.Permission{Configure: "^$", Write: "^(trove-status|rpc\\.replies)$", Read: "^guestagent\\." + n + "$"},
			Topics: map[string]providers.Permission{
				"trove-status": {Write: "^status\\." + n + "$", Read: "^$"}, "rpc.replies": {Write: "^reply\\.[0-9a-f]{32}$", Read: "^$"},
			},
			UserLimits:  map[string]int{"max-connections": 6, "max-channels": 32},
			VHostLimits: map[string]int{"max-connections": 8, "max-queues": 40},
			Policies: map[string]providers.Policy{"guests": {
				Pattern: "^guestagent\\.", Priority: 5, MaxLength: 100, MaxBytes: 1 << 20, Overflow: "reject-publish", Expires: 3600000, DeadLetter: "rpc.undelivered",
			}},
		},
	}
}

// sharing asks for one in the shared vhost.
func (k *brokerKit) sharing() providers.AccountSpec {
	spec := k.spec()
	spec.VHost, spec.VHostLimits = k.Shared, nil
	return spec
}

func (k *brokerKit) put(spec providers.AccountSpec) providers.Account {
	k.Helper()
	made, err := k.Broker.Put(k.ctx, spec)
	if err != nil {
		k.Fatalf("%v", err)
	}
	return made
}

func (k *brokerKit) find(id string) (providers.Account, bool) {
	k.Helper()
	all, err := k.Broker.List(k.ctx)
	if err != nil {
		k.Fatalf("%v", err)
	}
	i := slices.IndexFunc(all, func(a providers.Account) bool { return a.ID == id })
	if i < 0 {
		return providers.Account{}, false
	}
	return all[i], true
}

func (k *brokerKit) nothingLeft() {
	ctx := context.WithoutCancel(k.ctx)
	for _, id := range k.ids {
		if err := k.Broker.Delete(ctx, id); err != nil {
			k.Errorf("%v", err)
		}
	}
	left, err := k.Broker.List(ctx)
	if err != nil || len(left) > 0 {
		k.Errorf("left over: %+v, %v", left, err)
	}
}

func (k *brokerKit) kind(err error, want providers.ErrorKind) {
	k.Helper()
	if !providers.IsKind(err, want) {
		k.Errorf("want an error of the kind %q, got %v", want, err)
	}
}

func (k *brokerKit) identity() {
	id, err := k.Broker.Identity(k.ctx)
	if err != nil || id.Product == "" || id.User == "" || len(id.Alarms) > 0 {
		k.Errorf("got %+v, %v", id, err)
	}
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	_, err = k.Broker.Identity(ctx)
	k.kind(err, providers.KindTransient)
}

func (k *brokerKit) unmarked() {
	spec := k.spec()
	spec.Mark = providers.Mark{}
	_, err := k.Broker.Put(k.ctx, spec)
	k.kind(err, providers.KindInvalid)
}

// lives: what was put is listed so, and putting it again changes nothing.
func (k *brokerKit) lives(spec providers.AccountSpec) {
	made := k.put(spec)
	for range 2 {
		has, there := k.find(made.ID)
		if !there || has.Mark != spec.Mark || has.VHost != spec.Home() {
			k.Fatalf("listed as %+v, %v", has, there)
		}
		if d := spec.Differences(has); len(d) > 0 {
			k.Errorf("a new account differs: %q", d)
		}
		if d := spec.Differences(made); len(d) > 0 {
			k.Errorf("what Put returned differs: %q", d)
		}
		made = k.put(spec)
	}
	widened := spec
	widened.UserLimits = maps.Clone(spec.UserLimits)
	widened.UserLimits["max-connections"] = 2
	k.put(widened)
	if has, _ := k.find(made.ID); !cmp.Equal(widened.Differences(has), []string(nil)) || len(spec.Differences(has)) != 1 {
		k.Errorf("another spec was not put: %+v", has)
	}
}

func (k *brokerKit) nowhere() {
	spec := k.sharing()
	spec.VHost = "no-such-vhost"
	_, err := k.Broker.Put(k.ctx, spec)
	k.kind(err, providers.KindInvalid)
}

func (k *brokerKit) foreign() {
	for _, spec := range []providers.AccountSpec{k.spec(), k.sharing()} {
		k.put(spec)
		taken := spec
		taken.Mark.Member = "other"
		_, err := k.Broker.Put(k.ctx, taken)
		k.kind(err, providers.KindConflict)
		if has, _ := k.find(spec.Name); has.Mark != spec.Mark {
			k.Errorf("it was taken over: %+v", has)
		}
		again := spec
		again.Mark.Intent = "i9" // the same machine's, asked for anew
		k.put(again)
		if has, _ := k.find(spec.Name); has.Mark != again.Mark {
			k.Errorf("the mark is %v", has.Mark)
		}
	}
}

// mends: each change by hand is seen, and put right without another password.
func (k *brokerKit) mends(spec providers.AccountSpec, hands ...string) {
	if k.Tamper == nil {
		k.Skip("nobody can change it by hand")
	}
	made := k.put(spec)
	for _, what := range hands {
		k.Tamper(k.T, what, made)
		has, there := k.find(made.ID)
		if d := spec.Differences(has); there && len(d) == 0 {
			k.Errorf("%s: nothing is seen of it", what)
		}
		fresh := spec
		fresh.Password = "changed " + what
		k.put(fresh)
		has, _ = k.find(made.ID)
		if d := spec.Differences(has); len(d) > 0 {
			k.Errorf("%s: it still differs: %q", what, d)
		}
		if what == "user" {
			spec.Password = fresh.Password // a new user, a new password
		}
		if !k.Login(k.T, spec.Home(), spec.Name, spec.Password) {
			k.Errorf("%s: the password was changed", what)
		}
	}
}

func (k *brokerKit) passwords() {
	spec := k.spec()
	k.put(spec)
	if !k.Login(k.T, spec.Home(), spec.Name, spec.Password) || k.Login(k.T, spec.Home(), spec.Name, "wrong") {
		k.Fatal("the password of the spec is not the account's")
	}
	if n := k.Logins(k.T, spec.Name); n != 1 {
		k.Errorf("%d connections are open", n)
	}
	for range 2 {
		if err := k.Broker.SetPassword(k.ctx, spec.Name, "second"); err != nil {
			k.Fatalf("%v", err)
		}
	}
	if k.Login(k.T, spec.Home(), spec.Name, spec.Password) || !k.Login(k.T, spec.Home(), spec.Name, "second") {
		k.Error("the new password is not in force")
	}
	if has, _ := k.find(spec.Name); has.Mark != spec.Mark || len(spec.Differences(has)) > 0 {
		k.Errorf("more than the password was changed: %+v", has)
	}
	for range 2 {
		if err := k.Broker.Disconnect(k.ctx, spec.Name); err != nil {
			k.Fatalf("%v", err)
		}
	}
	if n := k.Logins(k.T, spec.Name); n != 0 {
		k.Errorf("%d connections are still open", n)
	}
	k.kind(k.Broker.SetPassword(k.ctx, "nobody", "x"), providers.KindNotFound)
}

// certified: a user without a password is let in with none.
func (k *brokerKit) certified() {
	spec := k.spec()
	spec.Password = ""
	k.put(spec)
	if k.Login(k.T, spec.Home(), spec.Name, "guess") {
		k.Error("it was let in")
	}
	if has, _ := k.find(spec.Name); len(spec.Differences(has)) > 0 {
		k.Errorf("it differs: %q", spec.Differences(has))
	}
}

func (k *brokerKit) ended() {
	for _, spec := range []providers.AccountSpec{k.spec(), k.sharing()} {
		k.put(spec)
		if !k.Login(k.T, spec.Home(), spec.Name, spec.Password) {
			k.Fatal("it was not let in")
		}
		for range 2 {
			if err := k.Broker.Delete(k.ctx, spec.Name); err != nil {
				k.Fatalf("%v", err)
			}
		}
		if k.Logins(k.T, spec.Name) != 0 || k.Login(k.T, spec.Home(), spec.Name, spec.Password) {
			k.Error("it is still let in")
		}
		if has, there := k.find(spec.Name); there {
			k.Errorf("it is still there: %+v", has)
		}
	}
}
