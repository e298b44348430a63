package redis

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// selfSigned is a certificate that is its own CA.
func selfSigned(t *testing.T) engine.TLSFiles {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	return engine.TLSFiles{Certificate: text, Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), CA: text}
}

func overTLS(t *testing.T, e *Engine, files engine.TLSFiles, port int) *redis.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(files.CA)
	client := redis.NewClient(options(e, enginetest.Login{Name: "app", Password: "x", TLS: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}}, port))
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// A certificate that the server does not get leaves everything as it was, and one that it gets ends no session.
func TestCertificatesAreTakenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	put(ctx, t, e, "app", "x", "~*", "+@all")
	clear := connect(t, e, "app", "x")
	must(t, clear.Ping(ctx).Err())
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", e.host.Port+1))
	must(t, err)
	first := selfSigned(t)
	_, err = e.PutCertificate(ctx, first, false)
	kind(t, err, guest.KindEngine)
	expectCertificates(ctx, t, e, 0)
	must(t, taken.Close())
	_, err = e.PutCertificate(ctx, first, false)
	must(t, err)
	client := overTLS(t, e, first, e.host.Port+1)
	must(t, client.Ping(ctx).Err())
	second := selfSigned(t)
	_, err = e.PutCertificate(ctx, second, false)
	must(t, err)
	expectCertificates(ctx, t, e, 1)
	must(t, client.Ping(ctx).Err())
	must(t, clear.Ping(ctx).Err())
	must(t, overTLS(t, e, second, e.host.Port+1).Ping(ctx).Err())
	if err := overTLS(t, e, first, e.host.Port+1).Ping(ctx).Err(); err == nil {
		t.Error("the former certificate is shown still")
	}
	_, err = e.PutCertificate(ctx, second, true)
	must(t, err)
	must(t, overTLS(t, e, second, e.host.Port).Ping(ctx).Err())
	if err := connect(t, e, "app", "x").Ping(ctx).Err(); err == nil {
		t.Error("the port speaks in clear still")
	}
	kill(t, e)
	must(t, e.Start(ctx))
	must(t, overTLS(t, e, second, e.host.Port).Ping(ctx).Err())
}

// expectCertificates counts what is kept, and looks who can read the key.
func expectCertificates(ctx context.Context, t *testing.T, e *Engine, want int) {
	t.Helper()
	entries, err := os.ReadDir(e.paths.certificates)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if len(entries) != want {
		t.Errorf("there are %d directories of certificates, want %d", len(entries), want)
	}
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusHealthy {
		t.Errorf("the state is %+v, %v", state, err)
	}
}
