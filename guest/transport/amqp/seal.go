package amqp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A direction says what a sealed message is, so that none can be sent back as another.
type direction byte

const (
	asRequest direction = 1
	asReply   direction = 2
	asStatus  direction = 3
)

// A label is what a sealed message is bound to: with another one it does not open.
type label struct {
	direction direction
	method    string
	id        string // of the message; a reply has its request's
	guest     string
	at        time.Time // when it was sealed, by the sealer's clock
}

// A sealed message is a header in clear, a nonce, and AES-256-GCM of the text. The header is bound too:
//
//	1 byte   version of this format
//	4 bytes  generation of the key, big endian
//	8 bytes  when it was sealed, nanoseconds of the Unix time, big endian
const (
	sealVersion = 1
	sealHeader  = 1 + 4 + 8
	// sealOverhead is by how much a sealed text is longer: header, nonce, tag.
	sealOverhead = sealHeader + 12 + 16
)

// errSeal tells that a message is not one that this key sealed for this place.
var errSeal = errors.New("the message is not sealed with this guest's key, or not for this use")

// seal seals a text.
func (k Key) seal(l label, text []byte) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	header := make([]byte, sealHeader, len(text)+sealOverhead)
	header[0] = sealVersion
	binary.BigEndian.PutUint32(header[1:], uint32(k.Generation))
	binary.BigEndian.PutUint64(header[5:], uint64(l.at.UnixNano()))
	return append(header, aead.Seal(nil, nil, text, l.bound(header))...), nil
}

// open opens what seal sealed under the same label; its time is in the message. The error is errSeal.
func (k Key) open(l label, sealed []byte) (text []byte, at time.Time, err error) {
	generation, at, err := readHeader(sealed)
	if err != nil || generation != k.Generation {
		return nil, time.Time{}, errSeal
	}
	aead, err := k.aead()
	if err != nil {
		return nil, time.Time{}, err
	}
	if text, err = aead.Open(nil, nil, sealed[sealHeader:], l.bound(sealed[:sealHeader])); err != nil {
		return nil, time.Time{}, errSeal
	}
	return text, at, nil
}

// readHeader says which key a sealed message wants. Nothing of it is proven before it is open.
func readHeader(sealed []byte) (generation int, at time.Time, err error) {
	if len(sealed) < sealOverhead || sealed[0] != sealVersion {
		return 0, time.Time{}, errSeal
	}
	nanoseconds := int64(binary.BigEndian.Uint64(sealed[5:]))
	return int(binary.BigEndian.Uint32(sealed[1:])), time.Unix(0, nanoseconds), nil
}

func (k Key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Secret[:])
	if err != nil {
		return nil, fmt.Errorf("preparing a message key: %w", err)
	}
	// A random nonce of 96 bits is safe for 2^32 messages under one key; an instance has a key of its own.
	return cipher.NewGCMWithRandomNonce(block)
}

// bound is what a message is bound to, as bytes that no other label has: every text comes after its length.
func (l label) bound(header []byte) []byte {
	out := append([]byte{byte(l.direction)}, header...)
	for _, text := range []string{l.method, l.id, l.guest} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(text)))
		out = append(out, text...)
	}
	return out
}
