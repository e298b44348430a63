package middleware

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/trovectl/trovectl/providers"
)

// LimitOptions sets up Limit. The zero value is what a user gets.
type LimitOptions struct {
	Start int // requests under way per service in the beginning; default 8
	Most  int // the most that is ever let; default 64
	Clock Clock
}

// How a gate learns. A service that queues answers later in proportion to what it has to do, so an average half as long
// again as in its calm is a queue. Every fall forgets what calm was, since the service may have changed for good: what
// follows is calm, and because a fall takes away more than a queue may add, a wrong idea of it mends itself.
const (
	slowerBy = 1.5                   // how many times its calm latency a call may take
	noise    = 10 * time.Millisecond // and what it may take beyond that, whatever its latency
	fall     = 0.5                   // the limit after trouble, as a part of the limit before
	calm     = 4                     // slowness alone never goes below; only a refusal does, down to 1
	shortest = 8                     // replies of a window, at least
)

// Limit bounds how many requests of each service are under way, by what the service bears: one more after every round in
// which all were needed and none came back late, half as many when the replies get clearly slower than in the service's
// calm or when it says 429 or 503. While a Retry-After runs nothing is sent to that service. A request is under way until
// its reply was read.
func Limit(next http.RoundTripper, o LimitOptions) http.RoundTripper {
	if o.Start == 0 {
		o.Start = 8
	}
	if o.Most == 0 {
		o.Most = 64
	}
	if o.Clock == nil {
		o.Clock = SystemClock{}
	}
	var mu sync.Mutex
	gates := map[string]*gate{}
	gateOf := func(service string) *gate {
		mu.Lock()
		defer mu.Unlock()
		if gates[service] == nil {
			gates[service] = &gate{limit: float64(min(o.Start, o.Most)), most: float64(o.Most), clock: o.Clock, calls: map[string]*timing{}}
		}
		return gates[service]
	}
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		g := gateOf(serviceOf(req))
		if err := g.enter(req.Context()); err != nil {
			return nil, err
		}
		leave := sync.OnceFunc(g.leave)
		begun := o.Clock.Now()
		resp, err := next.RoundTrip(req)
		if err != nil {
			leave()
			return nil, err
		}
		g.learn(req.Method+" "+providers.CallOf(req.Context()).Name, begun, resp)
		resp.Body = &leaving{ReadCloser: resp.Body, leave: leave}
		return resp, nil
	})
}

// A gate is the limit of one service, and what it has learned.
type gate struct {
	clock Clock
	most  float64

	mu     sync.Mutex
	limit  float64
	inside int
	line   []chan struct{} // who waits, first come first served; closed: come in
	closed time.Time       // nobody enters before
	cut    time.Time       // of the last fall: what was sent before knows nothing of it

	calls   map[string]*timing
	replies int  // in this window
	needed  bool // somebody waited in this window, or the last seat was taken
}

// timing is what a kind of call takes. Calls differ, so each is compared with itself.
type timing struct {
	calm  time.Duration // the least average of a window since the last fall; 0: none yet
	spent time.Duration // in this window
	count int
}

// enter takes a seat. It fails only when ctx ends first.
func (g *gate) enter(ctx context.Context) error {
	for {
		g.mu.Lock()
		pause := g.closed.Sub(g.clock.Now())
		if pause > 0 {
			g.mu.Unlock()
			if err := g.clock.Sleep(ctx, pause); err != nil {
				return err
			}
			continue
		}
		turn := make(chan struct{})
		g.line = append(g.line, turn)
		g.admit()
		g.mu.Unlock()
		select {
		case <-turn:
			if g.mayStay() {
				return nil
			}
		case <-ctx.Done():
			g.giveUp(turn)
			return ctx.Err()
		}
	}
}

func (g *gate) seats() int { return max(int(g.limit), 1) }

// mayStay gives the seat back when the service was closed while we stood in line.
func (g *gate) mayStay() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.clock.Now().Before(g.closed) {
		return true
	}
	g.inside--
	return false
}

func (g *gate) giveUp(turn chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.line {
		if other == turn {
			g.line = append(g.line[:i:i], g.line[i+1:]...)
			return
		}
	}
	g.inside-- // it was our turn already
	g.admit()
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.admit()
}

func (g *gate) admit() {
	for g.inside < g.seats() && len(g.line) > 0 {
		close(g.line[0])
		g.line = g.line[1:]
		g.inside++
		g.needed = g.needed || g.inside == g.seats()
	}
}

// learn takes note of a reply.
func (g *gate) learn(call string, begun time.Time, resp *http.Response) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		if asked, said := after(resp.Header.Get("Retry-After"), now); said {
			if until := now.Add(min(asked, longestPause)); until.After(g.closed) {
				g.closed = until
			}
		}
		g.lower(1, begun, now)
		return
	}
	if begun.Before(g.cut) {
		return
	}
	t := g.calls[call]
	if t == nil {
		t = &timing{}
		g.calls[call] = t
	}
	t.spent, t.count = t.spent+now.Sub(begun), t.count+1
	if g.replies++; g.replies < max(g.seats(), shortest) {
		return
	}
	slow, needed := g.endWindow(), g.needed
	g.needed = false
	switch {
	case slow:
		g.lower(calm, begun, now)
	case needed:
		g.limit = min(g.limit+1, g.most)
		g.admit()
	}
}

// endWindow tells whether the window's replies came clearly later than in calm, and begins a new one.
func (g *gate) endWindow() bool {
	var spent, allowed time.Duration
	for _, t := range g.calls {
		if t.count == 0 {
			continue
		}
		average := t.spent / time.Duration(t.count)
		if t.calm == 0 || average < t.calm {
			t.calm = average
		}
		spent += t.spent
		allowed += time.Duration(t.count) * (time.Duration(float64(t.calm)*slowerBy) + noise)
		t.spent, t.count = 0, 0
	}
	g.replies = 0
	return spent > allowed
}

// lower lets fewer in, down to least, once for all that was sent before.
func (g *gate) lower(least float64, begun, now time.Time) {
	if begun.Before(g.cut) {
		return
	}
	g.cut = now
	g.limit = max(g.limit*fall, min(least, g.limit))
	g.replies = 0
	clear(g.calls)
}

// leaving gives the seat back when the reply was read or closed.
type leaving struct {
	io.ReadCloser
	leave func()
}

func (l *leaving) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if err != nil {
		l.leave()
	}
	return n, err
}

func (l *leaving) Close() error {
	l.leave()
	return l.ReadCloser.Close()
}
