package amqp

import (
	"sync"
	"time"
)

// A memory knows the messages that it has seen, for a while.
type memory struct {
	keep time.Duration

	mu    sync.Mutex
	seen  map[string]time.Time
	swept time.Time
}

// first tells whether a message is new, and remembers it.
func (m *memory) first(id string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = map[string]time.Time{}
	}
	if now.Sub(m.swept) > m.keep {
		for old, at := range m.seen {
			if now.Sub(at) > m.keep {
				delete(m.seen, old)
			}
		}
		m.swept = now
	}
	if _, known := m.seen[id]; known {
		return false
	}
	m.seen[id] = now
	return true
}
