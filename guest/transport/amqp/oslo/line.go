package oslo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// firstPause is the one before the second attempt to connect again; it doubles.
const firstPause = 200 * time.Millisecond

// A Line is a connection that is made again when it breaks. Dial is required; no field MAY change once it runs.
type Line struct {
	Dial     func(context.Context) (*Link, error)
	Setup    func(context.Context, *Link) error // of every new link, before anybody uses it; nil: none
	Patience time.Duration                      // how long one that broke is tried again; 0: for ever
	MaxPause time.Duration                      // between two attempts; 0: 2 s
	Log      func(message string, args ...any)  // nil: silent
	Notify   func(err error)                    // told at each change: nil when it is up, else why it is not; nil: nobody

	mu      sync.Mutex
	state   State
	link    *Link         // nil while it is down
	changed chan struct{} // closed, and replaced, when link or err changes
	err     error         // why it ended
}

// State is how a line does.
type State struct {
	Lives int       // how many links it has had
	Up    bool      // it has one now
	Since time.Time // of that
}

// Start makes the first link, or fails, and then keeps the line until ctx ends. ended is called once, when it has ended.
func (l *Line) Start(connecting, ctx context.Context, ended func()) error {
	link, err := l.connect(connecting)
	if err != nil {
		l.end(err)
		ended()
		return err
	}
	go func() {
		defer ended()
		l.end(l.keep(ctx, link))
	}()
	return nil
}

// Run keeps the line until ctx ends, whatever the first attempts bring.
func (l *Line) Run(ctx context.Context) {
	l.end(l.keep(ctx, nil))
}

// keep holds a link up as long as it can.
func (l *Line) keep(ctx context.Context, link *Link) error {
	pause, down, said := firstPause, time.Now(), ""
	for {
		if link != nil {
			l.set(link)
			l.notify(nil)
			select {
			case <-link.Gone():
				l.log("the connection to the broker was dropped")
				l.notify(ErrCut)
			case <-ctx.Done():
				link.Close()
				return ErrClosed
			}
			l.set(nil)
			pause, down, said = firstPause, time.Now(), ""
		}
		var err error
		if link, err = l.connect(ctx); err == nil {
			continue
		}
		if l.Patience > 0 && time.Since(down) > l.Patience {
			return fmt.Errorf("%w, and then for %s: %w", ErrCut, l.Patience, err)
		}
		if text := err.Error(); text != said && ctx.Err() == nil { // once, not at every attempt
			l.log("connecting to the broker", "error", err)
			l.notify(err)
			said = text
		}
		select {
		case <-ctx.Done():
			return ErrClosed
		case <-time.After(pause/2 + rand.N(pause/2)): // thousands come back after a restart of the broker
		}
		pause = min(2*pause, l.maxPause())
	}
}

func (l *Line) maxPause() time.Duration {
	if l.MaxPause == 0 {
		return 2 * time.Second
	}
	return l.MaxPause
}

func (l *Line) connect(ctx context.Context) (*Link, error) {
	link, err := l.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if l.Setup == nil {
		return link, nil
	}
	if err := l.Setup(ctx, link); err != nil {
		link.Close()
		return nil, err
	}
	return link, nil
}

// change is called with mu held.
func (l *Line) change() {
	if l.changed != nil {
		close(l.changed)
	}
	l.changed = make(chan struct{})
}

func (l *Line) set(link *Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link = link
	l.state.Up, l.state.Since = link != nil, time.Now()
	if link != nil {
		l.state.Lives++
	}
	l.change()
}

func (l *Line) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link, l.err = nil, err
	l.change()
}

func (l *Line) look() (link *Link, changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.link, l.changed, l.err
}

// State tells how the line does.
func (l *Line) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Link waits for a link. The error is ctx's, or why the line has ended.
func (l *Line) Link(ctx context.Context) (*Link, error) {
	for {
		link, changed, err := l.look()
		if link != nil || err != nil {
			return link, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ended is why the line has, nil while it goes on, and what is closed when that may have changed.
func (l *Line) ended() (changed <-chan struct{}, err error) {
	_, changed, err = l.look()
	return changed, err
}

func (l *Line) notify(err error) {
	if l.Notify != nil {
		l.Notify(err)
	}
}

func (l *Line) log(message string, args ...any) {
	if l.Log != nil {
		l.Log(message, args...)
	}
}
