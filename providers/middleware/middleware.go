// Package middleware is what stands between a cloud's client and the cloud: retries, limits, a log, a count, and the
// shared poller behind every wait. Each part wraps one http.RoundTripper or one list call; Stack composes them, in one place.
package middleware

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers"
)

// Clock is time as the middleware sees it.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error // returns ctx.Err() when ctx ends first
}

// SystemClock is the machine's own.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep implements Clock.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Options sets up a Stack. The zero value is what a user gets.
type Options struct {
	Clock       Clock          // default SystemClock
	Rand        func() float64 // in [0,1), for jitter; default math/rand
	Log         hclog.Logger   // default: none
	Attempts    int            // of one request; default 5
	Concurrency int            // requests under way per service at most; default 64. How many there are, the service decides: see Limit
	MinInterval time.Duration  // between the looks of a young wait; default 250 ms
	MaxInterval time.Duration  // between the looks of an old one; default 5 s
	Tolerance   time.Duration  // how long a wait endures list calls that fail; default 2 min
}

// Stack is one set of middleware for one cloud.
type Stack struct {
	options Options
	counter *Counter
}

// New makes a stack.
func New(o Options) *Stack {
	if o.Clock == nil {
		o.Clock = SystemClock{}
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return &Stack{options: o, counter: &Counter{}}
}

// Transport puts the stack around a transport. A retried request is limited, logged and counted each time it is sent.
func (s *Stack) Transport(next http.RoundTripper) http.RoundTripper {
	o := s.options
	counted := s.counter.Count(next)
	logged := Log(counted, o.Log, o.Clock)
	limited := Limit(logged, LimitOptions{Most: o.Concurrency, Clock: o.Clock})
	return Retry(limited, RetryOptions{Attempts: o.Attempts, Clock: o.Clock, Rand: o.Rand, Log: o.Log})
}

// Requests tells how many requests were sent so far, by service.
func (s *Stack) Requests() map[string]int { return s.counter.Requests() }

// Assemble gives a cloud its waits: one poller for servers, one for volumes.
func (s *Stack) Assemble(cloud *providers.Cloud) *providers.Cloud {
	whole := *cloud
	if whole.Servers != nil {
		whole.ServerWaits = NewPoller(PollerOptions[providers.Server]{
			Call: "wait for server", List: whole.Servers.List, Get: whole.Servers.Get,
			ID:  func(server providers.Server) string { return server.ID },
			Min: s.options.MinInterval, Max: s.options.MaxInterval, Tolerance: s.options.Tolerance, Clock: s.options.Clock,
		})
	}
	if whole.Volumes != nil {
		whole.VolumeWaits = NewPoller(PollerOptions[providers.Volume]{
			Call: "wait for volume", List: whole.Volumes.List, Get: whole.Volumes.Get,
			ID:  func(volume providers.Volume) string { return volume.ID },
			Min: s.options.MinInterval, Max: s.options.MaxInterval, Tolerance: s.options.Tolerance, Clock: s.options.Clock,
		})
	}
	return &whole
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// serviceOf names the service that a request is for. Tokens are asked for on behalf of any call.
func serviceOf(req *http.Request) string {
	if isToken(req) {
		return "identity"
	}
	if call := providers.CallOf(req.Context()); call.Service != "" {
		return call.Service
	}
	return req.URL.Host
}
