package guest

import "errors"

// A Stage is how far the way to an agent was gone when it ended. A guest that boots goes through all of them.
type Stage int

// The stages of the way, from its beginning.
const (
	StageConnect Stage = iota // nothing answers at the address
	StageGreet                // something answers, and it is not the guest's own SSH server: no banner, or another host key
	StageLogin                // the SSH server does not take our key
	StageAgent                // the channel is open, and no agent answers in it
)

// StageOf is how far the way was gone when it ended with this error of a transport.
func StageOf(err error) Stage {
	var known *Error
	switch {
	case !errors.As(err, &known):
		return StageConnect
	case known.Kind == KindTimeout: // only what has a channel waits for an answer
		return StageAgent
	}
	return known.Stage
}

// ErrNoAgent marks an error of a transport: the guest took us in, and there is no agent in it.
var ErrNoAgent = errors.New("no agent is installed in the guest")
