package openstack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/openstack"
)

// stub is a cloud that gives tokens as it should and whatever else a test wants.
type stub struct {
	*httptest.Server
	tokens  atomic.Int32 // given so far
	answer  http.HandlerFunc
	options openstack.Options
	catalog func() []any // default: one region with public and internal addresses, without Swift
}

// newStub serves answer under /compute, /volume, /image and /network.
func newStub(t *testing.T, answer http.HandlerFunc) *stub {
	t.Helper()
	s := &stub{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.options = openstack.Options{Dir: t.TempDir(), Getenv: variables(map[string]string{
		"OS_AUTH_URL": s.URL + "/identity/v3", "OS_USERNAME": "alice", "OS_PASSWORD": "s3cr3t-passw0rd", "OS_PROJECT_NAME": "db",
	})}
	return s
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/v3/auth/tokens") {
		s.answer(w, r)
		return
	}
	w.Header().Set("X-Subject-Token", fmt.Sprintf("token-%d", s.tokens.Add(1)))
	w.WriteHeader(http.StatusCreated)
	catalog := []any{
		s.service("identity", "/identity"), s.service("compute", "/compute/v2.1"), s.service("volumev3", "/volume/v3/p1"),
		s.service("image", "/image"), s.service("network", "/network"),
	}
	if s.catalog != nil {
		catalog = s.catalog()
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"token": map[string]any{
		"expires_at": "2099-01-01T00:00:00.000000Z",
		"project":    map[string]any{"id": "p1", "name": "db", "domain": map[string]any{"id": "default", "name": "Default"}},
		"catalog":    catalog,
	}})
}

func (s *stub) service(kind, path string) map[string]any {
	var endpoints []any
	for _, side := range []string{"public", "internal"} {
		endpoints = append(endpoints, map[string]any{"interface": side, "region": "R1", "region_id": "R1", "url": s.URL + path})
	}
	return map[string]any{"type": kind, "name": kind, "endpoints": endpoints}
}

func (s *stub) open(t *testing.T) *providers.Cloud {
	t.Helper()
	cloud, err := openstack.Open(t.Context(), s.options)
	if err != nil {
		t.Fatalf("opening the stub: %v", err)
	}
	return cloud
}

// everyCall makes each call once and gives its error.
func everyCall(t *testing.T, cloud *providers.Cloud) map[string]error {
	ctx := t.Context()
	mark := providers.Mark{Lineage: "abcd0123", Member: "m1", Intent: "i1"}
	rule := providers.Rule{Port: 3306, CIDR: "10.0.0.0/8"}
	errs := map[string]error{}
	note := func(call string, err error) { errs[call] = err }
	_, err := cloud.Servers.Create(ctx, providers.ServerSpec{Mark: mark, Name: "n", FlavorID: "f", ImageID: "i"})
	note("create server", err)
	_, err = cloud.Servers.Get(ctx, "x")
	note("get server", err)
	_, err = cloud.Servers.List(ctx)
	note("list servers", err)
	note("rename server", cloud.Servers.Rename(ctx, "x", "n"))
	note("set server metadata", cloud.Servers.SetMetadata(ctx, "x", map[string]string{"a": "b"}, []string{"c"}))
	note("delete server", cloud.Servers.Delete(ctx, "x"))
	note("start server", cloud.ServerActions.Start(ctx, "x"))
	note("stop server", cloud.ServerActions.Stop(ctx, "x"))
	note("reboot server", cloud.ServerActions.Reboot(ctx, "x", true))
	_, err = cloud.ServerActions.Console(ctx, "x", 5)
	note("read server console", err)
	note("resize server", cloud.Resizes.Resize(ctx, "x", "f"))
	note("confirm server resize", cloud.Resizes.Confirm(ctx, "x"))
	note("revert server resize", cloud.Resizes.Revert(ctx, "x"))
	_, err = cloud.Flavors.List(ctx)
	note("list flavors", err)
	_, err = cloud.Volumes.Create(ctx, providers.VolumeSpec{Mark: mark, Name: "n", SizeGiB: 1})
	note("create volume", err)
	_, err = cloud.Volumes.Get(ctx, "x")
	note("get volume", err)
	_, err = cloud.Volumes.List(ctx)
	note("list volumes", err)
	note("extend volume", cloud.Volumes.Extend(ctx, "x", 2))
	note("delete volume", cloud.Volumes.Delete(ctx, "x"))
	_, err = cloud.Volumes.Types(ctx)
	note("list volume types", err)
	_, err = cloud.Images.List(ctx)
	note("list images", err)
	_, err = cloud.Networks.List(ctx)
	note("list networks", err)
	_, err = cloud.Networks.Zones(ctx)
	note("list zones", err)
	_, err = cloud.Ports.Create(ctx, providers.PortSpec{Mark: mark, Name: "n", NetworkID: "x"})
	note("create port", err)
	_, err = cloud.Ports.Get(ctx, "x")
	note("get port", err)
	_, err = cloud.Ports.List(ctx)
	note("list ports", err)
	note("set port security groups", cloud.Ports.SetSecurityGroups(ctx, "x", nil))
	note("delete port", cloud.Ports.Delete(ctx, "x"))
	_, err = cloud.SecurityGroups.Create(ctx, providers.SecurityGroupSpec{Mark: mark, Name: "n", Rules: []providers.Rule{rule}})
	note("create security group", err)
	_, err = cloud.SecurityGroups.Get(ctx, "x")
	note("get security group", err)
	_, err = cloud.SecurityGroups.List(ctx)
	note("list security groups", err)
	_, err = cloud.SecurityGroups.AddRule(ctx, "x", mark, rule)
	note("add security group rule", err)
	note("delete security group rule", cloud.SecurityGroups.DeleteRule(ctx, "x"))
	note("delete security group", cloud.SecurityGroups.Delete(ctx, "x"))
	return errs
}
