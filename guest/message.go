// Package guest is the language that trovectl and the agents inside the guests speak: requests, replies, and their
// typed face. It knows no transport, no engine and no cloud.
package guest

import (
	"context"
	"encoding/json"
	"fmt"
)

// Version is the version of this message language. A peer refuses another major version with KindVersion and says
// which side is the older one.
const Version = 1

// MaxMessage bounds one encoded request or reply, in bytes.
const MaxMessage = 16 << 20

// Method names what a request asks for. The set is closed: an agent answers others with KindUnsupported.
type Method string

// The methods of version 1. All but ping, inspect, metrics and read_log change the guest; each of those sets a state rather
// than makes a change, so that running it again is harmless.
const (
	MethodPing         Method = "ping"
	MethodInspect      Method = "inspect"
	MethodPrepare      Method = "prepare"
	MethodRotate       Method = "rotate"
	MethodPutDatabase  Method = "put_database"
	MethodDropDatabase Method = "drop_database"
	MethodPutUser      Method = "put_user"
	MethodDropUser     Method = "drop_user"
	MethodConfigure    Method = "configure"
	MethodRestart      Method = "restart"
	MethodResizeVolume Method = "resize_volume"
	MethodPutRoot      Method = "put_root"
	MethodPutLogs      Method = "put_logs"
	MethodRotateLog    Method = "rotate_log"
	MethodCertify      Method = "certify"
	MethodMetrics      Method = "metrics"
	MethodReadLog      Method = "read_log"
)

// Changes tells whether the method changes the guest, and so is recorded in the agent's outcome file.
func (m Method) Changes() bool {
	switch m {
	case MethodPing, MethodInspect, MethodMetrics, MethodReadLog:
		return false
	}
	return true
}

// A Request asks one thing of one guest. ID is the journal's intent id for methods that change something: a second
// request with the same ID gets the first one's outcome and has no second effect.
type Request struct {
	Version int             `json:"version"`
	ID      string          `json:"id"`
	Method  Method          `json:"method"`
	Body    json.RawMessage `json:"body,omitempty"`
}

// A Reply answers the request with the same ID: Result or Error, never both.
type Reply struct {
	Version int             `json:"version"`
	ID      string          `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

// ErrorKind says what to do about a failed request. The set is closed.
type ErrorKind string

// The kinds of error. Unreachable and Timeout are made by transports (nobody answered); the others come from the agent.
const (
	KindUnreachable ErrorKind = "unreachable" // nothing answered at the address, or the identity was not the pinned one
	KindTimeout     ErrorKind = "timeout"     // the guest did not answer in time; whether it acted is unknown
	KindVersion     ErrorKind = "version"     // the two sides speak different versions
	KindUnsupported ErrorKind = "unsupported" // unknown method, or a power this engine lacks
	KindInvalid     ErrorKind = "invalid"     // the request is malformed or names what the engine refuses
	KindConflict    ErrorKind = "conflict"    // the guest is in a state that does not allow it
	KindEngine      ErrorKind = "engine"      // the engine refused or failed; Message is its own text, without secrets
	KindDenied      ErrorKind = "denied"      // a read-only channel was asked to change something
	KindInternal    ErrorKind = "internal"    // a defect of the agent
)

// Error is a failed request. Message is for a person, lower case, and carries no secret.
type Error struct {
	Kind    ErrorKind `json:"kind"`
	Message string    `json:"message"`
	Stage   Stage     `json:"-"` // of KindUnreachable, as its transport found it
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Kind, e.Message) }

// Errorf makes an Error of a kind.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// A Carrier carries requests to one guest and brings the replies back. Implementations MUST be safe for concurrent use,
// MUST match replies to requests by ID, MUST return an *Error of KindUnreachable at once when nothing answers at the
// address, and MUST return soon after ctx ends (the guest may still act). A reply's own Error is returned as the
// error. Call MAY be repeated with the same request. The caller closes; Close twice is harmless.
type Carrier interface {
	Call(ctx context.Context, request Request) (json.RawMessage, error)
	Close() error
}

// A Detourer is a Carrier that has several ways to its guest.
type Detourer interface {
	// Detour says which way was gone in place of the preferred one, and why; empty: the preferred one.
	Detour() string
}

// A Handler answers requests; the agent is one. It MUST always answer.
type Handler interface {
	Handle(ctx context.Context, request Request) Reply
}
