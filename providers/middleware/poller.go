package middleware

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/providers"
)

// PollerOptions sets up a Poller.
type PollerOptions[T any] struct {
	Call string // for errors: "wait for server"
	List func(context.Context) ([]T, error)
	Get  func(context.Context, string) (T, error) // optional: for few objects among many, and for what a list lacks
	ID   func(T) string

	Min, Max  time.Duration // between looks; default 250 ms and 5 s
	Tolerance time.Duration // how long failing looks are endured; default 2 min
	Clock     Clock         // default SystemClock
}

// Poller waits for any number of objects with one list call per tick, or a few gets where the list is long. It runs while somebody waits. Ticks come fast while
// a wait is young, and slower as it gets older: what takes seconds is seen soon, what takes minutes costs little.
type Poller[T any] struct {
	o PollerOptions[T]

	mu      sync.Mutex
	waiting map[*wait[T]]struct{}
	looking sync.Mutex         // held by a look
	rows    int                // of the last list; guarded by looking
	wake    context.CancelFunc // ends the loop's sleep; nil: the loop does not sleep
	stop    context.CancelFunc // ends the loop; nil: it does not run
}

// wait is one call of Wait.
type wait[T any] struct {
	id    string
	since time.Time
	news  chan look[T] // at most one: the newest
}

// look is what one tick saw of one object.
type look[T any] struct {
	object  T
	present bool
	err     error
}

// NewPoller makes a poller that rests until somebody waits.
func NewPoller[T any](o PollerOptions[T]) *Poller[T] {
	if o.Min == 0 {
		o.Min = 250 * time.Millisecond
	}
	if o.Max == 0 {
		o.Max = 5 * time.Second
	}
	if o.Tolerance == 0 {
		o.Tolerance = 2 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = SystemClock{}
	}
	return &Poller[T]{o: o, waiting: map[*wait[T]]struct{}{}}
}

// Wait implements providers.Waiter. The condition runs in the caller's goroutine and sees looks that began after the call.
// Transient errors of the cloud are endured for a while; others, and those that last, end the wait.
func (p *Poller[T]) Wait(ctx context.Context, id string, done func(object T, present bool) (bool, error)) (T, error) {
	var last T
	w := p.join(id)
	defer p.leave(w)
	good := p.o.Clock.Now()
	for {
		if err := ctx.Err(); err != nil {
			return last, p.ended(err)
		}
		select {
		case <-ctx.Done():
			return last, p.ended(ctx.Err())
		case seen := <-w.news:
			now := p.o.Clock.Now()
			if seen.err != nil {
				if !providers.IsKind(seen.err, providers.KindTransient) || now.Sub(good) > p.o.Tolerance {
					return last, seen.err
				}
				continue
			}
			good = now
			if seen.present {
				last = seen.object
			}
			if finished, err := done(seen.object, seen.present); finished || err != nil {
				return last, err
			}
		}
	}
}

func (p *Poller[T]) ended(err error) error {
	return &providers.Error{Kind: providers.KindTransient, Call: p.o.Call, Message: err.Error(), Err: err}
}

func (p *Poller[T]) join(id string) *wait[T] {
	w := &wait[T]{id: id, since: p.o.Clock.Now(), news: make(chan look[T], 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[w] = struct{}{}
	if p.stop == nil {
		var ctx context.Context
		ctx, p.stop = context.WithCancel(context.Background())
		go p.run(ctx)
	} else if p.wake != nil {
		p.wake() // its pause may be an old wait's
	}
	return w
}

// leave stops the loop, a list call under way included, when nobody waits any more.
func (p *Poller[T]) leave(w *wait[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, w)
	if len(p.waiting) == 0 {
		p.stop()
		p.stop = nil
	}
}

// run ticks until it is stopped. The first tick comes at once.
func (p *Poller[T]) run(ctx context.Context) {
	begun := p.o.Clock.Now()
	for ctx.Err() == nil {
		p.tick(ctx)
		ended := p.o.Clock.Now()
		for ctx.Err() == nil {
			pause, sleep, awake := p.pause(ctx, begun, ended)
			err := p.o.Clock.Sleep(sleep, pause)
			awake()
			if err == nil {
				break // it slept long enough; when it was woken the pause is counted anew
			}
		}
		begun = p.o.Clock.Now()
	}
}

// restPerLook is how many times as long as a look took the next one waits: a list of ten thousand servers must not be asked
// for without end.
const restPerLook = 3

// pause tells how long to sleep now, with a context that join ends.
func (p *Poller[T]) pause(ctx context.Context, begun, ended time.Time) (time.Duration, context.Context, func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Clock.Now()
	interval := p.o.Max
	for w := range p.waiting {
		interval = min(interval, now.Sub(w.since)/4)
	}
	interval = max(interval, p.o.Min, restPerLook*ended.Sub(begun))
	sleep, cancel := context.WithCancel(ctx)
	p.wake = cancel
	return max(interval-now.Sub(ended), 0), sleep, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if ctx.Err() == nil {
			p.wake = nil
		}
		cancel()
	}
}

// tick looks once for all who wait now.
func (p *Poller[T]) tick(ctx context.Context) {
	p.mu.Lock()
	ids := map[string]bool{}
	var present []*wait[T]
	for w := range p.waiting {
		present = append(present, w)
		ids[w.id] = true
	}
	p.mu.Unlock()
	if len(present) == 0 {
		return
	}
	p.looking.Lock() // the loop of an earlier wait may not have ended yet
	found, err := p.look(ctx, ids)
	p.looking.Unlock()
	if ctx.Err() != nil {
		return // everybody left meanwhile
	}
	for _, w := range present {
		object, there := found[w.id]
		select { // only this goroutine sends: after the old news is out there is room for the new
		case <-w.news:
		default:
		}
		w.news <- look[T]{object: object, present: there, err: err}
	}
}

// rowsPerGet is how many rows of a list cost a service, and us, about as much as one object that is asked for by its id.
const rowsPerGet = 20

// getsAtOnce bounds the objects that are asked for beside each other.
const getsAtOnce = 8

// look fetches the list, or each object by its id where that is less: where only one is waited for, or a few among
// thousands.
func (p *Poller[T]) look(ctx context.Context, ids map[string]bool) (map[string]T, error) {
	found := map[string]T{}
	if p.o.Get != nil && (len(ids) == 1 || len(ids)*rowsPerGet < p.rows) {
		return found, p.getEach(ctx, ids, found)
	}
	objects, err := p.o.List(ctx)
	if err != nil {
		return found, err
	}
	p.rows = len(objects)
	for _, object := range objects {
		if id := p.o.ID(object); ids[id] {
			found[id] = object
		}
	}
	if p.o.Get == nil {
		return found, nil
	}
	// A list may be behind: what it lacks is asked for before it is called absent.
	missing := maps.Clone(ids)
	for id := range found {
		delete(missing, id)
	}
	return found, p.getEach(ctx, missing, found)
}

// getEach adds what there is of the ids to found.
func (p *Poller[T]) getEach(ctx context.Context, ids map[string]bool, found map[string]T) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(getsAtOnce)
	for id := range ids {
		group.Go(func() error {
			object, err := p.o.Get(ctx, id)
			if providers.IsKind(err, providers.KindNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			found[id] = object
			return nil
		})
	}
	return group.Wait()
}
