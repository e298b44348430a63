package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/trovectl/trovectl/providers/emulator"
)

func inject(t *testing.T, c *cloud, f emulator.Fault) {
	t.Helper()
	if err := c.Inject(f); err != nil {
		t.Fatal(err)
	}
}

func TestFaultsOfRequests(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	private := c.privateNetwork(t)
	create := func(name string) error {
		_, err := ports.Create(ctx, c.network, ports.CreateOpts{NetworkID: private, Name: name}).Extract()
		return err
	}
	count := func(name string) int {
		ids, _ := collect(t, ports.List(c.network, ports.ListOpts{Name: name}), ports.ExtractPorts, func(p ports.Port) string { return p.ID })
		return len(ids)
	}

	inject(t, c, emulator.Fault{Service: "network", Method: "POST", PathRegexp: "/ports$", Kind: emulator.FaultStatus, Status: 429, RetryAfter: 7, Skip: 1})
	if err := create("first"); err != nil {
		t.Fatal(err)
	}
	err := create("second")
	wantCode(t, err, 429)
	var code gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &code); code.ResponseHeader.Get("Retry-After") != "7" {
		t.Errorf("Retry-After is %q", code.ResponseHeader.Get("Retry-After"))
	}
	if n := count("second"); n != 0 {
		t.Errorf("a refused creation made %d ports", n)
	}

	inject(t, c, emulator.Fault{Service: "network", Method: "POST", Kind: emulator.FaultDropBefore})
	if err := create("before"); err == nil || count("before") != 0 {
		t.Errorf("drop_before: %v, %d ports", err, count("before"))
	}
	inject(t, c, emulator.Fault{Service: "network", Method: "POST", Kind: emulator.FaultDropAfter, BodyRegexp: "after"})
	if err := create("after"); err == nil || count("after") != 1 {
		t.Errorf("drop_after: %v, %d ports", err, count("after"))
	}
	inject(t, c, emulator.Fault{Method: "POST", Kind: emulator.FaultLatency, LatencyMS: 50})
	start := time.Now()
	if err := create("late"); err != nil || time.Since(start) < 50*time.Millisecond {
		t.Errorf("latency: %v after %s", err, time.Since(start))
	}
	inject(t, c, emulator.Fault{Method: "POST", Kind: emulator.FaultStatus, Count: 2, Body: `{"odd": true}`, Status: 500})
	for range 2 {
		wantCode(t, create("x"), 500)
	}
	if err := create("x"); err != nil {
		t.Errorf("the fault outlived its count: %v", err)
	}
}

func TestFaultsOfReplies(t *testing.T) {
	c := open(t, emulator.Options{})
	private := c.privateNetwork(t)
	made := func(name string) int {
		ids, _ := collect(t, ports.List(c.network, ports.ListOpts{Name: name}), ports.ExtractPorts, func(p ports.Port) string { return p.ID })
		return len(ids)
	}
	for kind, effect := range map[emulator.FaultKind]int{
		emulator.FaultHangBefore: 0, emulator.FaultHangAfter: 1, emulator.FaultTruncated: 1, emulator.FaultMistyped: 1,
	} {
		inject(t, c, emulator.Fault{Service: "network", Method: "POST", Kind: kind})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := ports.Create(ctx, c.network, ports.CreateOpts{NetworkID: private, Name: string(kind)}).Extract()
		cancel()
		hangs := kind == emulator.FaultHangBefore || kind == emulator.FaultHangAfter
		if err == nil || hangs != errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", kind, err)
		}
		if n := made(string(kind)); n != effect {
			t.Errorf("%s: %d ports, want %d", kind, n, effect)
		}
	}
}

func TestFaultsOfBuilds(t *testing.T) {
	c := open(t, emulator.Options{Machines: &memoryMachines{}})
	resp := do(t, http.MethodPost, c.Endpoint()+"/_dev/faults", `{"service":"compute","kind":"error_build","body_regexp":"\"bad\"","body":"No valid host was found."}`)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("arming a fault: %d", resp.StatusCode)
	}
	good, bad := c.stack(t, "good"), c.stack(t, "bad")
	c.waitServer(t, good.server, "ACTIVE")
	sv := c.waitServer(t, bad.server, "ERROR")
	if sv.Fault.Message != "No valid host was found." || sv.Fault.Code != 500 {
		t.Errorf("fault %+v", sv.Fault)
	}
	inject(t, c, emulator.Fault{Kind: emulator.FaultNeverBoot})
	dead := c.stack(t, "dead")
	c.waitServer(t, dead.server, "ACTIVE")
	inject(t, c, emulator.Fault{Kind: emulator.FaultStuckBuild})
	stuck := c.stack(t, "stuck")
	for _, s := range c.Summary().Servers {
		if want := s.ID == good.server; s.Running != want {
			t.Errorf("%s is running: %v", s.Name, s.Running)
		}
	}
	if err := servers.Delete(t.Context(), c.compute, stuck.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, stuck.server, "gone")
	for _, body := range []string{`{"kind":"explode"}`, `{"kind":"status","path_regexp":"("}`, `{"kind":"status","status":200}`, `nonsense`} {
		if resp := do(t, http.MethodPost, c.Endpoint()+"/_dev/faults", body); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", body, resp.StatusCode)
		}
	}
}

func TestStatusAndRequestLog(t *testing.T) {
	dir := t.TempDir()
	c := open(t, emulator.Options{Dir: dir})
	st := c.stack(t, "orders")
	c.waitServer(t, st.server, "ACTIVE")
	resp := do(t, http.MethodGet, c.Endpoint()+"/_dev/status", "")
	var sum emulator.Summary
	if err := json.NewDecoder(resp.Body).Decode(&sum); err != nil {
		t.Fatal(err)
	}
	if len(sum.Servers) != 1 || sum.Servers[0].Status != "ACTIVE" || sum.Servers[0].Address == "" || sum.Endpoint != c.Endpoint() {
		t.Errorf("summary %+v", sum)
	}
	found := false
	for _, r := range sum.Requests {
		found = found || r.Service == "compute" && r.Method == "POST" && r.Path == "/compute/v2.1/servers" && r.Count == 1
	}
	if !found {
		t.Errorf("the creation is not counted: %+v", sum.Requests)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "requests.log"))
	must(t, raw, err)
	line := regexp.MustCompile(`^\S+Z (identity|compute|volume|image|network|object-store|dev) [A-Z]+ /\S+ \d{3} \d+ms$`)
	for _, l := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		if !line.MatchString(l) {
			t.Errorf("a line of the request log: %q", l)
		}
	}
	if strings.Contains(string(raw), st.server) || strings.Contains(string(raw), "orders") {
		t.Error("the request log holds ids or names")
	}
	body, err := io.ReadAll(do(t, http.MethodGet, c.Endpoint()+"/compute/v2.1/nothing", "").Body)
	if must(t, body, err); !strings.Contains(string(body), "itemNotFound") {
		t.Errorf("an unknown path: %s", body)
	}
}
