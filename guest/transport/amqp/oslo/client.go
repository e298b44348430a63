package oslo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// replyExpires is how long a queue of replies outlives its client, as stock ones do.
const replyExpires = 30 * time.Minute

// A Client calls the servers of one vhost. Dial is required; no field MAY change after Start.
type Client struct {
	Dial          func(context.Context) (*Link, error)
	Prepare       func(*Channel) error // declares what the client needs; nil: nothing
	Exchange      string               // topic exchange to which requests go; the client never declares it
	ReplyExchange string               // topic exchange from which replies come, with the key reply.HEX; empty: the default one
	Secure        *Secure              // encrypts as Trove does; nil: arguments, context and results travel as they are
	Undelivered   string               // topic exchange of dead letters; empty: none
	Patience      time.Duration        // how long a connection that broke is tried again; 0: for ever
	Log           func(message string, args ...any)

	line  Line
	queue string // of replies, the same for the client's life: replies under way still arrive after a break
	stop  context.CancelFunc
	done  chan struct{}

	mu      sync.Mutex
	waiting map[string]*waiter
}

type waiter struct {
	outcome chan outcome // room for one
	sign    atomic.Int64 // when the last sign of life came, in nanoseconds of the Unix time
	reading atomic.Int32 // messages for it that have come and are not read yet: a long one takes a moment
}

type outcome struct {
	reply Reply
	err   error
}

// Start connects. The caller closes, also after an error.
func (c *Client) Start(ctx context.Context) error {
	c.queue, c.waiting, c.done = "reply_"+NewID(), map[string]*waiter{}, make(chan struct{})
	c.line.Dial, c.line.Setup, c.line.Patience, c.line.Log = c.Dial, c.setup, c.Patience, c.Log
	var running context.Context
	running, c.stop = context.WithCancel(context.Background())
	return c.line.Start(ctx, running, func() { close(c.done) })
}

// Close deletes the queue of replies and ends the connection; open calls fail with ErrClosed. Close twice is harmless.
func (c *Client) Close() {
	if link, _, _ := c.line.look(); link != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		_ = link.Do(ctx, func(channel *Channel) error { // it expires by itself otherwise
			_, err := channel.QueueDelete(c.queue, false, false, false)
			return err
		})
	}
	c.stop()
	<-c.done
}

// Link waits for the connection, for what is not a call.
func (c *Client) Link(ctx context.Context) (*Link, error) { return c.line.Link(ctx) }

// State tells how the connection does.
func (c *Client) State() State { return c.line.State() }

// Ended is why the connection is not tried any more, nil while it is.
func (c *Client) Ended() error {
	_, err := c.line.ended()
	return err
}

// setup declares and consumes the queue of replies, and that of what was not delivered.
func (c *Client) setup(ctx context.Context, link *Link) error {
	return link.Do(ctx, func(channel *Channel) error {
		if c.Prepare != nil {
			if err := c.Prepare(channel); err != nil {
				return err
			}
		}
		replies, err := link.conn.Channel()
		if err != nil {
			return err
		}
		// Durable: other queues are refused by newer brokers, and an exclusive one is locked after a break.
		arguments := amqp091.Table{"x-expires": replyExpires.Milliseconds()}
		if _, err := replies.QueueDeclare(c.queue, true, false, false, false, arguments); err != nil {
			return err
		}
		if c.ReplyExchange != "" {
			if err := replies.QueueBind(c.queue, ReplyKey(c.queue), c.ReplyExchange, false, nil); err != nil {
				return err
			}
		}
		if err := c.consume(link, replies, c.queue, c.receive); err != nil || c.Undelivered == "" {
			return err
		}
		dead, err := link.conn.Channel()
		if err != nil {
			return err
		}
		queue, err := dead.QueueDeclare("", false, true, true, false, nil)
		if err != nil {
			return err
		}
		if err := dead.QueueBind(queue.Name, "#", c.Undelivered, false, nil); err != nil {
			return err
		}
		return c.consume(link, dead, queue.Name, c.undelivered)
	})
}

// consume hands on what arrives. The end of a consumer is the end of its link: only a new one has another.
func (c *Client) consume(link *Link, channel *amqp091.Channel, queue string, do func(amqp091.Delivery)) error {
	deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	go func() {
		for delivery := range deliveries {
			do(delivery)
			_ = delivery.Ack(false) // not acknowledged: it comes again after the break
		}
		link.Close()
	}()
	return nil
}

func (c *Client) receive(delivery amqp091.Delivery) {
	if w := c.waiter(delivery.CorrelationId); w != nil {
		w.reading.Add(1)
		defer w.reading.Add(-1)
	}
	reply, err := DecodeReply(delivery.Body)
	if err != nil {
		// Our own servers say on the outside which call it answers; others leave the caller to wait.
		c.finish(delivery.CorrelationId, outcome{err: fmt.Errorf("%w: %w", ErrGarbage, err)})
		c.log("a reply that is none", "error", err)
		return
	}
	if !reply.Ending {
		if w := c.waiter(reply.ID); w != nil {
			w.sign.Store(time.Now().UnixNano())
		}
		return
	}
	c.finish(reply.ID, outcome{reply: reply})
}

// undelivered looks at a dead letter, which may be another client's.
func (c *Client) undelivered(delivery amqp091.Delivery) {
	why := ErrNoConsumer
	if reason, _ := delivery.Headers["x-first-death-reason"].(string); reason == "rejected" {
		why = ErrRejected
	}
	c.finish(delivery.MessageId, outcome{err: why})
}

func (c *Client) waiter(id string) *waiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting[id]
}

// finish ends a call. One that nobody waits for any more is late.
func (c *Client) finish(id string, end outcome) {
	w := c.waiter(id)
	if w == nil {
		return
	}
	select {
	case w.outcome <- end:
	default: // it has ended already: the second answer to one call
	}
}

// A SilentError tells that a server gave no sign of life in time. It is ErrSilent.
type SilentError struct {
	After time.Duration
	Cut   bool // the connection broke meanwhile: the request may be lost
}

func (e *SilentError) Error() string { return fmt.Sprintf("%v for %s", ErrSilent, e.After) }

// Unwrap makes it ErrSilent.
func (e *SilentError) Unwrap() error { return ErrSilent }

// Call sends a request and waits for its reply, also when the connection breaks meanwhile. A request that nobody takes at
// once is ErrNoQueue or ErrNoConsumer; without a queue of dead letters only signs of life (Request.Monitor) show that. The
// errors are this package's, ctx's, or the *Failure that the server answered.
func (c *Client) Call(ctx context.Context, r Request) (json.RawMessage, error) {
	if r.ID == "" {
		r.ID = NewID()
	}
	r.Reply = c.queue
	w := &waiter{outcome: make(chan outcome, 1)}
	if !c.enter(r.ID, w) {
		return nil, fmt.Errorf("the call %s is open already", r.ID)
	}
	defer c.leave(r.ID)
	const atOnce = "0" // nobody may find it later
	if err := c.send(ctx, r, atOnce); err != nil {
		return nil, err
	}
	w.sign.Store(time.Now().UnixNano())
	end, err := c.wait(ctx, r, w)
	switch {
	case err != nil:
		return nil, err
	case end.err != nil:
		return nil, end.err
	case end.reply.Failure != nil:
		return nil, end.reply.Failure
	}
	if c.Secure != nil {
		return c.Secure.Decode(end.reply.Result)
	}
	return end.reply.Result, nil
}

// Cast sends a request that nobody answers. It waits in the queue for a server.
func (c *Client) Cast(ctx context.Context, r Request) error {
	r.ID, r.Reply, r.Monitor = "", "", 0
	return c.send(ctx, r, "")
}

func (c *Client) enter(id string, w *waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting[id] != nil {
		return false
	}
	c.waiting[id] = w
	return true
}

func (c *Client) leave(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

func (c *Client) send(ctx context.Context, r Request, expiration string) error {
	if r.Unique == "" {
		r.Unique = NewID()
	}
	if c.Secure != nil {
		var err error
		if r, err = c.Secure.encodeRequest(r); err != nil {
			return err
		}
	}
	body, err := EncodeRequest(r)
	if err != nil {
		return err
	}
	message := publishing(body)
	message.Expiration, message.MessageId = expiration, r.ID
	if expiration != "" {
		message.DeliveryMode = amqp091.Transient // a restart of the broker is longer than it may wait
	}
	for {
		link, err := c.line.Link(ctx)
		if err != nil {
			return err
		}
		// Cut: it may have arrived or not. The server knows a second copy.
		if err := link.Publish(ctx, c.Exchange, r.target(), message); !errors.Is(err, ErrCut) {
			return err
		}
	}
}

func publishing(body []byte) amqp091.Publishing {
	return amqp091.Publishing{
		ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp091.Persistent, Body: body,
	}
}

func (c *Client) wait(ctx context.Context, r Request, w *waiter) (outcome, error) {
	begun := c.line.State()
	silence := time.NewTimer(r.Monitor)
	defer silence.Stop()
	if r.Monitor < minMonitor { // no signs were asked for
		silence.Stop()
	}
	for {
		changed, err := c.line.ended()
		if err != nil {
			return outcome{}, err
		}
		select {
		case end := <-w.outcome:
			return end, nil
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		case <-changed:
		case <-silence.C:
			now := c.line.State()
			// While there is no connection nobody can give a sign, and after it each has a whole interval.
			heard := time.Unix(0, w.sign.Load())
			if now.Since.After(heard) {
				heard = now.Since
			}
			quiet := time.Since(heard)
			if now.Up && quiet >= r.Monitor && w.reading.Load() == 0 {
				select {
				case end := <-w.outcome: // just now
					return end, nil
				default:
					return outcome{}, &SilentError{r.Monitor, now.Lives != begun.Lives || !begun.Up}
				}
			}
			silence.Reset(max(r.Monitor-quiet, minMonitor/20)) // while it is down: look again soon
		}
	}
}

func (c *Client) log(message string, args ...any) {
	if c.Log != nil {
		c.Log(message, args...)
	}
}
