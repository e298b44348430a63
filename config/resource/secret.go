package resource

// Hidden is what a secret prints and marshals as.
const Hidden = "(sensitive)"

// Secret holds a value that is never printed, logged or encoded. Only the code that needs the value calls Reveal.
type Secret struct{ value string }

// NewSecret hides a value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal is the value.
func (s Secret) Reveal() string { return s.value }

// IsZero tells whether there is no value.
func (s Secret) IsZero() bool { return s.value == "" }

// String hides the value from fmt.
func (s Secret) String() string { return Hidden }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return Hidden }

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
