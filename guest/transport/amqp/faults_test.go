package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

// atOnce is far below every timeout, and far above a slow machine.
const atOnce = 5 * time.Second

func TestAbsentGuests(t *testing.T) {
	w := newWorld(t, amqptest.Shared(t))
	dead := w.member(t, "dead")
	quick := func(t *testing.T, do func() error, words ...string) {
		t.Helper()
		begun := time.Now()
		wantUnreachable(t, do(), words...)
		if took := time.Since(begun); took > atOnce {
			t.Errorf("it took %s", took)
		}
	}
	t.Run("no queue", func(t *testing.T) {
		target := dead.target()
		target.Guest = "unknown"
		quick(t, func() error {
			_, err := w.dialer.Dial(t.Context(), target)
			return err
		}, "the queue guestagent.unknown", w.broker.URL(), w.vhost, "it is not there")
	})
	t.Run("a queue, and nobody consumes it", func(t *testing.T) {
		quick(t, func() error {
			_, err := w.dialer.Dial(t.Context(), dead.target())
			return err
		}, "the queue guestagent.dead", "nobody consumes it")
	})
	t.Run("gone since it was dialled", func(t *testing.T) {
		dead.serve(t, dead.service(t), &transporttest.Recorder{})
		carrier := dead.dial(t)
		dead.stop()
		dead.awaitConsumers(t, 0)
		quick(t, func() error { return ping(t, carrier, "a") }, "nobody consumes it")
		if err := w.dialer.Remove(t.Context(), w.admin(), "dead"); err != nil {
			t.Fatal(err)
		}
		quick(t, func() error { return ping(t, carrier, "b") }, "it is not there")
		if err := w.dialer.Remove(t.Context(), w.admin(), "dead"); err != nil {
			t.Errorf("removing again: %v", err)
		}
	})
	t.Run("an unreadable message comes back", func(t *testing.T) {
		odd := w.member(t, "odd")
		odd.serve(t, odd.service(t), &transporttest.Recorder{})
		client := odd.client(t)
		link, err := client.Link(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := link.Publish(t.Context(), exchangeRequests, queueRequests+"odd", amqp091.Publishing{Body: []byte("?")}); err != nil {
			t.Fatal(err)
		}
		carrier := odd.dial(t)
		if err := ping(t, carrier, "a"); err != nil { // the agent has survived it
			t.Error(err)
		}
	})
}

func ping(t *testing.T, carrier *Carrier, id string) error {
	t.Helper()
	_, err := carrier.Call(t.Context(), ask(t, guest.MethodPing, id, "hello"))
	return err
}

// client is a bare one of the format, in the vhost.
func (w *world) client(t *testing.T) *oslo.Client {
	t.Helper()
	client := &oslo.Client{
		Dial:    func(ctx context.Context) (*oslo.Link, error) { return open(ctx, w.admin(), t.Name(), eventually) },
		Prepare: declareShared, Exchange: exchangeRequests, ReplyExchange: exchangeReplies,
		Undelivered: exchangeUndelivered, Patience: patience,
	}
	t.Cleanup(client.Close)
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return client
}

// TestHungGuest: an agent that has taken a request and gives no sign of life is given up; one that is busy is waited for.
func TestHungGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, amqptest.Shared(t))
	t.Run("hung", func(t *testing.T) {
		m := w.member(t, "hung")
		m.consume(t, m.broker, queueRequests+m.id, func(*amqp091.Channel, amqp091.Delivery) {})
		wantUnreachable(t, ping(t, m.dial(t), "a"), "no sign of life for 2s", "it may still act")
	})
	t.Run("busy", func(t *testing.T) {
		m := w.member(t, "busy")
		busy := 3 * w.dialer.Monitor
		m.serve(t, m.service(t), &transporttest.Recorder{Do: func(ctx context.Context, r guest.Request) (any, error) {
			select {
			case <-ctx.Done():
			case <-time.After(busy):
			}
			return r.ID, nil
		}})
		if err := ping(t, m.dial(t), "a"); err != nil {
			t.Error(err)
		}
	})
}

// TestFaultsOfTheBroker has a broker of its own, which it spoils.
func TestFaultsOfTheBroker(t *testing.T) {
	t.Parallel()
	broker := amqptest.Start(t)
	for _, fault := range []struct {
		name  string
		check func(*testing.T, *amqptest.Broker)
	}{
		{"it is blocked", blockedBroker},
		{"connections break", brokenConnections},
		{"it dies before the answer", killedBeforeTheAnswer},
		{"it is gone", brokerGone},
	} {
		t.Run(fault.name, func(t *testing.T) { fault.check(t, broker) })
	}
}

// brokenConnections: whatever breaks while calls are open, each gets its answer, and each request had one effect.
func brokenConnections(t *testing.T, broker *amqptest.Broker) {
	const calls = 20
	for name, fault := range map[string]func(t *testing.T, m *member){
		"the guest's is closed":     func(t *testing.T, m *member) { broker.CutConnections(t, m.broker.User) },
		"ours is closed":            func(t *testing.T, _ *member) { broker.CutConnections(t, amqptest.AdminUser) },
		"the broker is killed":      func(t *testing.T, _ *member) { broker.Restart(t) },
		"the guest's queue is gone": func(t *testing.T, m *member) { redeclare(t, m) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newWorld(t, broker).member(t, "m")
			m.dialer.Monitor = 10 * time.Second
			var entered sync.WaitGroup
			entered.Add(calls)
			broken := make(chan struct{})
			handler := &transporttest.Recorder{Do: func(_ context.Context, r guest.Request) (any, error) {
				if r.Method.Changes() {
					entered.Done()
					<-broken
				}
				return r.ID, nil
			}}
			m.serve(t, m.service(t), handler)
			carrier := m.dial(t)
			var work sync.WaitGroup
			for i := range calls {
				work.Go(func() {
					id := fmt.Sprint("call-", i)
					got, err := carrier.Call(t.Context(), ask(t, guest.MethodPutDatabase, id, nil))
					if err != nil || string(got) != `"`+id+`"` {
						t.Errorf("%s: %s, %v", id, got, err)
					}
					if n := handler.Effects(id); n != 1 {
						t.Errorf("%s had %d effects", id, n)
					}
				})
			}
			entered.Wait()
			fault(t, m)
			close(broken)
			work.Wait()
			if err := ping(t, carrier, "after"); err != nil {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// redeclare deletes the queue of a guest and makes it again: its consumer is gone with it.
func redeclare(t *testing.T, m *member) {
	t.Helper()
	if err := m.dialer.Remove(t.Context(), m.admin(), m.id); err != nil {
		t.Fatal(err)
	}
	if err := m.dialer.Declare(t.Context(), m.admin(), m.id); err != nil {
		t.Fatal(err)
	}
	m.awaitConsumers(t, 1)
}

// killedBeforeTheAnswer: the request is lost with the broker, because nobody had taken it, or its agent died with
// it. It is sent again.
func killedBeforeTheAnswer(t *testing.T, broker *amqptest.Broker) {
	m := newWorld(t, broker).member(t, "m")
	// Somebody takes the request and dies with the broker.
	taken := make(chan struct{}, 1)
	stop := m.consume(t, m.broker, queueRequests+m.id, func(*amqp091.Channel, amqp091.Delivery) { taken <- struct{}{} })
	carrier := m.dial(t)
	done := make(chan error, 1)
	go func() { done <- ping(t, carrier, "a") }()
	<-taken
	broker.Kill()
	stop()
	broker.Restart(t)
	m.begin(t, m.service(t), &transporttest.Recorder{})
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(eventually):
		t.Error("the call did not end")
	}
}

func brokerGone(t *testing.T, broker *amqptest.Broker) {
	m := newWorld(t, broker).member(t, "m")
	m.serve(t, m.service(t), &transporttest.Recorder{})
	carrier := m.dial(t)
	broker.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := carrier.Call(ctx, ask(t, guest.MethodPing, "a", nil))
	var late *guest.Error
	if !errors.As(err, &late) || late.Kind != guest.KindTimeout {
		t.Errorf("a broker that is away is waited for until the deadline, got %v", err)
	}
	other := &Dialer{}
	t.Cleanup(func() { _ = other.Close() })
	_, err = other.Dial(t.Context(), m.target())
	wantUnreachable(t, err, broker.URL(), "nothing listens there")
}

func TestFullQueue(t *testing.T) {
	w := newWorld(t, amqptest.Shared(t))
	m := w.member(t, "m")
	m.serve(t, m.service(t), &transporttest.Recorder{})
	w.broker.API(t, http.MethodPut, "/api/policies/"+url.PathEscape(w.vhost)+"/limits", map[string]any{
		"pattern": "^guestagent", "apply-to": "queues",
		"definition": map[string]any{"max-length-bytes": 0, "overflow": "reject-publish"},
	})
	carrier := m.dial(t)
	var last error
	await(t, func() bool { // the policy arrives at the queue by itself
		last = ping(t, carrier, "a")
		return last != nil
	})
	wantUnreachable(t, last, "guestagent.m", "it is full")
}

// blockedBroker is one that is short of memory and stops reading.
func blockedBroker(t *testing.T, broker *amqptest.Broker) {
	m := newWorld(t, broker).member(t, "m")
	m.serve(t, m.service(t), &transporttest.Recorder{})
	carrier := m.dial(t)
	if err := ping(t, carrier, "before"); err != nil {
		t.Fatal(err)
	}
	broker.Ctl(t, "set_vm_memory_high_watermark", "0.00001")
	begun := time.Now()
	wantUnreachable(t, ping(t, carrier, "a"), "the broker accepts no messages at present", "memory")
	if took := time.Since(begun); took > atOnce {
		t.Errorf("it took %s", took)
	}
	wantUnreachable(t, ping(t, carrier, "b"), "the broker accepts no messages at present")
	broker.Ctl(t, "set_vm_memory_high_watermark", "0.9")
	await(t, func() bool { return ping(t, carrier, "after") == nil })
}

func TestRefusedLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, amqptest.Shared(t))
	m := w.member(t, "m")
	stranger := w.broker.VHost(t)
	silent := listenSilently(t)
	good := m.broker
	goodTLS := good
	goodTLS.URL, goodTLS.TLS = w.broker.TLSURL(), w.broker.TLS()
	for _, c := range []struct {
		name  string
		of    Broker
		spoil func(*Broker)
		stage guest.Stage
		words []string
	}{
		{"another scheme", good, func(b *Broker) { b.URL = "http://127.0.0.1:1" }, guest.StageConnect, []string{"must begin with amqp://"}},
		{"credentials in it", good, func(b *Broker) { b.URL = "amqp://joe:hunter2@127.0.0.1:1" }, guest.StageConnect, []string{"holds credentials"}},
		{"a path in it", good, func(b *Broker) { b.URL += "/vhost" }, guest.StageConnect, []string{"scheme, host and port alone"}},
		{"no URL", good, func(b *Broker) { b.URL = "amqp://[::" }, guest.StageConnect, []string{"cannot be read"}},
		{"no such host", good, func(b *Broker) { b.URL = "amqp://broker.invalid:5672" }, guest.StageConnect, []string{`"broker.invalid" has no address`}},
		{"nothing listens", good, func(b *Broker) { b.URL = "amqp://127.0.0.1:1" }, guest.StageConnect, []string{"nothing listens there"}},
		{"somebody listens and is silent", good, func(b *Broker) { b.URL = "amqp://" + silent }, guest.StageConnect, []string{"no answer in time", "300ms"}},
		{"no broker", good, func(b *Broker) { b.URL = strings.Replace(w.broker.ManagementURL(), "http", "amqp", 1) }, guest.StageGreet, []string{"be no broker"}},
		{"a wrong password", good, func(b *Broker) { b.Password = "no" }, guest.StageLogin, []string{"refuses the user", good.User, "password"}},
		{"another user", good, func(b *Broker) { b.User = "nobody" }, guest.StageLogin, []string{`refuses the user "nobody"`}},
		{"no such vhost", good, func(b *Broker) { b.VHost = "nowhere" }, guest.StageLogin, []string{`it has no vhost "nowhere"`}},
		{"another vhost", good, func(b *Broker) { b.VHost = stranger }, guest.StageLogin, []string{"may not use the vhost", stranger}},
		{"TLS where there is none", good, func(b *Broker) { b.URL = strings.Replace(b.URL, "amqp", "amqps", 1) }, guest.StageGreet, []string{"does not speak TLS"}},
		{"no TLS where it is wanted", goodTLS, func(b *Broker) { b.URL = strings.Replace(b.URL, "amqps", "amqp", 1) }, guest.StageGreet, []string{"may expect TLS"}},
		{"a CA that is not trusted", goodTLS, func(b *Broker) { b.TLS = nil }, guest.StageGreet, []string{"CA that is not trusted"}},
		{"another host name", goodTLS, func(b *Broker) { b.TLS.ServerName = "broker.ci" }, guest.StageGreet, []string{"another host name", "broker.ci"}},
		{"no certificate", goodTLS, func(b *Broker) { b.External = true }, guest.StageLogin, []string{"does not let our certificate log in"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // a broker takes its time to refuse
			broker := c.of
			if broker.TLS != nil {
				broker.TLS = broker.TLS.Clone()
			}
			c.spoil(&broker)
			limit := eventually
			if strings.Contains(c.name, "silent") {
				limit = 300 * time.Millisecond
			}
			_, err := open(t.Context(), broker, "test", limit)
			wantUnreachable(t, err, append(c.words, "connecting to the broker")...)
			if stage := guest.StageOf(err); stage != c.stage {
				t.Errorf("stage is %d, want %d (%v)", stage, c.stage, err)
			}
			if said := err.Error(); strings.Contains(said, good.Password) || strings.Contains(said, "hunter2") {
				t.Errorf("the error tells a password: %s", said)
			}
		})
	}
	t.Run("all is well", func(t *testing.T) {
		w.link(t, good)
		w.link(t, goodTLS)
	})
}

// listenSilently accepts connections and says nothing.
func listenSilently(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// TestCertificates: a guest that logs in with its certificate needs no password.
func TestCertificates(t *testing.T) {
	w := newWorld(t, amqptest.Shared(t))
	m := w.member(t, "m")
	w.broker.AddUser(t, m.broker.User, "")
	certificate, err := tls.X509KeyPair(w.broker.ClientCertificate(t, m.broker.User))
	if err != nil {
		t.Fatal(err)
	}
	m.broker.URL, m.broker.Password, m.broker.External, m.broker.TLS = w.broker.TLSURL(), "", true, w.broker.TLS()
	m.broker.TLS.Certificates = []tls.Certificate{certificate}
	m.serve(t, m.service(t), &transporttest.Recorder{})
	if err := ping(t, m.dial(t), "a"); err != nil {
		t.Error(err)
	}
	t.Run("another's name", func(t *testing.T) {
		other, err := tls.X509KeyPair(w.broker.ClientCertificate(t, "nobody"))
		if err != nil {
			t.Fatal(err)
		}
		broker := m.broker
		broker.TLS = w.broker.TLS()
		broker.TLS.Certificates = []tls.Certificate{other}
		_, err = open(t.Context(), broker, "test", eventually)
		wantUnreachable(t, err, "does not let our certificate log in")
	})
}
