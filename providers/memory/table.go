package memory

import "slices"

// table keeps objects by id and in the order of their creation.
type table[T any] struct {
	order []string
	rows  map[string]*T
}

func (t *table[T]) add(id string, row *T) {
	if t.rows == nil {
		t.rows = map[string]*T{}
	}
	t.rows[id] = row
	t.order = append(t.order, id)
}

func (t *table[T]) get(id string) *T { return t.rows[id] }

func (t *table[T]) remove(id string) {
	if _, there := t.rows[id]; !there {
		return
	}
	delete(t.rows, id)
	t.order = slices.DeleteFunc(t.order, func(other string) bool { return other == id })
}

// each visits the rows in order. The visitor may remove the row it is given.
func (t *table[T]) each(visit func(row *T)) {
	for _, id := range slices.Clone(t.order) {
		if row := t.rows[id]; row != nil {
			visit(row)
		}
	}
}

// motion is the part of an object that takes time: what it is moving to, and how many looks until it is there.
type motion struct {
	to     string // empty: it stands still
	looks  int
	hidden int  // looks that do not show it yet
	moving bool // somebody is just carrying the motion out
}

// start sets the object in motion. A new motion replaces an old one, as a delete interrupts a build.
func (m *motion) start(to string, looks int) { m.to, m.looks = to, looks }

// look counts one look and tells whether the motion is due now.
func (m *motion) look() bool {
	if m.to == "" || m.to == toNowhere || m.moving {
		return false
	}
	m.looks--
	return m.looks <= 0
}

// seen counts one look at an object that may be hidden, and tells whether the look shows it.
func (m *motion) seen() bool {
	if m.hidden > 0 {
		m.hidden--
		return false
	}
	return true
}

// Where motions lead.
const (
	toActive    = "active"
	toFailed    = "failed"
	toStopped   = "stopped"
	toPaused    = "paused"
	toSuspended = "suspended"
	toShelved   = "shelved"
	toGone      = "gone"
	toSize      = "size"
	toInUse     = "in use"
	toFree      = "free"
	toNowhere   = "nowhere" // it stays in motion for ever
)
