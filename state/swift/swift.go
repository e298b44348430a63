// Package swift keeps a state in an object store, so that many machines share it: each commit is a small numbered object
// that can be made only once, and whoever makes the next number is the writer.
//
// Below KEY/ there are
//
//	commits/000000000012    one entry of the log: the lock taken, rows written, the lock given back, the lock broken
//	snapshots/000000000012  what the entries up to this number come to, compressed
//	leases/SESSION          written again and again while the holder of the lock lives
//
// The log is the truth. A lock is an entry, so taking one over fences the holder before: the number that it would write
// next is taken. Snapshots only make reading short, and the lease only tells the dead from the living. What this
// guarantees, and what an object store cannot, is in website/state-swift.md.
package swift

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trovectl/trovectl/state"
)

// Objects is what a store needs of one container of an object store. Errors are told apart with errors.Is. It MUST be
// safe for concurrent use.
type Objects interface {
	// Prepare makes the container, unless it is there.
	Prepare(ctx context.Context) error
	// Put stores an object whole, durable on return. With create it is ErrExists where there is one of this name, and
	// then the one that is there stays. After an error that is neither ErrExists nor ErrRefused nor ErrDenied the object
	// may be there, or may appear.
	Put(ctx context.Context, name string, data []byte, create bool) error
	// Get reads an object; ErrNotFound when there is none, or no container.
	Get(ctx context.Context, name string) (Object, error)
	// List gives the names that begin with prefix, sorted. It may lag behind Put and Delete. ErrNotFound: no container.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete removes an object; one that is not there is a success.
	Delete(ctx context.Context, name string) error
}

// Object is what is stored under a name. Age is how long ago it was put, by the clock of the object store.
type Object struct {
	Data []byte
	Age  time.Duration
}

// Errors of Objects.
var (
	ErrNotFound = errors.New("there is no such object")
	ErrExists   = errors.New("there is such an object already")
	ErrRefused  = errors.New("the object store refused, and nothing was written")
	ErrDenied   = errors.New("the object store denied it: there is no right to")
)

// Options sets up a Store. The zero value is what a user gets.
type Options struct {
	Lease    time.Duration // how long a lock lives after the last sign of its holder; default one minute, whole seconds
	Settle   time.Duration // between taking a lock and believing it; default one second, negative: none
	Pause    time.Duration // between two tries of a lock that another one holds; default one second
	Snapshot int           // entries after which there is a snapshot, more where the state is large; default 64
	Keep     uint64        // entries that are kept behind the oldest snapshot; default 10000

	Now   func() time.Time                                     // default time.Now
	Sleep func(ctx context.Context, pause time.Duration) error // default: a timer
	IDs   *state.IDs                                           // default: random
}

func (o *Options) fill() {
	orDefault(&o.Lease, time.Minute)
	orDefault(&o.Settle, time.Second)
	orDefault(&o.Pause, time.Second)
	orDefault(&o.Snapshot, 64)
	orDefault(&o.Keep, 10000)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.IDs == nil {
		o.IDs = state.NewIDs(nil)
	}
}

func orDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(max(pause, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Store keeps one state below one key of a container.
type Store struct {
	objects  Objects
	location string
	key      string
	options  Options
}

var _ state.Store = (*Store)(nil)

// New is the store below a key, as "prod" or "team/prod". The location is how the user names it:
// "swift://CONTAINER/KEY". Nothing is read yet.
func New(objects Objects, location, key string, options Options) *Store {
	options.fill()
	return &Store{objects: objects, location: location, key: key, options: options}
}

// Location is how the user names the store.
func (s *Store) Location() string { return s.location }

// Read returns the state of the last commit: the newest snapshot and the entries after it.
func (s *Store) Read(ctx context.Context) (*state.Snapshot, error) {
	h, err := s.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	snapshot, err := h.assemble()
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	return snapshot, nil
}

// Holder tells who holds the lock; nil when nobody does, or when the holder gave no sign of life for the time of its lease.
func (s *Store) Holder(ctx context.Context) (*state.Holder, error) {
	h, err := s.load(ctx)
	if errors.Is(err, state.ErrMissing) {
		return nil, nil
	}
	if err == nil {
		var holder *state.Holder
		if holder, err = s.holder(ctx, h); err == nil {
			return holder, nil
		}
	}
	return nil, fmt.Errorf("looking who holds the lock: %w", err)
}

// holder is who holds the lock and lives.
func (s *Store) holder(ctx context.Context, h *head) (*state.Holder, error) {
	if h.lock == nil {
		return nil, nil
	}
	sign, err := s.objects.Get(ctx, s.leaseName(h.lock.Session))
	if errors.Is(err, ErrNotFound) { // a young lock: its entry is the first sign of life
		sign, err = s.objects.Get(ctx, s.commitName(h.lock.Number))
	}
	switch {
	case errors.Is(err, ErrNotFound): // so old that even the entry was cleared away
		return nil, nil
	case err != nil:
		return nil, err
	case sign.Age >= h.lock.lease():
		return nil, nil
	}
	holder := h.lock.Holder
	return &holder, nil
}

// unlockTries is how often Unlock tries to get a word in between the commits of a holder that lives after all.
const unlockTries = 50

// Unlock breaks the lock of the holder with this id, by an entry that takes the number which the holder would write next.
func (s *Store) Unlock(ctx context.Context, id string) error {
	err := errTaken
	for range unlockTries {
		if err = s.unlock(ctx, id); !errors.Is(err, errTaken) {
			break
		}
	}
	if err != nil && !errors.Is(err, state.ErrMissing) {
		return fmt.Errorf("unlocking the state: %w", readOnly(err))
	}
	return nil
}

func (s *Store) unlock(ctx context.Context, id string) error {
	h, err := s.load(ctx)
	if err != nil || h.lock == nil {
		return err
	}
	if h.lock.Holder.ID != id {
		holder, err := s.holder(ctx, h)
		if err != nil || holder == nil {
			return err
		}
		return &state.LockedError{Holder: *holder}
	}
	session := h.lock.Session
	if err := s.append(ctx, s.next(h, kindBreak)); err != nil {
		return err
	}
	_ = s.objects.Delete(ctx, s.leaseName(session)) // nobody asks for it any more
	return nil
}

// readOnly says in the words of a store that there is no right to write.
func readOnly(err error) error {
	if errors.Is(err, ErrDenied) {
		return fmt.Errorf("%w: %w", state.ErrReadOnly, err)
	}
	return err
}
