package oslo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	// maxChannels bounds the operations that one connection has in work.
	maxChannels = 16
	// closeTime is how long the broker may take to say goodbye.
	closeTime = time.Second
)

// A Link is one connection to a broker, for as long as it lives.
type Link struct {
	conn *amqp091.Connection
	raw  net.Conn
	room chan struct{} // as many as there are operations
	free chan *Channel // idle ones
	gone chan struct{} // closed when the connection has ended

	mu      sync.Mutex
	blocked chan struct{} // closed while the broker accepts nothing
	why     string        // of being blocked
}

// A Channel is one of a link's, for one operation at a time.
type Channel struct {
	*amqp091.Channel
	returns chan amqp091.Return
	closed  chan *amqp091.Error
}

// Open connects and logs in. The errors are those of the network, of TLS and *amqp091.Error. ctx bounds the whole of it.
func Open(ctx context.Context, url string, config amqp091.Config) (*Link, error) {
	l := &Link{
		room: make(chan struct{}, maxChannels), free: make(chan *Channel, maxChannels),
		gone: make(chan struct{}), blocked: make(chan struct{}),
	}
	stop := func() bool { return true }
	config.Dial = func(network, address string) (net.Conn, error) {
		raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l.raw = raw
		stop = context.AfterFunc(ctx, func() { _ = raw.Close() }) // a peer that says nothing must not hold us
		return raw, nil
	}
	conn, err := amqp091.DialConfig(url, config)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if l.raw != nil {
			_ = l.raw.Close() // what matters is why it failed
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return nil, err
	}
	l.conn = conn
	l.watch()
	return l, nil
}

// watch keeps gone and blocked true. The library ends both channels with the connection.
func (l *Link) watch() {
	ended := l.conn.NotifyClose(make(chan *amqp091.Error, 1))
	blockings := l.conn.NotifyBlocked(make(chan amqp091.Blocking, 8))
	go func() {
		defer close(l.gone)
		for range ended { // there is a reason when the broker ended it
		}
	}()
	go func() {
		for now := range blockings {
			l.setBlocked(now)
		}
	}()
}

func (l *Link) setBlocked(now amqp091.Blocking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.why != ""
	switch {
	case now.Active && !was:
		l.why = "its reason: " + now.Reason
		close(l.blocked)
	case !now.Active && was:
		l.why, l.blocked = "", make(chan struct{})
	}
}

func (l *Link) blockedNow() (blocked <-chan struct{}, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked, l.why
}

// Gone is closed when the connection has ended.
func (l *Link) Gone() <-chan struct{} { return l.gone }

// Close ends the connection. Close twice is harmless.
func (l *Link) Close() {
	// A broker that is blocked does not listen, and would hold a polite goodbye for ever.
	go func() { _ = l.conn.CloseDeadline(time.Now().Add(closeTime)) }()
	select {
	case <-l.gone:
	case <-time.After(closeTime):
		_ = l.raw.Close() // ends the reader, and so everything
		<-l.gone
	}
}

// Do runs an operation on a channel of its own. It returns when that is done, ctx ends, the connection ends (ErrCut) or the
// broker stops accepting (ErrBlocked); the operation may go on then. An error of the broker is one of this package's.
func (l *Link) Do(ctx context.Context, operation func(*Channel) error) error {
	blocked, why := l.blockedNow()
	if why != "" {
		return fmt.Errorf("%w; %s", ErrBlocked, why)
	}
	select {
	case l.room <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.gone:
		return ErrCut
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-l.room }()
		done <- l.run(operation)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.gone:
		return ErrCut
	case <-blocked:
		_, why := l.blockedNow()
		return fmt.Errorf("%w; %s", ErrBlocked, why)
	}
}

func (l *Link) run(operation func(*Channel) error) error {
	var channel *Channel
	select {
	case channel = <-l.free:
	default:
		var err error
		if channel, err = l.open(); err != nil {
			return classify(err)
		}
	}
	err := operation(channel)
	if !channel.IsClosed() {
		l.free <- channel // as much room as there are operations
	}
	return classify(err)
}

func (l *Link) open() (*Channel, error) {
	channel, err := l.conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := channel.Confirm(false); err != nil {
		return nil, err
	}
	return &Channel{
		channel, channel.NotifyReturn(make(chan amqp091.Return, 1)), channel.NotifyClose(make(chan *amqp091.Error, 1)),
	}, nil
}

// Publish sends one message and returns when the broker has it: in a queue, ErrNoQueue (no binding matches) or ErrFull.
func (l *Link) Publish(ctx context.Context, exchange, key string, message amqp091.Publishing) error {
	return l.Do(ctx, func(c *Channel) error { return c.publish(exchange, key, message) })
}

func (c *Channel) publish(exchange, key string, message amqp091.Publishing) error {
	confirmed, err := c.PublishWithDeferredConfirm(exchange, key, true, false, message)
	if err != nil {
		return err
	}
	acked := confirmed.Wait()
	// The end of the channel comes first: it ends the returns too.
	select {
	case err := <-c.closed:
		if err == nil {
			return ErrCut
		}
		return err
	default:
	}
	// The library hands a return over before the confirmation of the same message, in one goroutine.
	select {
	case <-c.returns:
		return ErrNoQueue
	default:
	}
	if !acked {
		return ErrFull
	}
	return nil
}

// Consumers is how many consume a queue now. ErrNoQueue: it is not there.
func (l *Link) Consumers(ctx context.Context, queue string) (count int, err error) {
	err = l.Do(ctx, func(c *Channel) error {
		found, err := c.QueueDeclarePassive(queue, false, false, false, false, nil)
		count = found.Consumers
		return err
	})
	if err != nil {
		return 0, err
	}
	return count, nil
}

// classify gives an error of the broker its kind.
func classify(err error) error {
	var said *amqp091.Error
	if err == nil || !errors.As(err, &said) {
		return err
	}
	kind := map[int]error{
		amqp091.NotFound: ErrNoQueue, amqp091.AccessRefused: ErrDenied, amqp091.PreconditionFailed: ErrMismatch,
		amqp091.ChannelError: ErrCut, amqp091.ConnectionForced: ErrCut, amqp091.FrameError: ErrCut,
	}[said.Code]
	if kind == nil {
		return err
	}
	if said.Code == amqp091.NotFound && strings.Contains(said.Reason, "no exchange") {
		kind = ErrNoExchange
	}
	return fmt.Errorf("%w (%s)", kind, said.Reason)
}
