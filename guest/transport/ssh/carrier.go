package ssh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/pipe"
)

// A Carrier calls one guest over SSH. It fulfils guest.Carrier.
type Carrier struct {
	dialer  *Dialer
	target  Target
	dialing chan struct{} // holds one token: who has it may make a new link

	mu     sync.Mutex
	link   *link
	closed bool
}

// Call fulfils guest.Carrier. When the connection drops under a call, a new one is made once and the same request is
// sent again: its id makes that harmless. A second drop is KindUnreachable.
func (c *Carrier) Call(ctx context.Context, request guest.Request) (json.RawMessage, error) {
	link, err := c.current()
	if err != nil {
		return nil, err
	}
	if link.pipe.Alive() {
		result, err := link.pipe.Call(ctx, request)
		if !errors.Is(err, pipe.ErrDropped) {
			return result, c.named(err)
		}
	}
	again, redialErr := c.redial(ctx, link)
	if redialErr != nil {
		return nil, redialErr
	}
	result, err := again.pipe.Call(ctx, request)
	return result, c.named(err)
}

// HostKey is the index in Keys.Host of the key that the guest proved: which generation is in force there.
func (c *Carrier) HostKey() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.seen
}

// Close ends the connection; open calls fail as KindUnreachable. Close twice is harmless.
func (c *Carrier) Close() error {
	c.mu.Lock()
	c.closed = true
	link := c.link
	c.mu.Unlock()
	link.close()
	return nil
}

func (c *Carrier) current() (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	return c.link, nil
}

var errClosed = guest.Errorf(guest.KindUnreachable, "the connection was closed on this side")

// redial replaces the link that broke. Of all the calls that broke with it, the first makes the new connection.
func (c *Carrier) redial(ctx context.Context, broken *link) (*link, error) {
	select {
	case c.dialing <- struct{}{}:
		defer func() { <-c.dialing }()
	case <-ctx.Done():
		return nil, guest.Errorf(guest.KindUnreachable, "the connection to the guest at %s was dropped: %v", c.target.Address, ctx.Err())
	}
	if now, err := c.current(); err != nil || now != broken {
		return now, err
	}
	fresh, err := c.dialer.connect(ctx, c.target)
	if err != nil {
		said := guest.Errorf(guest.KindUnreachable, "the connection was dropped, and then: %s", messageOf(err))
		said.Stage = guest.StageOf(err)
		return nil, said
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		fresh.close()
		return nil, errClosed
	}
	broken.close()
	c.link = fresh
	return fresh, nil
}

// named adds the address to what a transport says, and leaves the agent's own errors as they are.
func (c *Carrier) named(err error) error {
	var known *guest.Error
	if err == nil || !errors.As(err, &known) || known.Kind != guest.KindUnreachable {
		return err
	}
	said := guest.Errorf(known.Kind, "the guest at %s: %s", c.target.Address, known.Message)
	said.Stage = guest.StageAgent
	return &namedError{said, err}
}

// namedError reads like its *guest.Error and keeps what caused it.
type namedError struct {
	err   *guest.Error
	cause error
}

func (n *namedError) Error() string   { return n.err.Error() }
func (n *namedError) Unwrap() []error { return []error{n.err, n.cause} }

func messageOf(err error) string {
	var known *guest.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return fmt.Sprint(err)
}
