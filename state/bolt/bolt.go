// Package bolt keeps a state in one file on this machine, trove.db, which a plan may read at any time and which one apply
// at a time may write.
//
// A session holds flock on PATH.lock for its life, so the lock of a process that died is free at once; the file says who
// holds it. The database file is opened for each transaction alone, because bbolt keeps readers of other processes out
// while it is open for writing.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	bbolt "go.etcd.io/bbolt"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/internal/writer"
)

// Store keeps one state in one file.
type Store struct{ path string }

var _ state.Store = (*Store)(nil)

// New is the store in the file of this path. Nothing is opened yet.
func New(path string) *Store { return &Store{path: path} }

// Location is "bbolt:PATH".
func (s *Store) Location() string { return "bbolt:" + s.path }

func (s *Store) lockPath() string { return s.path + ".lock" }

// Read returns the state of the last commit. It waits for a transaction that is being written, and keeps the file open
// only while it copies the rows.
func (s *Store) Read(ctx context.Context) (*state.Snapshot, error) {
	var rows []state.Row
	err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
		rows, err = readRows(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the state in %s: %w", s.path, err)
	}
	snapshot, err := state.Assemble(rows)
	if err != nil {
		return nil, fmt.Errorf("reading the state in %s: %w", s.path, advise(err))
	}
	return snapshot, nil
}

// Unchanged tells whether Read would return this state again, for much less than Read costs.
func (s *Store) Unchanged(ctx context.Context, seen *state.Snapshot) (bool, error) {
	same := false
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		lineage, serial, err := readHead(tx)
		same = lineage == seen.Lineage && serial == seen.Serial
		return err
	})
	if err != nil {
		return false, fmt.Errorf("reading the state in %s: %w", s.path, err)
	}
	return same, nil
}

// History reads the end of the change log, as Read reads the state.
func (s *Store) History(ctx context.Context, n int) ([]state.Entry, error) {
	var entries []state.Entry
	err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
		entries, err = readEntries(tx, n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the change log in %s: %w", s.path, err)
	}
	return entries, nil
}

// Holder tells who holds the lock; nil when nobody alive does.
func (s *Store) Holder(context.Context) (*state.Holder, error) {
	holder, err := currentHolder(s.lockPath())
	if err != nil {
		return nil, fmt.Errorf("looking who holds the lock of %s: %w", s.path, err)
	}
	return holder, nil
}

// Lock opens a session. The lock file is removed when the session closes.
func (s *Store) Lock(ctx context.Context, request state.LockRequest) (state.Session, error) {
	session, err := s.lock(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("locking the state in %s: %w", s.path, err)
	}
	return session, nil
}

func (s *Store) lock(ctx context.Context, request state.LockRequest) (*session, error) {
	missing, err := s.missing()
	if err != nil {
		return nil, err
	}
	if missing && request.Create == "" { // look before the lock file is made: a mistyped path leaves nothing behind
		return nil, state.ErrMissing
	}
	lock, err := acquire(ctx, s.lockPath(), request)
	if err != nil {
		return nil, err
	}
	session, err := s.begin(ctx, lock, request)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	return session, nil
}

// begin makes a missing state, raises the fencing token, and loads the state, with the lock held.
func (s *Store) begin(ctx context.Context, lock *lockFile, request state.LockRequest) (*session, error) {
	missing, err := s.missing()
	if err != nil {
		return nil, err
	}
	if missing {
		if request.Create == "" {
			return nil, state.ErrMissing
		}
		if err := s.create(request.Create); err != nil {
			return nil, err
		}
	}
	var snapshot *state.Snapshot
	var token uint64
	err = s.update(ctx, beginning, func(tx *bbolt.Tx) error {
		rows, err := readRows(tx)
		if err != nil {
			return err
		}
		if snapshot, err = state.Assemble(rows); err != nil { // before a newer state is touched
			return err
		}
		if token, err = raiseToken(tx); err != nil {
			return err
		}
		_, err = tx.CreateBucketIfNotExists(historyBucket)
		return err
	})
	if err != nil {
		return nil, err
	}
	return newSession(s, lock, token, writer.New(snapshot, request.Holder, time.Now)), nil
}

func (s *Store) missing() (bool, error) {
	_, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// Unlock breaks the lock of the holder with this id. Raising the token fences the holder off, should it live after all;
// taking the lock file away frees the name for the next one.
func (s *Store) Unlock(ctx context.Context, id string) error {
	if err := s.unlock(ctx, id); err != nil {
		return fmt.Errorf("unlocking the state in %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) unlock(ctx context.Context, id string) error {
	holder, err := currentHolder(s.lockPath())
	if err != nil || holder == nil {
		return err
	}
	if holder.ID != id {
		return &state.LockedError{Holder: *holder}
	}
	err = s.update(ctx, beginning, func(tx *bbolt.Tx) error {
		_, err := raiseToken(tx)
		return err
	})
	if err != nil && !errors.Is(err, state.ErrMissing) {
		return err
	}
	if err := os.Remove(s.lockPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writeError(err)
	}
	return nil
}
