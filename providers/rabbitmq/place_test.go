package rabbitmq_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
)

// place is a broker for tests, as an operator sees it.
type place struct{ url, management, user, password string }

// broker is one that this test process shares; there is no other that manages accounts at it.
func broker(t *testing.T) *place {
	t.Helper()
	b := amqptest.Shared(t)
	return &place{b.URL(), b.ManagementURL(), amqptest.AdminUser, amqptest.AdminPassword}
}

// ask sends a request to the management API.
func (at *place) ask(t *testing.T, method, body string, path ...string) []byte {
	t.Helper()
	where := at.management + "/api"
	for _, part := range path {
		where += "/" + url.PathEscape(part)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, where, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(at.user, at.password)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it has been read
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 {
		t.Fatalf("%s %s: %s, %v: %s", method, where, resp.Status, err, data)
	}
	return data
}

func (at *place) read(t *testing.T, into any, path ...string) {
	t.Helper()
	if err := json.Unmarshal(at.ask(t, http.MethodGet, "", path...), into); err != nil {
		t.Fatal(err)
	}
}
