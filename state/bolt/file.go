package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	bbolt "go.etcd.io/bbolt"

	"github.com/trovectl/trovectl/state"
)

const (
	// filePatience is how long one waits for the others' transactions; each takes milliseconds.
	filePatience = 20 * time.Second
	// filePause is the pause between two tries. It is shorter than writerBreath, so that a reader gets in between two
	// transactions of a busy writer.
	filePause = 200 * time.Microsecond
)

// access is how a transaction opens the file.
type access struct {
	flag   int  // os.O_RDONLY or os.O_RDWR
	verify bool // look at every page first
}

var (
	reading   = access{flag: os.O_RDONLY, verify: true}
	beginning = access{flag: os.O_RDWR, verify: true} // once for each session
	writing   = access{flag: os.O_RDWR}
)

// view runs a reading transaction; the file is open no longer than that.
func (s *Store) view(ctx context.Context, read func(*bbolt.Tx) error) error {
	return s.transact(ctx, reading, func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error { return whole(db, tx, read) })
	})
}

// update runs a writing transaction, which is durable when it returns nil.
func (s *Store) update(ctx context.Context, how access, write func(*bbolt.Tx) error) error {
	return s.transact(ctx, how, func(db *bbolt.DB) error {
		return db.Update(func(tx *bbolt.Tx) error { return whole(db, tx, write) })
	})
}

// transact opens the database file for one transaction. A damaged file makes bbolt panic, or fault where the file is
// shorter than it says: both come back as ErrCorrupt.
func (s *Store) transact(ctx context.Context, how access, run func(*bbolt.DB) error) (err error) {
	file, err := s.openFile(ctx, how.flag)
	if err != nil {
		return err
	}
	if how.verify {
		if err := verifyFile(file); err != nil {
			return errors.Join(advise(err), file.Close())
		}
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			// The database is not usable any more. Its memory map, which nobody can take away now, would keep the lock of
			// the file also after Close, so the lock is freed by hand.
			_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
			_ = file.Close()
			err = advise(fmt.Errorf("%w: %v", state.ErrCorrupt, p))
		}
	}()
	db, err := bbolt.Open(s.path, 0o600, &bbolt.Options{
		ReadOnly: how.flag == os.O_RDONLY, NoStatistics: true, Timeout: filePatience,
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return file, nil },
	})
	if err != nil {
		return openedError(err)
	}
	err = run(db)
	if closeErr := db.Close(); err == nil && how.flag == os.O_RDONLY {
		err = closeErr // after a commit it says nothing of interest: the data is on the disk
	}
	return advise(err)
}

func verifyFile(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return verify(file, info.Size())
}

// whole runs a transaction on a file that is as long as it says.
func whole(db *bbolt.DB, tx *bbolt.Tx, run func(*bbolt.Tx) error) error {
	info, err := os.Stat(db.Path())
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: the file has %d bytes of %d", state.ErrCorrupt, info.Size(), tx.Size())
	}
	return run(tx)
}

// openFile opens the database file and takes its lock, exclusive for writing; bbolt takes it again, which changes nothing.
func (s *Store) openFile(ctx context.Context, flag int) (*os.File, error) {
	how := syscall.LOCK_SH
	if flag == os.O_RDWR {
		how = syscall.LOCK_EX
	}
	for start := time.Now(); time.Since(start) < filePatience; {
		file, err := os.OpenFile(s.path, flag, 0)
		if err != nil {
			return nil, openError(err, flag)
		}
		free, err := tryFile(file, s.path, how)
		if err == nil && free {
			return file, nil
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		if err := sleep(ctx, filePause); err != nil {
			return nil, fmt.Errorf("waiting for another transaction: %w", err)
		}
	}
	return nil, fmt.Errorf("another process has had the file open for %s", filePatience)
}

func tryFile(file *os.File, path string, how int) (bool, error) {
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("this is not a file but %s; give the path of a file", describe(info.Mode()))
	}
	free, err := flock(file, how)
	if err != nil || !free {
		return false, err
	}
	if info, err = file.Stat(); err != nil {
		return false, err
	}
	if info.Size() == 0 { // bbolt would make an empty database of it
		return false, advise(fmt.Errorf("%w: the file is empty", state.ErrCorrupt))
	}
	return isAt(file, path)
}

func describe(mode fs.FileMode) string {
	if mode.IsDir() {
		return "a directory"
	}
	return "something else (" + mode.Type().String() + ")"
}

func openError(err error, flag int) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return state.ErrMissing
	case errors.Is(err, syscall.EISDIR):
		return fmt.Errorf("this is not a file but a directory; give the path of a file")
	case flag == os.O_RDONLY:
		return err
	default:
		return writeError(err)
	}
}

// writeError gives what keeps us from writing its kind.
func writeError(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w; give yourself the right to write the file and its directory", state.ErrReadOnly, err)
	}
	return err
}

// openedError gives what bbolt says of a file that we have open and locked its kind: what the system did not refuse is wrong
// with the file itself.
func openedError(err error) error {
	var refused syscall.Errno
	if errors.As(err, &refused) {
		return err
	}
	return advise(fmt.Errorf("%w: %w", state.ErrCorrupt, err))
}

type advisedError struct{ error }

func (e advisedError) Unwrap() error { return e.error }

func (e advisedError) Error() string {
	return e.error.Error() + "; keep the file, and put a good copy of it in its place or run `trovectl state rebuild`, " +
		"which makes the records anew from the marks in the cloud"
}

// advise says what to do about a damaged state, once.
func advise(err error) error {
	var advised advisedError
	if !errors.Is(err, state.ErrCorrupt) || errors.As(err, &advised) {
		return err
	}
	return advisedError{err}
}

// create makes a state without anything in it. It gets its name when it is complete, so that a death on the way leaves no
// half of one.
func (s *Store) create(lineage string) error {
	fresh := s.path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing what an earlier attempt left: %w", writeError(err))
	}
	db, err := bbolt.Open(fresh, 0o600, &bbolt.Options{NoStatistics: true, Timeout: filePatience})
	if err != nil {
		return fmt.Errorf("creating the file: %w", writeError(err))
	}
	err = db.Update(func(tx *bbolt.Tx) error { return writeEmpty(tx, lineage) })
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("creating the file: %w", err)
	}
	if err := os.Rename(fresh, s.path); err != nil {
		return fmt.Errorf("creating the file: %w", err)
	}
	return syncDirectory(filepath.Dir(s.path))
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	err = directory.Sync()
	return errors.Join(err, directory.Close())
}
