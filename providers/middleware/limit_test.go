package middleware_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trovectl/trovectl/providers/middleware"
)

// service is a simulated service on the test's clock: it works on so many requests at once, each of which takes some
// time, and the others stand in its queue. Beyond a depth of the queue it refuses.
type service struct {
	mu       sync.Mutex
	capacity int
	takes    time.Duration
	jitter   func() time.Duration // added to a request; nil: none
	refuse   int                  // requests at once from which on it answers 429; 0: never
	after    int                  // seconds of the Retry-After that goes with it; 0: none
	free     []time.Time          // when each of its workers is free again
	now      int
	most     int // requests at once since the last look
	refused  int
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req}
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	wait := s.seat()
	if s.refuse > 0 && s.now >= s.refuse {
		s.refused++
		resp.StatusCode, wait = http.StatusTooManyRequests, time.Millisecond
		if s.after > 0 {
			resp.Header.Set("Retry-After", strconv.Itoa(s.after))
		}
	}
	s.mu.Unlock()
	time.Sleep(wait)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return resp, nil
}

// seat gives the request to the worker that is free first and tells when it will be done.
func (s *service) seat() time.Duration {
	now := time.Now()
	for len(s.free) < s.capacity {
		s.free = append(s.free, now)
	}
	s.free = s.free[:s.capacity]
	first := 0
	for i, at := range s.free {
		if at.Before(s.free[first]) {
			first = i
		}
	}
	takes := s.takes
	if s.jitter != nil {
		takes += s.jitter()
	}
	if s.free[first].Before(now) {
		s.free[first] = now
	}
	s.free[first] = s.free[first].Add(takes)
	return s.free[first].Sub(now)
}

// peak is the most requests at once since the last call.
func (s *service) peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most
	s.most = s.now
	return most
}

func (s *service) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// pressed keeps a hundred requests waiting before the transport until the test says stop.
func pressed(t *testing.T, next http.RoundTripper) (stop func()) {
	t.Helper()
	transport := middleware.Limit(next, middleware.LimitOptions{})
	ended := make(chan struct{})
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				resp, err := transport.RoundTrip(request(t, "GET", ""))
				if err != nil {
					t.Errorf("%v", err)
					return
				}
				_ = resp.Body.Close()
			}
		})
	}
	return func() { close(ended); wg.Wait() }
}

// between checks the peak of each of some spans of time.
func between(t *testing.T, s *service, span time.Duration, least, most int) {
	t.Helper()
	for range 10 {
		time.Sleep(span)
		if got := s.peak(); got < least || got > most {
			t.Errorf("%d requests at once, want between %d and %d", got, least, most)
		}
	}
}

func TestLimitFindsTheCapacity(t *testing.T) {
	for _, c := range []struct {
		name                  string
		capacity, least, most int
		takes                 time.Duration
	}{
		{"small", 6, 5, 12, 100 * time.Millisecond},
		{"middling", 20, 18, 40, 100 * time.Millisecond},
		{"quick", 20, 18, 44, 30 * time.Millisecond},
		{"slow", 20, 18, 36, 2 * time.Second},
		{"large", 80, 64, 64, 100 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{capacity: c.capacity, takes: c.takes}
				stop := pressed(t, s)
				defer stop()
				time.Sleep(400 * c.takes) // it learns
				s.peak()
				between(t, s, 60*c.takes, c.least, c.most)
			})
		})
	}
}

func TestLimitFollowsTheCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{capacity: 32, takes: 100 * time.Millisecond}
		stop := pressed(t, s)
		defer stop()
		time.Sleep(time.Minute)
		s.set(func() { s.capacity = 8 })
		time.Sleep(time.Minute)
		s.peak()
		between(t, s, 5*time.Second, 7, 20)
		s.set(func() { s.capacity = 32 })
		time.Sleep(time.Minute)
		s.peak()
		between(t, s, 5*time.Second, 28, 64)
	})
}

// TestLimitDoesNotCollapse: replies that differ much among themselves, or a service that became slower for good, are no
// queue.
func TestLimitDoesNotCollapse(t *testing.T) {
	for name, change := range map[string]func(s *service){
		"uneven": func(s *service) {
			n := 0
			s.jitter = func() time.Duration { n++; return time.Duration(n%7) * 100 * time.Millisecond }
		},
		"slower for good": func(s *service) { s.takes = 500 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{capacity: 80, takes: 50 * time.Millisecond}
				stop := pressed(t, s)
				defer stop()
				time.Sleep(10 * time.Second)
				s.set(func() { change(s) })
				time.Sleep(5 * time.Second)
				s.peak()
				between(t, s, 5*time.Second, 4, 64)
				time.Sleep(2 * time.Minute)
				s.peak()
				between(t, s, 5*time.Second, 24, 64)
			})
		})
	}
}

func TestLimitHeedsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{capacity: 80, takes: 100 * time.Millisecond, refuse: 20}
		stop := pressed(t, s)
		defer stop()
		time.Sleep(time.Minute)
		s.peak()
		between(t, s, 5*time.Second, 10, 20)
		s.set(func() { s.refuse, s.refused = 1, 0 }) // of everything
		time.Sleep(10 * time.Second)
		s.peak()
		between(t, s, 5*time.Second, 1, 1)
		s.set(func() { s.refuse = 0 })
		time.Sleep(time.Minute)
		s.peak()
		between(t, s, 5*time.Second, 32, 64)
	})
}

func TestLimitComesBackWhenItWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{capacity: 80, takes: 100 * time.Millisecond, refuse: 8, after: 7}
		stop := pressed(t, s)
		defer stop()
		time.Sleep(10 * time.Millisecond) // the eighth was refused, seven are under way
		s.set(func() { s.refuse = 0 })
		time.Sleep(time.Second)
		s.peak()
		time.Sleep(5900 * time.Millisecond)
		if got := s.peak(); got != 0 {
			t.Errorf("%d requests at once before the time", got)
		}
		time.Sleep(200 * time.Millisecond)
		if got := s.peak(); got != 4 {
			t.Errorf("%d requests at once after it, want half of eight", got)
		}
	})
}
