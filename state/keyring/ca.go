package keyring

import (
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
	"io"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// The CA's own certificate is valid from the first day on to the last: a fixed time, so that one master key always has
// the same one. CertificateLife is that of what it signs.
var (
	caFirstDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	caLastDay  = time.Date(2125, 12, 31, 23, 59, 59, 0, time.UTC)
)

// CertificateLife is how long a certificate that the CA signs is valid.
const CertificateLife = 365 * 24 * time.Hour

// clockSkew is how far the clock of a client may be behind ours.
const clockSkew = time.Hour

// CA is the certificate authority of a lineage: what it signs, clients that know its certificate believe. It prints and
// marshals as "(sensitive)".
type CA struct {
	key  func() signer
	cert *x509.Certificate
}

// signer signs without randomness (RFC 6979), so that the same text has the same signature.
type signer struct{ *ecdsa.PrivateKey }

func (s signer) Sign(_ io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(nil, digest, options)
}

// CA is the lineage's certificate authority. The same master key and lineage give the same certificate, to the byte.
func (r *Ring) CA() (*CA, error) {
	private := r.ecdsaKey("", purposeCA, 1)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "trovectl " + short(r.lineage)},
		NotBefore: caFirstDay, NotAfter: caLastDay, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of the CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of the CA: %w", err)
	}
	return &CA{func() signer { return private }, cert}, nil
}

func short(lineage string) string { return lineage[:min(len(lineage), 8)] }

// ecdsaKey is a P-256 key. One derived key in 2^32 is no such key: then it is the next generation's.
func (r *Ring) ecdsaKey(member state.MemberID, purpose string, generation int) signer {
	for {
		seed := r.Derive(member, purpose, generation)
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
		if err == nil {
			return signer{key}
		}
		generation += 1 << 30
	}
}

// PEM is the certificate of the CA, for clients.
func (c *CA) PEM() string { return encodePEM("CERTIFICATE", c.cert.Raw) }

// Fingerprint is the SHA-256 of the CA's certificate, in hex.
func (c *CA) Fingerprint() string {
	sum := sha256.Sum256(c.cert.Raw)
	return hex.EncodeToString(sum[:])
}

// Server signs a certificate for the key of a request (PKCS #10, PEM), for these DNS names and addresses. What the request
// itself says of names is not believed. The result is PEM.
func (c *CA) Server(request string, names []string, now time.Time) (string, error) {
	block, rest := pem.Decode([]byte(request))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(strings.TrimSpace(string(rest))) > 0 {
		return "", errors.New("the guest's request for a certificate is not one in PEM")
	}
	asked, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = asked.CheckSignature()
	}
	if err != nil {
		return "", fmt.Errorf("reading the guest's request for a certificate: %w", err)
	}
	if len(names) == 0 {
		return "", errors.New("a certificate needs a name or an address")
	}
	template := c.template(names[0], now, x509.ExtKeyUsageServerAuth)
	for _, name := range names {
		if address, err := netip.ParseAddr(name); err == nil {
			template.IPAddresses = append(template.IPAddresses, address.AsSlice())
			continue
		}
		template.DNSNames = append(template.DNSNames, name)
	}
	return c.sign(template, asked.PublicKey)
}

// Client makes a key and a certificate with which a member logs in somewhere as name. The key of a generation is always
// the same. Both are PEM.
func (r *Ring) Client(member state.MemberID, generation int, name string, now time.Time) (certificate string, key resource.Secret, err error) {
	ca, err := r.CA()
	if err != nil {
		return "", resource.Secret{}, err
	}
	own := r.ecdsaKey(member, purposeClientTLS, generation)
	der, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		return "", resource.Secret{}, fmt.Errorf("encoding a client's key: %w", err)
	}
	certificate, err = ca.sign(ca.template(name, now, x509.ExtKeyUsageClientAuth), own.Public())
	return certificate, resource.NewSecret(encodePEM("PRIVATE KEY", der)), err
}

func (c *CA) template(name string, now time.Time, use x509.ExtKeyUsage) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name[:min(len(name), 64)]}, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(CertificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use}, BasicConstraintsValid: true,
	}
}

func (c *CA) sign(template *x509.Certificate, public crypto.PublicKey) (string, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, public, c.key()) // the serial is random
	if err != nil {
		return "", fmt.Errorf("signing a certificate: %w", err)
	}
	return encodePEM("CERTIFICATE", der), nil
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// String hides the key from fmt.
func (c CA) String() string { return resource.Hidden }

// GoString hides the key from %#v.
func (c CA) GoString() string { return resource.Hidden }

// Format hides the key from every verb of fmt.
func (c CA) Format(f fmt.State, _ rune) { printHidden(f) }

// MarshalText hides the key from encoders.
func (c CA) MarshalText() ([]byte, error) { return []byte(resource.Hidden), nil }
