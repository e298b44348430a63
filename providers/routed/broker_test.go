package routed_test

import (
	"slices"
	"testing"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/providers/providertest"
	"github.com/trovectl/trovectl/providers/routed"
)

func TestBrokerContract(t *testing.T) {
	providertest.RunBroker(t, func(*testing.T) providertest.BrokerFixture {
		cloud := memory.New(memory.Options{})
		whole := routed.New(cloud.Cloud(), map[string]*providers.Cloud{"west": {}}, nil)
		return providertest.BrokerFixture{
			Broker: whole.Broker, Shared: "shared",
			Login:  func(_ *testing.T, _, user, password string) bool { return cloud.Broker().Login(user, password) },
			Logins: func(_ *testing.T, user string) int { return cloud.Broker().Logins(user) },
		}
	})
}

// TestBrokers: the guests of a cloud without a broker of its own have accounts at the default one's.
func TestBrokers(t *testing.T) {
	base, west := memory.New(memory.Options{}), memory.New(memory.Options{})
	east := memory.New(memory.Options{}).Cloud()
	east.Broker = nil
	whole := routed.New(base.Cloud(), map[string]*providers.Cloud{"west": west.Cloud(), "east": east}, nil).Broker
	var ids []string
	for _, provider := range []string{"", "west", "east"} {
		mark := providers.Mark{Lineage: providertest.Lineage, Member: "m" + provider, Intent: "i" + provider}
		made, err := whole.Put(t.Context(), providers.AccountSpec{Mark: mark, Provider: provider, Name: "of-" + provider, Password: "first"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ID)
	}
	if want := []string{"of-", "west/of-west", "of-east"}; !slices.Equal(ids, want) {
		t.Errorf("got %q, want %q", ids, want)
	}
	if n, m := len(base.Objects().Accounts), len(west.Objects().Accounts); n != 2 || m != 1 {
		t.Errorf("%d accounts are at the default broker, %d at the other", n, m)
	}
	if err := whole.SetPassword(t.Context(), ids[1], "second"); err != nil || !west.Broker().Login("of-west", "second") {
		t.Errorf("the password was not set: %v", err)
	}
	if err := whole.Disconnect(t.Context(), ids[1]); err != nil || west.Broker().Logins("of-west") != 0 {
		t.Errorf("it was not disconnected: %v", err)
	}
	west.Fail(memory.Fault{Call: "list accounts", Kind: providers.KindTransient})
	if all, err := whole.List(t.Context()); len(all) != 2 || err == nil {
		t.Errorf("of two brokers one answers, and the list is %+v, %v", all, err)
	}
	for _, id := range ids {
		if err := whole.Delete(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if all, err := whole.List(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("left over: %+v, %v", all, err)
	}
	if id, err := whole.Identity(t.Context()); err != nil || id.User != "admin" {
		t.Errorf("identified as %+v, %v", id, err)
	}
}
