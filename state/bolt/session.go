package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	bbolt "go.etcd.io/bbolt"

	"github.com/trovectl/trovectl/state"
)

// writerBreath is the pause of a busy writer between two transactions, in which readers find the file free and more
// batches gather for the next one.
const writerBreath = time.Millisecond

// session is the right to write, with one goroutine that writes.
type session struct {
	store   *Store
	lock    *lockFile
	token   uint64
	lineage string

	ledgerMu sync.Mutex
	ledger   *state.Ledger

	queueMu sync.Mutex
	queue   []*pending
	closed  bool
	lost    error // why nothing can be written any more

	wake    chan struct{} // has room for one: there is something in the queue, or the end
	stopped chan struct{} // closed when the writer has ended
	once    sync.Once
	release error
}

// pending is a batch that waits for its transaction.
type pending struct {
	batch   state.Batch
	applied *state.Applied
	err     error
	done    chan struct{}
}

func newSession(store *Store, lock *lockFile, token uint64, snapshot *state.Snapshot) *session {
	s := &session{
		store: store, lock: lock, token: token, lineage: snapshot.Lineage, ledger: state.NewLedger(snapshot),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	go s.write()
	return s
}

// Snapshot is the state as of the last commit of this session, a copy.
func (s *session) Snapshot() *state.Snapshot {
	s.ledgerMu.Lock()
	defer s.ledgerMu.Unlock()
	return s.ledger.Snapshot()
}

// Commit waits for the transaction that takes the batch. When ctx ends first, the batch is taken back if its transaction
// has not begun, and waited for otherwise.
func (s *session) Commit(ctx context.Context, batch state.Batch) error {
	p := &pending{batch: batch, done: make(chan struct{})}
	err := s.enqueue(ctx, p)
	if err == nil {
		select {
		case <-p.done:
			err = p.err
		case <-ctx.Done():
			err = s.withdraw(ctx, p)
		}
	}
	if err != nil {
		return fmt.Errorf("writing the state in %s: %w", s.store.path, err)
	}
	return nil
}

func (s *session) enqueue(ctx context.Context, p *pending) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	if s.lost != nil {
		return s.lost
	}
	if s.closed {
		return fmt.Errorf("%w: the session is closed", state.ErrFenced)
	}
	s.queue = append(s.queue, p)
	s.signal()
	return nil
}

func (s *session) withdraw(ctx context.Context, p *pending) error {
	s.queueMu.Lock()
	i := slices.Index(s.queue, p)
	if i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	s.queueMu.Unlock()
	if i >= 0 {
		return ctx.Err()
	}
	<-p.done
	return p.err
}

func (s *session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close waits for what is being written and gives the lock back.
func (s *session) Close() error {
	s.once.Do(func() {
		s.queueMu.Lock()
		s.closed = true
		s.signal()
		s.queueMu.Unlock()
		<-s.stopped
		if err := s.lock.release(); err != nil {
			s.release = fmt.Errorf("giving back the lock of %s: %w", s.store.path, err)
		}
	})
	return s.release
}

// write is the writer: it ends when the session is closed and the queue is empty.
func (s *session) write() {
	defer close(s.stopped)
	for range s.wake {
		for {
			s.queueMu.Lock()
			group, closed := s.queue, s.closed
			s.queue = nil
			s.queueMu.Unlock()
			if len(group) == 0 {
				if closed {
					return
				}
				break
			}
			s.writeGroup(group)
			time.Sleep(writerBreath)
		}
	}
}

// writeGroup writes a group of batches in one transaction. A batch that is refused takes no other with it.
func (s *session) writeGroup(group []*pending) {
	s.ledgerMu.Lock()
	before, filled := s.ledger.Serial(), false
	err := s.lostReason()
	if err == nil {
		err = s.store.update(context.Background(), writing, func(tx *bbolt.Tx) error {
			err := s.fill(tx, group)
			filled = err == nil
			return err
		})
	}
	if errors.Is(err, errNothing) {
		err = nil
	}
	if err != nil {
		for _, p := range slices.Backward(group) {
			if p.applied != nil {
				p.applied.Undo()
			}
		}
		err = s.judge(err, before, filled)
	}
	s.ledgerMu.Unlock()
	for _, p := range group {
		if p.err == nil {
			p.err = err
		}
		close(p.done)
	}
}

// errNothing ends a transaction that has nothing to write.
var errNothing = errors.New("every batch of the group was refused")

func (s *session) fill(tx *bbolt.Tx, group []*pending) error {
	if err := s.checkToken(tx); err != nil {
		return err
	}
	written := false
	for _, p := range group {
		p.applied, p.err = s.ledger.Apply(p.batch)
		if p.err != nil {
			continue
		}
		if err := writeRows(tx, p.applied.Rows); err != nil {
			return err
		}
		written = true
	}
	if !written {
		return errNothing
	}
	return nil
}

func (s *session) checkToken(tx *bbolt.Tx) error {
	token, err := readToken(tx)
	if err != nil {
		return err
	}
	if token != s.token {
		return state.ErrFenced
	}
	lineage, serial, err := readHead(tx)
	if err != nil {
		return err
	}
	if lineage != s.lineage || serial != s.ledger.Serial() {
		return fmt.Errorf("%w: the file was replaced by another state (lineage %s, serial %d; it was %s, %d)",
			state.ErrFenced, lineage, serial, s.lineage, s.ledger.Serial())
	}
	return nil
}

// judge says what an error of a transaction means: whether the session is at its end, and whether something was written
// after all. Nothing was before bbolt began to commit a filled transaction, nor when the file still has the serial from
// before; when it has not, or cannot be read, the disk may have it or may lose it.
func (s *session) judge(err error, before uint64, filled bool) error {
	switch {
	case errors.Is(err, state.ErrMissing):
		err = fmt.Errorf("%w: the file is gone", state.ErrFenced)
		s.lose(err)
	case errors.Is(err, state.ErrFenced):
		s.lose(err)
	case filled:
		serial := before
		readErr := s.store.view(context.Background(), func(tx *bbolt.Tx) (err error) {
			_, serial, err = readHead(tx)
			return err
		})
		if readErr != nil || serial != before {
			err = fmt.Errorf("%w: %w", state.ErrUncertain, err)
			s.lose(err)
		}
	}
	return err
}

func (s *session) lose(err error) {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	if s.lost == nil {
		s.lost = err
	}
}

func (s *session) lostReason() error {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	return s.lost
}
