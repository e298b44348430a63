package openstack_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/middleware"
	"github.com/trovectl/trovectl/providers/openstack"
	"github.com/trovectl/trovectl/providers/providertest"
)

// world is an embedded OpenStack and a client of it.
type world struct {
	emulator *emulator.Server
	stack    *middleware.Stack
	options  openstack.Options
	requests *requestLog
}

// newWorld opens the embedded OpenStack with its own quotas, small pages and quick builds.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, emulator.Options{})
}

func newWorldOf(t *testing.T, o emulator.Options) *world {
	t.Helper()
	dir := t.TempDir()
	front := httptest.NewUnstartedServer(nil)
	address := "http://" + front.Listener.Addr().String()
	o.Dir, o.Endpoint, o.BuildDelay, o.Quotas = filepath.Join(dir, "cloud"), address, 20*time.Millisecond, "default"
	server, err := emulator.Open(o)
	if err != nil {
		t.Fatalf("opening the embedded cloud: %v", err)
	}
	requests := &requestLog{next: server.Handler()}
	front.Config.Handler = requests
	front.Start()
	t.Cleanup(func() {
		front.Close()
		if err := server.Close(context.Background()); err != nil {
			t.Errorf("closing the embedded cloud: %v", err)
		}
	})
	w := &world{emulator: server, requests: requests}
	w.stack = middleware.New(middleware.Options{MinInterval: 2 * time.Millisecond, MaxInterval: 20 * time.Millisecond})
	w.options = openstack.Options{
		Dir: dir, PageSize: 3, Wrap: w.stack.Transport,
		Getenv: variables(map[string]string{
			"OS_AUTH_URL": address + "/identity/v3", "OS_USERNAME": "demo", "OS_PASSWORD": password(t, server, dir),
			"OS_PROJECT_NAME": "demo", "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default",
		}),
	}
	return w
}

func variables(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestContract(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Fixture {
		w := newWorld(t)
		cloud, err := openstack.Open(t.Context(), w.options)
		if err != nil {
			t.Fatalf("opening the cloud: %v", err)
		}
		inject := func(t *testing.T, f emulator.Fault) {
			t.Helper()
			if err := w.emulator.Inject(f); err != nil {
				t.Fatalf("injecting a fault: %v", err)
			}
		}
		return providertest.Fixture{
			Cloud: w.stack.Assemble(cloud), PageSize: 3, FlavorName: "db.tiny", External: true, Patience: 10 * time.Second,
			FailBuild: func(t *testing.T, message string) {
				inject(t, emulator.Fault{Service: "compute", Method: "POST", PathRegexp: "/servers$", Kind: emulator.FaultErrorBuild, Body: message})
			},
			LimitServers: func(*testing.T) int { return 10 }, // Nova's own
			Deny: func(t *testing.T, call string) {
				inject(t, emulator.Fault{Method: "POST", PathRegexp: pathOf(call), Kind: emulator.FaultStatus, Status: 403})
			},
			LoseAnswer: func(t *testing.T, call string) {
				inject(t, emulator.Fault{Method: "POST", PathRegexp: pathOf(call), Kind: emulator.FaultDropAfter})
			},
			ListCalls: func() int { return w.requests.count("GET", "/servers/detail") },
		}
	})
}

// pathOf gives the end of the path that a create is posted to.
func pathOf(call string) string {
	return "/" + strings.ReplaceAll(strings.TrimPrefix(call, "create "), " ", "-") + "s$"
}
