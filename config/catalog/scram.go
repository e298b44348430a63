package catalog

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

const scramIterations = 4096

// verifier is SCRAM-SHA-256's, as the server writes it: the password cannot be had back from it, and neither can what a client
// proves. 16 bytes of the salt are used. Source: RFC 5802, RFC 7677.
func (postgresqlRules) verifier(password string, salt []byte) string {
	if password == "" {
		return ""
	}
	if len(salt) < 16 {
		sum := sha256.Sum256(salt)
		salt = sum[:]
	}
	return scramVerifier(password, salt[:16], scramIterations)
}

func scramVerifier(password string, salt []byte, iterations int) string {
	salted, err := pbkdf2.Key(sha256.New, prepared(password), salt, iterations, sha256.Size)
	if err != nil {
		return "" // only in a mode of the Go runtime that forbids short salts, which these are not
	}
	sign := func(text string) []byte {
		mac := hmac.New(sha256.New, salted)
		_, _ = mac.Write([]byte(text)) // a hash's Write never fails
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(sign("Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(stored[:]), b64(sign("Server Key")))
}

// prepared is the password as server and clients compare it (SASLprep, RFC 4013); one that SASLprep refuses is taken as
// it is, as the server does.
func prepared(password string) string {
	if !utf8.ValidString(password) || strings.IndexFunc(password, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return password
	}
	mapped := strings.Map(func(r rune) rune {
		switch {
		case r != ' ' && unicode.Is(unicode.Zs, r) || r == 0x200B:
			return ' '
		case mappedToNothing(r):
			return -1
		}
		return r
	}, password)
	// The server judges what was mapped, and not what that is normalized to.
	if mapped == "" || strings.ContainsFunc(mapped, refusedBySASL) || mixesDirections(mapped) {
		return password
	}
	return norm.NFKC.String(mapped)
}

func refusedBySASL(r rune) bool {
	_, inside := slices.BinarySearchFunc(saslRefused[:], r, func(of [2]rune, r rune) int {
		switch {
		case of[1] < r:
			return -1
		case of[0] > r:
			return 1
		}
		return 0
	})
	return inside
}

// mixesDirections: a text with letters that are written from right to left begins and ends with one, and has no others.
func mixesDirections(text string) bool {
	var first, last, right, left bool
	for i, r := range text {
		properties, _ := bidi.LookupRune(r)
		last = properties.Class() == bidi.R || properties.Class() == bidi.AL
		right, left = right || last, left || properties.Class() == bidi.L
		if i == 0 {
			first = last
		}
	}
	return right && (left || !first || !last)
}

// mappedToNothing is table B.1 of RFC 3454.
func mappedToNothing(r rune) bool {
	return r == 0x00AD || r == 0x034F || r == 0x1806 || r >= 0x180B && r <= 0x180D || r >= 0x200C && r <= 0x200D || r == 0x2060 ||
		r >= 0xFE00 && r <= 0xFE0F || r == 0xFEFF
}

func (postgresqlRules) checkVerifier(verifier string) error {
	wrong := errors.New("a password hash of postgresql looks like SCRAM-SHA-256$4096:SALT$STOREDKEY:SERVERKEY")
	rest, ok := strings.CutPrefix(verifier, "SCRAM-SHA-256$")
	iterations, rest, ok2 := strings.Cut(rest, ":")
	salt, keys, ok3 := strings.Cut(rest, "$")
	stored, server, ok4 := strings.Cut(keys, ":")
	if !ok || !ok2 || !ok3 || !ok4 || strings.ContainsAny(keys, "\r\n") {
		return wrong
	}
	var n int
	if _, err := fmt.Sscanf(iterations+"!", "%d!", &n); err != nil || fmt.Sprint(n) != iterations || n < scramIterations || n > 1<<20 {
		return errors.New("a password hash of postgresql has 4096 iterations or more, and not more than a million")
	}
	for i, text := range []string{stored, server, salt} {
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(raw) < 8 || i < 2 && len(raw) != sha256.Size {
			return wrong
		}
	}
	return nil
}
