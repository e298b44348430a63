package memory_test

import (
	"testing"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/memory"
	"github.com/trovectl/trovectl/providers/providertest"
)

func TestBrokerContract(t *testing.T) {
	providertest.RunBroker(t, func(*testing.T) providertest.BrokerFixture {
		broker := memory.New(memory.Options{}).Broker()
		return providertest.BrokerFixture{
			Broker: broker, Shared: "shared",
			Login:  func(_ *testing.T, _, user, password string) bool { return broker.Login(user, password) },
			Logins: func(_ *testing.T, user string) int { return broker.Logins(user) },
			Tamper: func(_ *testing.T, what string, account providers.Account) {
				broker.ByHand(account.ID, func(a *providers.Account) {
					switch what {
					case "permission":
						a.Permission.Read = ".*"
					case "topic":
						delete(a.Topics, "trove-status")
					case "user":
						a.Userless = true
					case "vhost":
						a.VHost = ""
					case "policy":
						delete(a.Policies, "guests")
					case "limit":
						delete(a.UserLimits, "max-connections")
					case "tag":
						a.Strange = []string{"the user has the tag administrator"}
					}
				})
			},
		}
	})
}
