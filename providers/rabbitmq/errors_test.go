package rabbitmq_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/rabbitmq"
)

func open(t *testing.T, o rabbitmq.Options) *rabbitmq.Broker {
	t.Helper()
	b, err := rabbitmq.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestErrors: each mistake has an error of its own, which says what is wrong and no secret.
func TestErrors(t *testing.T) {
	at := broker(t)
	amqptest.Shared(t).AddUser(t, "plain", "plain-password")
	at.ask(t, http.MethodPut, `{"password":"half-password","tags":"management"}`, "users", "half")
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for name, c := range map[string]struct {
		options rabbitmq.Options
		kind    providers.ErrorKind
		says    string
	}{
		"wrong password": {rabbitmq.Options{URL: at.management, User: at.user, Password: "wrong-secret"}, providers.KindDenied, "Login failed"},
		"no management":  {rabbitmq.Options{URL: at.management, User: "plain", Password: "plain-password"}, providers.KindDenied, "Not management user"},
		"no administrator": {
			rabbitmq.Options{URL: at.management, User: "half", Password: "half-password"}, providers.KindDenied, "the user half does not have the tag administrator",
		},
		"no such vhost":    {rabbitmq.Options{URL: at.management, User: at.user, Password: at.password, VHost: "nowhere"}, providers.KindInvalid, `the broker has no vhost "nowhere"`},
		"nobody listens":   {rabbitmq.Options{URL: "http://127.0.0.1:1", User: at.user, Password: at.password}, providers.KindTransient, "nothing listens on 127.0.0.1:1"},
		"no such host":     {rabbitmq.Options{URL: "http://broker.invalid:15672", User: at.user, Password: at.password}, providers.KindTransient, "broker.invalid cannot be resolved"},
		"another service":  {rabbitmq.Options{URL: stranger.URL, User: at.user, Password: at.password}, providers.KindTransient, "not the answer of RabbitMQ's management API"},
		"the port of AMQP": {rabbitmq.Options{URL: strings.Replace(at.url, "amqp:", "http:", 1), User: at.user, Password: at.password}, providers.KindTransient, ""},
		"an authority":     {rabbitmq.Options{URL: secure.URL, User: at.user, Password: at.password}, providers.KindInvalid, "ca_file"},
		"no TLS is spoken": {rabbitmq.Options{URL: strings.Replace(at.management, "http:", "https:", 1), User: at.user, Password: at.password}, providers.KindInvalid, "is it http://"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, c.options).Identity(t.Context())
			var e *providers.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want %s with %q, got %v", c.kind, c.says, err)
			}
			if err != nil && strings.Contains(err.Error(), c.options.Password) {
				t.Errorf("it tells the password: %v", err)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(garbage, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]rabbitmq.Options{
		"no scheme":   {URL: "broker:15672"},
		"amqp":        {URL: "amqp://broker"},
		"credentials": {URL: "http://me:secret@broker:15672"},
		"no file":     {URL: "https://broker", CAFile: garbage + ".none"},
		"no PEM":      {URL: "https://broker", CAFile: garbage},
	} {
		if _, err := rabbitmq.Open(o); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestAlarms: a broker that takes no messages says why.
func TestAlarms(t *testing.T) {
	b := amqptest.Start(t) // of its own: nobody else may be blocked
	b.Ctl(t, "set_vm_memory_high_watermark", "0.000001")
	managed := open(t, rabbitmq.Options{URL: b.ManagementURL(), User: amqptest.AdminUser, Password: amqptest.AdminPassword})
	id, err := managed.Identity(t.Context())
	if err != nil || len(id.Alarms) != 1 || !strings.HasPrefix(id.Alarms[0], "memory alarm on ") {
		t.Errorf("got %+v, %v", id, err)
	}
}

// TestDisconnect_whileOneEnds: RabbitMQ answers 500 where a connection ends by itself while it is told to.
func TestDisconnect_whileOneEnds(t *testing.T) {
	for _, c := range []struct{ broken, asked int }{{0, 1}, {2, 3}, {100, 5}} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked <= c.broken {
				http.Error(w, `{"error":"internal_server_error","reason":"x"}`, http.StatusInternalServerError)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		err := open(t, rabbitmq.Options{URL: server.URL, User: "u", Password: "p"}).Disconnect(t.Context(), "guest")
		server.Close()
		if failed := c.broken >= c.asked; failed != providers.IsKind(err, providers.KindTransient) || !failed && err != nil || asked != c.asked {
			t.Errorf("%d times broken: asked %d times, %v", c.broken, asked, err)
		}
	}
}
