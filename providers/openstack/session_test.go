package openstack_test

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/openstack"
)

func TestOpenCostsOneRequest(t *testing.T) {
	w := newWorld(t)
	cloud, err := openstack.Open(t.Context(), w.options)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.requests.all); n != 1 {
		t.Errorf("opening cost %d requests: %v", n, w.requests.all)
	}
	if _, err := cloud.Servers.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.requests.all); n != 2 {
		t.Errorf("opening and listing cost %d requests: %v", n, w.requests.all)
	}
	if got := w.stack.Requests(); got["identity"] != 1 || got["compute"] != 1 || len(got) != 2 {
		t.Errorf("counted %v", got)
	}
	if id := cloud.Identity; id.ProjectName != "demo" || id.ProjectID == "" || id.Region != "RegionOne" || !strings.HasSuffix(id.AuthURL, "/identity/v3") {
		t.Errorf("identity is %+v", id)
	}
}

func TestATokenThatRanOutIsReplacedOnce(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Auth-Token") == "token-1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"server": {"id": "s1"}}`)
	})
	cloud := s.open(t)
	got, err := cloud.Servers.Create(t.Context(), providers.ServerSpec{Mark: providers.Mark{Lineage: "abcd0123", Member: "m", Intent: "i"}, Name: "n"})
	if err != nil || got.ID != "s1" || s.tokens.Load() != 2 {
		t.Errorf("got %q, %v, after %d tokens", got.ID, err, s.tokens.Load())
	}
}

func TestATokenThatIsNeverAcceptedIsDenied(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}`)
	})
	_, err := s.open(t).Servers.List(t.Context())
	if !providers.IsKind(err, providers.KindDenied) || s.tokens.Load() != 2 || !strings.Contains(err.Error(), "access rules") {
		t.Errorf("got %v after %d tokens, want denied after 2", err, s.tokens.Load())
	}
}

func TestALostAnswerIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	cloud, err := openstack.Open(t.Context(), w.options)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.emulator.Inject(emulator.Fault{Method: "POST", PathRegexp: "/volumes$", Kind: emulator.FaultDropAfter}); err != nil {
		t.Fatal(err)
	}
	_, err = cloud.Volumes.Create(t.Context(), providers.VolumeSpec{Mark: providers.Mark{Lineage: "abcd0123", Member: "m", Intent: "i"}, Name: "v", SizeGiB: 1})
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.KindTransient || !e.Sent {
		t.Errorf("got %v, want a transient error of a request that was sent", err)
	}
	if n := w.requests.count("POST", "/volumes"); n != 1 {
		t.Errorf("the create was sent %d times", n)
	}
}

func TestFailedAuthenticationSaysWhatToCheck(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := "http://" + listener.Addr().String() + "/v3"
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what the test is about
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)
	for _, c := range []struct {
		name, variable, value string
		kind                  providers.ErrorKind
		want                  []string
	}{
		{"wrong password", "OS_PASSWORD", "wr0ng-passw0rd", providers.KindDenied, []string{"/identity/v3", "user demo of domain Default", "project demo", "check the password", "OS_* variables"}},
		{"no such project", "OS_PROJECT_NAME", "nowhere", providers.KindDenied, []string{"project nowhere", "role in the project"}},
		{"nobody there", "OS_AUTH_URL", silent, providers.KindTransient, []string{silent, "connection refused", "check the auth_url"}},
		{"no keystone", "OS_AUTH_URL", strings.TrimSuffix(w.options.Getenv("OS_AUTH_URL"), "/identity/v3") + "/nothing", providers.KindInvalid, []string{"no Keystone v3"}},
		{"not a URL", "OS_AUTH_URL", "://", providers.KindInvalid, []string{"auth URL"}},
		{"unknown certificate", "OS_AUTH_URL", tlsServer.URL + "/v3", providers.KindTransient, []string{"certificate", "OS_CACERT"}},
		{"no user", "OS_USERNAME", "", providers.KindInvalid, []string{"names no user", "application_credential_id"}},
		{"no password", "OS_PASSWORD", "", providers.KindInvalid, []string{"no password for user demo"}},
		{"no project", "OS_PROJECT_NAME", "", providers.KindInvalid, []string{"names no project"}},
		{"unknown region", "OS_REGION_NAME", "R9", providers.KindInvalid, []string{`no region "R9"`, "RegionOne"}},
		{"no such authority", "OS_CACERT", "/nonexistent.pem", providers.KindInvalid, []string{"/nonexistent.pem"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			options, secret := w.options, w.options.Getenv("OS_PASSWORD")
			options.Wrap = nil // no retries
			options.Getenv = func(name string) string {
				if name == c.variable {
					return c.value
				}
				return w.options.Getenv(name)
			}
			_, err := openstack.Open(t.Context(), options)
			if !providers.IsKind(err, c.kind) {
				t.Fatalf("got %v, want kind %q", err, c.kind)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "wr0ng-passw0rd") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// unresolved is a network whose name server knows nothing.
type unresolved struct{}

func (unresolved) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, &net.DNSError{Err: "no such host", Name: req.URL.Hostname(), IsNotFound: true}
}

func TestAnUnknownHostIsNamed(t *testing.T) {
	options := openstack.Options{Transport: unresolved{}, Getenv: variables(map[string]string{
		"OS_AUTH_URL": "https://keystone.invalid:5000/v3", "OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_PROJECT_NAME": "db",
	})}
	_, err := openstack.Open(t.Context(), options)
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.KindTransient || e.Sent || !strings.Contains(e.Message, "the host name keystone.invalid cannot be resolved") {
		t.Errorf("got %v", err)
	}
}

func writePEM(t *testing.T, path string, certificate []byte) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertificatesAreHonoured(t *testing.T) {
	s := &stub{answer: http.NotFound}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, authority, s.Certificate().Raw)
	for _, extra := range []map[string]string{{"OS_CACERT": authority}, {"OS_INSECURE": "true"}} {
		values := map[string]string{"OS_AUTH_URL": s.URL + "/v3", "OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_PROJECT_NAME": "db"}
		for name, value := range extra {
			values[name] = value
		}
		if _, err := openstack.Open(t.Context(), openstack.Options{Getenv: variables(values)}); err != nil {
			t.Errorf("with %v: %v", extra, err)
		}
	}
}
