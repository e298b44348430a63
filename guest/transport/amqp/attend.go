package amqp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"sync"

	"github.com/trovectl/trovectl/guest"
)

// Attend serves an agent at the broker of its newest login, as Serve does. What a login is not, such as its address, stays as
// it is now: who changes that attends anew.
func Attend(ctx context.Context, p guest.Post, handler guest.Handler) error {
	logins := p.Logins()
	if len(logins) == 0 {
		return guest.Errorf(guest.KindInvalid, "the agent has no broker")
	}
	turns := &turns{logins: p.Logins}
	return Serve(ctx, Service{
		Broker: turns.next, Guest: p.Member, Keys: func() []Key { return keysOf(p.Logins()) },
		Mode: logins[0].Mode, TroveKey: logins[0].TroveKey, Status: p.Status, Log: p.Log, Tell: p.Tell, Used: p.Used,
	}, handler)
}

// turns takes the newest login, and where there is one before it every other time that: the broker may know either.
type turns struct {
	logins func() []guest.BrokerConfig

	mu     sync.Mutex
	newest int // generation
	asked  int
}

func (t *turns) next() Broker {
	t.mu.Lock()
	defer t.mu.Unlock()
	logins := t.logins()
	if len(logins) == 0 { // it forgot its broker just now
		return Broker{}
	}
	if logins[0].Generation != t.newest {
		t.newest, t.asked = logins[0].Generation, 0
	}
	login := logins[t.asked%len(logins)]
	t.asked++
	return brokerOf(login)
}

// brokerOf is where and as whom a login is.
func brokerOf(c guest.BrokerConfig) Broker {
	b := Broker{URL: c.URL, VHost: c.VHost, User: c.User, Password: c.Password, External: c.Password == "" && c.Certificate != ""}
	if c.CA != "" || c.Certificate != "" {
		b.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.CA != "" {
		b.TLS.RootCAs = x509.NewCertPool()
		b.TLS.RootCAs.AppendCertsFromPEM([]byte(c.CA)) // one that cannot be read trusts nobody, and the login says so
	}
	if pair, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.Key)); err == nil {
		b.TLS.Certificates = []tls.Certificate{pair}
	}
	return b
}

// keysOf are the keys of logins that still seal.
func keysOf(logins []guest.BrokerConfig) []Key {
	var keys []Key
	for _, l := range logins {
		key := Key{Generation: l.Generation}
		if n, err := hex.Decode(key.Secret[:], []byte(l.MessageKey)); err == nil && n == len(key.Secret) {
			keys = append(keys, key)
		}
	}
	return keys
}
