package amqp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

// A row of the table that the tests print with -v.
type row struct{ act, outcome string }

func printTable(t *testing.T, title string, rows []row) {
	t.Helper()
	var out strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&out, "\n  %-66s %s", r.act, r.outcome)
	}
	t.Logf("%s%s", title, out.String())
}

// sealedCall makes a sealed request as a carrier does, with everything open to change.
func sealedCall(t *testing.T, key Key, sealedAs label, r oslo.Request) oslo.Request {
	t.Helper()
	text, err := json.Marshal(ask(t, guest.Method(r.Method), r.ID, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := key.seal(sealedAs, text)
	if err != nil {
		t.Fatal(err)
	}
	r.Namespace, r.Version = namespace, sealedVersion
	r.Args = map[string]json.RawMessage{sealedArg: quoted(t, sealed)}
	return r
}

func quoted(t *testing.T, value any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// An act is a message that somebody sends who may publish to the queue of a guest, and lacks its key or has only listened.
type act struct {
	name string
	send oslo.Request
	want string // in the refusal
}

// refuses sends all acts; none may reach the handler.
func refuses(t *testing.T, m *member, handler *counter, acts []act) {
	t.Helper()
	client := m.client(t)
	var rows []row
	for _, a := range acts {
		t.Run(a.name, func(t *testing.T) {
			before := handler.calls()
			a.send.Topic = queueRequests + m.id
			ctx, cancel := context.WithTimeout(t.Context(), eventually)
			defer cancel()
			_, err := client.Call(ctx, a.send)
			var failure *oslo.Failure
			if !errors.As(err, &failure) || !strings.Contains(failure.Error(), a.want) {
				t.Errorf("the answer is %v, want a refusal that says %q", err, a.want)
			}
			if handler.calls() != before {
				t.Error("it was EXECUTED")
			}
			rows = append(rows, row{a.name, fmt.Sprintf("refused: %v", err)})
		})
	}
	printTable(t, "sent without the key, to an agent in mode "+m.mode, rows)
}

// counter counts what reaches the agent.
type counter struct {
	transporttest.Recorder
	count chan int // holds the count
}

func newCounter() *counter {
	c := &counter{count: make(chan int, 1)}
	c.count <- 0
	return c
}

func (c *counter) Handle(ctx context.Context, r guest.Request) guest.Reply {
	c.count <- <-c.count + 1
	return c.Recorder.Handle(ctx, r)
}

func (c *counter) calls() int {
	n := <-c.count
	c.count <- n
	return n
}

func TestSealedMessagesOfStrangers(t *testing.T) {
	w := newWorld(t, amqptest.Shared(t))
	m, other := w.member(t, "victim"), w.member(t, "other")
	m.mode = ModeSealed
	handler := newCounter()
	m.serve(t, m.service(t), handler)
	key, now := m.keys[0], time.Now()
	id := oslo.NewID()
	in := func(direction direction, method, id, guest string, at time.Time) label {
		return label{direction, method, id, guest, at}
	}
	good := sealedCall(t, key, in(asRequest, "ping", id, m.id, now), oslo.Request{Method: "ping", ID: id})
	client := m.client(t)
	good.Topic = queueRequests + m.id
	result, err := client.Call(t.Context(), good)
	if err != nil || handler.calls() != 1 {
		t.Fatalf("the good message: %v", err)
	}
	wrong, retired := newKey(1), newKey(9)
	fresh := func(method string) oslo.Request { return oslo.Request{Method: method, ID: oslo.NewID()} }
	withID := func(r oslo.Request, id string) oslo.Request { r.ID, r.Unique = id, ""; return r }
	withArg := func(r oslo.Request, arg json.RawMessage) oslo.Request {
		r.Namespace, r.Version = namespace, sealedVersion
		r.Args = map[string]json.RawMessage{sealedArg: arg}
		return r
	}
	a, b, c, d, e, f, g, h := fresh("ping"), fresh("ping"), fresh("ping"), fresh("ping"), fresh("ping"), fresh("ping"), fresh("ping"), fresh("ping")
	acts := []act{
		{"Trove's method in clear", oslo.Request{Method: "list_databases"}, "sealed messages only"},
		{"Trove's method in clear, with a context in clear", oslo.Request{
			Method: "get_filesystem_stats", Args: map[string]json.RawMessage{"fs_path": quoted(t, "/")},
			Context: map[string]json.RawMessage{"context": quoted(t, "plain")},
		}, "sealed messages only"},
		{"our method in clear", oslo.Request{Method: "restart", Namespace: namespace, Version: sealedVersion}, "not a sealed call"},
		{"our method, a request in clear as the argument", withArg(fresh("ping"), quoted(t, ask(t, "ping", "x", nil))), "not a sealed call"},
		{"our method, the argument null", withArg(fresh("ping"), json.RawMessage("null")), "not sealed"},
		{"our method, 16 bytes as the argument", withArg(fresh("ping"), quoted(t, make([]byte, 16))), "not sealed"},
		{"sealed with another key", sealedCall(t, wrong, in(asRequest, "ping", a.ID, m.id, now), a), "not sealed with this guest's key"},
		{"sealed with a key of another generation", sealedCall(t, retired, in(asRequest, "ping", b.ID, m.id, now), b), "no key of generation 9"},
		{"sealed for another guest, with that one's key", sealedCall(t, other.keys[0], in(asRequest, "ping", c.ID, other.id, now), c), "not sealed with this guest's key"},
		{"sealed for another guest (redirected), same key", sealedCall(t, key, in(asRequest, "ping", d.ID, other.id, now), d), "not for this use"},
		{"sealed for another method", sealedCall(t, key, in(asRequest, "restart", e.ID, m.id, now), e), "not for this use"},
		{"sealed too long ago", sealedCall(t, key, in(asRequest, "ping", f.ID, m.id, now.Add(-2*freshness)), f), "is a clock wrong"},
		{"sealed in the future", sealedCall(t, key, in(asRequest, "ping", g.ID, m.id, now.Add(2*freshness)), g), "is a clock wrong"},
		{"a status as a request", sealedCall(t, key, in(asStatus, "ping", h.ID, m.id, now), h), "not for this use"},
		{"a reply as a request (reflected)", withArg(oslo.Request{Method: "ping", ID: id}, result), "not for this use"},
		{"replayed as it was", withID(good, id), "has been here before"},
		{"replayed with new ids", withID(good, oslo.NewID()), "not for this use"},
		{"a good message, one bit changed", withArg(withID(good, id), flipped(t, good.Args[sealedArg])), "not for this use"},
		{"a private method", oslo.Request{Method: "__init__"}, "NoSuchMethod"},
		{"a newer version", oslo.Request{Method: "ping", Namespace: namespace, Version: "2.0"}, "UnsupportedVersion"},
	}
	refuses(t, m, handler, acts)
	t.Run("a ping in clear is all that is answered", func(t *testing.T) {
		got, err := client.Call(t.Context(), oslo.Request{Topic: queueRequests + m.id, Method: methodTrovePing})
		if err != nil || string(got) != "true" {
			t.Errorf("%s, %v", got, err)
		}
	})
}

// flipped changes one bit of a sealed text.
func flipped(t *testing.T, arg json.RawMessage) json.RawMessage {
	t.Helper()
	var sealed []byte
	if err := json.Unmarshal(arg, &sealed); err != nil {
		t.Fatal(err)
	}
	sealed[len(sealed)-20] ^= 1
	return quoted(t, sealed)
}

func TestTroveMessagesOfStrangers(t *testing.T) {
	m := newWorld(t, amqptest.Shared(t)).troveMember(t, "victim")
	handler := newCounter()
	m.serve(t, m.service(t), handler)
	secure, wrong := oslo.NewSecure(troveKey), oslo.NewSecure("AnotherKeyOf32CharactersIsThis00")
	call := func(s *oslo.Secure, method string, args map[string]any) oslo.Request {
		context, err := s.EncodeContext(nil)
		if err != nil {
			t.Fatal(err)
		}
		r := oslo.Request{Method: method, Context: context, Args: map[string]json.RawMessage{}}
		for name, value := range args {
			if r.Args[name], err = s.Encode(quoted(t, value)); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	with := func(r oslo.Request, arg json.RawMessage) oslo.Request {
		r.Args = map[string]json.RawMessage{"database": arg}
		return r
	}
	good := call(secure, "list_databases", nil)
	good.Topic = queueRequests + m.id
	if _, err := m.client(t).Call(t.Context(), good); handler.calls() != 1 {
		t.Fatalf("the good message: %v", err)
	}
	drop := map[string]any{"database": map[string]any{"_name": "shop"}}
	const refused = "not encrypted with this key"
	acts := []act{
		{"a call in clear, the context in clear: a text", oslo.Request{
			Method: "list_databases", Context: map[string]json.RawMessage{"context": quoted(t, "plain")},
		}, refused},
		{"a call in clear, the context in clear: an object", oslo.Request{
			Method: "list_databases", Context: map[string]json.RawMessage{"context": json.RawMessage(`{"user":"u"}`)},
		}, refused},
		{"a call in clear, no context", oslo.Request{Method: "list_databases"}, refused},
		{"encrypted with another key", call(wrong, "list_databases", nil), refused},
		{"arguments encrypted with another key", with(call(secure, "delete_database", nil), call(wrong, "", drop).Args["database"]), refused},
		{"replayed with new ids", good, "has been here before"},
		{"base64 of 16 bytes", with(call(secure, "delete_database", nil), quoted(t, make([]byte, 16))), refused},
	}
	for _, clear := range []string{`"DROP TABLE"`, `null`, `{"_name":"shop"}`, `5`, `["shop"]`, `"abcd"`, `""`} {
		acts = append(acts, act{"an argument in clear: " + clear, with(call(secure, "delete_database", nil), json.RawMessage(clear)), refused})
	}
	acts = append(acts, act{"our own method in clear", oslo.Request{Method: "restart", Namespace: namespace, Version: sealedVersion}, "not a sealed call"})
	refuses(t, m, handler, acts)
}

// TestOtherGuestsAtTheBroker: what a guest can do there with its own credentials, to others.
func TestOtherGuestsAtTheBroker(t *testing.T) {
	t.Parallel()
	broker := amqptest.Shared(t)
	shared := newWorld(t, broker)
	victim, thief := shared.member(t, "victim"), shared.member(t, "thief")
	own := newWorld(t, broker)
	apart := own.member(t, "victim")
	t.Run("one vhost for all", func(t *testing.T) { attack(t, thief, victim, true) })
	t.Run("one vhost each", func(t *testing.T) {
		lonely := newWorld(t, broker).member(t, "thief")
		attack(t, lonely, apart, false)
		broker := lonely.broker
		broker.VHost = own.vhost
		_, err := open(t.Context(), broker, "thief", eventually)
		wantUnreachable(t, err, "may not use the vhost")
	})
	_, err := open(t.Context(), Broker{URL: broker.URL(), VHost: "/", User: thief.broker.User, Password: thief.broker.Password}, "thief", eventually)
	wantUnreachable(t, err, "may not use the vhost")
}

// attack tries every act as one guest against another.
func attack(t *testing.T, thief, victim *member, sameVHost bool) {
	t.Helper()
	link := thief.link(t, thief.broker)
	acts := actsAtTheBroker(t, func() *oslo.Link { return link }, thief.id, victim.id)
	acts[len(acts)-1].allowed = sameVHost // how full a queue is can be seen there: the broker asks for no right
	var rows []row
	for _, a := range acts {
		t.Run(a.name, func(t *testing.T) {
			err := link.Do(t.Context(), a.do)
			refused := errors.Is(err, oslo.ErrDenied) || !sameVHost && errors.Is(err, oslo.ErrNoQueue)
			if err != nil && !refused || refused == a.allowed {
				t.Errorf("refused: %v, want %v (%v)", refused, !a.allowed, err)
			}
			outcome := "allowed"
			if err != nil {
				outcome = "refused: " + err.Error()
			}
			rows = append(rows, row{a.name, outcome})
			if link = alive(t, thief, link); link == nil {
				t.Fatal("no connection")
			}
		})
	}
	printTable(t, "with another guest's credentials", rows)
}

// alive makes a connection again that an act has ended.
func alive(t *testing.T, m *member, link *oslo.Link) *oslo.Link {
	t.Helper()
	select {
	case <-link.Gone():
		return m.link(t, m.broker)
	default:
		return link
	}
}

// An actAtTheBroker is what a guest may try with its own credentials.
type actAtTheBroker struct {
	name    string
	do      func(*oslo.Channel) error
	allowed bool
}

func actsAtTheBroker(t *testing.T, link func() *oslo.Link, thief, victim string) []actAtTheBroker {
	mine, theirs := queueRequests+thief, queueRequests+victim
	message := amqp091.Publishing{Body: []byte("{}")}
	publish := func(exchange, key string) func(*oslo.Channel) error {
		return func(*oslo.Channel) error { return link().Publish(t.Context(), exchange, key, message) }
	}
	consume := func(queue string) func(*oslo.Channel) error {
		return func(c *oslo.Channel) error {
			_, err := c.Consume(queue, "", true, false, false, false, nil)
			return err
		}
	}
	declare := func(queue string) func(*oslo.Channel) error {
		return func(c *oslo.Channel) error {
			_, err := c.QueueDeclare(queue, true, false, false, false, nil)
			return err
		}
	}
	bind := func(queue, key, exchange string) func(*oslo.Channel) error {
		return func(c *oslo.Channel) error { return c.QueueBind(queue, key, exchange, false, nil) }
	}
	return []actAtTheBroker{
		{"consume its own queue", consume(mine), true},
		{"publish its own status", publish(exchangeStatus, queueStatus+thief), true},
		{"declare its own queue anew", declare(mine), false},
		{"declare a queue of another name", declare("thief.loot"), false},
		{"declare an exchange", func(c *oslo.Channel) error {
			return c.ExchangeDeclare("thief", "topic", true, false, false, false, nil)
		}, false},
		{"bind its queue to every request (eavesdrop)", bind(mine, "#", exchangeRequests), false},
		{"bind its queue to another's requests", bind(mine, theirs, exchangeRequests), false},
		{"bind its queue to all replies", bind(mine, "#", exchangeReplies), false},
		{"bind its queue to every status", bind(mine, "#", exchangeStatus), false},
		{"bind its queue to the dead letters", bind(mine, "#", exchangeUndelivered), false},
		{"send another guest a request", publish(exchangeRequests, theirs), false},
		{"send itself a request through the exchange", publish(exchangeRequests, mine), false},
		{"send to another's queue through the default exchange", publish("", theirs), false},
		{"publish another's status", publish(exchangeStatus, queueStatus+victim), false},
		{"publish a dead letter", publish(exchangeUndelivered, theirs), false},
		{"publish a reply that is none", publish(exchangeReplies, "reply.x"), false},
		{"consume another's queue", consume(theirs), false},
		{"consume another's status", consume(queueStatus + victim), false},
		{"take one message of another's queue", func(c *oslo.Channel) error {
			_, _, err := c.Get(theirs, true)
			return err
		}, false},
		{"purge another's queue", func(c *oslo.Channel) error { _, err := c.QueuePurge(theirs, false); return err }, false},
		{"delete another's queue", func(c *oslo.Channel) error { _, err := c.QueueDelete(theirs, false, false, false); return err }, false},
		{"see how many consume another's queue", func(c *oslo.Channel) error {
			_, err := c.QueueDeclarePassive(theirs, true, false, false, false, nil)
			return err
		}, false},
	}
}
