package emulator_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"github.com/trovectl/trovectl/providers/emulator"
)

// cloud is an open emulator with the clients of gophercloud, got the way a user gets them: from clouds.yaml.
type cloud struct {
	*emulator.Server
	provider                                           *gophercloud.ProviderClient
	compute, volume, network, image, identity, objects *gophercloud.ServiceClient
}

func open(t testing.TB, o emulator.Options) *cloud {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Listen = "127.0.0.1:0"
	srv, err := emulator.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{Server: srv}
	t.Cleanup(func() {
		if err := srv.Close(context.Background()); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	c.connect(t)
	return c
}

func (c *cloud) connect(t testing.TB) {
	t.Helper()
	path := t.TempDir() + "/clouds.yaml"
	if err := c.WriteCloudsYAML(path); err != nil {
		t.Fatal(err)
	}
	c.connectTo(t, path)
}

func (c *cloud) connectTo(t testing.TB, path string) {
	t.Helper()
	ctx := t.Context()
	ao, eo, tlsConfig, err := clouds.Parse(clouds.WithCloudName("dev"), clouds.WithLocations(path))
	if err != nil {
		t.Fatal(err)
	}
	ao.AllowReauth = true
	if c.provider, err = config.NewProviderClient(ctx, ao, config.WithTLSConfig(tlsConfig)); err != nil {
		t.Fatalf("authenticating: %v", err)
	}
	must := func(sc *gophercloud.ServiceClient, err error) *gophercloud.ServiceClient {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return sc
	}
	c.compute = must(openstack.NewComputeV2(c.provider, eo))
	c.compute.Microversion = "2.79"
	c.volume = must(openstack.NewBlockStorageV3(c.provider, eo))
	c.volume.Microversion = "3.60"
	c.network = must(openstack.NewNetworkV2(c.provider, eo))
	c.image = must(openstack.NewImageV2(c.provider, eo))
	c.identity = must(openstack.NewIdentityV3(c.provider, eo))
	c.objects = must(openstack.NewObjectStorageV1(c.provider, eo))
}

// eventually waits for a condition that background work brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// wantCode asserts that err is an answer with the given status.
func wantCode(t testing.TB, err error, code int) {
	t.Helper()
	if !gophercloud.ResponseCodeIs(err, code) {
		t.Fatalf("got %v, want status %d", err, code)
	}
}

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func do(t testing.TB, method, url, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}
