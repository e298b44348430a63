package amqp

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

const (
	defaultEvery = time.Minute
	// agentPause is the longest one of an agent between two attempts to connect: thousands share a broker.
	agentPause = 15 * time.Second
	// freshness is how far the clocks of the two sides may be apart, and how long a captured message stays a danger.
	freshness = 5 * time.Minute
)

// A Service is what an agent's side of the broker needs.
type Service struct {
	Broker func() Broker // asked at every connect, so that new credentials are taken without a restart
	Guest  string        // the member's id
	Keys   func() []Key  // accepted ones, newest first; asked at every message
	Mode   string        // ModeSealed or ModeTrove; empty: ModeSealed
	// TroveKey is the instance's key of mode trove, as Trove has it (32 characters).
	TroveKey string
	// Verifier is what the engine stores for a password: Trove's clients send passwords. nil: such requests are refused.
	Verifier func(password string) (string, error)
	Status   func(context.Context) any         // the status to publish, as JSON; nil: none is published
	Every    time.Duration                     // between two statuses; 0: 60 s
	Log      func(message string, args ...any) // pairs of key and value after the message; nil: silent
	Tell     func(state string)                // hears when the connection comes, "connected", and why it goes or does not come; nil: nobody
	Used     func(generation int)              // hears which key opened a request; nil: nobody
	Now      func() time.Time                  // nil: the system's clock
}

// Serve answers the requests of one guest until ctx ends, whatever the broker does meanwhile. The context of the handler
// is ctx. It returns at once only when the service is incomplete, with KindInvalid.
func Serve(ctx context.Context, s Service, handler guest.Handler) error {
	if err := s.check(); err != nil {
		return err
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = func(string, ...any) {}
	}
	r := &serving{Service: s, handler: handler, seen: memory{keep: 2 * freshness}, news: make(chan struct{}, 1)}
	r.server = oslo.Server{
		Dial: r.dial, Topic: queueRequests + s.Guest, MaxPause: agentPause, Log: s.Log, Notify: r.tell,
		Endpoints:     []oslo.Endpoint{{Namespace: namespace, Version: sealedVersion, Handle: r.sealed}, r.clear()},
		ReplyExchange: exchangeReplies,
	}
	if s.Mode == ModeTrove {
		// As a stock server: its clients declare the same exchange, and wait for replies at the default one.
		r.server.Exchange, r.server.Name, r.server.ReplyExchange = exchangeRequests, s.Guest, ""
		r.server.Undelivered = exchangeUndelivered
		r.server.Declare = func(c *oslo.Channel) error {
			if err := declareShared(c); err != nil {
				return err
			}
			return declareStatus(c, s.Guest)
		}
	}
	var work sync.WaitGroup
	if s.Status != nil {
		work.Go(func() { r.publishStatus(ctx) })
	}
	r.server.Run(ctx)
	work.Wait()
	return nil
}

func (s Service) check() error {
	switch {
	case s.Broker == nil || s.Keys == nil || s.Guest == "":
		return guest.Errorf(guest.KindInvalid, "serving over AMQP needs a broker, keys and the guest's id")
	case s.Mode != "" && s.Mode != ModeSealed && s.Mode != ModeTrove:
		return guest.Errorf(guest.KindInvalid, "there is no mode %q: it is %s or %s", s.Mode, ModeSealed, ModeTrove)
	case s.Mode == ModeTrove && s.TroveKey == "":
		return guest.Errorf(guest.KindInvalid, "mode %s needs a key for Trove's messages", ModeTrove)
	}
	return nil
}

// serving is one service at work.
type serving struct {
	Service
	handler guest.Handler
	server  oslo.Server
	seen    memory
	news    chan struct{} // the status is to be published now
	good    *Broker       // the credentials that were accepted last
}

func (s *serving) log(message string, args ...any) { s.Log(message, args...) }

// connected is the state of an agent that is in.
const connected = "connected"

func (s *serving) tell(err error) {
	if err == nil {
		s.tellNews() // with the newest key
	}
	switch {
	case s.Tell == nil:
	case err != nil:
		s.Tell(err.Error())
	default:
		s.Tell(connected)
	}
}

// dial logs in with the newest credentials; while a rotation is under way the broker may still want those before them.
func (s *serving) dial(ctx context.Context) (*oslo.Link, error) {
	newest := s.Broker()
	name := "trove-guestagent " + s.Guest
	link, err := open(ctx, newest, name, defaultTimeout)
	if err == nil {
		s.good = &newest
		return link, nil
	}
	if guest.StageOf(err) != guest.StageLogin || s.good == nil {
		return nil, err
	}
	if link, before := open(ctx, *s.good, name, defaultTimeout); before == nil {
		return link, nil
	}
	return nil, err
}

// clear answers what is not sealed: in mode sealed a ping, in mode trove what Trove's key encrypted.
func (s *serving) clear() oslo.Endpoint {
	if s.Mode == ModeTrove {
		return newTrove(s).endpoint()
	}
	return oslo.Endpoint{Version: troveVersion, Handle: func(_ context.Context, r oslo.Request) (json.RawMessage, error) {
		if r.Method == methodTrovePing {
			return json.RawMessage("true"), nil
		}
		return nil, refusal(refusedSeal, "this guest takes sealed messages only")
	}}
}

// sealed answers a sealed request.
func (s *serving) sealed(ctx context.Context, r oslo.Request) (json.RawMessage, error) {
	key, text, err := s.unseal(r)
	if err != nil {
		return nil, err
	}
	reply, err := json.Marshal(s.handle(ctx, text))
	if err != nil {
		return nil, err
	}
	sealed, err := key.seal(label{asReply, r.Method, r.ID, s.Guest, s.Now()}, reply)
	if err != nil {
		return nil, err
	}
	return json.Marshal(sealed)
}

// unseal opens a request, and refuses what a stranger, or somebody who listened, can send.
func (s *serving) unseal(r oslo.Request) (Key, []byte, error) {
	var sealed []byte
	if err := json.Unmarshal(r.Args[sealedArg], &sealed); err != nil || r.ID == "" {
		return Key{}, nil, refusal(refusedSeal, "the message is not a sealed call")
	}
	generation, _, err := readHeader(sealed)
	if err != nil {
		return Key{}, nil, refusal(refusedSeal, "%v", err)
	}
	for _, key := range s.Keys() {
		if key.Generation != generation {
			continue
		}
		text, at, err := key.open(label{direction: asRequest, method: r.Method, id: r.ID, guest: s.Guest}, sealed)
		if err != nil {
			return Key{}, nil, refusal(refusedSeal, "%v", err)
		}
		now := s.Now()
		if age := now.Sub(at).Abs(); age > freshness {
			return Key{}, nil, refusal(refusedTime, "the message was sealed at %s and here it is %s: is a clock wrong?",
				at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
		if !s.seen.first(r.ID, now) {
			return Key{}, nil, refusal(refusedReplay, "the message has been here before")
		}
		if s.Used != nil {
			s.Used(key.Generation)
		}
		return key, text, nil
	}
	return Key{}, nil, refusal(refusedKey, "this guest has no key of generation %d", generation)
}

// handle answers an open request; a reply that is too long becomes an error.
func (s *serving) handle(ctx context.Context, text []byte) guest.Reply {
	request, err := guest.DecodeRequest(text)
	if err != nil {
		return guest.Answer(request.ID, nil, err)
	}
	reply := s.handler.Handle(ctx, request)
	reply.ID = request.ID
	if request.Method.Changes() {
		s.tellNews()
	}
	if encoded, err := json.Marshal(reply); err != nil || len(encoded) > guest.MaxMessage {
		return guest.Answer(request.ID, nil, guest.Errorf(guest.KindInternal, "the answer cannot be sent: %d bytes, %v",
			len(encoded), err))
	}
	return reply
}
