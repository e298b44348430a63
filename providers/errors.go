package providers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ErrorKind says what to do about a failed call. The set is closed.
type ErrorKind string

// The kinds of error.
const (
	KindNotFound  ErrorKind = "not found"
	KindConflict  ErrorKind = "conflict"  // the object's state does not allow it now
	KindQuota     ErrorKind = "quota"     // a limit of the project
	KindTransient ErrorKind = "transient" // may go through later; a create may have gone through
	KindDenied    ErrorKind = "denied"    // credentials or policy
	KindInvalid   ErrorKind = "invalid"   // the cloud refuses the request as such
)

// Error is a failed call to a cloud. It names the call, and never holds a token, a password or user-data.
type Error struct {
	Kind       ErrorKind
	Call       string        // what was being done: "create server"
	Status     int           // HTTP status; 0: no answer
	Message    string        // the service's own text
	RequestID  string        // the service's request id, when it gave one
	RetryAfter time.Duration // what the service asked for; 0: nothing
	// Sent is false when the request certainly never reached the service (refused connection, failed name look-up, 429,
	// 503 with Retry-After), so that even a create may be sent again.
	Sent bool
	Err  error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.Call, e.Kind)
	if e.Status != 0 {
		text += fmt.Sprintf(" (%d)", e.Status)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.RequestID != "" {
		text += " [" + e.RequestID + "]"
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// PartialError is a list of several clouds that some of them did not answer: what came with it is complete for the others.
type PartialError struct {
	Failed map[string]error // by alias; "" is the default cloud
}

func (e *PartialError) Error() string {
	var texts []string
	for _, alias := range slices.Sorted(maps.Keys(e.Failed)) {
		if alias == "" {
			texts = append(texts, e.Failed[alias].Error())
			continue
		}
		texts = append(texts, fmt.Sprintf("provider %q: %v", alias, e.Failed[alias]))
	}
	return strings.Join(texts, "; ")
}

// Of is why what has an id could not be listed; nil: its cloud has answered.
func (e *PartialError) Of(id string) error {
	alias, _, cut := strings.Cut(id, "/")
	if !cut {
		alias = ""
	}
	return e.Failed[alias]
}

// Unwrap gives the causes.
func (e *PartialError) Unwrap() []error { return slices.Collect(maps.Values(e.Failed)) }

// IsKind tells whether an error is a provider's error of a kind.
func IsKind(err error, kind ErrorKind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}
