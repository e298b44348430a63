package enginetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// authority is a CA of one test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "trovectl test CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ok(t, err)
	certificate, err := x509.ParseCertificate(der)
	ok(t, err)
	return authority{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue makes a certificate for a server at an address, with a serial number to know it by.
func (a authority) issue(t *testing.T, address string, serial int64) engine.TLSFiles {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: address}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP(address)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	ok(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ok(t, err)
	return engine.TLSFiles{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), CA: a.pem,
	}
}

// Certificate is a certificate for a server at an address, by a CA that is gone.
func Certificate(t *testing.T, address string) engine.TLSFiles {
	t.Helper()
	return newAuthority(t).issue(t, address, 1)
}

// client checks chain and name of the server and notes the serial number of its certificate.
func (a authority) client(address string, seen *int64) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &tls.Config{RootCAs: pool, ServerName: address, VerifyConnection: func(state tls.ConnectionState) error {
		*seen = state.PeerCertificates[0].SerialNumber.Int64()
		return nil
	}}
}

// login is a login that must succeed; it ends with the test.
func (s Subject) login(ctx context.Context, t *testing.T, login Login) Client {
	t.Helper()
	c, err := s.Connect(ctx, login)
	ok(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// keptOut is a login that must fail.
func (s Subject) keptOut(ctx context.Context, t *testing.T, login Login) {
	t.Helper()
	if c, err := s.Connect(ctx, login); err == nil {
		_ = c.Close()
		t.Errorf("%s was let in", login.Name)
	}
}

func certificates(t *testing.T, s Subject) {
	c, has := s.Engine.(engine.Certified)
	u, hasUsers := s.Engine.(engine.Users)
	if !has || !hasUsers {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	_, err := u.PutUser(ctx, putUser(s.anywhere("app"), s.verifier("x")))
	ok(t, err)
	ca, address := newAuthority(t), s.Host.Address
	if address == "" {
		address = "127.0.0.1"
	}
	var seen int64
	inClear := Login{Name: s.anywhere("app").Name, Password: "x", Database: s.Facts.Landing}
	overTLS := inClear
	overTLS.TLS = ca.client(address, &seen)
	put := func(t *testing.T, serial int64, required bool) (pending bool) {
		t.Helper()
		files := ca.issue(t, address, serial)
		for range 2 {
			pending, err = c.PutCertificate(ctx, files, required)
			ok(t, err)
		}
		return pending
	}
	restart := func(t *testing.T) {
		t.Helper()
		ok(t, s.Engine.Stop(ctx))
		ok(t, s.Engine.Start(ctx))
		status(ctx, t, s.Engine, guest.StatusHealthy)
	}
	expect := func(t *testing.T, serial int64, required bool) {
		t.Helper()
		got, err := c.TLSRequired(ctx)
		ok(t, err)
		if got != required {
			t.Errorf("TLS required is %v, want %v", got, required)
		}
		if s.Connect == nil {
			return
		}
		ok(t, s.login(ctx, t, overTLS).Close())
		if seen != serial {
			t.Errorf("the certificate is number %d, want %d", seen, serial)
		}
		if required {
			s.keptOut(ctx, t, inClear)
		} else {
			ok(t, s.login(ctx, t, inClear).Close())
		}
	}
	t.Run("what is no certificate is invalid and changes nothing", func(t *testing.T) {
		files, other := ca.issue(t, address, 1), ca.issue(t, address, 1)
		for _, bad := range []engine.TLSFiles{
			{}, {Certificate: files.Certificate, Key: other.Key, CA: files.CA}, {Certificate: files.Certificate, Key: files.Key, CA: []byte("none")},
		} {
			_, err := c.PutCertificate(ctx, bad, true)
			refused(t, err, guest.KindInvalid)
		}
		status(ctx, t, s.Engine, guest.StatusHealthy)
	})
	t.Run("is used, at once or after a restart", func(t *testing.T) {
		if put(t, 1001, false) {
			status(ctx, t, s.Engine, guest.StatusRestartRequired)
			restart(t)
		}
		expect(t, 1001, false)
	})
	t.Run("is renewed", func(t *testing.T) {
		if put(t, 1002, false) {
			t.Error("a renewal waits for a restart")
		}
		expect(t, 1002, false)
	})
	t.Run("is demanded, and not any more", func(t *testing.T) {
		if put(t, 1003, true) {
			t.Error("the demand waits for a restart")
		}
		expect(t, 1003, true)
		restart(t)
		expect(t, 1003, true)
		put(t, 1004, false)
		expect(t, 1004, false)
	})
	t.Run("who must use TLS comes in with it", func(t *testing.T) {
		if s.Connect == nil || !s.Catalog.HasGrants {
			return
		}
		user := putUser(s.anywhere("app"), "")
		user.RequireTLS = true
		_, err := u.PutUser(ctx, user)
		ok(t, err)
		s.keptOut(ctx, t, inClear)
		s.login(ctx, t, overTLS)
	})
	t.Run("put while it is down, used when it is started", func(t *testing.T) {
		ok(t, s.Engine.Stop(ctx))
		put(t, 1005, true)
		if required, err := c.TLSRequired(ctx); err != nil || !required {
			t.Errorf("TLS required is %v, %v", required, err)
		}
		ok(t, s.Engine.Start(ctx))
		expect(t, 1005, true)
	})
}
