package bolt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	bbolt "go.etcd.io/bbolt"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/internal/writer"
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
	writer  *writer.Writer
	once    sync.Once
	release error
}

func newSession(store *Store, lock *lockFile, token uint64, w *writer.Writer) *session {
	s := &session{store: store, lock: lock, token: token, lineage: w.Snapshot().Lineage, writer: w}
	go w.Run(s.write, func(error) { time.Sleep(writerBreath) })
	return s
}

// Snapshot is the state as of the last commit of this session, a copy.
func (s *session) Snapshot() *state.Snapshot { return s.writer.Snapshot() }

// Commit waits for the transaction that takes the batch. When ctx ends first, the batch is taken back if its transaction
// has not begun, and waited for otherwise.
func (s *session) Commit(ctx context.Context, batch state.Batch) error {
	if err := s.writer.Commit(ctx, batch); err != nil {
		return fmt.Errorf("writing the state in %s: %w", s.store.path, err)
	}
	return nil
}

// Close waits for what is being written and gives the lock back.
func (s *session) Close() error {
	s.once.Do(func() {
		s.writer.Close()
		if err := s.lock.release(); err != nil {
			s.release = fmt.Errorf("giving back the lock of %s: %w", s.store.path, err)
		}
	})
	return s.release
}

// write writes a group of batches in one transaction.
func (s *session) write(group writer.Group) error {
	filled := false
	err := s.store.update(context.Background(), writing, func(tx *bbolt.Tx) error {
		err := s.fill(tx, group)
		filled = err == nil
		return err
	})
	if err != nil {
		err = s.judge(err, group.Before, filled)
	}
	return err
}

func (s *session) fill(tx *bbolt.Tx, group writer.Group) error {
	if err := s.checkToken(tx, group.Before); err != nil {
		return err
	}
	if err := writeRows(tx, group.Rows); err != nil {
		return err
	}
	return writeEntries(tx, group.Entries)
}

func (s *session) checkToken(tx *bbolt.Tx, before uint64) error {
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
	if lineage != s.lineage || serial != before {
		return fmt.Errorf("%w: the file was replaced by another state (lineage %s, serial %d; it was %s, %d)",
			state.ErrFenced, lineage, serial, s.lineage, before)
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
		s.writer.Lose(err)
	case errors.Is(err, state.ErrFenced):
		s.writer.Lose(err)
	case filled:
		serial := before
		readErr := s.store.view(context.Background(), func(tx *bbolt.Tx) (err error) {
			_, serial, err = readHead(tx)
			return err
		})
		if readErr != nil || serial != before {
			err = fmt.Errorf("%w: %w", state.ErrUncertain, err)
			s.writer.Lose(err)
		}
	}
	return err
}
