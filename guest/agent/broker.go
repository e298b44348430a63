package agent

import (
	"context"
	"slices"
	"time"

	"github.com/trovectl/trovectl/guest"
)

// lastWord is how long the old way to the agent stays open after a request has replaced it, for that request's own answer.
const lastWord = 2 * time.Second

// logins are how the agent may log in to its broker, the newest first.
func (a *Agent) logins() []guest.BrokerConfig {
	now := a.theIdentity()
	var all []guest.BrokerConfig
	for _, login := range []*guest.BrokerConfig{now.Broker, now.Former} {
		if login != nil {
			all = append(all, *login)
		}
	}
	return all
}

// takeBroker puts the login that came with a rotation before the one that the agent has. One without a URL means that it has
// no broker any more.
func (i *identity) takeBroker(next *guest.BrokerConfig) {
	switch {
	case next == nil:
	case next.URL == "":
		i.Broker, i.Former = nil, nil
	default:
		if i.Broker != nil && i.Broker.Generation != next.Generation {
			i.Former = i.Broker
		}
		i.Broker = next
	}
}

// checkBroker refuses what the agent could not log in with. It never quotes what it refuses.
func checkBroker(next *guest.BrokerConfig) error {
	if next == nil || next.URL == "" {
		return nil
	}
	if _, err := digestKey(next.MessageKey); err != nil {
		return guest.Errorf(guest.KindInvalid, "a message key is %d bytes in hex", digestKeyBytes)
	}
	if next.VHost == "" || next.User == "" {
		return guest.Errorf(guest.KindInvalid, "a broker needs a vhost and a user")
	}
	return nil
}

// used retires the message key before the newest, once that one has opened a request: whoever sent it has both. The password
// before stays, since it is the broker that says which one counts. While something changes the guest nothing is done: the next
// request comes.
func (a *Agent) used(generation int) {
	if !a.tryLock() {
		return
	}
	defer a.unlock()
	now := a.theIdentity()
	if now.Broker == nil || now.Broker.Generation != generation || now.Former == nil || now.Former.MessageKey == "" {
		return
	}
	former := *now.Former
	former.MessageKey = ""
	now.Former = &former
	if err := a.setIdentity(now); err != nil {
		a.log.Warn("retiring a message key", "error", err)
	}
}

// Attend serves at the broker until ctx ends, as long as the agent has one; the handler is the agent, or stands before it. A
// login at another address, or in another mode, is a new post.
func (a *Agent) Attend(ctx context.Context, handler guest.Handler) {
	if a.config.Attend == nil {
		return
	}
	for ctx.Err() == nil {
		changed := a.posted()
		logins := a.logins()
		within, leave := context.WithCancel(ctx)
		left := make(chan struct{})
		go func() {
			defer close(left)
			if len(logins) == 0 {
				<-within.Done()
				return
			}
			if err := a.config.Attend(within, a.post(), handler); err != nil && within.Err() == nil {
				a.log.Error("serving at the broker", "error", err)
				<-within.Done() // until the next rotation brings something better
			}
		}()
		for again := true; again; again = ctx.Err() == nil && samePost(logins, a.logins()) {
			select {
			case <-changed:
				changed = a.posted()
			case <-ctx.Done():
			}
		}
		pause(ctx, lastWord)
		leave()
		<-left
	}
}

// samePost tells whether two logins differ in credentials alone.
func samePost(a, b []guest.BrokerConfig) bool {
	return slices.EqualFunc(a[:min(1, len(a))], b[:min(1, len(b))], func(x, y guest.BrokerConfig) bool {
		return x.URL == y.URL && x.VHost == y.VHost && x.User == y.User && x.Mode == y.Mode && x.CA == y.CA
	})
}

// posted is closed at the next change of the logins.
func (a *Agent) posted() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reposted == nil {
		a.reposted = make(chan struct{})
	}
	return a.reposted
}

// repost wakes who waits for a change of the logins.
func (a *Agent) repost() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reposted != nil {
		close(a.reposted)
		a.reposted = nil
	}
}

func (a *Agent) post() guest.Post {
	return guest.Post{
		Member: a.born.Member, Logins: a.logins, Used: a.used,
		Status: func(ctx context.Context) any {
			seen, err := a.health(ctx)
			if err != nil {
				a.log.Warn("looking at the guest for its status", "error", err)
			}
			return seen
		},
		Tell: func(state string) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.atBroker = state
		},
		Log: func(message string, args ...any) { a.log.Info(message, args...) },
	}
}
