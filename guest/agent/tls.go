package agent

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// The agent's own copies, in paths.tls. The key is made here and never leaves the guest.
const (
	tlsKeyFile     = "key.pem"
	tlsRequestFile = "request.pem"
	tlsCertFile    = "certificate.pem"
	tlsCAFile      = "ca.pem"
)

func (a *Agent) tlsFile(name string) string { return filepath.Join(a.paths.tls, name) }

// keepKey makes the guest's own key and the request for its certificate, once.
func (a *Agent) keepKey() error {
	if _, err := os.Stat(a.tlsFile(tlsRequestFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the guest's key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("making the guest's key: %w", err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: a.born.Member}}
	request, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return fmt.Errorf("asking for a certificate: %w", err)
	}
	if err := os.MkdirAll(a.paths.tls, 0o700); err != nil {
		return fmt.Errorf("keeping the guest's key: %w", err)
	}
	// The request comes last: where it is, its key is.
	if err := writeFile(a.tlsFile(tlsKeyFile), encodePEM("PRIVATE KEY", private), 0o600); err != nil {
		return fmt.Errorf("keeping the guest's key: %w", err)
	}
	if err := writeFile(a.tlsFile(tlsRequestFile), encodePEM("CERTIFICATE REQUEST", request), 0o600); err != nil {
		return fmt.Errorf("keeping the request for a certificate: %w", err)
	}
	return nil
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// certify fulfils guest.Certify.
func (a *Agent) certify(ctx context.Context, in guest.Certify) (guest.Certified, error) {
	certified, err := power[engine.Certified](a, "TLS")
	if err != nil {
		return guest.Certified{}, err
	}
	if err := a.keepKey(); err != nil {
		return guest.Certified{}, err
	}
	key, err := os.ReadFile(a.tlsFile(tlsKeyFile))
	if err != nil {
		return guest.Certified{}, fmt.Errorf("reading the guest's key: %w", err)
	}
	if err := checkCertificate(in, key, a.config.Now()); err != nil {
		return guest.Certified{}, err
	}
	files := engine.TLSFiles{Certificate: []byte(in.Certificate), Key: key, CA: []byte(in.CA)}
	pending, err := certified.PutCertificate(ctx, files, in.Required)
	if err != nil {
		return guest.Certified{}, asGuestError(guest.KindEngine, "putting the certificate", err)
	}
	// Only what the engine has is told by inspect.
	for name, text := range map[string][]byte{tlsCAFile: files.CA, tlsCertFile: files.Certificate} {
		if err := writeFile(a.tlsFile(name), text, 0o600); err != nil {
			return guest.Certified{}, fmt.Errorf("keeping the certificate: %w", err)
		}
	}
	return guest.Certified{Pending: pending}, nil
}

// selfCertify gives an engine that was never certified a certificate of its own, so that its first start opens TLS and the
// one that certify brings needs no other. Nobody outside believes it, and inspect does not tell of it.
func (a *Agent) selfCertify(ctx context.Context, server engine.Engine) error {
	certified, ok := server.(engine.Certified)
	if !ok {
		return nil
	}
	if _, err := os.Stat(a.tlsFile(tlsCertFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if state, err := server.State(ctx); err != nil || state.Status != guest.StatusShutdown {
		return err // it runs, and serves with what it has
	}
	key, err := os.ReadFile(a.tlsFile(tlsKeyFile))
	if err != nil {
		return fmt.Errorf("reading the guest's key: %w", err)
	}
	certificate, err := selfSigned(key, a.born.Member, a.config.Now())
	if err != nil {
		return err
	}
	if _, err := certified.PutCertificate(ctx, engine.TLSFiles{Certificate: certificate, Key: key, CA: certificate}, false); err != nil {
		return asGuestError(guest.KindEngine, "putting the first certificate", err)
	}
	return nil
}

func selfSigned(key []byte, name string, now time.Time) ([]byte, error) {
	signer, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("making the first certificate: %w", err)
	}
	return encodePEM("CERTIFICATE", der), nil
}

// checkCertificate refuses what clients would refuse, or what this guest has no key for.
func checkCertificate(in guest.Certify, key []byte, now time.Time) error {
	certificate, err := parseCertificate([]byte(in.Certificate))
	if err != nil {
		return guest.Errorf(guest.KindInvalid, "the certificate cannot be read: %v", err)
	}
	ca, err := parseCertificate([]byte(in.CA))
	if err != nil {
		return guest.Errorf(guest.KindInvalid, "the certificate of the CA cannot be read: %v", err)
	}
	signer, err := parseKey(key)
	if err != nil {
		return err
	}
	if same, ok := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !same.Equal(signer.Public()) {
		return guest.Errorf(guest.KindInvalid, "the certificate is not for this guest's key: ask again for its request")
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); err != nil {
		return guest.Errorf(guest.KindInvalid, "clients would refuse the certificate: %v", err)
	}
	return nil
}

func parseKey(key []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(key)
	if block == nil {
		return nil, errors.New("the guest's key is damaged")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the guest's key is damaged")
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, errors.New("the guest's key cannot sign")
	}
	return signer, nil
}

func parseCertificate(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it is no certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// observeTLS tells what certificate the engine has, and what asks for the next one.
func (a *Agent) observeTLS(ctx context.Context, certified engine.Certified) (*guest.ObservedTLS, error) {
	request, err := os.ReadFile(a.tlsFile(tlsRequestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the guest is not prepared
	}
	if err != nil {
		return nil, fmt.Errorf("reading the request for a certificate: %w", err)
	}
	seen := &guest.ObservedTLS{Request: string(request)}
	if seen.Required, err = certified.TLSRequired(ctx); err != nil {
		return nil, asGuestError(guest.KindEngine, "asking whether TLS is required", err)
	}
	certificate, err := a.readCertificate(tlsCertFile)
	if err != nil {
		return seen, nil //nolint:nilerr // none, or a damaged one: the next is asked for
	}
	if ca, err := a.readCertificate(tlsCAFile); err == nil {
		seen.CA = fingerprint(ca)
	}
	seen.Fingerprint, seen.NotAfter = fingerprint(certificate), certificate.NotAfter.UTC().Format(time.RFC3339)
	seen.Names = slices.Clone(certificate.DNSNames)
	for _, address := range certificate.IPAddresses {
		seen.Names = append(seen.Names, address.String())
	}
	slices.Sort(seen.Names)
	return seen, nil
}

func (a *Agent) readCertificate(name string) (*x509.Certificate, error) {
	text, err := os.ReadFile(a.tlsFile(name))
	if err != nil {
		return nil, err
	}
	return parseCertificate(bytes.TrimSpace(text))
}

func fingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return hex.EncodeToString(sum[:])
}
