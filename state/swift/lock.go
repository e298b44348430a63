package swift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/trovectl/trovectl/state"
)

// lockTries is how often a lock is tried whose number another one took meanwhile.
const lockTries = 10

// Lock opens a session. Where another one holds the lock it tries again and again for as long as the request says.
func (s *Store) Lock(ctx context.Context, request state.LockRequest) (state.Session, error) {
	start := s.options.Now()
	for {
		session, err := s.tryLock(ctx, request)
		var locked *state.LockedError
		if err == nil {
			return session, nil
		}
		waited := s.options.Now().Sub(start)
		if !errors.As(err, &locked) || waited >= request.Wait {
			return nil, fmt.Errorf("locking the state: %w", readOnly(err))
		}
		if err := s.options.Sleep(ctx, min(s.options.Pause, request.Wait-waited)); err != nil {
			return nil, fmt.Errorf("waiting for the lock: %w", err)
		}
	}
}

func (s *Store) tryLock(ctx context.Context, request state.LockRequest) (*session, error) {
	err := errTaken
	for range lockTries {
		var session *session
		if session, err = s.takeLock(ctx, request); !errors.Is(err, errTaken) {
			return session, err
		}
	}
	return nil, err
}

// takeLock appends a lock to the log; errTaken when another entry was faster.
func (s *Store) takeLock(ctx context.Context, request state.LockRequest) (*session, error) {
	h, rows, err := s.lockable(ctx, request.Create)
	if err != nil {
		return nil, err
	}
	alive, err := s.holder(ctx, h)
	if err != nil {
		return nil, err
	}
	if alive != nil {
		return nil, &state.LockedError{Holder: *alive}
	}
	dead := h.lock
	begun := s.options.Now()
	e := s.next(h, kindLock)
	e.Session, e.Holder, e.Lease, e.Rows = e.ID, &request.Holder, s.leaseSeconds(), rows
	if err := s.append(ctx, e); err != nil {
		return nil, err
	}
	if err := h.fold(e); err != nil {
		return nil, err
	}
	session, err := s.believe(ctx, h, e, begun)
	if err != nil {
		return nil, err
	}
	if dead != nil {
		_ = s.objects.Delete(ctx, s.leaseName(dead.Session)) // nobody asks for it any more
	}
	return session, nil
}

func (s *Store) leaseSeconds() int { return max(1, int(s.options.Lease/time.Second)) }

// lockable reads the log, or begins one with these rows when there is none.
func (s *Store) lockable(ctx context.Context, create string) (*head, []row, error) {
	h, err := s.load(ctx)
	if errors.Is(err, state.ErrMissing) && create != "" {
		if err := s.objects.Prepare(ctx); err != nil {
			return nil, nil, fmt.Errorf("making the container: %w", err)
		}
		h = newHead()
		h.lineage = create
		return h, rowsOf(state.EmptyRows(create)), nil
	}
	if err != nil {
		return nil, nil, err
	}
	_, err = h.assemble() // before a newer or damaged state is touched
	return h, nil, err
}

// believe turns a lock entry into a session, after it has seen that the object store keeps its promise to make an object
// only once, and that no other entry, put at the same instant, has won.
func (s *Store) believe(ctx context.Context, h *head, e *entry, begun time.Time) (*session, error) {
	err := s.trust(ctx, e)
	if err == nil {
		err = s.options.Sleep(ctx, max(s.options.Settle, 0))
	}
	if err == nil {
		var there *entry
		there, err = s.entry(ctx, e.Number)
		if err == nil && there.ID != e.ID {
			return nil, errTaken
		}
	}
	var snapshot *state.Snapshot
	if err == nil {
		snapshot, err = h.assemble()
	}
	if err != nil {
		return nil, errors.Join(err, s.giveUp(h))
	}
	return newSession(s, h, snapshot, begun), nil
}

// trust puts the same entry a second time, which must be refused.
func (s *Store) trust(ctx context.Context, e *entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding commit %d: %w", e.Number, err)
	}
	err = s.objects.Put(ctx, s.commitName(e.Number), data, true)
	switch {
	case err == nil:
		return errors.New("the object store does not keep \"If-None-Match: *\": two writers would overwrite each other; keep the state elsewhere")
	case errors.Is(err, ErrExists):
		return nil
	default:
		return err
	}
}

// giveUp gives back a lock that was taken and did not become a session.
func (s *Store) giveUp(h *head) error {
	ctx, cancel := s.bounded()
	defer cancel()
	if err := s.append(ctx, s.next(h, kindRelease)); err != nil && !errors.Is(err, errTaken) {
		return fmt.Errorf("giving back the lock, which ends by itself after %s: %w", s.options.Lease, err)
	}
	return nil
}

// bounded is for what is done whatever became of the caller: half a lease, so that nothing of a holder is under way any
// more when the lock may be another's.
func (s *Store) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), s.options.Lease/2)
}
