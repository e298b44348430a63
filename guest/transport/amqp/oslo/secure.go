package oslo

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNotEncrypted tells that a value is not one that the key encrypted.
var ErrNotEncrypted = errors.New("the message is not encrypted with this key")

// encodeRequest encrypts the arguments and the context of a request.
func (s *Secure) encodeRequest(r Request) (_ Request, err error) {
	args := map[string]json.RawMessage{}
	for name, value := range r.Args {
		if args[name], err = s.Encode(value); err != nil {
			return Request{}, err
		}
	}
	r.Args = args
	r.Context, err = s.EncodeContext(r.Context)
	return r, err
}

// DecodeRequest decrypts the arguments and the context of a request. The error is ErrNotEncrypted.
func (s *Secure) DecodeRequest(r Request) (_ Request, err error) {
	if r.Context, err = s.DecodeContext(r.Context); err != nil {
		return Request{}, err
	}
	args := map[string]json.RawMessage{}
	for name, value := range r.Args {
		if args[name], err = s.Decode(value); err != nil {
			return Request{}, err
		}
	}
	r.Args = args
	return r, nil
}

// contextKey is the only name in an encrypted context.
const contextKey = "context"

// Secure encrypts as Trove does for an instance (trove/common/rpc/secure_serializer.py, crypto_utils.py): AES-256-CBC
// without authentication. Other than Trove it refuses what does not decrypt to JSON: clear text, another key.
type Secure struct{ block cipher.Block }

// NewSecure makes the serializer of an instance's key, as Trove hands it out (32 characters).
func NewSecure(key string) *Secure {
	sum := md5.Sum([]byte(key))
	block, err := aes.NewCipher([]byte(hex.EncodeToString(sum[:])))
	if err != nil {
		panic(err) // 32 characters are a key of AES-256
	}
	return &Secure{block}
}

// Encode encrypts a value.
func (s *Secure) Encode(value json.RawMessage) (json.RawMessage, error) {
	if len(value) == 0 {
		value = json.RawMessage("null")
	}
	var iv [aes.BlockSize]byte
	_, _ = rand.Read(iv[:]) // it never fails
	return json.Marshal(s.encrypt(iv, value))
}

func (s *Secure) encrypt(iv [aes.BlockSize]byte, plain []byte) []byte {
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(append([]byte{}, plain...), bytes.Repeat([]byte{byte(pad)}, pad)...)
	out := make([]byte, aes.BlockSize+len(padded))
	copy(out, iv[:])
	cipher.NewCBCEncrypter(s.block, iv[:]).CryptBlocks(out[aes.BlockSize:], padded)
	return out
}

// Decode decrypts a value. The error is ErrNotEncrypted.
func (s *Secure) Decode(value json.RawMessage) (json.RawMessage, error) {
	var sealed []byte // base64
	if string(value) == "null" || json.Unmarshal(value, &sealed) != nil {
		return nil, ErrNotEncrypted
	}
	plain, err := s.decrypt(sealed)
	if err != nil || !json.Valid(plain) {
		return nil, ErrNotEncrypted
	}
	return plain, nil
}

func (s *Secure) decrypt(sealed []byte) ([]byte, error) {
	if len(sealed) < 2*aes.BlockSize || len(sealed)%aes.BlockSize != 0 {
		return nil, ErrNotEncrypted
	}
	plain := make([]byte, len(sealed)-aes.BlockSize)
	cipher.NewCBCDecrypter(s.block, sealed[:aes.BlockSize]).CryptBlocks(plain, sealed[aes.BlockSize:])
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > aes.BlockSize || !bytes.Equal(plain[len(plain)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, ErrNotEncrypted
	}
	return plain[:len(plain)-pad], nil
}

// EncodeContext encrypts a context: the whole of it is one value.
func (s *Secure) EncodeContext(values map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	if values == nil {
		values = map[string]json.RawMessage{}
	}
	text, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("encoding the context: %w", err)
	}
	sealed, err := s.Encode(text)
	if err != nil {
		return nil, err
	}
	return map[string]json.RawMessage{contextKey: sealed}, nil
}

// DecodeContext decrypts a context. One that is missing or not an object is ErrNotEncrypted: it is all that shows a
// key in a request without arguments.
func (s *Secure) DecodeContext(values map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	text, err := s.Decode(values[contextKey])
	if err != nil {
		return nil, err
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(text, &out); err != nil || out == nil {
		return nil, ErrNotEncrypted
	}
	return out, nil
}
