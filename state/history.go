package state

import (
	"fmt"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config/resource"
)

// HistoryKept is how many entries of the change log a store keeps, about: the newest ones.
const HistoryKept = 10000

// maxChanges bounds what an entry lists, so that one commit of a whole state does not double its size.
const maxChanges = 200

// Entry is one commit in the change log of a state. There is no secret in it.
type Entry struct {
	Serial    uint64    `json:"serial"` // that the commit led to
	At        time.Time `json:"at"`     // by the writer's clock
	Who       string    `json:"who"`
	Operation string    `json:"operation"` // "apply"
	Pipeline  string    `json:"pipeline,omitempty"`
	Changes   []Change  `json:"changes,omitempty"`
	More      int       `json:"more,omitempty"` // changes that are not listed, for their number
}

// Change is one thing that a commit changed.
type Change struct {
	Kind ChangeKind `json:"change"`
	// Address is the record's, or that of what an intent was begun for; zero for the other kinds.
	Address resource.Address `json:"address,omitzero"`
	// Detail is the record's status, what the intent is to do ("create server", "put_user"), the id of the member, the
	// digest of the run's plan, or the cloud's URL and region.
	Detail string `json:"detail,omitempty"`
}

// ChangeKind says what became of a thing. The set is closed.
type ChangeKind string

// The kinds of changes.
const (
	ChangeRecorded  ChangeKind = "recorded"  // a record, new or changed
	ChangeForgotten ChangeKind = "forgotten" // a record is gone
	ChangeBegun     ChangeKind = "begun"     // an intent
	ChangeEnded     ChangeKind = "ended"     // an intent
	ChangeMember    ChangeKind = "member"    // a machine, new or changed
	ChangeNoMember  ChangeKind = "no_member" // a machine is gone
	ChangeRun       ChangeKind = "run"       // an apply of a saved plan began
	ChangeNoRun     ChangeKind = "no_run"    // it ended
	ChangeCloud     ChangeKind = "cloud"     // the cloud that the state belongs to
)

// Entry is what the change log says of the batch, which this holder wrote.
func (a *Applied) Entry(holder Holder, at time.Time) Entry {
	e := Entry{
		Serial: a.serial, At: at.UTC(), Who: holder.Who, Operation: holder.Operation, Pipeline: holder.Pipeline, Changes: a.changes,
	}
	if more := len(a.changes) - maxChanges; more > 0 {
		e.Changes, e.More = a.changes[:maxChanges:maxChanges], more
	}
	return e
}

// DecodeEntry reads an entry as a store keeps it; the bytes are untrusted.
func DecodeEntry(data []byte) (Entry, error) {
	var e Entry
	if err := decodeStrict(data, &e); err != nil {
		return Entry{}, fmt.Errorf("%w: decoding an entry of the change log: %w", ErrCorrupt, err)
	}
	return e, nil
}

// Newest is the end of a list of entries: at most n, all when n is not positive.
func Newest(entries []Entry, n int) []Entry {
	if n <= 0 || len(entries) <= n {
		return entries
	}
	return entries[len(entries)-n:]
}

func (t *transaction) note(kind ChangeKind, address resource.Address, detail string) {
	t.applied.changes = append(t.applied.changes, Change{kind, address, detail})
}

func (t *transaction) noteIntent(kind ChangeKind, in Intent) {
	detail, _, _ := strings.Cut(in.Slot, "/") // of a call: what was asked for
	if in.Operation != OpCall {
		detail = string(in.Operation) + " " + in.Slot
	}
	t.note(kind, in.Address, detail)
}
