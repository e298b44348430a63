package catalog

import (
	"bytes"
	"crypto/sha256"
)

// shaCryptAlphabet is the base 64 of crypt(3): six bits a character, the lowest first.
const shaCryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// shaCrypt is SHA-crypt with SHA-256, its 43 characters alone. Source: "Unix crypt using SHA-256 and SHA-512", which
// numbers its steps; unlike there a salt may have more than 16 bytes.
func shaCrypt(password, salt []byte, rounds int) string {
	sum := func(parts ...[]byte) []byte {
		digest := sha256.Sum256(bytes.Join(parts, nil))
		return digest[:]
	}
	// Steps 4 to 8: the alternate digest; 9 to 12: the first digest, which takes one of two things for each bit of the length.
	alternate := sum(password, salt, password)
	mixed := [][]byte{password, salt, repeatTo(alternate, len(password))}
	for n := len(password); n > 0; n >>= 1 {
		if n&1 == 1 {
			mixed = append(mixed, alternate)
		} else {
			mixed = append(mixed, password)
		}
	}
	digest := sum(mixed...)
	// Steps 13 to 20: what stands for the password and the salt in the rounds.
	p := repeatTo(sum(bytes.Repeat(password, len(password))), len(password))
	s := repeatTo(sum(bytes.Repeat(salt, 16+int(digest[0]))), len(salt))
	for i := range rounds {
		parts := make([][]byte, 0, 4)
		if i%2 == 1 {
			parts = append(parts, p)
		} else {
			parts = append(parts, digest)
		}
		if i%3 != 0 {
			parts = append(parts, s)
		}
		if i%7 != 0 {
			parts = append(parts, p)
		}
		if i%2 == 1 {
			parts = append(parts, digest)
		} else {
			parts = append(parts, p)
		}
		digest = sum(parts...)
	}
	return shaCryptText(digest)
}

func repeatTo(block []byte, length int) []byte {
	return bytes.Repeat(block, length/len(block)+1)[:length]
}

// shaCryptText writes three bytes as four characters, in the order of step 22: each of the three comes from another third.
func shaCryptText(digest []byte) string {
	var out []byte
	put := func(bits uint, characters int) {
		for range characters {
			out = append(out, shaCryptAlphabet[bits&63])
			bits >>= 6
		}
	}
	a, b, c := 0, 10, 20
	for range 10 {
		put(uint(digest[a])<<16|uint(digest[b])<<8|uint(digest[c]), 4)
		a, b, c = c+1, a+1, b+1
	}
	put(uint(digest[31])<<8|uint(digest[30]), 3)
	return string(out)
}
