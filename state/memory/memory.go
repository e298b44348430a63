// Package memory keeps a state in memory, for tests and for trying things out: it keeps the whole contract of a store but
// for outliving the process.
package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trovectl/trovectl/state"
)

// Store keeps one state. The zero value is a store without a state.
type Store struct {
	mu      sync.Mutex
	ledger  *state.Ledger
	holder  *state.Holder
	writer  *session // the session that may write
	history []state.Entry
	changed chan struct{} // closed when the lock is given back
}

var _ state.Store = (*Store)(nil)

// New is a store without a state.
func New() *Store { return &Store{} }

// With is a store that keeps a copy of this state.
func With(s *state.Snapshot) *Store { return &Store{ledger: state.NewLedger(s.Clone())} }

// Location is "memory:".
func (s *Store) Location() string { return "memory:" }

// Read copies the state.
func (s *Store) Read(ctx context.Context) (*state.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ledger == nil {
		return nil, fmt.Errorf("reading the state: %w", state.ErrMissing)
	}
	return s.ledger.Snapshot(), nil
}

// History is the end of the change log.
func (s *Store) History(ctx context.Context, n int) ([]state.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading the change log: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ledger == nil {
		return nil, fmt.Errorf("reading the change log: %w", state.ErrMissing)
	}
	return slices.Clone(state.Newest(s.history, n)), nil
}

// Holder is who holds the lock.
func (s *Store) Holder(context.Context) (*state.Holder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder == nil {
		return nil, nil
	}
	holder := *s.holder
	return &holder, nil
}

// Unlock breaks the lock of the holder with this id.
func (s *Store) Unlock(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder == nil {
		return nil
	}
	if s.holder.ID != id {
		return fmt.Errorf("unlocking %s: %w", id, &state.LockedError{Holder: *s.holder})
	}
	s.release()
	return nil
}

// release gives the lock back and leaves the session with what it committed last; s.mu is held.
func (s *Store) release() {
	s.writer.last = s.ledger.Snapshot()
	s.holder, s.writer = nil, nil
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Lock opens a session.
func (s *Store) Lock(ctx context.Context, request state.LockRequest) (state.Session, error) {
	deadline := time.NewTimer(request.Wait)
	defer deadline.Stop()
	for {
		session, changed, err := s.tryLock(ctx, request)
		if changed == nil {
			return session, err
		}
		select {
		case <-changed:
			continue
		default:
		}
		if request.Wait <= 0 {
			return nil, err
		}
		select {
		case <-changed:
		case <-deadline.C:
			return nil, err
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock: %w", ctx.Err())
		}
	}
}

// tryLock returns a channel to wait for when somebody else holds the lock.
func (s *Store) tryLock(ctx context.Context, request state.LockRequest) (state.Session, chan struct{}, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("locking the state: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ledger == nil && request.Create == "" {
		return nil, nil, fmt.Errorf("locking the state: %w", state.ErrMissing)
	}
	if s.holder != nil {
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		return nil, s.changed, &state.LockedError{Holder: *s.holder}
	}
	if s.ledger == nil {
		s.ledger = state.NewLedger(state.Empty(request.Create))
	}
	holder := request.Holder
	s.holder, s.writer = &holder, &session{store: s}
	return s.writer, nil, nil
}

type session struct {
	store *Store
	last  *state.Snapshot // of a session that is closed or fenced; under store.mu
}

// Snapshot is the state as of the last commit of this session.
func (x *session) Snapshot() *state.Snapshot {
	x.store.mu.Lock()
	defer x.store.mu.Unlock()
	if x.store.writer != x {
		return x.last.Clone()
	}
	return x.store.ledger.Snapshot()
}

// Commit applies a batch.
func (x *session) Commit(ctx context.Context, batch state.Batch) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	x.store.mu.Lock()
	defer x.store.mu.Unlock()
	if x.store.writer != x {
		return fmt.Errorf("writing the state: %w", state.ErrFenced)
	}
	applied, err := x.store.ledger.Apply(batch)
	if err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	x.store.history = append(x.store.history, applied.Entry(*x.store.holder, time.Now()))
	if len(x.store.history) > 2*state.HistoryKept { // halved now and then: the cost of a commit stays the same
		x.store.history = slices.Clone(state.Newest(x.store.history, state.HistoryKept))
	}
	return nil
}

// Close gives the lock back.
func (x *session) Close() error {
	x.store.mu.Lock()
	defer x.store.mu.Unlock()
	if x.store.writer == x {
		x.store.release()
	}
	return nil
}
