package transporttest

import (
	"context"
	"sync"

	"github.com/trovectl/trovectl/guest"
)

// A Recorder is a handler with an agent's promise: a request id that was seen before gets the same answer and has no
// second effect. Its effect is Do.
type Recorder struct {
	// Do answers a request that is new. nil echoes the body.
	Do func(ctx context.Context, request guest.Request) (any, error)

	mu    sync.Mutex
	known map[string]*answer
	count map[string]int
}

type answer struct {
	done  chan struct{}
	reply guest.Reply
}

// Handle fulfils guest.Handler.
func (r *Recorder) Handle(ctx context.Context, request guest.Request) guest.Reply {
	if err := guest.CheckRequest(request); err != nil {
		return guest.Answer(request.ID, nil, err)
	}
	r.mu.Lock()
	if r.known == nil {
		r.known, r.count = map[string]*answer{}, map[string]int{}
	}
	known, ok := r.known[request.ID]
	if !ok {
		known = &answer{done: make(chan struct{})}
		r.known[request.ID] = known
		r.count[request.ID]++
	}
	r.mu.Unlock()
	if !ok {
		known.reply = r.answer(context.WithoutCancel(ctx), request)
		close(known.done)
	}
	<-known.done
	return known.reply
}

// Effects is how often the request with this id had an effect.
func (r *Recorder) Effects(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count[id]
}

func (r *Recorder) answer(ctx context.Context, request guest.Request) guest.Reply {
	if r.Do == nil {
		return guest.Answer(request.ID, request.Body, nil)
	}
	result, err := r.Do(ctx, request)
	return guest.Answer(request.ID, result, err)
}
