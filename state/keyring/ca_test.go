package keyring

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// caFingerprint is of the CA that the test of its constancy makes.
const caFingerprint = "73bdf7aa7615de97ceb1dd4110ea7e8c0034f4d47e8a05d59fd78e7d8061d15e"

func ring(lineage string) *Ring { return NewMaster([KeySize]byte{1, 2, 3}).Ring(lineage) }

func authority(t *testing.T, r *Ring) *CA {
	t.Helper()
	ca, err := r.CA()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func pool(t *testing.T, ca *CA) *x509.CertPool {
	t.Helper()
	out := x509.NewCertPool()
	if !out.AppendCertsFromPEM([]byte(ca.PEM())) {
		t.Fatal("the certificate of the CA is none")
	}
	return out
}

func read(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestCAIsAlwaysTheSame holds fast what clients have on their disks.
func TestCAIsAlwaysTheSame(t *testing.T) {
	ca := authority(t, ring("4f2a0000-0000-0000-0000-000000000000"))
	if again := authority(t, ring("4f2a0000-0000-0000-0000-000000000000")); ca.PEM() != again.PEM() {
		t.Error("the same key gave two certificates")
	}
	if other := authority(t, ring("another")); ca.PEM() == other.PEM() {
		t.Error("two lineages share a CA")
	}
	if got := ca.Fingerprint(); got != caFingerprint {
		t.Errorf("the CA is %s, and was %s: instances in service have certificates of that one", got, caFingerprint)
	}
}

func request(t *testing.T, names ...string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "m"}, DNSNames: names}, key)
	if err != nil {
		t.Fatal(err)
	}
	return encodePEM("CERTIFICATE REQUEST", der)
}

func TestServerCertificate(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ca := authority(t, ring("l"))
	text, err := ca.Server(request(t, "bank.example.org"), []string{"10.0.0.7", "2001:db8::7", "db.example.org"}, now)
	if err != nil {
		t.Fatal(err)
	}
	cert := read(t, text)
	for _, name := range []string{"10.0.0.7", "2001:db8::7", "db.example.org"} {
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool(t, ca), DNSName: name, CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if cert.VerifyHostname("bank.example.org") == nil {
		t.Error("a name that only the guest asked for is in the certificate")
	}
	if want := now.Add(CertificateLife); !cert.NotAfter.Equal(want) || cert.IsCA {
		t.Errorf("it ends %s, want %s; CA: %t", cert.NotAfter, want, cert.IsCA)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool(t, authority(t, ring("other"))), CurrentTime: now}); err == nil {
		t.Error("another lineage's CA stands for it")
	}
}

func TestServerCertificate_badRequests(t *testing.T) {
	ca := authority(t, ring("l"))
	good := request(t)
	broken, _ := pem.Decode([]byte(good))
	broken.Bytes[len(broken.Bytes)-3] ^= 1
	for name, text := range map[string]string{
		"empty": "", "a certificate": ca.PEM(), "two": good + good, "a broken signature": encodePEM("CERTIFICATE REQUEST", broken.Bytes),
	} {
		if _, err := ca.Server(text, []string{"a"}, time.Now()); err == nil {
			t.Errorf("%s was signed", name)
		}
	}
	if _, err := ca.Server(good, nil, time.Now()); err == nil {
		t.Error("a certificate for nobody was signed")
	}
}

func TestClientCertificate(t *testing.T) {
	r, now := ring("l"), time.Now()
	text, key, err := r.Client("m-1", 2, "trove-m-1", now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair([]byte(text), []byte(key.Reveal())); err != nil {
		t.Fatal(err)
	}
	cert := read(t, text)
	use := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool(t, authority(t, r)), KeyUsages: use}); err != nil || cert.Subject.CommonName != "trove-m-1" {
		t.Errorf("%s: %v", cert.Subject, err)
	}
	for _, other := range []struct {
		member     state.MemberID
		generation int
	}{{"m-1", 3}, {"m-2", 2}} {
		if _, next, _ := r.Client(other.member, other.generation, "x", now); next.Reveal() == key.Reveal() {
			t.Errorf("%v has the same key", other)
		}
	}
}

func TestCAIsHidden(t *testing.T) {
	ca := authority(t, ring("l"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb, ca); got != resource.Hidden {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
