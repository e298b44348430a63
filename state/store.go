package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trovectl/trovectl/config/resource"
)

// A Store keeps one state. Every implementation passes statetest.
type Store interface {
	// Location is how the user names it: "bbolt:trove.db".
	Location() string
	// Read returns the state of the last commit without any lock. A state that was never made is ErrMissing.
	Read(ctx context.Context) (*Snapshot, error)
	// History returns the newest entries of the change log, oldest first, without any lock: at most n, all that are kept when
	// n is not positive. Every commit leaves one; about HistoryKept are kept. A state that was never made is ErrMissing.
	History(ctx context.Context, n int) ([]Entry, error)
	// Lock opens a session for the only writer. It waits at most LockRequest.Wait for another holder, then is *LockedError.
	Lock(ctx context.Context, request LockRequest) (Session, error)
	// Holder tells who holds the lock; nil: nobody alive.
	Holder(ctx context.Context) (*Holder, error)
	// Unlock breaks the lock of a holder with this id that is gone for sure; what it had locked is fenced off.
	Unlock(ctx context.Context, id string) error
}

// LockRequest asks for a session. With Create a missing state is made, with this lineage.
type LockRequest struct {
	Holder Holder
	Wait   time.Duration
	Create string // the lineage of a new state; empty: a missing state is ErrMissing
}

// Holder says who holds a lock.
type Holder struct {
	ID        string    `json:"id"`
	Operation string    `json:"operation"` // "apply"
	Who       string    `json:"who"`       // user@host
	PID       int       `json:"pid"`
	Pipeline  string    `json:"pipeline,omitempty"` // the URL of the CI job
	Since     time.Time `json:"since"`
}

// A Session is the right to write. It MUST be safe for concurrent use. Every Commit checks the session's fencing token:
// a session that lost its lock gets ErrFenced and nothing is written.
type Session interface {
	// Snapshot is the state as of the last commit of this session, a copy.
	Snapshot() *Snapshot
	// Commit makes a batch durable, all or nothing, and raises the serial by one. After it returns nil the batch survives
	// the death of the machine. After an error nothing of it is there (but for ErrUncertain). Its cost does not grow with
	// the state. Concurrent commits may share one transaction of the store.
	Commit(ctx context.Context, batch Batch) error
	// Close gives the lock back. Twice is harmless.
	Close() error
}

// Batch is one transaction. Parts are applied in the order of the fields. Beginning an intent for a member's slot that
// has an open one is an error; ending one that is not open is an error.
type Batch struct {
	Cloud       *CloudID
	KeyCheck    string // recorded once; another one than the recorded is an error
	BeginRun    *Run
	EndRun      bool
	PutMembers  []Member
	PutRoles    []Role
	PutRecords  []Record
	End         []IntentID
	Begin       []Intent
	DropRecords []resource.Address
	DropRoles   []RoleID
	DropMembers []MemberID
}

// Errors of stores. Test with errors.Is.
var (
	ErrMissing   = errors.New("there is no state yet")
	ErrCorrupt   = errors.New("the state is damaged")
	ErrNewer     = errors.New("the state was written by a newer trovectl")
	ErrReadOnly  = errors.New("the state cannot be written")
	ErrFenced    = errors.New("the lock was lost: another writer took over")
	ErrUncertain = errors.New("it is unknown whether the state was written")
)

// LockedError says who else holds the lock.
type LockedError struct{ Holder Holder }

func (e *LockedError) Error() string {
	return fmt.Sprintf("the state is locked by %s (pid %d, %s) since %s", e.Holder.Who, e.Holder.PID, e.Holder.Operation,
		e.Holder.Since.UTC().Format(time.RFC3339))
}
