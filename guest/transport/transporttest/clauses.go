package transporttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest"
)

func replyAnswers(t *testing.T, start Start) {
	carrier := dial(t, start(t, &Recorder{}))
	got, err := carrier.Call(t.Context(), request("a", guest.MethodPing, "hello"))
	wantResult(t, got, err, "hello")
}

func errorComesBack(t *testing.T, start Start) {
	const said = "table `ünï` is full: 100%\n"
	carrier := dial(t, start(t, &Recorder{Do: func(context.Context, guest.Request) (any, error) {
		return nil, guest.Errorf(guest.KindEngine, "%s", said)
	}}))
	_, err := carrier.Call(t.Context(), request("a", guest.MethodPutUser, nil))
	wantKind(t, err, guest.KindEngine, said)
}

// matchedByID has a hundred calls open at once, whose replies come in another order.
func matchedByID(t *testing.T, start Start) {
	const calls = 100
	var together sync.WaitGroup
	together.Add(calls)
	carrier := dial(t, start(t, &Recorder{Do: func(_ context.Context, r guest.Request) (any, error) {
		together.Done()
		together.Wait() // all of them are open now
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		return r.ID, nil
	}}))
	var work sync.WaitGroup
	for i := range calls {
		work.Go(func() {
			id := fmt.Sprint("call-", i)
			got, err := carrier.Call(t.Context(), request(id, guest.MethodInspect, nil))
			if want := `"` + id + `"`; err != nil || string(got) != want {
				t.Errorf("call %s: %s, %v", id, got, err)
			}
		})
	}
	work.Wait()
}

func bigBody(t *testing.T, start Start) {
	carrier := dial(t, start(t, &Recorder{}))
	body := strings.Repeat("0123456789abcdef", 1<<16)
	got, err := carrier.Call(t.Context(), request("big", guest.MethodInspect, body))
	wantResult(t, got, err, body)
}

func tooBig(t *testing.T, start Start) {
	carrier := dial(t, start(t, &Recorder{}))
	_, err := carrier.Call(t.Context(), request("big", guest.MethodInspect, strings.Repeat("x", guest.MaxMessage)))
	wantKind(t, err, guest.KindInvalid)
	got, err := carrier.Call(t.Context(), request("small", guest.MethodInspect, 1))
	wantResult(t, got, err, 1)
}

// stuck is a handler whose work for the id "stuck" waits until the test lets it go, which every test must.
func stuck() (handler *Recorder, entered <-chan struct{}, letGo func()) {
	in, out := make(chan struct{}), make(chan struct{})
	letGo = sync.OnceFunc(func() { close(out) })
	return &Recorder{Do: func(_ context.Context, r guest.Request) (any, error) {
		if r.ID == "stuck" {
			close(in)
			<-out
		}
		return r.ID, nil
	}}, in, letGo
}

func deadline(t *testing.T, start Start) {
	handler, _, letGo := stuck()
	defer letGo()
	carrier := dial(t, start(t, handler))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var err error
	within(t, func() { _, err = carrier.Call(ctx, request("stuck", guest.MethodPrepare, nil)) })
	wantKind(t, err, guest.KindTimeout)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v is not context.DeadlineExceeded", err)
	}
	got, err := carrier.Call(t.Context(), request("next", guest.MethodPing, nil))
	wantResult(t, got, err, "next")
}

func cancellation(t *testing.T, start Start) {
	handler, entered, letGo := stuck()
	defer letGo()
	carrier := dial(t, start(t, handler))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	var err error
	within(t, func() { _, err = carrier.Call(ctx, request("stuck", guest.MethodPrepare, nil)) })
	wantKind(t, err, guest.KindTimeout)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v is not context.Canceled", err)
	}
}

func lateReply(t *testing.T, start Start) {
	handler, entered, letGo := stuck()
	defer letGo()
	carrier := dial(t, start(t, handler))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	_, err := carrier.Call(ctx, request("stuck", guest.MethodPrepare, nil))
	wantKind(t, err, guest.KindTimeout)
	letGo() // its reply now meets the calls that follow
	for i := range 20 {
		id := fmt.Sprint("after-", i)
		got, err := carrier.Call(t.Context(), request(id, guest.MethodPing, nil))
		wantResult(t, got, err, id)
	}
}

func redelivered(t *testing.T, start Start) {
	var effects int
	handler := &Recorder{Do: func(context.Context, guest.Request) (any, error) {
		effects++
		return effects, nil
	}}
	g := start(t, handler)
	first, second := dial(t, g), dial(t, g)
	for _, carrier := range []guest.Carrier{first, first, second} {
		got, err := carrier.Call(t.Context(), request("once", guest.MethodPutDatabase, nil))
		wantResult(t, got, err, 1)
	}
}

func joined(t *testing.T, start Start) {
	handler, entered, letGo := stuck()
	defer letGo()
	carrier := dial(t, start(t, handler))
	var work sync.WaitGroup
	for range 5 {
		work.Go(func() {
			got, err := carrier.Call(t.Context(), request("stuck", guest.MethodPutDatabase, nil))
			if err != nil || string(got) != `"stuck"` {
				t.Errorf("joined call: %s, %v", got, err)
			}
		})
	}
	<-entered
	letGo()
	work.Wait()
	if n := handler.Effects("stuck"); n != 1 {
		t.Errorf("%d effects, want 1", n)
	}
}

func unknownMethod(t *testing.T, start Start) {
	carrier := dial(t, start(t, &Recorder{}))
	_, err := carrier.Call(t.Context(), request("a", "make_coffee", nil))
	wantKind(t, err, guest.KindUnsupported, "make_coffee")
}

// answering replies to everything with the same version.
type answering int

func (v answering) Handle(_ context.Context, r guest.Request) guest.Reply {
	reply := guest.Answer(r.ID, "x", nil)
	reply.Version = int(v)
	return reply
}

func versions(t *testing.T, start Start) {
	t.Run("older guest", func(t *testing.T) {
		_, err := dial(t, start(t, answering(guest.Version-1))).Call(t.Context(), request("a", guest.MethodPing, nil))
		wantKind(t, err, guest.KindVersion, "the agent is the older side")
	})
	t.Run("newer guest", func(t *testing.T) {
		_, err := dial(t, start(t, answering(guest.Version+1))).Call(t.Context(), request("a", guest.MethodPing, nil))
		wantKind(t, err, guest.KindVersion, "this trovectl is the older side")
	})
	t.Run("guest refuses a newer caller", func(t *testing.T) {
		newer := request("a", guest.MethodPing, nil)
		newer.Version = guest.Version + 1
		_, err := dial(t, start(t, &Recorder{})).Call(t.Context(), newer)
		wantKind(t, err, guest.KindVersion, "this agent is the older side")
	})
	t.Run("guest refuses an older caller", func(t *testing.T) {
		older := request("a", guest.MethodPing, nil)
		older.Version = guest.Version - 1
		_, err := dial(t, start(t, &Recorder{})).Call(t.Context(), older)
		wantKind(t, err, guest.KindVersion, "trovectl is the older side")
	})
}

func garbage(t *testing.T, start Start) {
	for name, text := range map[string]string{
		"a greeting":       "Welcome to Debian GNU/Linux 12\r\n",
		"a huge length":    "\xff\xff\xff\xff{}",
		"a length of none": "\x00\x00\x00\x00",
		"no JSON":          "\x00\x00\x00\x05hello",
		"another JSON":     "\x00\x00\x00\x04[17]",
		"wrong types":      "\x00\x00\x00\x08{\"id\":1}",
		"half a message":   "\x00\x00\x01\x00{\"id\":",
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, &Recorder{})
			carrier := dial(t, g)
			g.Garble([]byte(text))
			var err error
			within(t, func() { _, err = carrier.Call(t.Context(), request("a", guest.MethodPing, nil)) })
			wantKind(t, err, guest.KindUnreachable)
		})
	}
}

func absent(t *testing.T, start Start) {
	g := start(t, &Recorder{})
	g.Kill()
	var err error
	within(t, func() {
		var carrier guest.Carrier
		if carrier, err = g.Dial(t.Context()); err == nil {
			_, err = carrier.Call(t.Context(), request("a", guest.MethodPing, nil))
			_ = carrier.Close() // the clause is about the call
		}
	})
	wantKind(t, err, guest.KindUnreachable)
}

func killedInCall(t *testing.T, start Start) {
	handler, entered, letGo := stuck()
	defer letGo()
	g := start(t, handler)
	carrier := dial(t, g)
	go func() {
		<-entered
		g.Kill()
	}()
	var open, next error
	within(t, func() {
		_, open = carrier.Call(t.Context(), request("stuck", guest.MethodPrepare, nil))
		_, next = carrier.Call(t.Context(), request("next", guest.MethodPing, nil))
	})
	wantKind(t, open, guest.KindUnreachable)
	wantKind(t, next, guest.KindUnreachable)
}

func closed(t *testing.T, start Start) {
	handler, entered, letGo := stuck()
	defer letGo()
	carrier := dial(t, start(t, handler))
	go func() {
		<-entered
		if err := carrier.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		letGo()
	}()
	var open, next error
	within(t, func() {
		_, open = carrier.Call(t.Context(), request("stuck", guest.MethodPrepare, nil))
		_, next = carrier.Call(t.Context(), request("next", guest.MethodPing, nil))
	})
	wantKind(t, open, guest.KindUnreachable)
	wantKind(t, next, guest.KindUnreachable)
}
