package amqp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

// Sealed requests have a namespace of their own, so that no method is taken for one of Trove's.
const (
	namespace     = "trovectl"
	sealedVersion = "1.0"
	sealedArg     = "sealed"
)

// againPause is the one before a guest that is coming back is asked again.
const againPause = 250 * time.Millisecond

// readingMiB is how much longer an agent may be silent for every MiB that it has to read first: its machine may be small.
const readingMiB = 5 * time.Second

// A Carrier calls one guest. It fulfils guest.Carrier.
type Carrier struct {
	dialer *Dialer
	target Target
	client *oslo.Client
	leave  func()
	closed context.Context
	close  context.CancelFunc

	mu  sync.Mutex
	key int // index in target.Keys of the one to seal with
}

var errClosed = guest.Errorf(guest.KindUnreachable, "the connection was closed on this side")

func newCarrier(d *Dialer, target Target, client *oslo.Client, leave func()) *Carrier {
	closed, stop := context.WithCancel(context.Background())
	return &Carrier{dialer: d, target: target, client: client, leave: leave, closed: closed, close: stop}
}

// Close ends the use of the connection; open calls fail as KindUnreachable. Close twice is harmless.
func (c *Carrier) Close() error {
	c.close()
	c.leave()
	return nil
}

// closing closes a carrier that is of no use and keeps why.
func closing(c *Carrier, err error) error { return errors.Join(err, c.Close()) }

// Generation is that of the key which the guest has taken; before the first call, of the newest.
func (c *Carrier) Generation() int { return c.current().Generation }

func (c *Carrier) current() Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.target.Keys[c.key]
}

// nextKey turns from a key that the guest does not have to the one before it. It tells whether there is one.
func (c *Carrier) nextKey(refused Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.target.Keys[c.key] != refused {
		return true // another call has turned already
	}
	if c.key+1 == len(c.target.Keys) {
		return false
	}
	c.key++
	return true
}

func (c *Carrier) queue() string { return queueRequests + c.target.Guest }

// Call fulfils guest.Carrier. When the broker was away meanwhile, the guest gets the time to come back, and a request that
// may be lost is sent again: its id makes that harmless.
func (c *Carrier) Call(ctx context.Context, request guest.Request) (json.RawMessage, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, guest.Errorf(guest.KindInvalid, "encoding the request %s: %v", request.Method, err)
	}
	if len(text) > guest.MaxMessage {
		return nil, guest.Errorf(guest.KindInvalid, "the request %s has %d bytes, allowed are %d", request.Method,
			len(text), guest.MaxMessage)
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.closed, cancel)()
	var reply guest.Reply
	err = c.persist(within, func() (err error) {
		reply, err = c.attempt(within, request, text)
		return err
	})
	switch {
	case c.closed.Err() != nil && ctx.Err() == nil && err != nil:
		return nil, errClosed
	case ctx.Err() != nil && err != nil:
		late := guest.Errorf(guest.KindTimeout, "no answer to %s in time; the guest may still act on it", request.Method)
		return nil, fmt.Errorf("%w (%w)", late, ctx.Err())
	case err != nil:
		return nil, explain(c.target.Broker, c.queue(), err)
	}
	if err := guest.CheckReply(reply); err != nil {
		return nil, err
	}
	return reply.Result, nil
}

// probe fails when nobody consumes the guest's queue.
func (c *Carrier) probe(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := c.persist(within, func() error {
		link, err := c.client.Link(within)
		if err != nil {
			return err
		}
		consumers, err := link.Consumers(within, c.queue())
		if err == nil && consumers == 0 {
			return oslo.ErrNoConsumer
		}
		return err
	})
	if err != nil {
		return explain(c.target.Broker, c.queue(), err)
	}
	return nil
}

// persist repeats what failed because the broker was away.
func (c *Carrier) persist(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || !c.comesBack(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(againPause):
		}
	}
}

// comesBack tells whether the broker was away just now, so that the guest may be on its way back too.
func (c *Carrier) comesBack(err error) bool {
	var silent *oslo.SilentError
	switch {
	case errors.As(err, &silent):
		return silent.Cut
	case errors.Is(err, oslo.ErrNoConsumer), errors.Is(err, oslo.ErrNoQueue), errors.Is(err, oslo.ErrNoExchange):
		now := c.client.State()
		return now.Lives > 1 && time.Since(now.Since) < comeback
	}
	return errors.Is(err, oslo.ErrCut) && c.client.Ended() == nil
}

// attempt sends one request, with the newest key that the guest has, and opens its reply.
func (c *Carrier) attempt(ctx context.Context, request guest.Request, text []byte) (guest.Reply, error) {
	for {
		key := c.current()
		reply, err := c.exchange(ctx, key, request, text)
		if !isRefusal(err, refusedKey) || !c.nextKey(key) {
			return reply, err
		}
	}
}

func (c *Carrier) exchange(ctx context.Context, key Key, request guest.Request, text []byte) (guest.Reply, error) {
	sending := label{asRequest, string(request.Method), oslo.NewID(), c.target.Guest, c.dialer.now()}
	sealed, err := key.seal(sending, text)
	if err != nil {
		return guest.Reply{}, err
	}
	arg, err := json.Marshal(sealed)
	if err != nil {
		return guest.Reply{}, err
	}
	result, err := c.client.Call(ctx, oslo.Request{
		Topic: c.queue(), Namespace: namespace, Method: sending.method, Version: sealedVersion,
		Args: map[string]json.RawMessage{sealedArg: arg}, ID: sending.id,
		Monitor: orDefault(c.dialer.Monitor, defaultMonitor) + time.Duration(len(text)>>20)*readingMiB,
	})
	if err != nil {
		return guest.Reply{}, err
	}
	return openReply(key, sending, request, result)
}

// openReply reads what a guest answered to a request that was sealed so.
func openReply(key Key, sent label, request guest.Request, result json.RawMessage) (guest.Reply, error) {
	var sealed []byte
	if err := json.Unmarshal(result, &sealed); err != nil {
		return guest.Reply{}, fmt.Errorf("%w: it is not sealed", oslo.ErrGarbage)
	}
	sent.direction = asReply
	text, _, err := key.open(sent, sealed)
	if err != nil {
		return guest.Reply{}, fmt.Errorf("%w: %w", oslo.ErrGarbage, err)
	}
	if len(text) > guest.MaxMessage {
		return guest.Reply{}, fmt.Errorf("%w: it has %d bytes, allowed are %d", oslo.ErrGarbage, len(text), guest.MaxMessage)
	}
	reply, err := guest.DecodeReply(text)
	if err != nil {
		return guest.Reply{}, fmt.Errorf("%w: %s", oslo.ErrGarbage, err.Error()) // its kind is no kind of ours
	}
	if reply.ID != request.ID {
		return guest.Reply{}, fmt.Errorf("%w: it answers another request", oslo.ErrGarbage)
	}
	return reply, nil
}
