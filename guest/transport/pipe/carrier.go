package pipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/trovectl/trovectl/guest"
)

// ErrDropped marks a call that failed because its stream ended or broke under it, as opposed to a peer that said it
// could not help. Whether the guest acted is unknown; the same request MAY be sent again over a new stream.
var ErrDropped = errors.New("the connection was dropped")

// lastWords is how long a failed write waits for the reader, which knows better why the stream ended: what the peer
// said last may still be on its way.
const lastWords = time.Second

// A Carrier calls the guest at the other end of one stream. It fulfils guest.Carrier.
type Carrier struct {
	stream io.ReadWriteCloser
	out    chan outgoing
	dead   chan struct{} // closed once err is set
	done   sync.WaitGroup
	once   sync.Once

	mu   sync.Mutex
	open map[string][]*waiter // by request id, oldest first
	err  error                // why the stream is of no use any more
}

type outgoing struct {
	ctx  context.Context
	text []byte
}

type waiter struct{ reply chan guest.Reply }

// Dial makes a carrier over a stream and owns the stream from then on. It sends nothing by itself, so it cannot fail:
// a stream that is dead already shows at the first Call.
func Dial(stream io.ReadWriteCloser) *Carrier {
	c := &Carrier{
		stream: stream,
		out:    make(chan outgoing),
		dead:   make(chan struct{}),
		open:   map[string][]*waiter{},
	}
	c.done.Go(c.readReplies)
	c.done.Go(c.writeRequests)
	return c
}

// Call fulfils guest.Carrier. A call whose ctx ends is KindTimeout and also errors.Is the context's error; its reply,
// when it comes later, is dropped. A stream that ends or turns to garbage is KindUnreachable and ErrDropped for every
// open call.
func (c *Carrier) Call(ctx context.Context, request guest.Request) (json.RawMessage, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, guest.Errorf(guest.KindInvalid, "encoding the request %s: %v", request.Method, err)
	}
	if len(text) > guest.MaxMessage {
		return nil, guest.Errorf(guest.KindInvalid, "the request %s has %d bytes, allowed are %d", request.Method,
			len(text), guest.MaxMessage)
	}
	w, err := c.enter(request.ID)
	if err != nil {
		return nil, err
	}
	defer c.leave(request.ID, w)
	select {
	case c.out <- outgoing{ctx, text}:
	case <-ctx.Done():
		return nil, lateError(ctx, request)
	case <-c.dead:
		return c.last(w)
	}
	select {
	case reply := <-w.reply:
		return result(reply)
	case <-ctx.Done():
		return nil, lateError(ctx, request)
	case <-c.dead:
		return c.last(w)
	}
}

// Alive tells whether the stream was still of use a moment ago. Once it is not, every Call fails.
func (c *Carrier) Alive() bool {
	select {
	case <-c.dead:
		return false
	default:
		return true
	}
}

// Close ends the stream; open calls fail as KindUnreachable. It returns when the carrier's goroutines have ended.
func (c *Carrier) Close() error {
	c.fail(guest.Errorf(guest.KindUnreachable, "the connection was closed on this side"))
	c.done.Wait()
	return nil
}

func (c *Carrier) enter(id string) (*waiter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	w := &waiter{reply: make(chan guest.Reply, 1)}
	c.open[id] = append(c.open[id], w)
	return w, nil
}

func (c *Carrier) leave(id string, w *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(id, w)
}

func (c *Carrier) forget(id string, w *waiter) {
	for i, other := range c.open[id] {
		if other == w {
			c.open[id] = append(c.open[id][:i:i], c.open[id][i+1:]...)
			break
		}
	}
	if len(c.open[id]) == 0 {
		delete(c.open, id)
	}
}

// last prefers a reply that arrived just before the stream ended.
func (c *Carrier) last(w *waiter) (json.RawMessage, error) {
	select {
	case reply := <-w.reply:
		return result(reply)
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		return nil, c.err
	}
}

func result(reply guest.Reply) (json.RawMessage, error) {
	if err := guest.CheckReply(reply); err != nil {
		return nil, err
	}
	return reply.Result, nil
}

func lateError(ctx context.Context, request guest.Request) error {
	return fmt.Errorf("%w (%w)",
		guest.Errorf(guest.KindTimeout, "no answer to %s in time; the guest may still act on it", request.Method),
		ctx.Err())
}

func (c *Carrier) fail(err error) {
	c.once.Do(func() {
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
		close(c.dead)
		_ = c.stream.Close() // wakes the reader and the writer; there is nobody left to tell
	})
}

func (c *Carrier) writeRequests() {
	for {
		select {
		case <-c.dead:
			return
		case next := <-c.out:
			if next.ctx.Err() != nil {
				continue // nobody waits for it any more
			}
			if err := guest.WriteFrame(c.stream, next.text); err != nil {
				select {
				case <-c.dead:
				case <-time.After(lastWords):
					c.fail(dropped(err))
				}
				return
			}
		}
	}
}

func (c *Carrier) readReplies() {
	for {
		text, err := guest.ReadFrame(c.stream)
		if err != nil {
			c.fail(dropped(err))
			return
		}
		reply, err := guest.DecodeReply(text)
		switch {
		case reply.ID == "" && err == nil && reply.Error != nil:
			c.fail(reply.Error) // the peer speaks of the whole stream
			return
		case reply.ID == "":
			c.fail(dropped(guest.Errorf(guest.KindInvalid, "the peer does not speak the agent's language")))
			return
		case err != nil:
			reply = guest.Answer(reply.ID, nil, err)
		}
		c.deliver(reply)
	}
}

// deliver hands the reply to the oldest call with its id. A reply that nobody waits for any more is dropped.
func (c *Carrier) deliver(reply guest.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.open[reply.ID]
	if len(waiting) == 0 {
		return
	}
	waiting[0].reply <- reply // room for one, and forgotten at once: never blocks
	c.forget(reply.ID, waiting[0])
}

func dropped(cause error) error {
	if errors.Is(cause, io.EOF) {
		cause = errors.New("the peer ended it")
	}
	return &droppedError{guest.Errorf(guest.KindUnreachable, "%v: %v", ErrDropped, cause), cause}
}

// droppedError reads like its *guest.Error and is also ErrDropped, and its cause.
type droppedError struct {
	err   *guest.Error
	cause error
}

func (d *droppedError) Error() string   { return d.err.Error() }
func (d *droppedError) Unwrap() []error { return []error{d.err, ErrDropped, d.cause} }
