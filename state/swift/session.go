package swift

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/internal/writer"
)

// session is the right to write, with one goroutine that writes and one that keeps the lease alive.
type session struct {
	store   *Store
	lease   *lease
	writer  *writer.Writer
	head    *head // the writer's own
	once    sync.Once
	release error
}

func newSession(store *Store, h *head, snapshot *state.Snapshot, begun time.Time) *session {
	x := &session{
		store: store, head: h, lease: newLease(store, h.lock.Session, begun),
		writer: writer.New(snapshot, h.lock.Holder, store.options.Now),
	}
	go x.writer.Run(x.write, x.rest)
	return x
}

// Snapshot is the state as of the last commit of this session, a copy.
func (x *session) Snapshot() *state.Snapshot { return x.writer.Snapshot() }

// Commit waits for the entry that takes the batch. When ctx ends first, the batch is taken back if its entry was not begun,
// and waited for otherwise.
func (x *session) Commit(ctx context.Context, batch state.Batch) error {
	if err := x.writer.Commit(ctx, batch); err != nil {
		return fmt.Errorf("writing the state: %w", readOnly(err))
	}
	return nil
}

// write writes a group of batches as one entry, and says what an error means for the session.
func (x *session) write(group writer.Group) error {
	ctx, cancel := x.store.bounded()
	defer cancel()
	if err := x.lease.fresh(ctx); err != nil {
		return err
	}
	e := x.store.next(x.head, kindWrite)
	e.Rows, e.Log = rowsOf(group.Rows), group.Entries
	err := x.store.append(ctx, e)
	if err == nil {
		err = x.head.fold(e)
	}
	switch {
	case errors.Is(err, errTaken):
		err = fmt.Errorf("%w: commit %d is another's", state.ErrFenced, e.Number)
		x.writer.Lose(err)
	case errors.Is(err, state.ErrUncertain):
		x.writer.Lose(err)
	}
	return err
}

// rest writes a snapshot where one is due.
func (x *session) rest(err error) {
	if err == nil && x.store.due(x.head) {
		ctx, cancel := x.store.bounded()
		defer cancel()
		_ = x.store.snapshot(ctx, x.head) // the state does not rest on it; the next one comes in time
	}
}

// closingSnapshot is how many entries a session that ends leaves for readers to follow at most, where the state is small.
const closingSnapshot = 16

// Close waits for what is being written and gives the lock back.
func (x *session) Close() error {
	x.once.Do(func() {
		x.writer.Close()
		x.lease.stop()
		if x.writer.Lost() != nil {
			return // it is another's, or it ends by itself
		}
		x.release = x.end()
	})
	return x.release
}

func (x *session) end() error {
	ctx, cancel := x.store.bounded()
	defer cancel()
	session := x.head.lock.Session
	e := x.store.next(x.head, kindRelease)
	err := x.store.append(ctx, e)
	if errors.Is(err, errTaken) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("giving back the lock, which ends by itself after %s: %w", x.store.options.Lease, err)
	}
	_ = x.store.objects.Delete(ctx, x.store.leaseName(session)) // nobody asks for it any more
	if err := x.head.fold(e); err != nil {
		return err
	}
	if x.head.since >= closingSnapshot {
		_ = x.store.snapshot(ctx, x.head) // the state does not rest on it
	}
	return nil
}
