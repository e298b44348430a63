// Package oslo is the message format of oslo.messaging 2.0 over RabbitMQ, as OpenStack's services speak it: a client and a
// server that stock ones cannot tell from their own. It knows nothing of guests.
package oslo

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// What became of a message, beside a *RemoteError. Programs act on these.
var (
	ErrNoQueue    = errors.New("there is no such queue")
	ErrNoExchange = errors.New("there is no such exchange")
	ErrNoConsumer = errors.New("nobody consumes the queue")
	ErrRejected   = errors.New("the receiver could not read the message")
	ErrFull       = errors.New("the queue is full")
	ErrBlocked    = errors.New("the broker accepts no messages at present")
	ErrDenied     = errors.New("the broker forbids it")
	ErrMismatch   = errors.New("it is there already, and different")
	ErrCut        = errors.New("the connection to the broker was dropped")
	ErrSilent     = errors.New("no sign of life")
	ErrGarbage    = errors.New("the answer is not a message")
	ErrClosed     = errors.New("the connection was closed on this side")
)

// maxBody bounds the body of a message that is read, in bytes. RabbitMQ has no bound below 128 MiB.
const maxBody = 64 << 20

// A Request is a call or a cast. Topic and Server say where to; the others are what the receiver sees.
type Request struct {
	Topic  string // the queue's name, and its routing key
	Server string // one server of the topic; empty: any

	Method    string
	Namespace string
	Version   string // "1.0"; empty: the receiver takes it for 1.0
	Args      map[string]json.RawMessage
	Context   map[string]json.RawMessage

	ID      string        // of a call, 32 hex digits; empty: a cast (in Client.Call: a new one)
	Unique  string        // of a message, by which the receiver knows a second copy; empty: a new one
	Reply   string        // the queue that waits for the reply of a call
	Monitor time.Duration // of a call, in whole seconds: a sign of life within it, please; below 2 s: none
}

// A Reply answers the call with its ID. One that is not Ending is a sign of life and says nothing.
type Reply struct {
	ID      string
	Unique  string
	Result  json.RawMessage
	Failure *Failure
	Ending  bool
}

// NewID makes an id as oslo.messaging does: 32 hex digits.
func NewID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails
	return hex.EncodeToString(id[:])
}

// target is the routing key of a request, and the name of the queue it goes to.
func (r Request) target() string {
	if r.Server == "" {
		return r.Topic
	}
	return r.Topic + "." + r.Server
}
