package emulator

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// random reads n bytes from the injected source. A source that fails leaves nothing sensible to do.
func (s *Server) random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.opt.Rand, b); err != nil {
		panic(fmt.Sprintf("emulator: the source of randomness failed: %v", err))
	}
	return b
}

// uuid makes a random UUID, the id of most objects.
func (s *Server) uuid() string {
	b := s.random(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// hexID makes a random id as Keystone writes them: 32 hexadecimal digits.
func (s *Server) hexID() string { return hex.EncodeToString(s.random(16)) }

// secret makes a random secret of 192 bits, fit for URLs.
func (s *Server) secret() string { return base64.RawURLEncoding.EncodeToString(s.random(24)) }

// zulu writes a time as Nova, Neutron and Glance do, micro as Cinder and Keystone's tokens do (Cinder without a zone).
func zulu(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func micro(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }

// adminPass is the password that Nova makes for a server: letters and digits.
func (s *Server) adminPass() string {
	return strings.NewReplacer("-", "x", "_", "y").Replace(s.secret()[:12])
}
