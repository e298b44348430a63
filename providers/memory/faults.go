package memory

import (
	"time"

	"github.com/trovectl/trovectl/providers"
)

// When says what a failing call did before it failed.
type When int

// The moments of a fault.
const (
	Before When = iota // the request never reached the service: nothing happened, a transient error has Sent false
	Lost               // the request was sent and came to nothing: nothing happened, Sent true
	After              // it happened, and the answer was lost: Sent true
)

// Fault is a failure on demand.
type Fault struct {
	Call    string // "create server"; empty: every call
	Subject string // the name or id of the object; empty: any
	Nth     int    // the first matching call that it strikes, counted from Fail; 0 and 1: the next one
	Times   int    // how many matching calls from there; 0: one; negative: all
	When    When

	Kind       providers.ErrorKind // the error's; empty: the call succeeds, and the fields below say what is wrong later
	Message    string
	RetryAfter time.Duration

	Build  string // a new server or volume: "ERROR" fails while it builds (Message is the fault), "NEVER" builds for ever
	Hidden int    // a new object: the lists and gets that do not show it yet
}

type standing struct {
	Fault
	seen int
}

// Fail adds a fault. Of several that match a call the one added first strikes.
func (c *Cloud) Fail(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, &standing{Fault: f})
}

// Heal removes all faults and denials.
func (c *Cloud) Heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults, c.denied = nil, map[string]bool{}
}

// Deny makes a call fail with KindDenied until Heal.
func (c *Cloud) Deny(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denied[call] = true
}

func (c *Cloud) strike(call, subject string) *Fault {
	for _, f := range c.faults {
		if f.Call != "" && f.Call != call || f.Subject != "" && !c.named(f.Subject, subject) {
			continue
		}
		f.seen++
		first, times := max(f.Nth, 1), f.Times
		if times == 0 {
			times = 1
		}
		if f.seen >= first && (times < 0 || f.seen < first+times) {
			return &f.Fault
		}
	}
	return nil
}

// named tells whether a call's subject, a name or an id, is what a fault names.
func (c *Cloud) named(want, subject string) bool {
	if want == subject {
		return true
	}
	if s := c.servers.get(subject); s != nil {
		return s.Name == want
	}
	if v := c.volumes.get(subject); v != nil {
		return v.Name == want
	}
	if p := c.ports.get(subject); p != nil {
		return p.Name == want
	}
	if g := c.groups.get(subject); g != nil {
		return g.Name == want
	}
	return false
}

func (f *Fault) error(call string) error {
	message := f.Message
	if message == "" {
		message = "a fault was asked for"
	}
	e := &providers.Error{Kind: f.Kind, Call: call, Status: statusOf[f.Kind], Message: message, RetryAfter: f.RetryAfter, Sent: true}
	if f.Kind == providers.KindTransient {
		e.Sent = f.When != Before
		if f.When != Before {
			e.Status = 0 // a lost answer has no status
		}
	}
	return e
}

// begin sets a new object in motion as the fault, if any, wants it.
func (m *motion) begin(to string, looks int, f *Fault) {
	m.start(to, looks)
	if f == nil {
		return
	}
	m.hidden = f.Hidden
	switch f.Build {
	case "ERROR":
		m.to = toFailed
	case "NEVER":
		m.to = toNowhere
	}
}
