package swift

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// beats is how often in the time of a lease its holder gives a sign of life.
const beats = 6

// lease gives signs of life for a session.
type lease struct {
	store   *Store
	session string
	cancel  context.CancelFunc
	stopped chan struct{}

	mu   sync.Mutex
	last time.Time // when the last sign that arrived was begun
}

func newLease(store *Store, session string, begun time.Time) *lease {
	ctx, cancel := context.WithCancel(context.Background())
	l := &lease{store: store, session: session, cancel: cancel, stopped: make(chan struct{}), last: begun.Round(0)}
	go l.keep(ctx)
	return l
}

// keep gives signs of life until it is stopped. One that does not arrive is made up for by the next.
func (l *lease) keep(ctx context.Context) {
	defer close(l.stopped)
	for l.store.options.Sleep(ctx, l.store.options.Lease/beats) == nil {
		beat, cancel := context.WithTimeout(ctx, l.store.options.Lease/beats)
		_ = l.beat(beat)
		cancel()
	}
}

func (l *lease) beat(ctx context.Context) error {
	begun := l.store.options.Now().Round(0) // the wall clock, which goes on while a machine is suspended
	if err := l.store.objects.Put(ctx, l.store.leaseName(l.session), []byte("{}\n"), false); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = begun
	return nil
}

// fresh sees to it that the lease has half of its time before it: what is begun now ends before the lock may be another's.
func (l *lease) fresh(ctx context.Context) error {
	l.mu.Lock()
	age := l.store.options.Now().Round(0).Sub(l.last)
	l.mu.Unlock()
	if age >= 0 && age < l.store.options.Lease/2 {
		return nil
	}
	if err := l.beat(ctx); err != nil {
		return fmt.Errorf("renewing the lock after %s: %w", age, err)
	}
	return nil
}

func (l *lease) stop() {
	l.cancel()
	<-l.stopped
}
