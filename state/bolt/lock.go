package bolt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/trovectl/trovectl/state"
)

const (
	// probeGrace is how long a lock is tried for at least: a look at the holder locks the file for some microseconds.
	probeGrace = 20 * time.Millisecond
	// probePause and waitPause are the pauses between two tries within the grace and after it.
	probePause = 2 * time.Millisecond
	waitPause  = 50 * time.Millisecond
)

// lockFile is a lock file whose flock this process holds.
type lockFile struct {
	path string
	file *os.File
}

// acquire takes the lock and writes the holder into the file. While another one holds it, it waits as long as the request
// says, then it is *state.LockedError.
func acquire(ctx context.Context, path string, request state.LockRequest) (*lockFile, error) {
	record, err := json.Marshal(request.Holder)
	if err != nil {
		return nil, fmt.Errorf("encoding the holder: %w", err)
	}
	start := time.Now()
	for {
		lock, err := tryAcquire(path)
		if err != nil {
			return nil, err
		}
		if lock != nil {
			if err := lock.write(record); err != nil {
				return nil, errors.Join(writeError(err), lock.release())
			}
			return lock, nil
		}
		waited := time.Since(start)
		if waited >= max(request.Wait, probeGrace) {
			return nil, locked(path)
		}
		pause := waitPause
		if waited < probeGrace {
			pause = probePause
		}
		if err := sleep(ctx, min(pause, max(request.Wait, probeGrace)-waited)); err != nil {
			return nil, fmt.Errorf("waiting for the lock: %w", err)
		}
	}
}

// tryAcquire is nil without an error when another one holds the lock.
func tryAcquire(path string) (*lockFile, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, writeError(err)
		}
		free, err := flock(file, syscall.LOCK_EX)
		if err != nil || !free {
			return nil, errors.Join(err, file.Close())
		}
		// The file may have been removed between open and flock: then it locks nothing any more.
		same, err := isAt(file, path)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if same {
			return &lockFile{path: path, file: file}, nil
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
}

func (l *lockFile) write(record []byte) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt(record, 0)
	return err
}

// release removes the lock file, unless somebody broke the lock and the name is another's, and frees the lock.
func (l *lockFile) release() error {
	same, err := isAt(l.file, l.path)
	if err == nil && same {
		err = os.Remove(l.path)
	}
	if err != nil {
		err = fmt.Errorf("removing the lock file: %w", err)
	}
	return errors.Join(err, l.file.Close())
}

// currentHolder is nil when nobody alive holds the lock.
func currentHolder(path string) (*state.Holder, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read only, and closing frees the lock in any case
	free, err := flock(file, syscall.LOCK_SH)
	if err != nil || free {
		return nil, err
	}
	var holder state.Holder
	if err := json.NewDecoder(file).Decode(&holder); err != nil {
		return &state.Holder{Who: "somebody who has just come"}, nil // between taking the lock and writing the record
	}
	return &holder, nil
}

func locked(path string) error {
	holder, err := currentHolder(path)
	if err != nil {
		return fmt.Errorf("looking who holds the lock: %w", err)
	}
	if holder == nil {
		holder = &state.Holder{Who: "somebody who has just left"}
	}
	return &state.LockedError{Holder: *holder}
}

// flock tries to take a lock and tells whether it has it.
func flock(file *os.File, how int) (bool, error) {
	for {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case errors.Is(err, syscall.EINTR):
		default:
			return false, fmt.Errorf("taking the lock of %s: %w", file.Name(), err)
		}
	}
}

// isAt tells whether the path still names the open file.
func isAt(file *os.File, path string) (bool, error) {
	open, err := file.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(open, there), nil
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
