package amqp

import (
	"context"
	"encoding/json"
	"time"

	"github.com/trovectl/trovectl/guest"
)

// A Dialer makes carriers and holds one connection per broker, vhost and user, on demand. The zero Dialer is usable. It
// is safe for concurrent use; its fields MUST NOT change after the first Dial.
type Dialer struct {
	Idle    time.Duration // after which a connection that nobody uses is closed; 0: 30 s
	Timeout time.Duration // of a login, and of one step at the broker; 0: 10 s
	Monitor time.Duration // a guest at work gives a sign of life within it, in whole seconds, 2 at least; 0: 10 s
	Log     func(message string, args ...any)
}

// Dial finds out whether the guest's agent consumes. Every failure is a *guest.Error of KindUnreachable that names the
// broker and the queue. The caller closes the carrier.
func (d *Dialer) Dial(ctx context.Context, target Target) (*Carrier, error) {
	return nil, guest.Errorf(guest.KindUnreachable, "the broker %s: this transport cannot connect yet", target.Broker.URL)
}

// LastStatus reads the last status of a guest and leaves it there.
func (d *Dialer) LastStatus(ctx context.Context, target Target) (Heard, error) {
	return Heard{}, guest.Errorf(guest.KindUnreachable, "the broker %s: this transport cannot connect yet", target.Broker.URL)
}

// Declare makes the exchanges, queues and bindings of one guest in mode sealed. Declaring again is harmless. (A guest in mode
// trove declares its own, as an oslo.messaging server does.)
func (d *Dialer) Declare(ctx context.Context, broker Broker, member string) error {
	return guest.Errorf(guest.KindUnreachable, "the broker %s: this transport cannot connect yet", broker.URL)
}

// Remove deletes the queues of one guest. Queues that are not there are a success; exchanges stay, others use them.
func (d *Dialer) Remove(ctx context.Context, broker Broker, member string) error {
	return guest.Errorf(guest.KindUnreachable, "the broker %s: this transport cannot connect yet", broker.URL)
}

// Close ends all connections; open calls fail as KindUnreachable. Close twice is harmless.
func (d *Dialer) Close() error { return nil }

// A Carrier calls one guest. It fulfils guest.Carrier.
type Carrier struct{}

// Call fulfils guest.Carrier.
func (c *Carrier) Call(ctx context.Context, request guest.Request) (json.RawMessage, error) {
	return nil, guest.Errorf(guest.KindUnreachable, "this transport cannot connect yet")
}

// Close fulfils guest.Carrier.
func (c *Carrier) Close() error { return nil }
