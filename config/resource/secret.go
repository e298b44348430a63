package resource

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Hidden is what a secret prints and marshals as.
const Hidden = "(sensitive)"

// Secret holds a value that is never printed, logged or encoded. Only the code that needs the value calls Reveal.
// It keeps the value behind a pointer: fmt prints unexported fields without asking their methods.
type Secret struct{ value *string }

// NewSecret hides a value. An empty one is the zero Secret.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: &value}
}

// Reveal is the value.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero tells whether there is no value.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal tells whether two secrets have the same value.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String hides the value from fmt.
func (s Secret) String() string { return Hidden }

// Format hides the value from every verb of fmt.
func (s Secret) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, Hidden) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// Password is what a user says about its password. Digest stands for it everywhere; it is computed in the wiring with a
// key that the planner never sees.
type Password struct {
	// Secret is the plaintext, or empty: not supplied in this run.
	Secret Secret `json:"-"`
	// Verifier is what the engine stores ("password_hash", or derived from the plaintext by the wiring). Not encoded.
	Verifier Secret `json:"-"`
	// Digest is the HMAC of the plaintext or the hash, in hex; empty: not supplied.
	Digest string `json:"digest,omitempty"`
	// Engine is the HMAC that the agent made of the verifier which the engine stores, in hex. Recorded and observed.
	Engine string `json:"engine,omitempty"`
}

// Supplied tells whether there is something to set.
func (p *Password) Supplied() bool { return p != nil && (!p.Secret.IsZero() || !p.Verifier.IsZero()) }

// PasswordOf is what a body says about a password, with the path of it; nil: it says nothing.
func PasswordOf(body Body) (password *Password, path string) {
	switch b := body.(type) {
	case *User:
		return b.Password, "password"
	case *Instance:
		return b.Root, "root.password"
	default:
		return nil, ""
	}
}

// WithPassword is a copy of a body that says something else about its password. Only bodies of which PasswordOf gives a
// path have one.
func WithPassword(body Body, password *Password) Body {
	switch b := body.(type) {
	case *User:
		out := *b
		out.Password = password
		return &out
	case *Instance:
		out := *b
		out.Root = password
		return &out
	default:
		return body
	}
}

// Sensitive tells whether the value at a path is a digest of a secret.
func Sensitive(kind Kind, path string) bool {
	return kind == KindUser && path == "password" || kind == KindInstance && path == "root.password"
}
