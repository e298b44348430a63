// Package writer is what the sessions of all durable stores share: the ledger of the state, and the line in which batches
// wait for the one goroutine that writes them.
package writer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trovectl/trovectl/state"
)

// Writer applies batches to a ledger and hands what they come to, many at once, to the function that writes it. It is safe
// for concurrent use.
type Writer struct {
	holder state.Holder
	now    func() time.Time

	ledgerMu sync.Mutex
	ledger   *state.Ledger

	queueMu sync.Mutex
	queue   []*pending
	closed  bool
	lost    error // why nothing can be written any more

	wake    chan struct{} // has room for one: there is something in the queue, or the end
	stopped chan struct{} // closed when Run has ended
}

// Group is what some batches come to, to be written in one piece.
type Group struct {
	Before  uint64 // the serial before the first of them
	Rows    []state.Row
	Entries []state.Entry // of the change log, one for each batch
}

// pending is a batch that waits to be written.
type pending struct {
	batch   state.Batch
	applied *state.Applied
	err     error
	done    chan struct{}
}

// New takes over a snapshot, for the session of a holder. now is the clock of the change log.
func New(snapshot *state.Snapshot, holder state.Holder, now func() time.Time) *Writer {
	return &Writer{
		holder: holder, now: now, ledger: state.NewLedger(snapshot), wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
}

// Snapshot is the state as of the last batch that was written, a copy.
func (w *Writer) Snapshot() *state.Snapshot {
	w.ledgerMu.Lock()
	defer w.ledgerMu.Unlock()
	return w.ledger.Snapshot()
}

// Commit waits until the batch is written. When ctx ends first, the batch is taken back if its writing has not begun, and
// waited for otherwise.
func (w *Writer) Commit(ctx context.Context, batch state.Batch) error {
	p := &pending{batch: batch, done: make(chan struct{})}
	if err := w.enqueue(ctx, p); err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return w.withdraw(ctx, p)
	}
}

func (w *Writer) enqueue(ctx context.Context, p *pending) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.queueMu.Lock()
	defer w.queueMu.Unlock()
	if w.lost != nil {
		return w.lost
	}
	if w.closed {
		return fmt.Errorf("%w: the session is closed", state.ErrFenced)
	}
	w.queue = append(w.queue, p)
	w.signal()
	return nil
}

func (w *Writer) withdraw(ctx context.Context, p *pending) error {
	w.queueMu.Lock()
	i := slices.Index(w.queue, p)
	if i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
	}
	w.queueMu.Unlock()
	if i >= 0 {
		return ctx.Err()
	}
	<-p.done
	return p.err
}

func (w *Writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run writes until the writer is closed and the queue is empty. An error of write means that nothing of the group is there,
// or that nobody can tell; rest is called between two groups, when the batches of the one before have their answer.
func (w *Writer) Run(write func(Group) error, rest func(error)) {
	defer close(w.stopped)
	for range w.wake {
		for {
			group, closed := w.take()
			if len(group) == 0 {
				if closed {
					return
				}
				break
			}
			err := w.write(group, write)
			for _, p := range group {
				if p.err == nil {
					p.err = err
				}
				close(p.done)
			}
			rest(err)
		}
	}
}

func (w *Writer) take() (group []*pending, closed bool) {
	w.queueMu.Lock()
	defer w.queueMu.Unlock()
	group, w.queue = w.queue, nil
	return group, w.closed
}

// write writes those of the batches that the ledger takes. One that is refused takes no other with it.
func (w *Writer) write(group []*pending, write func(Group) error) error {
	w.ledgerMu.Lock()
	defer w.ledgerMu.Unlock()
	if err := w.Lost(); err != nil {
		return err
	}
	out := Group{Before: w.ledger.Serial()}
	for _, p := range group {
		if p.applied, p.err = w.ledger.Apply(p.batch); p.err == nil {
			out.Rows = append(out.Rows, p.applied.Rows...)
			out.Entries = append(out.Entries, p.applied.Entry(w.holder, w.now()))
		}
	}
	if len(out.Rows) == 0 {
		return nil
	}
	err := write(out)
	if err != nil {
		for _, p := range slices.Backward(group) {
			if p.applied != nil {
				p.applied.Undo()
			}
		}
	}
	return err
}

// Lose ends the right to write: every batch from now on gets the first such error.
func (w *Writer) Lose(err error) {
	w.queueMu.Lock()
	defer w.queueMu.Unlock()
	if w.lost == nil {
		w.lost = err
	}
}

// Lost is why nothing can be written any more; nil while something can.
func (w *Writer) Lost() error {
	w.queueMu.Lock()
	defer w.queueMu.Unlock()
	return w.lost
}

// Close lets Run end, and waits for that. Twice is harmless.
func (w *Writer) Close() {
	w.queueMu.Lock()
	w.closed = true
	w.signal()
	w.queueMu.Unlock()
	<-w.stopped
}
