package amqptest_test

import (
	"crypto/tls"
	"net/url"
	"os"
	"strings"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
)

func TestBroker(t *testing.T) {
	b := amqptest.Start(t)
	vhost := b.VHost(t)
	b.AddUser(t, "somebody", "secret")
	b.Grant(t, vhost, "somebody", amqptest.Everything)
	declare := func(t *testing.T, passive bool) {
		t.Helper()
		conn, err := amqp091.DialConfig(b.URL(), amqp091.Config{
			SASL: []amqp091.Authentication{&amqp091.PlainAuth{Username: "somebody", Password: "secret"}}, Vhost: vhost,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		channel, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		do := channel.QueueDeclare
		if passive {
			do = channel.QueueDeclarePassive
		}
		if _, err := do("durable", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	declare(t, false)

	t.Run("certificate", func(t *testing.T) {
		b.AddUser(t, "g-1", "")
		b.Grant(t, vhost, "g-1", amqptest.Everything)
		cert, err := tls.X509KeyPair(b.ClientCertificate(t, "g-1"))
		if err != nil {
			t.Fatal(err)
		}
		config := b.TLS()
		config.Certificates = []tls.Certificate{cert}
		conn, err := amqp091.DialConfig(b.TLSURL()+"/"+url.PathEscape(vhost), amqp091.Config{
			SASL: []amqp091.Authentication{&amqp091.ExternalAuth{}}, Vhost: vhost, TLSClientConfig: config,
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	})

	b.Kill()
	b.Kill()
	if _, err := amqp091.Dial(b.URL()); err == nil {
		t.Fatal("a killed broker answers")
	}
	b.Restart(t)
	declare(t, true)
	if out := b.Ctl(t, "list_vhosts"); !strings.Contains(out, vhost) {
		t.Errorf("rabbitmqctl lists %q, which lacks %q", out, vhost)
	}
}

// TestNothingIsLeft: the directory of a broker goes with it.
func TestNothingIsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Run("one", func(t *testing.T) { amqptest.Start(t) })
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
