package executor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/providers"
)

// comeback is how long after a broker's return guests may still be on their way back to it: twice their longest pause between
// two attempts to log in.
const comeback = 30 * time.Second

// outage remembers, for a whole run, since when the broker is away: it is waited for once, and not by each step anew.
type outage struct {
	mu    sync.Mutex
	since time.Time // of the first failure since the last success; zero: none
	last  time.Time // of the last failure
}

// over notes that the broker has answered.
func (o *outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since = time.Time{}
}

// bears tells whether what failed now is worth another try: the broker is away, and not for longer than patience.
func (o *outage) bears(now time.Time, patience time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since = now
	}
	o.last = now
	return now.Sub(o.since) < patience
}

// recent tells whether the broker was away a moment ago.
func (o *outage) recent(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.last.IsZero() && now.Sub(o.last) < comeback
}

// patiently does what needs the broker, and again while that is away. It MAY do it more than once.
func (r *run) patiently(ctx context.Context, do func(ctx context.Context) error) error {
	within, cancel := context.WithTimeout(ctx, r.Timeouts.Broker)
	defer cancel()
	for {
		err := do(ctx)
		now := r.Clock.Now()
		switch {
		case err == nil:
			r.outage.over()
			return nil
		case !brokerAway(err) && (!nobodyThere(err) || !r.outage.recent(now)):
			return err
		case brokerAway(err) && !r.outage.bears(now, r.Timeouts.Broker):
			return err
		}
		if r.Clock.Sleep(within, r.Timeouts.Retry) != nil {
			return err
		}
	}
}

// brokerAway tells whether a broker did not answer, its management or itself.
func brokerAway(err error) bool {
	var known *guest.Error
	if errors.As(err, &known) {
		return known.Kind == guest.KindUnreachable && known.Stage == guest.StageConnect
	}
	return providers.IsKind(err, providers.KindTransient)
}

// nobodyThere tells whether a broker has nobody who takes a guest's requests.
func nobodyThere(err error) bool {
	var known *guest.Error
	return errors.As(err, &known) && known.Kind == guest.KindUnreachable && known.Stage == guest.StageLogin
}
