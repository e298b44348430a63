// Package pipe carries requests and replies over one stream of bytes, such as a unix socket or the standard streams of
// a command. The other transports that have a stream rest on it.
package pipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/trovectl/trovectl/guest"
)

// maxParallel bounds the requests that one connection has in work; more wait in the stream.
const maxParallel = 256

// Serve answers the requests that arrive on the stream until it ends, ctx ends or the peer stops speaking the
// language. It returns nil when the peer closed the stream between messages. It closes the stream if that can be
// closed. The handler's context ends with the stream; when Serve returns no handler call is left.
func Serve(ctx context.Context, stream io.ReadWriter, handler guest.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{stream: stream, handler: handler, slots: make(chan struct{}, maxParallel)}
	// Closing is the only way to wake a Read, and a Write to a peer that does not read.
	context.AfterFunc(ctx, s.close)
	err := s.readRequests(ctx)
	cancel()
	s.work.Wait()
	s.close()
	return err
}

type server struct {
	stream  io.ReadWriter
	handler guest.Handler
	slots   chan struct{}
	work    sync.WaitGroup
	closing sync.Once
	writing sync.Mutex
}

func (s *server) close() {
	s.closing.Do(func() {
		if closer, ok := s.stream.(io.Closer); ok {
			_ = closer.Close() // the peer learns it from the stream
		}
	})
}

func (s *server) readRequests(ctx context.Context) error {
	for {
		text, err := guest.ReadFrame(s.stream)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			var bad *guest.Error
			if errors.As(err, &bad) {
				s.write(guest.Answer("", nil, bad)) // no id: it concerns the whole stream
			}
			return fmt.Errorf("serving a stream: %w", err)
		}
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		s.work.Go(func() {
			defer func() { <-s.slots }()
			s.answer(ctx, text)
		})
	}
}

func (s *server) answer(ctx context.Context, text []byte) {
	request, err := guest.DecodeRequest(text)
	if err != nil {
		s.write(guest.Answer(request.ID, nil, err))
		return
	}
	reply := s.handler.Handle(ctx, request)
	reply.ID = request.ID
	s.write(reply)
}

// write sends a reply. A stream that broke ends readRequests too, so its error needs no second way out.
func (s *server) write(reply guest.Reply) {
	text, err := json.Marshal(reply)
	if err != nil || len(text) > guest.MaxMessage {
		reply = guest.Answer(reply.ID, nil, guest.Errorf(guest.KindInternal, "the answer cannot be sent: %d bytes, %v",
			len(text), err))
		if text, err = json.Marshal(reply); err != nil {
			return
		}
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if guest.WriteFrame(s.stream, text) != nil {
		s.close()
	}
}
