package keyring

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/config/resource"
)

// SSHKey is a derived ed25519 key pair. It prints and marshals as "(sensitive)".
type SSHKey struct{ seed hidden }

func newSSHKey(seed [KeySize]byte) SSHKey { return SSHKey{hide(seed)} }

// Private is the private key for crypto and ssh.
func (k SSHKey) Private() ed25519.PrivateKey {
	seed := k.seed()
	return ed25519.NewKeyFromSeed(seed[:])
}

// Signer is the key as a host or a client proves it.
func (k SSHKey) Signer() ssh.Signer {
	signer, err := ssh.NewSignerFromKey(k.Private())
	if err != nil {
		panic(fmt.Sprintf("making a signer of an ed25519 key: %v", err)) // every ed25519 key has one
	}
	return signer
}

// Public is the public half.
func (k SSHKey) Public() ssh.PublicKey { return k.Signer().PublicKey() }

// AuthorizedKey is the public half as one line of authorized_keys or of a .pub file, without a newline.
func (k SSHKey) AuthorizedKey(comment string) string {
	line := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(k.Public())), "\n")
	if comment == "" {
		return line
	}
	return line + " " + comment
}

// The private key file format of OpenSSH, from its PROTOCOL.key.
type (
	openSSHFile struct {
		Cipher, KDF, KDFOptions string
		Keys                    uint32
		Public, Private         []byte
	}
	openSSHPrivate struct {
		Check1, Check2  uint32
		Type            string
		Public, Private []byte
		Comment         string
		Padding         []byte `ssh:"rest"`
	}
)

const (
	openSSHMagic = "openssh-key-v1\x00"
	openSSHBlock = 8 // what the private part is padded to when it is not encrypted
)

// PrivatePEM is the private key as OpenSSH keeps it in a file, unencrypted. The same key gives the same bytes, so that
// user-data made again is the same: therefore the check number, elsewhere random, is fixed here. It only tells whether a
// decryption went well, and there is none.
func (k SSHKey) PrivatePEM(comment string) resource.Secret {
	private := k.Private()
	public := []byte(private.Public().(ed25519.PublicKey))
	inner := openSSHPrivate{Type: ssh.KeyAlgoED25519, Public: public, Private: private, Comment: comment}
	for i := byte(1); len(ssh.Marshal(inner))%openSSHBlock != 0; i++ {
		inner.Padding = append(inner.Padding, i)
	}
	file := openSSHFile{
		Cipher: "none", KDF: "none", Keys: 1, Public: k.Public().Marshal(), Private: ssh.Marshal(inner),
	}
	block := &pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: append([]byte(openSSHMagic), ssh.Marshal(file)...)}
	return resource.NewSecret(string(pem.EncodeToMemory(block)))
}

// String hides the key from fmt.
func (k SSHKey) String() string { return resource.Hidden }

// GoString hides the key from %#v.
func (k SSHKey) GoString() string { return resource.Hidden }

// Format hides the key from every verb of fmt.
func (k SSHKey) Format(f fmt.State, _ rune) { printHidden(f) }

// MarshalText hides the key from encoders.
func (k SSHKey) MarshalText() ([]byte, error) { return []byte(resource.Hidden), nil }
