package amqptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An authority issues the certificates of a broker and of its clients.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

// CA is the certificate of the authority, PEM, that issued the broker's.
func (b *Broker) CA() []byte { return b.tls.pem }

// TLS trusts the broker, and shows no certificate.
func (b *Broker) TLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(b.tls.cert)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// ClientCertificate issues a certificate with which the user can log in: certificate and key, PEM.
func (b *Broker) ClientCertificate(t testing.TB, user string) (cert, key []byte) {
	t.Helper()
	cert, key, err := b.tls.issue(user, false)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// newAuthority makes an authority, and in the directory the files that a broker needs.
func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &authority{key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	serverCert, serverKey, err := a.issue("broker of a test", true)
	if err != nil {
		return nil, err
	}
	return a, errors.Join(
		os.WriteFile(filepath.Join(dir, "ca.pem"), a.pem, 0o600),
		os.WriteFile(filepath.Join(dir, "server.pem"), serverCert, 0o600),
		os.WriteFile(filepath.Join(dir, "server.key"), serverKey, 0o600),
	)
}

func (a *authority) issue(name string, server bool) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if server {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		template.DNSNames, template.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), nil
}
