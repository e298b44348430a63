package swift

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/state"
)

// format is the version of entries and snapshots, apart from that of the rows in them.
const format = 1

// kind of an entry. The set is closed.
type kind string

const (
	kindLock    kind = "lock"    // somebody takes the lock; the first one of all also makes the state
	kindWrite   kind = "write"   // the holder writes rows
	kindRelease kind = "release" // the holder gives the lock back
	kindBreak   kind = "break"   // somebody breaks the lock
)

// entry is one object of the log. Each names the one before by its random id, so that a log which was cut, mixed up with
// another one or written anew is seen.
type entry struct {
	Format   int           `json:"format"`
	Number   uint64        `json:"number"`
	ID       string        `json:"id"`
	Previous string        `json:"previous,omitempty"`
	Lineage  string        `json:"lineage"`
	Kind     kind          `json:"kind"`
	Session  string        `json:"session"` // the id of the lock entry: the fencing token
	Holder   *state.Holder `json:"holder,omitempty"`
	Lease    int           `json:"lease_seconds,omitempty"`
	At       time.Time     `json:"at"` // by the writer's clock; informative
	Rows     []row         `json:"rows,omitempty"`
	Log      []state.Entry `json:"log,omitempty"` // the change log: one for each batch that the rows are of
}

// row is a row that changed; without a value it goes away.
type row struct {
	Table state.Table     `json:"table"`
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value,omitempty"`
}

func rowsOf(rows []state.Row) []row {
	out := make([]row, len(rows))
	for i, r := range rows {
		out[i] = row{r.Table, r.Key, r.Value}
	}
	return out
}

// lock is who may write.
type lock struct {
	Session string       `json:"session"`
	Number  uint64       `json:"number"` // of its entry
	Holder  state.Holder `json:"holder"`
	Lease   int          `json:"lease_seconds"`
}

func (l *lock) lease() time.Duration { return time.Duration(l.Lease) * time.Second }

// head is what the log comes to at its end.
type head struct {
	number  uint64 // of the last entry; 0: there is none
	last    string // its id
	lineage string
	lock    *lock // nil: it is free
	rows    map[state.Table]map[string][]byte

	snapshots []uint64 // that were seen, ascending
	size      int      // of the newest snapshot
	since     int      // entries after it
	pruned    uint64   // entries up to this number were cleared away
}

func newHead() *head { return &head{rows: map[state.Table]map[string][]byte{}} }

// fold adds an entry; its bytes came from outside.
func (h *head) fold(e *entry) error {
	switch {
	case e.Format > format:
		return fmt.Errorf("%w: the format of commit %d is %d, this one reads up to %d", state.ErrNewer, h.number+1, e.Format, format)
	case e.Format < 1 || e.Number != h.number+1 || e.Previous != h.last || e.ID == "":
		return fmt.Errorf("%w: commit %d does not follow the one before", state.ErrCorrupt, h.number+1)
	case h.number > 0 && e.Lineage != h.lineage:
		return fmt.Errorf("%w: commit %d belongs to the lineage %s, not %s", state.ErrCorrupt, e.Number, e.Lineage, h.lineage)
	}
	switch e.Kind {
	case kindLock:
		if e.Holder == nil || e.Lease < 1 || e.Session != e.ID {
			return fmt.Errorf("%w: commit %d takes a lock and does not say for whom", state.ErrCorrupt, e.Number)
		}
		h.lock = &lock{Session: e.ID, Number: e.Number, Holder: *e.Holder, Lease: e.Lease}
	case kindWrite, kindRelease, kindBreak:
		if h.lock == nil || h.lock.Session != e.Session {
			return fmt.Errorf("%w: commit %d was written without the lock", state.ErrCorrupt, e.Number)
		}
		if e.Kind != kindWrite {
			h.lock = nil
		}
	default:
		return fmt.Errorf("%w: there is no kind of commit %q", state.ErrCorrupt, e.Kind)
	}
	h.put(e.Rows)
	h.number, h.last, h.lineage = e.Number, e.ID, e.Lineage
	h.since++
	return nil
}

func (h *head) put(rows []row) {
	for _, r := range rows {
		table := h.rows[r.Table]
		if table == nil {
			table = map[string][]byte{}
			h.rows[r.Table] = table
		}
		if r.Value == nil {
			delete(table, r.Key)
			continue
		}
		table[r.Key] = r.Value
	}
}

// all lists the rows in the order in which they can be assembled, tables that are not known last.
func (h *head) all() []state.Row {
	var out []state.Row
	tables := slices.Clone(state.Tables)
	for _, table := range slices.Sorted(maps.Keys(h.rows)) {
		if !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
	}
	for _, table := range tables {
		for _, key := range slices.Sorted(maps.Keys(h.rows[table])) {
			out = append(out, state.Row{Table: table, Key: key, Value: h.rows[table][key]})
		}
	}
	return out
}

func (h *head) assemble() (*state.Snapshot, error) {
	snapshot, err := state.Assemble(h.all())
	if err != nil {
		return nil, err
	}
	if snapshot.Lineage != h.lineage {
		return nil, fmt.Errorf("%w: its rows are of the lineage %s, its commits of %s", state.ErrCorrupt, snapshot.Lineage, h.lineage)
	}
	return snapshot, nil
}

func (s *Store) commitName(number uint64) string {
	return fmt.Sprintf("%s/commits/%012d", s.key, number)
}

func (s *Store) leaseName(session string) string { return s.key + "/leases/" + session }

// errHidden is that the object store shows some entries and hides others that were made before them.
var errHidden = errors.New("the object store does not show all of the state; try again")

// loadTries and loadPause: a log that is not shown whole is read again so often, with such a pause. Entries may have been
// made, or cleared away behind a newer snapshot, while it was read.
const (
	loadTries = 5
	loadPause = 100 * time.Millisecond
)

// load reads the log to its end; state.ErrMissing when there is none.
func (s *Store) load(ctx context.Context) (*head, error) {
	for try := 1; ; try++ {
		h, err := s.look(ctx)
		if !errors.Is(err, errHidden) || try == loadTries {
			return h, err
		}
		if try > 1 {
			if err := s.options.Sleep(ctx, loadPause); err != nil {
				return nil, err
			}
		}
	}
}

func (s *Store) look(ctx context.Context) (*head, error) {
	h, err := s.newestSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follow(ctx, h); err != nil {
		return nil, err
	}
	if h.number > 0 {
		return h, nil
	}
	for _, prefix := range []string{s.key + "/commits/", s.snapshotPrefix()} {
		left, err := s.objects.List(ctx, prefix)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if len(left) > 0 { // never take a state for missing that is only hidden
			return nil, fmt.Errorf("%w: it lists %s, and nothing that the state begins with", errHidden, left[0])
		}
	}
	return nil, state.ErrMissing
}

// The entries that are asked for at once: few first, as there mostly are few, and more while there are more.
const (
	firstWindow = 2
	lastWindow  = 16
	inParallel  = 8
)

// follow reads the entries after h, asking for numbers: listings lag, objects that were put are there.
func (s *Store) follow(ctx context.Context, h *head) error {
	for window := firstWindow; ; window = min(2*window, lastWindow) {
		entries, err := s.fetch(ctx, h.number+1, window)
		if err != nil {
			return err
		}
		end := slices.Index(entries, nil)
		if end < 0 {
			end = len(entries)
		}
		for _, e := range entries[:end] {
			if err := h.fold(e); err != nil {
				return err
			}
		}
		if end == len(entries) {
			continue
		}
		if slices.ContainsFunc(entries[end:], func(e *entry) bool { return e != nil }) {
			return fmt.Errorf("%w: it lacks commit %d and has a later one", errHidden, h.number+1)
		}
		return nil
	}
}

// fetch reads entries from a number on; nil where there is none.
func (s *Store) fetch(ctx context.Context, from uint64, n int) ([]*entry, error) {
	entries := make([]*entry, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inParallel)
	for i := range entries {
		group.Go(func() error {
			e, err := s.entry(ctx, from+uint64(i))
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			entries[i] = e
			return err
		})
	}
	return entries, group.Wait()
}

// entry reads one entry; ErrNotFound when there is none.
func (s *Store) entry(ctx context.Context, number uint64) (*entry, error) {
	object, err := s.objects.Get(ctx, s.commitName(number))
	if err != nil {
		return nil, err
	}
	var e entry
	if err := decode(object.Data, &e, &e.Format); err != nil {
		return nil, fmt.Errorf("decoding commit %d: %w", number, err)
	}
	return &e, nil
}

// decode reads one JSON value; its bytes are untrusted. One of a newer format is not read any further than its format.
func decode(data []byte, into any, version *int) error {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("%w: %w", state.ErrCorrupt, err)
	}
	if head.Format > format {
		*version = head.Format
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", state.ErrCorrupt, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: there is something after the end", state.ErrCorrupt)
	}
	return nil
}

// next is the entry that follows h, without rows.
func (s *Store) next(h *head, k kind) *entry {
	e := &entry{
		Format: format, Number: h.number + 1, ID: string(s.options.IDs.Intent()), Previous: h.last, Lineage: h.lineage, Kind: k,
		At: s.options.Now().UTC(),
	}
	if h.lock != nil {
		e.Session = h.lock.Session
	}
	return e
}

// errTaken is that another one has written the number.
var errTaken = errors.New("another writer was faster")

// appendTries and appendPause: an entry whose fate is unknown is looked for and put again so often, with such a pause.
const (
	appendTries = 3
	appendPause = 200 * time.Millisecond
)

// append makes an entry, which can be made only once. It is errTaken when another one has its number, state.ErrUncertain
// when nobody can tell, and any other error when nothing was written.
func (s *Store) append(ctx context.Context, e *entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding commit %d: %w", e.Number, err)
	}
	sent := false
	for try := 1; ; try++ {
		err := s.objects.Put(ctx, s.commitName(e.Number), data, true)
		if err == nil {
			return nil
		}
		refused := errors.Is(err, ErrRefused) || errors.Is(err, ErrDenied)
		if refused && !sent {
			return err
		}
		sent = sent || !refused
		there, getErr := s.entry(ctx, e.Number) // a repeated put finds what the first one has made
		switch {
		case getErr == nil && there.ID == e.ID:
			return nil
		case getErr == nil:
			return errTaken
		case try == appendTries:
			return fmt.Errorf("%w: commit %d: %w", state.ErrUncertain, e.Number, err)
		}
		if s.options.Sleep(ctx, appendPause) != nil {
			return fmt.Errorf("%w: commit %d: %w", state.ErrUncertain, e.Number, err)
		}
	}
}
