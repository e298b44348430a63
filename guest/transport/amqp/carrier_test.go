package amqp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

// sealedReply is the result in which a guest answers.
func sealedReply(t *testing.T, key Key, as label, reply guest.Reply) json.RawMessage {
	t.Helper()
	sealed, err := key.seal(as, quoted(t, reply))
	if err != nil {
		t.Error(err)
	}
	return quoted(t, sealed)
}

// TestAnswersThatAreNone puts somebody in the place of the agent who has its credentials, and mostly its key too.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, amqptest.Shared(t))
	w.dialer.Monitor = eventually // nothing here is silent
	const garbage = "what answers is not the guest's agent"
	for _, c := range []struct {
		name  string
		reply func(t *testing.T, m *member, r oslo.Request) oslo.Reply
		want  string
	}{
		{"in clear", func(t *testing.T, _ *member, r oslo.Request) oslo.Reply {
			return oslo.Reply{Result: quoted(t, guest.Answer("a", "x", nil))}
		}, garbage},
		{"null", func(*testing.T, *member, oslo.Request) oslo.Reply { return oslo.Reply{} }, garbage},
		{"under another key", func(t *testing.T, m *member, r oslo.Request) oslo.Reply {
			as := label{asReply, r.Method, r.ID, m.id, time.Now()}
			return oslo.Reply{Result: sealedReply(t, newKey(1), as, guest.Answer("a", "x", nil))}
		}, garbage},
		{"the request itself (reflected)", func(_ *testing.T, _ *member, r oslo.Request) oslo.Reply {
			return oslo.Reply{Result: r.Args[sealedArg]}
		}, garbage},
		{"the answer to another message", func(t *testing.T, m *member, r oslo.Request) oslo.Reply {
			as := label{asReply, r.Method, oslo.NewID(), m.id, time.Now()}
			return oslo.Reply{Result: sealedReply(t, m.keys[0], as, guest.Answer("a", "x", nil))}
		}, garbage},
		{"the answer to another request", func(t *testing.T, m *member, r oslo.Request) oslo.Reply {
			as := label{asReply, r.Method, r.ID, m.id, time.Now()}
			return oslo.Reply{Result: sealedReply(t, m.keys[0], as, guest.Answer("b", "x", nil))}
		}, "it answers another request"},
		{"no reply", func(t *testing.T, m *member, r oslo.Request) oslo.Reply {
			as := label{asReply, r.Method, r.ID, m.id, time.Now()}
			sealed, err := m.keys[0].seal(as, []byte("[17]"))
			if err != nil {
				t.Error(err)
			}
			return oslo.Reply{Result: quoted(t, sealed)}
		}, garbage},
		{"too much", func(t *testing.T, m *member, r oslo.Request) oslo.Reply {
			as := label{asReply, r.Method, r.ID, m.id, time.Now()}
			long := guest.Answer("a", strings.Repeat("x", guest.MaxMessage), nil)
			return oslo.Reply{Result: sealedReply(t, m.keys[0], as, long)}
		}, "allowed are"},
		{"a failure in clear, with what a terminal obeys", func(*testing.T, *member, oslo.Request) oslo.Reply {
			return oslo.Reply{Failure: &oslo.Failure{Class: "X", Message: "\x1b[2Jall is well" + strings.Repeat("x", 1<<20)}}
		}, `the agent refuses the message: "\x1b[2Jall is well`},
		{"a refusal of every key", func(*testing.T, *member, oslo.Request) oslo.Reply {
			return oslo.Reply{Failure: refusal(refusedKey, "no key")}
		}, "no key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := w.member(t, strings.ReplaceAll(c.name, " ", "-"))
			m.answerBy(t, func(r oslo.Request) []oslo.Reply {
				reply := c.reply(t, m, r)
				reply.Ending = true
				return []oslo.Reply{reply}
			})
			err := ping(t, m.dial(t), "a")
			wantUnreachable(t, err, c.want)
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// TestAnswersTwiceAndTooLate: each call has the first answer to its own message.
func TestAnswersTwiceAndTooLate(t *testing.T) {
	m := newWorld(t, amqptest.Shared(t)).member(t, "twice")
	var before oslo.Reply
	m.answerBy(t, func(r oslo.Request) []oslo.Reply {
		as := label{asReply, r.Method, r.ID, m.id, time.Now()}
		_, text, err := (&serving{Service: Service{Guest: m.id, Now: time.Now, Keys: func() []Key { return m.keys }}}).unseal(r)
		if err != nil {
			t.Error(err)
		}
		request, err := guest.DecodeRequest(text)
		if err != nil {
			t.Error(err)
		}
		now := oslo.Reply{ID: r.ID, Ending: true, Result: sealedReply(t, m.keys[0], as, guest.Answer(request.ID, request.ID, nil))}
		replies := []oslo.Reply{now, now}
		if before.ID != "" {
			replies = append([]oslo.Reply{before}, replies...)
		}
		before = now
		return replies
	})
	carrier := m.dial(t)
	for _, id := range []string{"a", "b", "c"} {
		got, err := carrier.Call(t.Context(), ask(t, guest.MethodPing, id, nil))
		if err != nil || string(got) != `"`+id+`"` {
			t.Errorf("%s: %s, %v", id, got, err)
		}
	}
}

// answerBy answers with the guest's credentials what a function says.
func (m *member) answerBy(t *testing.T, do func(oslo.Request) []oslo.Reply) {
	m.consume(t, m.broker, queueRequests+m.id, func(c *amqp091.Channel, d amqp091.Delivery) {
		request, err := oslo.DecodeRequest(d.Body)
		if err != nil {
			t.Error(err)
			return
		}
		for _, reply := range do(request) {
			if reply.ID == "" {
				reply.ID = request.ID
			}
			body, err := oslo.EncodeReply(reply)
			if err != nil {
				t.Error(err)
				return
			}
			message := amqp091.Publishing{Body: body, ContentType: "application/json"}
			// Who has an answer may be gone before the next one.
			_ = c.PublishWithContext(context.Background(), exchangeReplies, oslo.ReplyKey(request.Reply), false, false, message)
		}
	})
}

func TestKeyGenerations(t *testing.T) {
	m := newWorld(t, amqptest.Shared(t)).member(t, "m")
	first, second := m.keys[0], newKey(2)
	var accepted atomic.Pointer[[]Key]
	accepted.Store(&[]Key{first})
	s := m.service(t)
	s.Keys = func() []Key { return *accepted.Load() }
	m.serve(t, s, &transporttest.Recorder{})

	m.keys = []Key{second, first} // trovectl does not know whether the rotation came through
	carrier := m.dial(t)
	if err := ping(t, carrier, "a"); err != nil || carrier.Generation() != 1 {
		t.Errorf("before the rotation: generation %d, %v", carrier.Generation(), err)
	}
	accepted.Store(&[]Key{second, first})
	if err := ping(t, carrier, "b"); err != nil {
		t.Errorf("both are accepted: %v", err)
	}
	accepted.Store(&[]Key{second})
	wantUnreachable(t, ping(t, carrier, "c"), "no key of generation 1")
	carrier = m.dial(t)
	if err := ping(t, carrier, "d"); err != nil || carrier.Generation() != 2 {
		t.Errorf("after the rotation: generation %d, %v", carrier.Generation(), err)
	}
}

// TestCredentialsOfTheGuestChange: the agent's next login is with what it has then, or, when the broker is not as far, with
// what it had before.
func TestCredentialsOfTheGuestChange(t *testing.T) {
	t.Parallel()
	m := newWorld(t, amqptest.Shared(t)).member(t, "m")
	var current atomic.Pointer[Broker]
	before := m.broker
	current.Store(&before)
	s := m.service(t)
	s.Broker = func() Broker { return *current.Load() }
	changes := make(chan string, 8)
	s.Tell = func(state string) { changes <- state }
	m.serve(t, s, &transporttest.Recorder{})
	carrier := m.dial(t)

	after := before
	after.Password = rand.Text()
	current.Store(&after)
	reconnects := func(t *testing.T) {
		t.Helper()
		m.world.broker.CutConnections(t, before.User)
		m.awaitConsumers(t, 1)
		if err := ping(t, carrier, rand.Text()); err != nil {
			t.Error(err)
		}
	}
	t.Run("the broker has the previous password", reconnects)
	m.world.broker.AddUser(t, after.User, after.Password)
	t.Run("the broker has the new password", reconnects)
	for i, up := range []bool{true, false, true, false, true} {
		if state := <-changes; (state == connected) != up {
			t.Errorf("change %d is %s", i, state)
		}
	}
}

func TestConnectionsAreSharedAndEnd(t *testing.T) {
	w := newWorld(t, amqptest.Shared(t))
	a, b := w.member(t, "a"), w.member(t, "b")
	for _, m := range []*member{a, b} {
		m.serve(t, m.service(t), &transporttest.Recorder{})
	}
	dialer := &Dialer{Idle: 50 * time.Millisecond}
	t.Cleanup(func() { _ = dialer.Close() })
	count := func() (n int) {
		dialer.mu.Lock()
		defer dialer.mu.Unlock()
		return len(dialer.shared)
	}
	var carriers []*Carrier
	for _, m := range []*member{a, b, a} {
		carrier, err := dialer.Dial(t.Context(), m.target())
		if err != nil {
			t.Fatal(err)
		}
		carriers = append(carriers, carrier)
		if err := ping(t, carrier, rand.Text()); err != nil {
			t.Error(err)
		}
	}
	if n := count(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	client := carriers[0].client
	for _, carrier := range carriers {
		for range 2 {
			if err := carrier.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	await(t, func() bool { return count() == 0 && client.Ended() != nil })
	again, err := dialer.Dial(t.Context(), a.target())
	if err != nil {
		t.Fatal(err)
	}
	if err := ping(t, again, "again"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := dialer.Close(); err != nil {
			t.Error(err)
		}
	}
	wantUnreachable(t, ping(t, again, "closed"), "closed on this side")
	_, err = dialer.Dial(t.Context(), a.target())
	wantUnreachable(t, err, "closed on this side")
}

func TestClocksApart(t *testing.T) {
	m := newWorld(t, amqptest.Shared(t)).member(t, "m")
	m.serve(t, m.service(t), &transporttest.Recorder{})
	var ahead atomic.Int64
	m.dialer.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	carrier := m.dial(t)
	for _, apart := range []time.Duration{freshness - time.Minute, time.Minute - freshness} {
		ahead.Store(int64(apart))
		if err := ping(t, carrier, rand.Text()); err != nil {
			t.Errorf("%s apart: %v", apart, err)
		}
	}
	for _, apart := range []time.Duration{freshness + time.Minute, -freshness - time.Minute} {
		ahead.Store(int64(apart))
		wantUnreachable(t, ping(t, carrier, rand.Text()), "is a clock wrong?")
	}
}

// TestLargestMessages goes to the bound in both directions.
func TestLargestMessages(t *testing.T) {
	m := newWorld(t, amqptest.Shared(t)).member(t, "m")
	m.dialer.Monitor = time.Minute
	m.serve(t, m.service(t), &transporttest.Recorder{})
	carrier := m.dial(t)
	for _, size := range []int{1 << 20, guest.MaxMessage - 200} {
		body := strings.Repeat("x", size)
		got, err := carrier.Call(t.Context(), ask(t, guest.MethodInspect, rand.Text(), body))
		if err != nil || string(got) != `"`+body+`"` {
			t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
		}
	}
	other := m.member(t, "long")
	other.serve(t, other.service(t), &transporttest.Recorder{Do: func(context.Context, guest.Request) (any, error) {
		return strings.Repeat("x", guest.MaxMessage), nil
	}})
	_, err := other.dial(t).Call(t.Context(), ask(t, guest.MethodInspect, "a", nil))
	var said *guest.Error
	if !errors.As(err, &said) || said.Kind != guest.KindInternal {
		t.Errorf("an answer that is too long: %v", err)
	}
}

func TestServeRefusesHalfAService(t *testing.T) {
	whole := Service{Broker: func() Broker { return Broker{} }, Keys: func() []Key { return nil }, Guest: "m"}
	for name, change := range map[string]func(*Service){
		"no broker":   func(s *Service) { s.Broker = nil },
		"no keys":     func(s *Service) { s.Keys = nil },
		"no guest":    func(s *Service) { s.Guest = "" },
		"no mode":     func(s *Service) { s.Mode = "clear" },
		"no trovekey": func(s *Service) { s.Mode = ModeTrove },
	} {
		s := whole
		change(&s)
		var said *guest.Error
		if err := Serve(t.Context(), s, nil); !errors.As(err, &said) || said.Kind != guest.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := &Dialer{}
	_, err := d.Dial(t.Context(), Target{Guest: "m"})
	wantUnreachable(t, err, "no message key")
}

// TestOtherDeclarations: what somebody declared otherwise is named, and not deleted.
func TestOtherDeclarations(t *testing.T) {
	w := newWorld(t, amqptest.Shared(t))
	w.broker.API(t, http.MethodPut, "/api/queues/"+url.PathEscape(w.vhost)+"/guestagent.m", map[string]any{"durable": false})
	wantUnreachable(t, w.dialer.Declare(t.Context(), w.admin(), "m"), "guestagent.m", "declared it with other properties")
	thief := w.member(t, "thief")
	wantUnreachable(t, w.dialer.Declare(t.Context(), thief.broker, "m"), "our user lacks a permission")
}
