package agent_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// tended is a tiny engine with the powers that are not about data.
type tended struct {
	*tiny
	root     string
	logs     []string
	reopened []string
	files    engine.TLSFiles
	required bool
}

func (e *tended) Root(context.Context) (engine.Account, error) {
	return engine.Account{Name: "root", Verifier: e.root}, nil
}

func (e *tended) PutRoot(_ context.Context, root guest.PutRoot) (string, error) {
	if e.root = ""; root.Enabled {
		e.root = root.Verifier
	}
	return e.root, nil
}

func (e *tended) logPath(name string) string { return filepath.Join(e.host.Log, name+".log") }

func (e *tended) ListLogs(context.Context) ([]engine.Log, error) {
	return []engine.Log{
		{Name: "slow", Path: e.logPath("slow"), Enabled: slices.Contains(e.logs, "slow")},
		{Name: "error", Path: e.logPath("error"), Enabled: true, Fixed: true},
	}, nil
}

func (e *tended) PutLogs(_ context.Context, enabled []string) error {
	e.logs = enabled
	return nil
}

func (e *tended) ReopenLog(_ context.Context, name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reopened = append(e.reopened, name)
	return os.WriteFile(e.logPath(name), nil, 0o600)
}

func (e *tended) PutCertificate(_ context.Context, files engine.TLSFiles, required bool) (bool, error) {
	e.files, e.required = files, required
	return true, nil
}

func (e *tended) TLSRequired(context.Context) (bool, error) { return e.required, nil }

func (e *tended) Metrics(context.Context) (map[string]float64, error) {
	return map[string]float64{"connections": 3}, nil
}

// tend makes a prepared guest with a tended engine.
func tend(t *testing.T) (*world, *tended, *guest.Client) {
	t.Helper()
	w, e := newWorld(t), &tended{}
	w.config.NewEngine = func(_ string, host engine.Host) (_ engine.Engine, err error) {
		e.tiny, err = newTiny(host)
		return e, err
	}
	c := w.client(w.open())
	w.prepare(c)
	return w, e, c
}

func inspect(t *testing.T, c *guest.Client) guest.Inspection {
	t.Helper()
	seen, err := c.Inspect(t.Context(), guest.Inspect{})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestRoot(t *testing.T) {
	w, _, c := tend(t)
	put, err := c.PutRoot(t.Context(), w.id(), guest.PutRoot{Enabled: true, Verifier: "*AB"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&guest.ObservedRoot{Enabled: true, VerifierDigest: put.VerifierDigest}, inspect(t, c).Root); diff != "" || put.VerifierDigest == "" {
		t.Errorf("root (-want +got):\n%s", diff)
	}
	if _, err := c.PutRoot(t.Context(), w.id(), guest.PutRoot{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&guest.ObservedRoot{}, inspect(t, c).Root); diff != "" {
		t.Errorf("root (-want +got):\n%s", diff)
	}
}

func TestLogs(t *testing.T) {
	w, e, c := tend(t)
	if _, err := c.PutLogs(t.Context(), w.id(), guest.PutLogs{Enabled: []string{"slow"}}); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutLogs(t.Context(), w.id(), guest.PutLogs{Enabled: []string{"audit"}})
	wantKind(t, err, guest.KindInvalid, "audit", "error, slow")
	_, err = c.ReadLog(t.Context(), guest.ReadLog{Name: "../../etc/shadow"})
	wantKind(t, err, guest.KindInvalid)
	if part, err := c.ReadLog(t.Context(), guest.ReadLog{Name: "slow"}); err != nil || part.Size != 0 {
		t.Errorf("a log that was never written is %+v, %v", part, err)
	}
	const text = "one\nSET PASSWORD = 'hunter2'\nthree\n"
	w.write(e.logPath("error"), text)
	want := []guest.ObservedLog{{Name: "error", Enabled: true, Fixed: true, Size: int64(len(text))}, {Name: "slow", Enabled: true}}
	if diff := cmp.Diff(want, inspect(t, c).Logs); diff != "" {
		t.Errorf("logs (-want +got):\n%s", diff)
	}
	// A part that begins in the middle of a secret shows none of it.
	for _, asked := range []struct {
		ask  guest.ReadLog
		want string
	}{
		{guest.ReadLog{Name: "error"}, "one\nSET PASSWORD = *********\nthree\n"},
		{guest.ReadLog{Name: "error", Offset: 22}, "******\nthree\n"},
		{guest.ReadLog{Name: "error", Offset: 18, Limit: 6}, " *****"},
		{guest.ReadLog{Name: "error", Offset: -6}, "three\n"},
		{guest.ReadLog{Name: "error", Offset: 1000}, ""},
	} {
		part, err := c.ReadLog(t.Context(), asked.ask)
		if err != nil || part.Size != int64(len(text)) {
			t.Fatalf("%+v: %+v, %v", asked.ask, part, err)
		}
		if string(part.Data) != asked.want {
			t.Errorf("%+v is %q, want %q", asked.ask, part.Data, asked.want)
		}
	}
	for range 2 { // the second one as after a crash between the two halves
		if _, err := c.RotateLog(t.Context(), w.id(), guest.RotateLog{Name: "error"}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"error", "error"}, e.reopened); diff != "" {
		t.Error(diff)
	}
}

func TestALogThatGrowsBeginsAnew(t *testing.T) {
	w, e := newWorld(t), &tended{}
	w.config.MaxLog = 100
	w.config.NewEngine = func(_ string, host engine.Host) (_ engine.Engine, err error) {
		e.tiny, err = newTiny(host)
		return e, err
	}
	a := w.open()
	c := w.client(a)
	w.prepare(c)
	w.write(e.logPath("error"), strings.Repeat("x", 99))
	w.write(e.logPath("slow"), strings.Repeat("y", 100))
	w.run(a)
	eventually(t, "the large log has begun anew", func() bool {
		seen := inspect(t, c).Logs
		return seen[1].Size == 0 && seen[0].Size == 99
	})
	if old := w.read(e.logPath("slow") + ".1"); len(old) != 100 {
		t.Errorf("kept are %d bytes", len(old))
	}
}

// authority signs certificates for tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  string
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{key, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

func (a authority) sign(t *testing.T, public any, end time.Time) string {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: end, DNSNames: []string{"db.example.org"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func requested(t *testing.T, text string) any {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no request: %q", text)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.CheckSignature(); err != nil {
		t.Fatal(err)
	}
	return request.PublicKey
}

func TestCertify(t *testing.T) {
	w, e, c := tend(t)
	ca, end := newAuthority(t), time.Now().Add(30*time.Minute).UTC().Truncate(time.Second)
	first := inspect(t, c).TLS
	if first == nil || first.Fingerprint != "" || first.Required {
		t.Fatalf("a new guest tells %+v", first)
	}
	public := requested(t, first.Request)
	own, _ := pem.Decode(e.files.Certificate)
	if own == nil {
		t.Fatal("the first start opens no TLS")
	}
	e.files = engine.TLSFiles{}
	good := guest.Certify{Certificate: ca.sign(t, public, end), CA: ca.pem, Required: true}
	for name, bad := range map[string]guest.Certify{
		"no certificate":        {Certificate: "x", CA: ca.pem},
		"no CA":                 {Certificate: good.Certificate},
		"another CA":            {Certificate: good.Certificate, CA: newAuthority(t).pem},
		"the key of the CA":     {Certificate: ca.sign(t, ca.key.Public(), end), CA: ca.pem},
		"an ended one":          {Certificate: ca.sign(t, public, time.Now().Add(-time.Hour)), CA: ca.pem},
		"the CA as certificate": {Certificate: ca.pem, CA: ca.pem},
	} {
		_, err := c.Certify(t.Context(), w.id(), bad)
		wantKind(t, err, guest.KindInvalid)
		if e.files.Key != nil {
			t.Fatalf("%s reached the engine", name)
		}
	}
	for range 2 {
		certified, err := c.Certify(t.Context(), w.id(), good)
		if err != nil || !certified.Pending {
			t.Fatalf("certify: %+v, %v", certified, err)
		}
	}
	if string(e.files.Certificate) != good.Certificate || !strings.Contains(string(e.files.Key), "PRIVATE KEY") {
		t.Error("the engine has other files")
	}
	seen := inspect(t, c).TLS
	if seen.NotAfter != end.Format(time.RFC3339) || !slices.Equal(seen.Names, []string{"db.example.org"}) || !seen.Required || seen.CA == "" {
		t.Errorf("told is %+v", seen)
	}
	if seen.Request != first.Request {
		t.Error("the guest made another key")
	}
}

func TestMetrics(t *testing.T) {
	_, _, c := tend(t)
	got, err := c.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Values["connections"] != 3 || got.Values["disk_free_bytes"] <= 0 {
		t.Errorf("metrics are %v", got.Values)
	}
	plain := newWorld(t)
	other := plain.client(plain.open())
	plain.prepare(other)
	_, err = other.Metrics(t.Context())
	wantKind(t, err, guest.KindUnsupported)
}
