package rabbitmq_test

import (
	"net/http"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/providertest"
	"github.com/trovectl/trovectl/providers/rabbitmq"
)

func TestContract(t *testing.T) {
	const shared = "contract-shared"
	at := broker(t)
	at.ask(t, http.MethodPut, `{}`, "vhosts", shared)
	providertest.RunBroker(t, func(t *testing.T) providertest.BrokerFixture {
		b, err := rabbitmq.Open(rabbitmq.Options{URL: at.management, User: at.user, Password: at.password, VHost: shared, PageSize: 2})
		if err != nil {
			t.Fatal(err)
		}
		return providertest.BrokerFixture{
			Broker: b, Shared: shared, Login: at.login,
			Logins: func(t *testing.T, user string) int {
				var open []struct{ User string }
				at.read(t, &open, "connections", "username", user)
				return len(open)
			},
			Tamper: at.tamper,
		}
	})
}

// login leaves a connection open until the test ends.
func (at *place) login(t *testing.T, vhost, user, password string) bool {
	t.Helper()
	connection, err := amqp091.DialConfig(at.url, amqp091.Config{Vhost: vhost, SASL: []amqp091.Authentication{&amqp091.PlainAuth{Username: user, Password: password}}})
	if err != nil {
		t.Logf("%s is not let in: %v", user, err)
		return false
	}
	t.Cleanup(func() { _ = connection.Close() })
	return true
}

// tamper does what an operator might do by hand.
func (at *place) tamper(t *testing.T, what string, a providers.Account) {
	t.Helper()
	switch what {
	case "permission":
		at.ask(t, http.MethodPut, `{"configure":".*","write":".*","read":".*"}`, "permissions", a.VHost, a.ID)
	case "topic":
		at.ask(t, http.MethodDelete, "", "topic-permissions", a.VHost, a.ID)
		at.ask(t, http.MethodPut, `{"exchange":"amq.topic","write":".*","read":".*"}`, "topic-permissions", a.VHost, a.ID)
	case "user":
		at.ask(t, http.MethodDelete, "", "users", a.ID)
	case "vhost":
		at.ask(t, http.MethodDelete, "", "vhosts", a.VHost)
	case "policy":
		at.ask(t, http.MethodDelete, "", "policies", a.VHost, "guests")
	case "limit":
		at.ask(t, http.MethodDelete, "", "user-limits", a.ID, "max-connections")
	case "tag":
		var user struct {
			Hash string `json:"password_hash"`
		}
		at.read(t, &user, "users", a.ID)
		at.ask(t, http.MethodPut, `{"password_hash":"`+user.Hash+`","tags":"administrator"}`, "users", a.ID)
		at.ask(t, http.MethodPut, `{"configure":"","write":"","read":".*"}`, "permissions", "/", a.ID)
	default:
		t.Fatalf("nobody changes a %s by hand", what)
	}
}
