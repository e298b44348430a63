package amqp

import (
	"context"
	"sync"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

const (
	defaultIdle    = 30 * time.Second
	defaultTimeout = 10 * time.Second
	defaultMonitor = 10 * time.Second
	// patience is how long a broker that was there is waited for: long enough for its restart.
	patience = time.Minute
	// comeback is how long guests are waited for after a break: twice their longest pause between two attempts.
	comeback = 2 * agentPause
)

// A Dialer makes carriers and holds one connection per broker, vhost and user, on demand. The zero Dialer is usable. It
// is safe for concurrent use; its fields MUST NOT change after the first Dial.
type Dialer struct {
	Idle    time.Duration // after which a connection that nobody uses is closed; 0: 30 s
	Timeout time.Duration // of a login, and of one step at the broker; 0: 10 s
	Monitor time.Duration // a guest at work gives a sign of life within it, in whole seconds, 2 at least; 0: 10 s
	Log     func(message string, args ...any)
	Now     func() time.Time // nil: the system's clock

	mu     sync.Mutex
	closed bool
	shared map[place]*connection
}

// A place is where a connection goes.
type place struct{ url, vhost, user string }

// A connection is one that all carriers to its place share.
type connection struct {
	client *oslo.Client
	ready  chan struct{} // closed once it is there, or err is
	err    error
	users  int
	idle   *time.Timer // runs while there are no users
}

func (d *Dialer) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

func orDefault(value, otherwise time.Duration) time.Duration {
	if value == 0 {
		return otherwise
	}
	return value
}

// Dial finds out whether the guest's agent consumes. Every failure is a *guest.Error of KindUnreachable that names the
// broker and the queue. The caller closes the carrier.
func (d *Dialer) Dial(ctx context.Context, target Target) (*Carrier, error) {
	if len(target.Keys) == 0 {
		return nil, guest.Errorf(guest.KindUnreachable, "no message key is known for the guest %s", target.Guest)
	}
	connection, leave, err := d.enter(ctx, target.Broker)
	if err != nil {
		return nil, err
	}
	c := newCarrier(d, target, connection.client, leave)
	if err := c.probe(ctx); err != nil {
		return nil, closing(c, err)
	}
	return c, nil
}

// enter gives the connection to a broker, and what ends its use.
func (d *Dialer) enter(ctx context.Context, broker Broker) (*connection, func(), error) {
	where := place{broker.URL, broker.VHost, broker.User}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil, nil, errClosed
	}
	found := d.shared[where]
	if found == nil || found.ended() {
		found = d.begin(ctx, where, broker)
	}
	found.users++
	if found.idle != nil {
		found.idle.Stop()
		found.idle = nil
	}
	d.mu.Unlock()
	leave := sync.OnceFunc(func() { d.leave(where, found) })
	select {
	case <-found.ready:
	case <-ctx.Done():
		leave()
		return nil, nil, broker.unreachable(guest.StageConnect, "given up by the caller: "+ctx.Err().Error())
	}
	if found.err != nil {
		leave()
		return nil, nil, found.err
	}
	return found, leave, nil
}

func (c *connection) ended() bool {
	select {
	case <-c.ready:
		return c.err != nil || c.client.Ended() != nil
	default:
		return false
	}
}

// begin starts a connection; mu is held. It is made for all who want it, so it does not end with the first one's ctx.
func (d *Dialer) begin(ctx context.Context, where place, broker Broker) *connection {
	limit := orDefault(d.Timeout, defaultTimeout)
	fresh := &connection{ready: make(chan struct{}), client: &oslo.Client{
		Dial:     func(ctx context.Context) (*oslo.Link, error) { return open(ctx, broker, "trovectl", limit) },
		Prepare:  declareShared,
		Exchange: exchangeRequests, ReplyExchange: exchangeReplies, Undelivered: exchangeUndelivered,
		Patience: patience, Log: d.Log,
	}}
	if d.shared == nil {
		d.shared = map[place]*connection{}
	}
	d.shared[where] = fresh
	go func() {
		defer close(fresh.ready)
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*limit)
		defer cancel()
		if err := fresh.client.Start(within); err != nil {
			fresh.err = explain(broker, "", err)
		}
	}()
	return fresh
}

// leave ends one use. The last one leaves a connection that is idle.
func (d *Dialer) leave(where place, c *connection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.users--
	if c.users > 0 || d.closed {
		return
	}
	c.idle = time.AfterFunc(orDefault(d.Idle, defaultIdle), func() {
		d.mu.Lock()
		unused := c.users == 0 && !d.closed
		if unused && d.shared[where] == c {
			delete(d.shared, where)
		}
		d.mu.Unlock()
		if unused {
			c.end()
		}
	})
}

// end ends a connection that nobody uses any more, or that its users must lose.
func (c *connection) end() {
	<-c.ready
	c.client.Close()
}

// Close ends all connections; open calls fail as KindUnreachable. Close twice is harmless.
func (d *Dialer) Close() error {
	d.mu.Lock()
	d.closed = true
	all := d.shared
	d.shared = nil
	d.mu.Unlock()
	var work sync.WaitGroup
	for _, connection := range all {
		if connection.idle != nil {
			connection.idle.Stop()
		}
		work.Go(connection.end)
	}
	work.Wait()
	return nil
}

// do runs an operation at a broker.
func (d *Dialer) do(ctx context.Context, broker Broker, queue string, operation func(*oslo.Channel) error) error {
	connection, leave, err := d.enter(ctx, broker)
	if err != nil {
		return err
	}
	defer leave()
	within, cancel := context.WithTimeout(ctx, orDefault(d.Timeout, defaultTimeout))
	defer cancel()
	link, err := connection.client.Link(within)
	if err == nil {
		err = link.Do(within, operation)
	}
	if err != nil {
		return explain(broker, queue, err)
	}
	return nil
}

// Declare makes the exchanges, queues and bindings of one guest in mode sealed. Declaring again is harmless. (A guest in mode
// trove declares its own, as an oslo.messaging server does.)
func (d *Dialer) Declare(ctx context.Context, broker Broker, member string) error {
	return d.do(ctx, broker, queueRequests+member, func(c *oslo.Channel) error { return declareGuest(c, member) })
}

// Remove deletes the queues of one guest. Queues that are not there are a success; exchanges stay, others use them.
func (d *Dialer) Remove(ctx context.Context, broker Broker, member string) error {
	return d.do(ctx, broker, queueRequests+member, func(c *oslo.Channel) error {
		for _, queue := range []string{queueRequests + member, queueStatus + member} {
			if _, err := c.QueueDelete(queue, false, false, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// declareShared declares what all guests of a vhost share.
func declareShared(c *oslo.Channel) error {
	for _, exchange := range []string{exchangeReplies, exchangeStatus, exchangeUndelivered} {
		if err := c.ExchangeDeclare(exchange, amqp091.ExchangeTopic, true, false, false, false, nil); err != nil {
			return err
		}
	}
	return nil
}

func declareGuest(c *oslo.Channel, member string) error {
	if err := c.ExchangeDeclare(exchangeRequests, amqp091.ExchangeTopic, true, false, false, false, nil); err != nil {
		return err
	}
	queue := queueRequests + member
	// What nobody consumes comes back at once. Limits are a matter of policies, which can be changed.
	undelivered := amqp091.Table{"x-dead-letter-exchange": exchangeUndelivered}
	if _, err := c.QueueDeclare(queue, true, false, false, false, undelivered); err != nil {
		return err
	}
	if err := c.QueueBind(queue, queue, exchangeRequests, false, nil); err != nil {
		return err
	}
	return declareStatus(c, member)
}

// declareStatus makes the queue that holds the last status of a guest, and no more.
func declareStatus(c *oslo.Channel, member string) error {
	queue := queueStatus + member
	last := amqp091.Table{"x-max-length": 1, "x-overflow": "drop-head"}
	if _, err := c.QueueDeclare(queue, true, false, false, false, last); err != nil {
		return err
	}
	return c.QueueBind(queue, queue, exchangeStatus, false, nil)
}
