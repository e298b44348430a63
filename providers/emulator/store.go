package emulator

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// store is the bbolt file behind the tables. Changes gather in dirty and become durable together in commit, so that a
// killed process leaves either the whole effect of a request or nothing. bbolt's own sync is off: the page cache
// outlives the process, and the cloud need not outlive the host's power.
type store struct {
	db    *bbolt.DB
	dirty []change
}

type change struct {
	bucket string
	key    string
	value  []byte // nil: delete
}

func openStore(path string) (*store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoSync: true, NoFreelistSync: true})
	if err != nil {
		return nil, fmt.Errorf("opening the cloud's database %s: %w", path, err)
	}
	return &store{db: db}, nil
}

// commit makes the gathered changes durable; its cost follows the number of changes, not the size of the store.
func (st *store) commit() error {
	if len(st.dirty) == 0 {
		return nil
	}
	changes := st.dirty
	st.dirty = nil
	err := st.db.Update(func(tx *bbolt.Tx) error {
		for _, c := range changes {
			b, err := tx.CreateBucketIfNotExists([]byte(c.bucket))
			if err != nil {
				return err
			}
			if c.value == nil {
				err = b.Delete([]byte(c.key))
			} else {
				err = b.Put([]byte(c.key), c.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("recording changes of the cloud: %w", err)
	}
	return nil
}

// table keeps rows of one kind in memory, in order of creation, and in a bucket of the store.
type table[T any] struct {
	st    *store
	name  string
	rows  map[string]*row[T]
	order []*row[T]
	last  uint64
}

type row[T any] struct {
	seq uint64
	id  string
	val *T
}

// openTable reads the bucket into memory.
func openTable[T any](st *store, name string) (*table[T], error) {
	t := &table[T]{st: st, name: name, rows: map[string]*row[T]{}}
	err := st.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(name))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			if len(v) < 8 {
				return fmt.Errorf("row %s is truncated", k)
			}
			val := new(T)
			if err := json.Unmarshal(v[8:], val); err != nil {
				return fmt.Errorf("decoding row %s: %w", k, err)
			}
			r := &row[T]{seq: binary.BigEndian.Uint64(v), id: string(k), val: val}
			t.rows[r.id] = r
			t.order = append(t.order, r)
			t.last = max(t.last, r.seq)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the table %s: %w", name, err)
	}
	slices.SortFunc(t.order, func(a, b *row[T]) int { return compareSeq(a.seq, b.seq) })
	return t, nil
}

func compareSeq(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// get returns the row; changing what it points to takes effect at once and becomes durable with put.
func (t *table[T]) get(id string) (*T, bool) {
	r, ok := t.rows[id]
	if !ok {
		return nil, false
	}
	return r.val, true
}

func (t *table[T]) put(id string, val *T) {
	r, ok := t.rows[id]
	if !ok {
		t.last++
		r = &row[T]{seq: t.last, id: id}
		t.rows[id] = r
		t.order = append(t.order, r)
	}
	r.val = val
	raw, err := json.Marshal(val)
	if err != nil {
		panic(fmt.Sprintf("emulator: a %s row cannot be encoded: %v", t.name, err)) // rows are plain structs: a bug
	}
	value := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(raw)), r.seq)
	t.st.dirty = append(t.st.dirty, change{bucket: t.name, key: id, value: append(value, raw...)})
}

func (t *table[T]) del(id string) {
	r, ok := t.rows[id]
	if !ok {
		return
	}
	delete(t.rows, id)
	if i, found := slices.BinarySearchFunc(t.order, r.seq, func(e *row[T], seq uint64) int {
		return compareSeq(e.seq, seq)
	}); found {
		t.order = slices.Delete(t.order, i, i+1)
	}
	t.st.dirty = append(t.st.dirty, change{bucket: t.name, key: id})
}

func (t *table[T]) len() int { return len(t.order) }

// all lists the rows, oldest first.
func (t *table[T]) all() []*T {
	out := make([]*T, len(t.order))
	for i, r := range t.order {
		out[i] = r.val
	}
	return out
}

// newest lists the rows, newest first: the order Nova, Cinder and Glance list in.
func (t *table[T]) newest() []*T {
	out := t.all()
	slices.Reverse(out)
	return out
}
