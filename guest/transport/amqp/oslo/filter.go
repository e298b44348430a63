package oslo

import "sync"

// A filter remembers the last ids of messages.
type filter struct {
	mu    sync.Mutex
	known map[string]bool
	order []string // a ring, oldest at next
	next  int
}

// first tells whether an id is new, and remembers it. No id is always new.
func (f *filter) first(id string) bool {
	if id == "" {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known, f.order = map[string]bool{}, make([]string, remembered)
	}
	if f.known[id] {
		return false
	}
	delete(f.known, f.order[f.next])
	f.known[id], f.order[f.next] = true, id
	f.next = (f.next + 1) % remembered
	return true
}
