package memory

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/trovectl/trovectl/providers"
)

// patience is the number of ticks without a pause; most waits are over by then. After it a pause leaves other goroutines
// time to do what is waited for.
const patience = 100

const pause = time.Millisecond

// waits lists once per tick for all who wait, without sleeping as long as there is progress.
type waits[T any] struct {
	call     string
	list     func(context.Context) ([]T, error)
	id       func(T) string
	maxTicks int

	mu      sync.Mutex
	newest  *tick[T]
	waiting int // waits under way
	looked  int // of them, those that looked at the newest tick, or came after it
}

// tick is one list call. Whoever waits looks at each tick at most once.
type tick[T any] struct {
	number int
	ready  chan struct{}
	found  map[string]T
	err    error
}

var errNotListed = errors.New("the list call did not return")

func newWaits[T any](call string, list func(context.Context) ([]T, error), id func(T) string, maxTicks int) *waits[T] {
	return &waits[T]{call: call, list: list, id: id, maxTicks: maxTicks, newest: &tick[T]{}}
}

// Wait implements providers.Waiter. It fails with context.DeadlineExceeded after MaxTicks as well, so that a test of a
// wait that never ends does end.
func (w *waits[T]) Wait(ctx context.Context, id string, done func(object T, present bool) (bool, error)) (T, error) {
	var last T
	w.mu.Lock()
	seen := w.newest.number // a tick that began earlier may not know the object yet
	w.waiting, w.looked = w.waiting+1, w.looked+1
	w.mu.Unlock()
	defer func() { w.leave(seen) }()
	for n := range w.maxTicks {
		if err := ctx.Err(); err != nil {
			return last, ended(w.call, err)
		}
		t := w.next(ctx, seen)
		seen = t.number
		if t.err != nil && !providers.IsKind(t.err, providers.KindTransient) {
			return last, t.err
		}
		if t.err == nil {
			object, present := t.found[id]
			if present {
				last = object
			}
			if finished, err := done(object, present); err != nil || finished {
				return last, err
			}
		}
		if n < patience {
			runtime.Gosched()
		} else {
			time.Sleep(pause)
		}
	}
	return last, ended(w.call, context.DeadlineExceeded)
}

// next gives a tick newer than the one seen: the newest that somebody began, else one that the caller runs for all.
// Before that it lets those look who have not seen the last one, so that many who wait share their ticks.
func (w *waits[T]) next(ctx context.Context, seen int) *tick[T] {
	w.mu.Lock()
	for n := 0; n < patience && w.newest.number == seen && w.looked < w.waiting; n++ {
		w.mu.Unlock()
		if n < patience/2 {
			runtime.Gosched()
		} else {
			time.Sleep(pause / 10)
		}
		w.mu.Lock()
	}
	if t := w.newest; t.number > seen {
		w.looked++
		w.mu.Unlock()
		select {
		case <-t.ready:
			return t
		case <-ctx.Done():
			return &tick[T]{number: t.number, err: ended(w.call, ctx.Err())}
		}
	}
	t := &tick[T]{
		number: w.newest.number + 1, ready: make(chan struct{}), found: map[string]T{},
		err: &providers.Error{Kind: providers.KindTransient, Call: w.call, Message: errNotListed.Error(), Err: errNotListed},
	}
	w.newest, w.looked = t, 1
	w.mu.Unlock()
	defer close(t.ready) // also when a hook of the cloud panics: the others go on with the next tick
	objects, err := w.list(ctx)
	for _, object := range objects {
		t.found[w.id(object)] = object
	}
	t.err = err
	return t
}

// leave takes out a wait that has seen the ticks up to one.
func (w *waits[T]) leave(seen int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting--
	if w.newest.number == seen {
		w.looked--
	}
}
