package emulator_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/trovectl/trovectl/providers/emulator"
)

func (c *cloud) portIDs(t *testing.T, o ports.ListOpts) ([]string, error) {
	t.Helper()
	page, err := ports.List(c.network, o).AllPages(t.Context())
	if err != nil {
		return nil, err
	}
	list, err := ports.ExtractPorts(page)
	ids := []string{}
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	return ids, err
}

func TestLateLists(t *testing.T) {
	clock := &manualClock{now: time.Now()}
	c := open(t, emulator.Options{Clock: clock})
	for _, service := range []string{"network", "volume"} {
		if err := c.Inject(emulator.Fault{Service: service, Method: "POST", Kind: emulator.FaultLateList, LatencyMS: 5000}); err != nil {
			t.Fatal(err)
		}
	}
	private := c.privateNetwork(t)
	late, err := ports.Create(t.Context(), c.network, ports.CreateOpts{NetworkID: private}).Extract()
	must(t, late, err)
	disk, err := volumes.Create(t.Context(), c.volume, volumes.CreateOpts{Size: 1, Name: "late"}, nil).Extract()
	must(t, disk, err)
	seen := func() (port, volume bool) {
		t.Helper()
		ids, err := c.portIDs(t, ports.ListOpts{})
		must(t, ids, err)
		page, err := volumes.List(c.volume, volumes.ListOpts{}).AllPages(t.Context())
		must(t, page, err)
		list, err := volumes.ExtractVolumes(page)
		must(t, list, err)
		return slices.Contains(ids, late.ID), len(list) == 1
	}
	if port, volume := seen(); port || volume {
		t.Errorf("the lists show the port: %v, the volume: %v", port, volume)
	}
	if _, err := ports.Get(t.Context(), c.network, late.ID).Extract(); err != nil {
		t.Errorf("by its id: %v", err)
	}
	clock.advance(6 * time.Second)
	if port, volume := seen(); !port || !volume {
		t.Errorf("later the lists show the port: %v, the volume: %v", port, volume)
	}
}

func TestMarkerThatIsLost(t *testing.T) {
	c := open(t, emulator.Options{})
	private := c.privateNetwork(t)
	for range 3 {
		p, err := ports.Create(t.Context(), c.network, ports.CreateOpts{NetworkID: private}).Extract()
		must(t, p, err)
	}
	if err := c.Inject(emulator.Fault{Service: "network", Kind: emulator.FaultLostMarker}); err != nil {
		t.Fatal(err)
	}
	_, err := c.portIDs(t, ports.ListOpts{Limit: 2})
	wantCode(t, err, http.StatusBadRequest)
	if ids, err := c.portIDs(t, ports.ListOpts{Limit: 2}); err != nil || len(ids) != 3 {
		t.Errorf("the next time: %v, %v", ids, err)
	}
}

func TestReaders(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	user, err := tokens.Get(ctx, c.identity, c.provider.Token()).ExtractUser()
	must(t, user, err)
	cred, err := applicationcredentials.Create(ctx, c.identity, user.ID, applicationcredentials.CreateOpts{
		Name: "auditor", Roles: []applicationcredentials.Role{{Name: "reader"}},
	}).Extract()
	must(t, cred, err)
	reader, err := openstack.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: c.Endpoint() + "/identity/v3", ApplicationCredentialID: cred.ID, ApplicationCredentialSecret: cred.Secret,
	})
	must(t, reader, err)
	roles, err := tokens.Get(ctx, c.identity, reader.Token()).ExtractRoles()
	if must(t, roles, err); len(roles) != 1 || roles[0].Name != "reader" {
		t.Errorf("the roles are %+v", roles)
	}
	private := c.privateNetwork(t)
	own := *c
	own.network, err = openstack.NewNetworkV2(reader, gophercloud.EndpointOpts{Region: "RegionOne"})
	must(t, own.network, err)
	if _, err := own.portIDs(t, ports.ListOpts{}); err != nil {
		t.Errorf("a reader reads: %v", err)
	}
	_, err = ports.Create(ctx, own.network, ports.CreateOpts{NetworkID: private}).Extract()
	wantCode(t, err, http.StatusForbidden)
	volume, err := openstack.NewBlockStorageV3(reader, gophercloud.EndpointOpts{Region: "RegionOne"})
	must(t, volume, err)
	_, err = volumes.Create(ctx, volume, volumes.CreateOpts{Size: 1}, nil).Extract()
	wantCode(t, err, http.StatusForbidden)
	put, err := http.NewRequestWithContext(ctx, http.MethodPut, c.objects.Endpoint+"box", nil)
	must(t, put, err)
	put.Header.Set("X-Auth-Token", reader.Token())
	resp, err := http.DefaultClient.Do(put)
	must(t, resp, err)
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a reader makes a container: %s", resp.Status)
	}
}

func TestMicroversions(t *testing.T) {
	c := open(t, emulator.Options{})
	for _, v := range []struct {
		url, header, value string
		status             int
		answered           string
	}{
		{c.compute.Endpoint + "servers", "OpenStack-API-Version", "compute 2.79", 200, "compute 2.79"},
		{c.compute.Endpoint + "servers", "X-OpenStack-Nova-API-Version", "2.1", 200, "compute 2.1"},
		{c.compute.Endpoint + "servers", "OpenStack-API-Version", "compute latest", 200, "compute 2.90"},
		{c.compute.Endpoint + "servers", "OpenStack-API-Version", "volume 3.60", 200, "compute 2.1"},
		{c.compute.Endpoint + "servers", "OpenStack-API-Version", "compute 2.500", 406, ""},
		{c.compute.Endpoint + "servers", "OpenStack-API-Version", "compute 3.1", 400, ""},
		{c.volume.Endpoint + "volumes", "OpenStack-API-Version", "volume 3.60", 200, "volume 3.60"},
		{c.volume.Endpoint + "volumes", "OpenStack-API-Version", "volume 3.500", 406, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url, nil)
		must(t, req, err)
		req.Header.Set("X-Auth-Token", c.provider.Token())
		req.Header.Set(v.header, v.value)
		resp, err := http.DefaultClient.Do(req)
		must(t, resp, err)
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if got := resp.Header.Get("OpenStack-API-Version"); resp.StatusCode != v.status || v.status == 200 && got != v.answered {
			t.Errorf("%s %q: %d with %q, want %d with %q", v.url, v.value, resp.StatusCode, got, v.status, v.answered)
		}
	}
}
