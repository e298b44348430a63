// Package fallback goes another way to a guest where the preferred one is closed.
package fallback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/trovectl/trovectl/guest"
)

// A Way is one way to a guest.
type Way struct {
	Name string // "amqp"
	Dial func(ctx context.Context) (guest.Carrier, error)
	// Boots: what closes this way tells how far a guest that boots has come. Of several, the first counts.
	Boots bool
}

// Carrier is the first of several ways that is open. It fulfils guest.Carrier and guest.Detourer.
//
// It leaves a way when nobody is found there, or nobody answers in time: KindUnreachable and KindTimeout. Any other error is
// an answer. Whether a request that was left so had its effect is unknown; that it is asked again is safe, because its id tells
// the agent that it is the same one.
type Carrier struct {
	ways []Way

	mu     sync.Mutex
	at     int             // the way that is open
	open   []guest.Carrier // by way; nil: it was never open
	closed []error         // why a way was left, by way
	done   bool            // it was closed
}

var errClosed = guest.Errorf(guest.KindUnreachable, "the channel was closed on this side")

// Dial opens the first way that is not closed. When all are, the error names each, and why.
func Dial(ctx context.Context, ways ...Way) (*Carrier, error) {
	c := &Carrier{ways: ways, open: make([]guest.Carrier, len(ways)), closed: make([]error, len(ways))}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.advance(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// advance opens the way that it stands at, or the next one that can be; mu is held.
func (c *Carrier) advance(ctx context.Context) (guest.Carrier, error) {
	for ; c.at < len(c.ways); c.at++ {
		if c.open[c.at] != nil {
			return c.open[c.at], nil
		}
		carrier, err := c.ways[c.at].Dial(ctx)
		if err == nil {
			c.open[c.at] = carrier
			return carrier, nil
		}
		c.closed[c.at] = err
		switch {
		case ctx.Err() != nil:
			return nil, c.failure(c.at)
		case !leaves(ctx, err):
			return nil, err // an answer
		}
	}
	return nil, c.failure(len(c.ways) - 1)
}

// leaves tells whether an error makes another way worth trying.
func leaves(ctx context.Context, err error) bool {
	var known *guest.Error
	return ctx.Err() == nil && errors.As(err, &known) && (known.Kind == guest.KindUnreachable || known.Kind == guest.KindTimeout)
}

// Call fulfils guest.Carrier.
func (c *Carrier) Call(ctx context.Context, request guest.Request) (json.RawMessage, error) {
	for {
		c.mu.Lock()
		if c.done {
			c.mu.Unlock()
			return nil, errClosed
		}
		carrier, err := c.advance(ctx)
		way := c.at
		c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		result, err := carrier.Call(ctx, request)
		if err == nil || !leaves(ctx, err) {
			return result, err
		}
		c.leave(way, err)
	}
}

// leave turns from a way, unless another call has done so already.
func (c *Carrier) leave(way int, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == way {
		c.closed[way] = why
		c.at++
	}
}

// Detour fulfils guest.Detourer.
func (c *Carrier) Detour() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == 0 || c.at >= len(c.ways) {
		return ""
	}
	return fmt.Sprintf("reached over %s, because the way over %s was closed: %s", c.ways[c.at].Name, c.names(c.at), message(c.closed[0]))
}

func (c *Carrier) names(n int) string {
	var names []string
	for _, way := range c.ways[:n] {
		names = append(names, way.Name)
	}
	return strings.Join(names, " and ")
}

// message is what a transport said, without the kind: that it was closed, the sentence says.
func message(err error) string {
	var known *guest.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}

// Close fulfils guest.Carrier.
func (c *Carrier) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	var errs []error
	for _, carrier := range c.open {
		if carrier != nil {
			errs = append(errs, carrier.Close())
		}
	}
	return errors.Join(errs...)
}

// failure is the error of a guest that no way leads to; last is the way that was tried last. Its kind says what is known: not
// in time on any way, what was asked may have been done.
func (c *Carrier) failure(last int) error {
	if len(c.ways) == 1 && c.closed[0] != nil {
		return c.closed[0]
	}
	said := &guest.Error{Kind: guest.KindUnreachable, Message: "there is no way to the guest"}
	causes := []error{said}
	staged := false
	for n, way := range c.ways[:last+1] {
		err := c.closed[n]
		if err == nil {
			continue
		}
		said.Message += fmt.Sprintf("; over %s: %s", way.Name, message(err))
		var known *guest.Error
		if errors.As(err, &known) && known.Kind == guest.KindTimeout {
			said.Kind = guest.KindTimeout
		}
		if stage := guest.StageOf(err); !staged && (way.Boots || stage > said.Stage) {
			said.Stage, staged = stage, way.Boots
		}
		causes = append(causes, err)
	}
	return &closedError{said, causes}
}

// closedError is what all ways said. errors.As finds the whole of it first.
type closedError struct {
	whole  *guest.Error
	causes []error
}

func (e *closedError) Error() string   { return e.whole.Error() }
func (e *closedError) Unwrap() []error { return e.causes }
