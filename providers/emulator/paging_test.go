package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/trovectl/trovectl/providers/emulator"
)

// collect walks all pages and returns ids in the order of arrival and the number of pages that held any.
func collect[T any](t *testing.T, p pagination.Pager, extract func(pagination.Page) ([]T, error), id func(T) string) (ids []string, pages int) {
	t.Helper()
	err := p.EachPage(t.Context(), func(_ context.Context, page pagination.Page) (bool, error) {
		list, err := extract(page)
		pages++
		for _, v := range list {
			ids = append(ids, id(v))
		}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids, pages
}

func TestPaging(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	var wantServers, wantPorts, wantVolumes []string
	for i := range 7 {
		st := c.stack(t, fmt.Sprintf("s%d", i))
		c.waitServer(t, st.server, "ACTIVE")
		wantServers = append([]string{st.server}, wantServers...) // newest first
		wantVolumes = append([]string{st.volume}, wantVolumes...)
		wantPorts = append(wantPorts, st.port)
	}
	slices.Sort(wantPorts) // Neutron's pages are in the order of ids

	ids, pages := collect(t, servers.List(c.compute, servers.ListOpts{Limit: 3}), servers.ExtractServers, func(s servers.Server) string { return s.ID })
	if d := cmp.Diff(wantServers, ids); d != "" || pages != 3 {
		t.Errorf("%d pages of servers, differences: %s", pages, d)
	}
	ids, pages = collect(t, volumes.List(c.volume, volumes.ListOpts{Limit: 3}), volumes.ExtractVolumes, func(v volumes.Volume) string { return v.ID })
	if d := cmp.Diff(wantVolumes, ids); d != "" || pages != 3 {
		t.Errorf("%d pages of volumes, differences: %s", pages, d)
	}
	ids, pages = collect(t, ports.List(c.network, ports.ListOpts{Limit: 3}), ports.ExtractPorts, func(p ports.Port) string { return p.ID })
	if d := cmp.Diff(wantPorts, ids); d != "" || pages != 3 {
		t.Errorf("%d pages of ports, differences: %s", pages, d)
	}
	const own = 30
	for i := range own {
		if _, err := images.Create(ctx, c.image, images.CreateOpts{Name: fmt.Sprintf("i%d", i)}).Extract(); err != nil {
			t.Fatal(err)
		}
	}
	ids, pages = collect(t, images.List(c.image, nil), images.ExtractImages, func(i images.Image) string { return i.ID })
	if want := own + len(emulator.EveryEngine); len(ids) != want || pages != 2 {
		t.Errorf("%d images in %d pages, want %d in 2", len(ids), pages, want)
	}
}

func TestFilters(t *testing.T) {
	c := open(t, emulator.Options{})
	a, b := c.stack(t, "orders"), c.stack(t, "billing")
	c.waitServer(t, a.server, "ACTIVE")
	c.waitServer(t, b.server, "ACTIVE")
	serverID := func(s servers.Server) string { return s.ID }
	portID := func(p ports.Port) string { return p.ID }
	for name, tc := range map[string]struct {
		opts servers.ListOpts
		want []string
	}{
		"name is a regular expression": {servers.ListOpts{Name: "^ORD"}, []string{a.server}},
		"status":                       {servers.ListOpts{Status: "active"}, []string{b.server, a.server}},
		"status without match":         {servers.ListOpts{Status: "ERROR"}, nil},
	} {
		got, _ := collect(t, servers.List(c.compute, tc.opts), servers.ExtractServers, serverID)
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	p, err := ports.Get(t.Context(), c.network, a.port).Extract()
	must(t, p, err)
	for name, opts := range map[string]ports.ListOpts{
		"name":        {Name: "orders"},
		"device":      {DeviceID: a.server},
		"id":          {ID: a.port},
		"description": {Description: "trovectl/1 abc orders"},
		"address":     {FixedIPs: []ports.FixedIPOpts{{IPAddress: p.FixedIPs[0].IPAddress}}},
	} {
		got, _ := collect(t, ports.List(c.network, opts), ports.ExtractPorts, portID)
		if d := cmp.Diff([]string{a.port}, got); d != "" {
			t.Errorf("ports by %s: %s", name, d)
		}
	}
	got, _ := collect(t, ports.List(c.network, ports.ListOpts{SecurityGroups: p.SecurityGroups, SortKey: "name"}), ports.ExtractPorts, portID)
	if d := cmp.Diff([]string{b.port, a.port}, got); d != "" {
		t.Errorf("ports by security group, sorted by name: %s", d)
	}
	got, _ = collect(t, volumes.List(c.volume, volumes.ListOpts{Name: "billing"}), volumes.ExtractVolumes, func(v volumes.Volume) string { return v.ID })
	if d := cmp.Diff([]string{b.volume}, got); d != "" {
		t.Errorf("volumes by name: %s", d)
	}
}

// TestErrorBodies pins the format that each service refuses in.
func TestErrorBodies(t *testing.T) {
	c := open(t, emulator.Options{})
	get := func(url, token string) map[string]any {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		must(t, req, err)
		req.Header.Set("Accept", "application/json")
		req.Header.Set("X-Auth-Token", token)
		resp, err := http.DefaultClient.Do(req)
		must(t, resp, err)
		defer func() { _ = resp.Body.Close() }()
		body := map[string]any{"http": float64(resp.StatusCode)}
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		return body
	}
	token := c.provider.Token()
	for url, want := range map[string]map[string]any{
		c.compute.Endpoint + "servers/nope": {"itemNotFound": map[string]any{"code": 404.0, "message": "Instance nope could not be found."}},
		c.volume.Endpoint + "volumes/nope":  {"itemNotFound": map[string]any{"code": 404.0, "message": "Volume nope could not be found."}},
		c.network.Endpoint + "v2.0/ports/nope": {"NeutronError": map[string]any{
			"type": "PortNotFound", "message": "Port nope could not be found.", "detail": ""}},
		c.image.Endpoint + "v2/images/nope": {"code": "404 Not Found", "title": "Not Found",
			"message": "No image found with ID nope<br /><br />\n\n\n"},
		c.identity.Endpoint + "projects/nope": {"error": map[string]any{
			"code": 404.0, "title": "Not Found", "message": "Could not find project: nope."}},
	} {
		want["http"] = 404.0
		if d := cmp.Diff(want, get(url, token)); d != "" {
			t.Errorf("%s: %s", url, d)
		}
		denied := map[string]any{"http": 401.0, "error": map[string]any{
			"code": 401.0, "title": "Unauthorized", "message": "The request you have made requires authentication."}}
		if d := cmp.Diff(denied, get(url, "wrong")); d != "" {
			t.Errorf("%s with a wrong token: %s", url, d)
		}
	}
}
