package amqp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

// eventually is how long a busy machine may take for what happens by itself.
const eventually = 90 * time.Second

// A world is a vhost with a dialer and guests.
type world struct {
	broker *amqptest.Broker
	vhost  string
	dialer *Dialer
}

func newWorld(t *testing.T, broker *amqptest.Broker) *world {
	t.Helper()
	w := &world{broker, broker.VHost(t), &Dialer{Monitor: 2 * time.Second, Log: logTo(t)}}
	t.Cleanup(func() { _ = w.dialer.Close() })
	return w
}

// logTo writes into the test's log, as long as that is open.
func logTo(t *testing.T) func(string, ...any) {
	var mu sync.Mutex
	over := false
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
	})
	return func(message string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			t.Log(append([]any{message}, args...)...)
		}
	}
}

// admin is how trovectl logs in.
func (w *world) admin() Broker {
	return Broker{URL: w.broker.URL(), VHost: w.vhost, User: amqptest.AdminUser, Password: amqptest.AdminPassword}
}

func newKey(generation int) Key {
	key := Key{Generation: generation}
	_, _ = rand.Read(key.Secret[:])
	return key
}

// A fleet member: a guest with a user of its own, as the broker has it.
type member struct {
	*world
	id     string
	keys   []Key
	broker Broker // as the guest logs in
	mode   string
	cancel func() // ends its service
	stop   func() // ends its service and waits
}

// member declares a guest and its user, and starts nothing.
func (w *world) member(t *testing.T, id string) *member {
	t.Helper()
	m := w.newMember(t, id)
	var rights amqptest.Rights
	rights.Configure, rights.Write, rights.Read, rights.Topics = Permissions(id)
	w.broker.Grant(t, w.vhost, m.broker.User, rights)
	for range 2 { // twice is once
		if err := w.dialer.Declare(t.Context(), w.admin(), id); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// troveKey is the key of all guests that Trove's clients may call.
const troveKey = "ItsATestKeyForTheSpikeOnly000032"

// troveMember makes a guest that Trove's clients may call, in a vhost of its own.
func (w *world) troveMember(t *testing.T, id string) *member {
	t.Helper()
	m := w.newMember(t, id)
	m.mode = ModeTrove
	w.broker.Grant(t, w.vhost, m.broker.User, amqptest.Everything)
	return m
}

func (w *world) newMember(t *testing.T, id string) *member {
	t.Helper()
	m := &member{world: w, id: id, keys: []Key{newKey(1)}, broker: w.admin(), stop: func() {}, cancel: func() {}}
	m.broker.User, m.broker.Password = "g-"+id+"-"+rand.Text(), rand.Text()
	w.broker.AddUser(t, m.broker.User, m.broker.Password)
	return m
}

func (m *member) service(t *testing.T) Service {
	return Service{
		Broker: func() Broker { return m.broker }, Guest: m.id, Keys: func() []Key { return m.keys },
		Mode: m.mode, TroveKey: troveKey, Log: logTo(t),
	}
}

// serve starts a service that ends with the test, and waits until it consumes.
func (m *member) serve(t *testing.T, s Service, handler guest.Handler) {
	t.Helper()
	m.begin(t, s, handler)
	m.awaitConsumers(t, 1)
}

// begin starts a service that ends with the test.
func (m *member) begin(t *testing.T, s Service, handler guest.Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := Serve(ctx, s, handler); err != nil {
			t.Errorf("serving: %v", err)
		}
	}()
	m.cancel = cancel
	m.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(m.stop)
}

func (m *member) awaitConsumers(t *testing.T, want int) {
	t.Helper()
	link := m.link(t, m.admin())
	await(t, func() bool {
		got, err := link.Consumers(t.Context(), queueRequests+m.id)
		return err == nil && got == want
	})
}

func (m *member) target() Target { return Target{Broker: m.admin(), Guest: m.id, Keys: m.keys} }

// link logs in beside everybody, until the test ends.
func (w *world) link(t *testing.T, b Broker) *oslo.Link {
	t.Helper()
	link, err := open(t.Context(), b, t.Name(), eventually)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	return link
}

func await(t *testing.T, so func() bool) {
	t.Helper()
	for begun := time.Now(); !so(); time.Sleep(awaitPause) {
		if time.Since(begun) > eventually {
			t.Fatalf("it did not come about within %s", eventually)
		}
	}
}

const awaitPause = 20 * time.Millisecond

func (m *member) dial(t *testing.T) *Carrier {
	t.Helper()
	carrier, err := m.dialer.Dial(t.Context(), m.target())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = carrier.Close() })
	return carrier
}

func ask(t *testing.T, method guest.Method, id string, body any) guest.Request {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return guest.Request{Version: guest.Version, ID: id, Method: method, Body: text}
}

func wantUnreachable(t *testing.T, err error, words ...string) {
	t.Helper()
	var got *guest.Error
	if !errors.As(err, &got) || got.Kind != guest.KindUnreachable {
		t.Fatalf("error is %v, want unreachable", err)
	}
	for _, word := range words {
		if !strings.Contains(got.Message, word) {
			t.Errorf("error says %q, which lacks %q", got.Message, word)
		}
	}
}

// consume hands what arrives in a queue to a function, as a stranger who knows the library would.
func (w *world) consume(t *testing.T, b Broker, queue string, do func(*amqp091.Channel, amqp091.Delivery)) (stop func()) {
	t.Helper()
	conn, err := amqp091.DialConfig(b.URL, amqp091.Config{
		Vhost: b.VHost, SASL: []amqp091.Authentication{&amqp091.PlainAuth{Username: b.User, Password: b.Password}},
	})
	if err != nil {
		t.Fatal(err)
	}
	stop = func() { _ = conn.Close() }
	t.Cleanup(stop)
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	deliveries, err := channel.Consume(queue, "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for delivery := range deliveries {
			do(channel, delivery)
		}
	}()
	return stop
}
