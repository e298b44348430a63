package openstack_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/openstack"
)

// This file holds what differs from cloud to cloud.

// endpoint is one address of a service in a catalog; region nil: it has none.
func endpoint(side string, region any, url string) map[string]any {
	return map[string]any{"interface": side, "region": region, "region_id": region, "url": url}
}

func entry(kind string, endpoints ...any) map[string]any {
	return map[string]any{"type": kind, "name": kind, "endpoints": endpoints}
}

func TestCatalogs(t *testing.T) {
	for _, c := range []struct {
		name    string
		catalog func(base string) []any
		env     map[string]string
		want    string // what the error says; empty: where the servers were asked for
		path    string
	}{
		{name: "no region anywhere", path: "/compute/v2.1/servers/x", catalog: func(base string) []any {
			return []any{entry("compute", endpoint("public", nil, base+"/compute/v2.1"))}
		}},
		{name: "no region anywhere, one is named", env: map[string]string{"OS_REGION_NAME": "R1"}, path: "/compute/v2.1/servers/x",
			catalog: func(base string) []any { return []any{entry("compute", endpoint("public", nil, base+"/compute/v2.1"))} }},
		{name: "several regions, one is named", env: map[string]string{"OS_REGION_NAME": "R2"}, path: "/two/servers/x", catalog: func(base string) []any {
			return []any{entry("compute", endpoint("public", "R1", base+"/one"), endpoint("public", "R2", base+"/two"))}
		}},
		{name: "several regions", want: "covers several regions: choose one of R1, R2 with region_name", catalog: func(base string) []any {
			return []any{entry("compute", endpoint("public", "R1", base+"/one"), endpoint("public", "R2", base+"/two"))}
		}},
		{name: "internal", env: map[string]string{"OS_INTERFACE": "internal"}, path: "/inside/servers/x", catalog: func(base string) []any {
			return []any{entry("compute", endpoint("public", "R1", base+"/outside"), endpoint("internal", "R1", base+"/inside"))}
		}},
		{name: "no internal", env: map[string]string{"OS_INTERFACE": "internal"}, want: "has no internal addresses of services, it has public: choose with interface",
			catalog: func(base string) []any { return []any{entry("compute", endpoint("public", "R1", base+"/compute"))} }},
		{name: "a path in front", path: "/openstack/cloud/compute/v2.1/servers/x", catalog: func(base string) []any {
			return []any{entry("compute", endpoint("public", "R1", base+"/openstack/cloud/compute/v2.1/"))}
		}},
		{name: "nothing", want: "has an empty catalog", catalog: func(string) []any { return []any{} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := ""
			s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.Path
				_, _ = io.WriteString(w, `{"server": {"id": "x"}}`)
			})
			s.catalog = func() []any { return c.catalog(s.URL) }
			env := s.options.Getenv
			s.options.Getenv = func(name string) string {
				if value, given := c.env[name]; given {
					return value
				}
				return env(name)
			}
			cloud, err := openstack.Open(t.Context(), s.options)
			if c.want != "" {
				if !providers.IsKind(err, providers.KindInvalid) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cloud.Servers.Get(t.Context(), "x"); err != nil || asked != c.path {
				t.Errorf("asked for %q, want %q: %v", asked, c.path, err)
			}
			if cloud.Containers != nil || cloud.Volumes != nil || cloud.Ports != nil {
				t.Error("services are there that the catalog does not have")
			}
		})
	}
}

// TestAServiceWithACertificateOfItsOwn: Keystone is trusted, Nova is not.
func TestAServiceWithACertificateOfItsOwn(t *testing.T) {
	strange := httptest.NewUnstartedServer(http.NotFoundHandler())
	strange.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what the test is about
	strange.StartTLS()
	t.Cleanup(strange.Close)
	w := newWorld(t)
	s := newStub(t, http.NotFound)
	s.catalog = func() []any { return []any{entry("compute", endpoint("public", "R1", strange.URL))} }
	s.options.Wrap = w.stack.Transport
	_, err := s.open(t).Servers.List(t.Context())
	var e *providers.Error
	if !errors.As(err, &e) || e.Sent || !strings.Contains(e.Message, "certificate") || !strings.Contains(e.Message, "cacert in clouds.yaml") {
		t.Errorf("got %v", err)
	}
	if n := w.stack.Requests()["compute"]; n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestCertificatesInCloudsYAML(t *testing.T) {
	s := &stub{answer: http.NotFound}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	authority := filepath.Join(dir, "ca.pem")
	writePEM(t, authority, s.Certificate().Raw)
	for line, trusted := range map[string]bool{"cacert: " + authority: true, "verify: false": true, "verify: true": false} {
		text := fmt.Sprintf("clouds:\n  x:\n    auth: {auth_url: %q, username: u, password: p, project_name: db}\n    %s\n", s.URL+"/v3", line)
		if err := os.WriteFile(filepath.Join(dir, "clouds.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := openstack.Open(t.Context(), openstack.Options{Dir: dir, Getenv: variables(nil)})
		if (err == nil) != trusted || err != nil && !strings.Contains(err.Error(), "is not trusted") {
			t.Errorf("with %q: %v", line, err)
		}
	}
}

func TestTokensThatRunOutDuringTheWork(t *testing.T) {
	w := newWorldOf(t, emulator.Options{TokenLifetime: 300 * time.Millisecond})
	cloud, err := openstack.Open(t.Context(), w.options)
	if err != nil {
		t.Fatal(err)
	}
	for w.requests.count("POST", "/auth/tokens") < 4 {
		if _, err := cloud.Servers.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhyThereIsNoPort(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   providers.ErrorKind
		want   string
	}{
		{403, `{"NeutronError": {"type": "PolicyNotAuthorized", "message": "(rule:create_port) is disallowed by policy", "detail": ""}}`,
			providers.KindDenied, "only the owner of a network chooses addresses in it, so leave out 10.0.0.9: (rule:create_port) is disallowed by policy"},
		{400, `{"NeutronError": {"type": "PortSecurityAndIPRequiredForSecurityGroups", "message": "Port security must be enabled and port must have an IP address in order to use security groups.", "detail": ""}}`,
			providers.KindInvalid, "the network has no port security, so nothing would keep strangers from the port; choose another: Port security must be enabled"},
	} {
		s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Openstack-Request-Id", "req-7")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		_, err := s.open(t).Ports.Create(t.Context(), providers.PortSpec{
			Mark: providers.Mark{Lineage: "abcd0123", Member: "m", Intent: "i"}, Name: "n", NetworkID: "x", Address: "10.0.0.9", SecurityGroups: []string{"g"},
		})
		if !providers.IsKind(err, c.kind) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "[req-7]") {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
