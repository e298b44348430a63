package fallback_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/fallback"
	"github.com/trovectl/trovectl/guest/transport/pipe"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

// open is a way to a guest in this process, and what ends it.
func open(t *testing.T, name string, handler guest.Handler) (fallback.Way, *transporttest.StreamServer) {
	t.Helper()
	server := transporttest.NewStreamServer(t, handler)
	return fallback.Way{Name: name, Dial: func(context.Context) (guest.Carrier, error) {
		select {
		case <-server.Killed():
			return nil, guest.Errorf(guest.KindUnreachable, "nothing listens at %s", name)
		default:
		}
		here, there := net.Pipe()
		go server.Serve(there)
		return pipe.Dial(here), nil
	}}, server
}

func closed(name string, why *guest.Error) fallback.Way {
	return fallback.Way{Name: name, Dial: func(context.Context) (guest.Carrier, error) { return nil, why }}
}

func TestContract(t *testing.T) {
	down := closed("amqp", guest.Errorf(guest.KindUnreachable, "the broker is down"))
	for name, before := range map[string][]fallback.Way{"the first way": nil, "the second way": {down}, "the third way": {down, down}} {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T, handler guest.Handler) transporttest.Guest {
				way, server := open(t, "ssh", handler)
				dial := func(ctx context.Context) (guest.Carrier, error) {
					c, err := fallback.Dial(ctx, append(before[:len(before):len(before)], way)...)
					if err != nil {
						return nil, err
					}
					return c, nil
				}
				return transporttest.Guest{Dial: dial, Kill: server.Kill, Garble: server.Garble}
			})
		})
	}
}

func TestDetour(t *testing.T) {
	way, _ := open(t, "ssh", &transporttest.Recorder{})
	for _, c := range []struct {
		name string
		ways []fallback.Way
		want string
	}{
		{"straight", []fallback.Way{way, closed("amqp", guest.Errorf(guest.KindUnreachable, "x"))}, ""},
		{
			"down", []fallback.Way{closed("amqp", guest.Errorf(guest.KindUnreachable, "the broker: nothing listens there")), way},
			"reached over ssh, because the way over amqp was closed: the broker: nothing listens there",
		},
		{
			"no answer", []fallback.Way{closed("amqp", guest.Errorf(guest.KindTimeout, "no answer")), way},
			"reached over ssh, because the way over amqp was closed: no answer",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			carrier, err := fallback.Dial(t.Context(), c.ways...)
			if err != nil {
				t.Fatal(err)
			}
			defer carrier.Close() //nolint:errcheck // nothing is left on it
			if got := carrier.Detour(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestSwitch: a way that is lost in the middle of a call, and the call goes on over the other with one effect.
func TestSwitch(t *testing.T) {
	entered, letGo := make(chan struct{}), make(chan struct{})
	recorder := &transporttest.Recorder{Do: func(context.Context, guest.Request) (any, error) {
		close(entered)
		<-letGo
		return guest.Done{}, nil
	}}
	first, server := open(t, "amqp", recorder)
	second, _ := open(t, "ssh", recorder)
	dial := second.Dial
	second.Dial = func(ctx context.Context) (guest.Carrier, error) {
		close(letGo) // not before: the first way must have nothing to answer
		return dial(ctx)
	}
	carrier, err := fallback.Dial(t.Context(), first, second)
	if err != nil {
		t.Fatal(err)
	}
	defer carrier.Close() //nolint:errcheck // nothing is left on it
	go func() {
		<-entered
		server.Kill()
	}()
	body, _ := json.Marshal(guest.Restart{})
	if _, err := carrier.Call(t.Context(), guest.Request{Version: guest.Version, ID: "one", Method: guest.MethodRestart, Body: body}); err != nil {
		t.Fatalf("%v", err)
	}
	if n := recorder.Effects("one"); n != 1 {
		t.Errorf("it had %d effects", n)
	}
	if got := carrier.Detour(); !strings.HasPrefix(got, "reached over ssh, because the way over amqp was closed: ") {
		t.Errorf("the detour is %q", got)
	}
}

func TestNoWay(t *testing.T) {
	down := guest.Errorf(guest.KindUnreachable, "the broker is down")
	down.Stage = guest.StageLogin
	boots := closed("ssh", guest.Errorf(guest.KindUnreachable, "connection refused"))
	boots.Boots = true
	_, err := fallback.Dial(t.Context(), closed("amqp", down), boots)
	want := "unreachable: there is no way to the guest; over amqp: the broker is down; over ssh: connection refused"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if stage := guest.StageOf(err); stage != guest.StageConnect {
		t.Errorf("the stage is %d, and the way that boots stands at its beginning", stage)
	}

	late := guest.Errorf(guest.KindTimeout, "no answer")
	var known *guest.Error
	if _, err = fallback.Dial(t.Context(), closed("amqp", late), boots); !errors.As(err, &known) || known.Kind != guest.KindTimeout {
		t.Errorf("what was asked may have been done, and the error is %v", err)
	}

	agentless := fallback.Way{Name: "ssh", Dial: func(context.Context) (guest.Carrier, error) {
		return nil, errors.Join(guest.Errorf(guest.KindUnreachable, "none"), guest.ErrNoAgent)
	}}
	if _, err = fallback.Dial(t.Context(), closed("amqp", down), agentless); !errors.Is(err, guest.ErrNoAgent) {
		t.Errorf("that no agent is there is lost: %v", err)
	}

	refused := guest.Errorf(guest.KindVersion, "too old")
	if _, err = fallback.Dial(t.Context(), closed("amqp", refused), boots); !errors.As(err, &known) || known != refused {
		t.Errorf("an answer is no reason to go another way: %v", err)
	}
}
