package state

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"sync"
)

const (
	lineageLength = 26
	memberLength  = 12
	roleLength    = 12
	intentLength  = 16
)

const idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

var idEncoding = base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding)

// IDs makes identifiers: lower-case base32 of random bits. It is safe for concurrent use.
type IDs struct {
	mu     sync.Mutex
	source io.Reader
}

// NewIDs makes identifiers from a source of random bytes; nil is the operating system's. As crypto/rand does, they panic
// when the source fails: there is no safe way on without random bits.
func NewIDs(source io.Reader) *IDs {
	if source == nil {
		source = rand.Reader
	}
	return &IDs{source: source}
}

// Lineage is a new lineage: 26 characters, 130 bits.
func (g *IDs) Lineage() string { return g.next(lineageLength) }

// Member is a new member: 12 characters, 60 bits.
func (g *IDs) Member() MemberID { return MemberID(g.next(memberLength)) }

// Role is a new role: 12 characters, 60 bits.
func (g *IDs) Role() RoleID { return RoleID(g.next(roleLength)) }

// Intent is a new intent: 16 characters, 80 bits.
func (g *IDs) Intent() IntentID { return IntentID(g.next(intentLength)) }

func (g *IDs) next(length int) string {
	bits := make([]byte, (length*5+7)/8)
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := io.ReadFull(g.source, bits); err != nil {
		panic(fmt.Sprintf("reading random bits: %v", err))
	}
	return idEncoding.EncodeToString(bits)[:length]
}

func wellFormed(id string, length int) bool {
	return len(id) == length && strings.Trim(id, idAlphabet) == ""
}
