// Package amqp carries requests to a guest over a RabbitMQ broker: sealed messages in the format of oslo.messaging, and
// for stock clients Trove's own.
package amqp

import (
	"crypto/tls"
	"encoding/json"
	"regexp"
	"time"
)

// A Broker is where and as whom to log in.
type Broker struct {
	URL      string // amqp://host:port or amqps://host:port, without credentials
	VHost    string
	User     string
	Password string
	TLS      *tls.Config // for amqps: the CA, and a certificate with External; nil: the system's CAs
	External bool        // log in with the certificate: its name is the user
}

// String is the address alone.
func (b Broker) String() string { return b.place() }

// GoString is String.
func (b Broker) GoString() string { return b.place() }

// A Key seals messages. One guest has one key per generation.
type Key struct {
	Generation int
	Secret     [32]byte
}

// String keeps the secret out of what is printed.
func (k Key) String() string { return "(sensitive)" }

// GoString is String.
func (k Key) GoString() string { return k.String() }

// A Target is one guest and how to know it.
type Target struct {
	Broker Broker
	Guest  string // the member's id
	Keys   []Key  // newest first; while a rotation is under way there are two generations
}

// Heard is the last status that a guest published.
type Heard struct {
	At         time.Time // as the guest's clock said when it sealed it
	Generation int       // of the key it is sealed with
	Status     json.RawMessage
}

// The modes of an agent.
const (
	ModeSealed = "sealed" // sealed messages alone, and a ping in clear; queues are there before it
	ModeTrove  = "trove"  // sealed messages, and Trove's methods with Trove's encryption, in a vhost of its own
)

// The layout on the broker. Queues and routing keys of one guest end in its id.
const (
	exchangeRequests    = "trove"
	exchangeReplies     = "rpc.replies"
	exchangeStatus      = "trove-status"
	exchangeUndelivered = "rpc.undelivered"
	queueRequests       = "guestagent."
	queueStatus         = "status."
)

// Permissions are all that the broker's user of a guest in mode sealed needs: three patterns of names, and per topic
// exchange the patterns of routing keys that it may write and read. (A guest in mode trove has a vhost of its own, and
// every permission in it.)
func Permissions(guest string) (configure, write, read string, topics map[string][2]string) {
	const none = "^$"
	id := regexp.QuoteMeta(guest)
	return none, `^(rpc\.replies|trove-status)$`, `^guestagent\.` + id + `$`, map[string][2]string{
		exchangeRequests: {none, none},
		exchangeReplies:  {`^reply\.[0-9a-f]{32}$`, none},
		exchangeStatus:   {`^status\.` + id + `$`, none},
	}
}
