package swift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trovectl/trovectl/state"
)

// session is the right to write, with one goroutine that writes and one that keeps the lease alive.
type session struct {
	store *Store
	lease *lease

	ledgerMu sync.Mutex
	ledger   *state.Ledger

	head *head // the writer's own

	queueMu sync.Mutex
	queue   []*pending
	closed  bool
	lost    error // why nothing can be written any more

	wake    chan struct{} // has room for one: there is something in the queue, or the end
	stopped chan struct{} // closed when the writer has ended
	once    sync.Once
	release error
}

// pending is a batch that waits for its entry.
type pending struct {
	batch   state.Batch
	applied *state.Applied
	err     error
	done    chan struct{}
}

func newSession(store *Store, h *head, snapshot *state.Snapshot, begun time.Time) *session {
	x := &session{
		store: store, head: h, ledger: state.NewLedger(snapshot), lease: newLease(store, h.lock.Session, begun),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	go x.write()
	return x
}

// Snapshot is the state as of the last commit of this session, a copy.
func (x *session) Snapshot() *state.Snapshot {
	x.ledgerMu.Lock()
	defer x.ledgerMu.Unlock()
	return x.ledger.Snapshot()
}

// Commit waits for the entry that takes the batch. When ctx ends first, the batch is taken back if its entry was not begun,
// and waited for otherwise.
func (x *session) Commit(ctx context.Context, batch state.Batch) error {
	p := &pending{batch: batch, done: make(chan struct{})}
	err := x.enqueue(ctx, p)
	if err == nil {
		select {
		case <-p.done:
			err = p.err
		case <-ctx.Done():
			err = x.withdraw(ctx, p)
		}
	}
	if err != nil {
		return fmt.Errorf("writing the state: %w", readOnly(err))
	}
	return nil
}

func (x *session) enqueue(ctx context.Context, p *pending) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x.queueMu.Lock()
	defer x.queueMu.Unlock()
	if x.lost != nil {
		return x.lost
	}
	if x.closed {
		return fmt.Errorf("%w: the session is closed", state.ErrFenced)
	}
	x.queue = append(x.queue, p)
	x.signal()
	return nil
}

func (x *session) withdraw(ctx context.Context, p *pending) error {
	x.queueMu.Lock()
	i := slices.Index(x.queue, p)
	if i >= 0 {
		x.queue = slices.Delete(x.queue, i, i+1)
	}
	x.queueMu.Unlock()
	if i >= 0 {
		return ctx.Err()
	}
	<-p.done
	return p.err
}

func (x *session) signal() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// write is the writer: it ends when the session is closed and the queue is empty.
func (x *session) write() {
	defer close(x.stopped)
	for range x.wake {
		for {
			x.queueMu.Lock()
			group, closed := x.queue, x.closed
			x.queue = nil
			x.queueMu.Unlock()
			if len(group) == 0 {
				if closed {
					return
				}
				break
			}
			x.writeGroup(group)
		}
	}
}

// writeGroup writes a group of batches as one entry. A batch that is refused takes no other with it.
func (x *session) writeGroup(group []*pending) {
	x.ledgerMu.Lock()
	rows := x.apply(group)
	err := x.lostReason()
	if err == nil && len(rows) > 0 {
		err = x.append(rows)
	}
	if err != nil {
		for _, p := range slices.Backward(group) {
			if p.applied != nil {
				p.applied.Undo()
			}
		}
	}
	x.ledgerMu.Unlock()
	for _, p := range group {
		if p.err == nil {
			p.err = err
		}
		close(p.done)
	}
	if err == nil && x.store.due(x.head) {
		ctx, cancel := x.store.bounded()
		defer cancel()
		_ = x.store.snapshot(ctx, x.head) // the state does not rest on it; the next one comes in time
	}
}

func (x *session) apply(group []*pending) []row {
	var rows []row
	for _, p := range group {
		if p.applied, p.err = x.ledger.Apply(p.batch); p.err == nil {
			rows = append(rows, rowsOf(p.applied.Rows)...)
		}
	}
	return rows
}

// append writes the rows, and says what an error means for the session.
func (x *session) append(rows []row) error {
	ctx, cancel := x.store.bounded()
	defer cancel()
	if err := x.lease.fresh(ctx); err != nil {
		return err
	}
	e := x.store.next(x.head, kindWrite)
	e.Rows = rows
	err := x.store.append(ctx, e)
	if err == nil {
		err = x.head.fold(e)
	}
	switch {
	case errors.Is(err, errTaken):
		err = fmt.Errorf("%w: commit %d is another's", state.ErrFenced, e.Number)
		x.lose(err)
	case errors.Is(err, state.ErrUncertain):
		x.lose(err)
	}
	return err
}

func (x *session) lose(err error) {
	x.queueMu.Lock()
	defer x.queueMu.Unlock()
	if x.lost == nil {
		x.lost = err
	}
}

func (x *session) lostReason() error {
	x.queueMu.Lock()
	defer x.queueMu.Unlock()
	return x.lost
}

// closingSnapshot is how many entries a session that ends leaves for readers to follow at most, where the state is small.
const closingSnapshot = 16

// Close waits for what is being written and gives the lock back.
func (x *session) Close() error {
	x.once.Do(func() {
		x.queueMu.Lock()
		x.closed = true
		x.signal()
		x.queueMu.Unlock()
		<-x.stopped
		x.lease.stop()
		if x.lostReason() != nil {
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
