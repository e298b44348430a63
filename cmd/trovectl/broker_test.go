package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
)

// aBroker is the message broker of a script.
type aBroker struct {
	*amqptest.Broker
	test testing.TB // that the broker ends with
}

type brokerKey struct{}

// betweenLooks is the pause between two looks at the broker.
const betweenLooks = 50 * time.Millisecond

// brokerUp: broker up|share|kill|restart|tamper|struck ACCOUNTS COMMAND...
// up starts a RabbitMQ of the script's own, and sets TROVE_VAR_broker (where it is; BROKER_OVER_TLS the same over TLS), and its administrator's
// name and password. share does the same with the one that all scripts share which never end it. kill ends it as SIGKILL does,
// restart starts it again where it was. tamper gives the first guest every permission in its vhost, and deletes the user of
// the last. struck runs the command, and kills and restarts the broker as soon as so many guests have accounts.
func brokerUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: broker up|share|kill|restart|tamper|struck ACCOUNTS COMMAND...")
	}
	b := ts.Value(brokerKey{}).(*aBroker)
	switch args[0] {
	case "up":
		b.up(ts, amqptest.Start(b.test))
	case "share":
		b.up(ts, amqptest.Shared(b.test))
	case "kill":
		b.Kill()
	case "restart":
		b.Restart(b.test)
	case "tamper":
		b.tamper(ts)
	case "struck":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		b.strike(ts, n, args[2:])
	default:
		ts.Fatalf("unknown: broker %s", args[0])
	}
}

func (b *aBroker) up(ts *testscript.TestScript, broker *amqptest.Broker) {
	b.Broker = broker
	ts.Check(os.WriteFile(ts.MkAbs("broker-ca.pem"), b.CA(), 0o644))
	for name, where := range map[string]map[string]string{
		"TROVE_VAR_broker": {"url": b.URL(), "management_url": b.ManagementURL()},
		"BROKER_OVER_TLS":  {"url": b.TLSURL(), "management_url": b.ManagementURL(), "ca_file": "broker-ca.pem"},
	} {
		value, err := json.Marshal(where)
		ts.Check(err)
		ts.Setenv(name, string(value))
	}
	ts.Setenv("TROVE_AMQP_ADMIN_USER", amqptest.AdminUser)
	ts.Setenv("TROVE_AMQP_ADMIN_PASSWORD", amqptest.AdminPassword)
}

// strike kills the broker in the middle of a command. The command has to end well.
func (b *aBroker) strike(ts *testscript.TestScript, accounts int, command []string) {
	struck := make(chan error, 1)
	go func() {
		for deadline := time.Now().Add(patience); ; time.Sleep(betweenLooks) {
			if names, err := b.accounts(); err == nil && len(names) >= accounts {
				break
			}
			if time.Now().After(deadline) {
				struck <- fmt.Errorf("there never were %d accounts", accounts)
				return
			}
		}
		b.Kill()
		b.Restart(b.test)
		struck <- nil
	}()
	err := ts.Exec(command[0], command[1:]...)
	ts.Check(<-struck)
	ts.Check(err)
}

func (b *aBroker) tamper(ts *testscript.TestScript) {
	names, err := b.accounts()
	ts.Check(err)
	first, last := url.PathEscape(names[0]), url.PathEscape(names[len(names)-1])
	b.API(b.test, http.MethodPut, "/api/permissions/"+first+"/"+first, map[string]string{"configure": ".*", "write": ".*", "read": ".*"})
	b.API(b.test, http.MethodDelete, "/api/users/"+last, nil)
}

// accounts are the users that the broker has beside the administrator.
func (b *aBroker) accounts() (names []string, err error) {
	req, err := http.NewRequest(http.MethodGet, b.ManagementURL()+"/api/users", nil)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(amqptest.AdminUser, amqptest.AdminPassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var users []struct{ Name string }
	if err := json.NewDecoder(resp.Body).Decode(&users); err != nil {
		return nil, err
	}
	for _, user := range users {
		if user.Name != amqptest.AdminUser {
			names = append(names, user.Name)
		}
	}
	return names, nil
}
