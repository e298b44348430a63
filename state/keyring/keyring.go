// Package keyring holds the one master key of a lineage and derives every other secret from it, so that nothing secret has
// to be kept and a lost state locks nobody out.
//
// A derived key is HKDF-SHA256 (RFC 5869) of the master key, salted with the lineage, for a purpose, a member and a
// generation. What is derived here is in running guests: it can never change, and a test holds it fast.
package keyring

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// KeySize is the length of the master key and of every derived key, in bytes.
const KeySize = 32

// The purposes that this package derives for. Others have names of their own.
const (
	purposeBroker    = "broker-password"
	purposeMessage   = "broker-message"
	purposeTrove     = "trove-instance"
	purposeHost      = "ssh-host"
	purposeClient    = "ssh-client"
	purposeDigest    = "verifier-digest"
	purposePassword  = "password-digest"
	purposeCheck     = "key-check"
	purposeCA        = "ca"
	purposeClientTLS = "tls-client"
	purposeSalt      = "verifier-salt"
)

// ErrWrongKey is a master key that is not the one of the state.
var ErrWrongKey = errors.New("this is not the master key of the state")

// hidden gives 32 secret bytes. It is a function because fmt does not ask the unexported fields of other structs for their
// methods: it prints their bytes, and with a verb that does not fit even those behind pointers. Of functions it prints an
// address.
type hidden func() [KeySize]byte

func hide(key [KeySize]byte) hidden { return func() [KeySize]byte { return key } }

// Master is a master key. It prints and marshals as "(sensitive)".
type Master struct {
	key      hidden
	from     string
	created  bool
	warnings []string
}

// NewMaster is the master key of these 32 bytes.
func NewMaster(key [KeySize]byte) *Master { return &Master{key: hide(key), from: "memory"} }

// From says where the key was found, for people: "TROVE_KEY", or the path of a file.
func (m *Master) From() string { return m.from }

// Created tells whether the key was made in this run; the user should hear of backing it up.
func (m *Master) Created() bool { return m.created }

// Warnings are sentences about how the key is kept.
func (m *Master) Warnings() []string { return m.warnings }

// Derive is the key of a lineage for a purpose, a member (empty: none) and a generation.
func (m *Master) Derive(lineage string, member state.MemberID, purpose string, generation int) [KeySize]byte {
	info := fmt.Sprintf("trovectl/1 %q %q %d", purpose, member, generation)
	key := m.key()
	derived, err := hkdf.Key(sha256.New, key[:], []byte(lineage), info, KeySize)
	if err != nil {
		panic(fmt.Sprintf("deriving a key: %v", err)) // only for lengths that HKDF cannot give
	}
	return [KeySize]byte(derived)
}

// Ring is the ring of the keys of one lineage.
func (m *Master) Ring(lineage string) *Ring { return &Ring{master: m, lineage: lineage} }

// Ring derives the secrets of one lineage. It prints and marshals as "(sensitive)" and is safe for concurrent use.
type Ring struct {
	master  *Master
	lineage string
}

// Derive is the key for a purpose, a member and a generation.
func (r *Ring) Derive(member state.MemberID, purpose string, generation int) [KeySize]byte {
	return r.master.Derive(r.lineage, member, purpose, generation)
}

// HostKey is the SSH host key of a member. Generation 1 travels in user-data, 2 is set at first contact.
func (r *Ring) HostKey(member state.MemberID, generation int) SSHKey {
	return newSSHKey(r.Derive(member, purposeHost, generation))
}

// ClientKey is the SSH key with which we come to a member.
func (r *Ring) ClientKey(member state.MemberID, generation int) SSHKey {
	return newSSHKey(r.Derive(member, purposeClient, generation))
}

// DigestKey is the key with which the agent of a member digests the verifiers that its engine stores.
func (r *Ring) DigestKey(member state.MemberID, generation int) [KeySize]byte {
	return r.Derive(member, purposeDigest, generation)
}

// BrokerPassword is what a member's guest logs in to its broker with: 64 hex digits. Generation 1 travels in user-data, 2 is
// set at first contact.
func (r *Ring) BrokerPassword(member state.MemberID, generation int) resource.Secret {
	key := r.Derive(member, purposeBroker, generation)
	return resource.NewSecret(hex.EncodeToString(key[:]))
}

// MessageKey is the key that seals what we and the agent of a member tell each other over a broker.
func (r *Ring) MessageKey(member state.MemberID, generation int) [KeySize]byte {
	return r.Derive(member, purposeMessage, generation)
}

// TroveKey is the instance's key of stock Trove clients: 32 hex digits, as Trove's own have 32 characters. It has one
// generation, since those clients are told of it by hand.
func (r *Ring) TroveKey(member state.MemberID) resource.Secret {
	key := r.Derive(member, purposeTrove, 1)
	return resource.NewSecret(hex.EncodeToString(key[:16]))
}

// PasswordDigest stands for a password in the state and in plans: HMAC-SHA256 in 64 hex digits.
func (r *Ring) PasswordDigest(plaintext resource.Secret) string {
	return r.digest("plaintext:" + plaintext.Reveal())
}

// HashDigest stands for a password that was given as the hash which the engine stores, and never equals the digest of a
// plaintext.
func (r *Ring) HashDigest(hash resource.Secret) string { return r.digest("hash:" + hash.Reveal()) }

func (r *Ring) digest(text string) string { return r.hmac(purposePassword, text) }

// Salt is for the verifier of one account of an instance, both by what the configuration calls them: 32 bytes that nobody
// can guess and that are the same in every run.
func (r *Ring) Salt(instance, account string) []byte {
	key := r.Derive("", purposeSalt, 1)
	mac := hmac.New(sha256.New, key[:])
	_, _ = fmt.Fprintf(mac, "%q %q", instance, account) // never fails, by the contract of hash.Hash
	return mac.Sum(nil)
}

// KeyCheck tells this master key from any other without telling anything of it. It is kept in the state.
func (r *Ring) KeyCheck() string { return r.hmac(purposeCheck, r.lineage) }

// Verify is ErrWrongKey when a state recorded the check of another master key. A state that recorded none fits any key.
func (r *Ring) Verify(recorded string) error {
	if recorded == "" || recorded == r.KeyCheck() {
		return nil
	}
	return fmt.Errorf("%w: the key from %s opens none of its instances; give the key that made them, by TROVE_KEY or "+
		"TROVE_KEY_FILE or as trove.key beside the state", ErrWrongKey, r.master.from)
}

func (r *Ring) hmac(purpose, text string) string {
	key := r.Derive("", purpose, 1)
	mac := hmac.New(sha256.New, key[:])
	_, _ = mac.Write([]byte(text)) // never fails, by the contract of hash.Hash
	return hex.EncodeToString(mac.Sum(nil))
}

// String hides the key from fmt.
func (m Master) String() string { return resource.Hidden }

// GoString hides the key from %#v.
func (m Master) GoString() string { return resource.Hidden }

// Format hides the key from every verb of fmt.
func (m Master) Format(f fmt.State, _ rune) { printHidden(f) }

// MarshalText hides the key from encoders.
func (m Master) MarshalText() ([]byte, error) { return []byte(resource.Hidden), nil }

// String hides the keys from fmt.
func (r Ring) String() string { return resource.Hidden }

// GoString hides the keys from %#v.
func (r Ring) GoString() string { return resource.Hidden }

// Format hides the keys from every verb of fmt.
func (r Ring) Format(f fmt.State, _ rune) { printHidden(f) }

// MarshalText hides the keys from encoders.
func (r Ring) MarshalText() ([]byte, error) { return []byte(resource.Hidden), nil }

func printHidden(f fmt.State) { _, _ = f.Write([]byte(resource.Hidden)) }
