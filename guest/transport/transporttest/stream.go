package transporttest

import (
	"context"
	"io"
	"sync"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/pipe"
)

// A StreamServer serves a handler on streams that a transport's test accepts, and does to them what the contract asks.
type StreamServer struct {
	handler guest.Handler
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex
	garbage []byte
}

// NewStreamServer makes a server that ends with the test.
func NewStreamServer(t *testing.T, handler guest.Handler) *StreamServer {
	ctx, cancel := context.WithCancel(context.Background())
	s := &StreamServer{handler: handler, ctx: ctx, cancel: cancel}
	t.Cleanup(func() {
		cancel()
		s.work.Wait()
	})
	return s
}

// Serve answers on the stream until that ends or Kill, and closes it.
func (s *StreamServer) Serve(stream io.ReadWriteCloser) {
	s.work.Add(1)
	defer s.work.Done()
	// How a stream ends is what the contract looks at from the other side.
	_ = pipe.Serve(s.ctx, &garbled{stream, s}, s.handler)
}

// Kill breaks all streams.
func (s *StreamServer) Kill() { s.cancel() }

// Killed is closed by Kill.
func (s *StreamServer) Killed() <-chan struct{} { return s.ctx.Done() }

// Garble makes every later answer these bytes, after which the stream ends.
func (s *StreamServer) Garble(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.garbage = text
}

type garbled struct {
	io.ReadWriteCloser
	server *StreamServer
}

func (g *garbled) Write(p []byte) (int, error) {
	g.server.mu.Lock()
	garbage := g.server.garbage
	g.server.mu.Unlock()
	if garbage == nil {
		return g.ReadWriteCloser.Write(p)
	}
	if _, err := g.ReadWriteCloser.Write(garbage); err != nil {
		return 0, err
	}
	return len(p), g.Close()
}
