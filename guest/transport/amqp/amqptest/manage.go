package amqptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sync/atomic"
	"testing"
	"time"
)

// Rights are what a user may do in a vhost: patterns of names, and per topic exchange those of routing keys.
type Rights struct {
	Configure, Write, Read string
	Topics                 map[string][2]string // by exchange: write, read
}

// Everything is every right.
var Everything = Rights{Configure: ".*", Write: ".*", Read: ".*"}

var (
	vhosts  atomic.Int64
	unplain = regexp.MustCompile(`[^A-Za-z0-9]+`) // what some clients would have to escape
)

// StockURL is the address of a vhost as clients of oslo.messaging want it, with the administrator's credentials.
func (b *Broker) StockURL(vhost string) string {
	return fmt.Sprintf("rabbit://%s:%s@127.0.0.1:%d/%s", AdminUser, AdminPassword, b.ports.amqp, vhost)
}

// VHost makes a vhost, in which the administrator may do everything, that is deleted when the test ends. Its name says whose
// it is.
func (b *Broker) VHost(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("%s-%d", unplain.ReplaceAllString(t.Name(), "-"), vhosts.Add(1))
	b.API(t, http.MethodPut, "/api/vhosts/"+url.PathEscape(name), map[string]string{"description": "of a test"})
	b.Grant(t, name, AdminUser, Everything)
	t.Cleanup(func() {
		_ = b.request(http.MethodDelete, "/api/vhosts/"+url.PathEscape(name), nil) // the broker may be gone by now
	})
	return name
}

// AddUser makes a user, who is deleted when the test ends. Without a password it can log in by certificate alone.
func (b *Broker) AddUser(t testing.TB, name, password string) {
	t.Helper()
	body := map[string]string{"password": password, "tags": ""}
	if password == "" {
		body = map[string]string{"password_hash": "", "tags": ""}
	}
	b.API(t, http.MethodPut, "/api/users/"+url.PathEscape(name), body)
	t.Cleanup(func() { _ = b.request(http.MethodDelete, "/api/users/"+url.PathEscape(name), nil) })
}

// Grant sets the rights of a user in a vhost.
func (b *Broker) Grant(t testing.TB, vhost, user string, rights Rights) {
	t.Helper()
	where := url.PathEscape(vhost) + "/" + url.PathEscape(user)
	b.API(t, http.MethodPut, "/api/permissions/"+where,
		map[string]string{"configure": rights.Configure, "write": rights.Write, "read": rights.Read})
	for exchange, pattern := range rights.Topics {
		b.API(t, http.MethodPut, "/api/topic-permissions/"+where,
			map[string]string{"exchange": exchange, "write": pattern[0], "read": pattern[1]})
	}
}

// API sends a request to the management API as the administrator; body is sent as JSON, nil: none. What is not a success
// fails the test.
func (b *Broker) API(t testing.TB, method, path string, body any) {
	t.Helper()
	if err := b.request(method, path, body); err != nil {
		t.Fatal(err)
	}
}

// CutConnections closes all AMQP connections of a user, as an administrator can. It returns when the broker has closed those
// that it had.
func (b *Broker) CutConnections(t testing.TB, user string) {
	t.Helper()
	b.Ctl(t, "close_all_user_connections", user, "cut by a test")
}

func (b *Broker) request(method, path string, body any) error {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequest(method, b.ManagementURL()+path, &text)
	if err != nil {
		return err
	}
	request.SetBasicAuth(AdminUser, AdminPassword)
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Timeout: time.Minute}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	said, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, said)
	}
	return nil
}
