package emulator_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/trovectl/trovectl/providers/emulator"
)

// stack is what an instance of a database is made of.
type stack struct {
	port, volume, server string
}

func (c *cloud) privateNetwork(t testing.TB) string {
	t.Helper()
	page, err := networks.List(c.network, networks.ListOpts{Name: "private"}).AllPages(t.Context())
	must(t, page, err)
	list, err := networks.ExtractNetworks(page)
	if must(t, list, err); len(list) != 1 {
		t.Fatalf("got %d networks named private", len(list))
	}
	return list[0].ID
}

func (c *cloud) port(t testing.TB, name string) *ports.Port {
	t.Helper()
	p, err := ports.Create(t.Context(), c.network, ports.CreateOpts{
		NetworkID: c.privateNetwork(t), Name: name, Description: "trovectl/1 abc " + name,
	}).Extract()
	return must(t, p, err)
}

func (c *cloud) newVolume(t testing.TB, name string, size int) *volumes.Volume {
	t.Helper()
	v, err := volumes.Create(t.Context(), c.volume, volumes.CreateOpts{
		Name: name, Size: size, VolumeType: "ssd", AvailabilityZone: "az1", Metadata: map[string]string{"mark": name},
	}, nil).Extract()
	must(t, v, err)
	c.waitVolume(t, v.ID, "available")
	return v
}

func (c *cloud) waitVolume(t testing.TB, id, status string) {
	t.Helper()
	eventually(t, "volume "+status, func() bool {
		v, err := volumes.Get(t.Context(), c.volume, id).Extract()
		if status == "gone" {
			return gophercloud.ResponseCodeIs(err, 404)
		}
		return must(t, v, err).Status == status
	})
}

func (c *cloud) waitServer(t testing.TB, id, status string) *servers.Server {
	t.Helper()
	var sv *servers.Server
	eventually(t, "server "+status, func() bool {
		var err error
		sv, err = servers.Get(t.Context(), c.compute, id).Extract()
		if status == "gone" {
			return gophercloud.ResponseCodeIs(err, 404)
		}
		must(t, sv, err)
		return sv.Status == status && sv.TaskState == ""
	})
	return sv
}

func (c *cloud) imageID(t testing.TB) string {
	t.Helper()
	page, err := images.List(c.image, images.ListOpts{Name: "mariadb-10.11"}).AllPages(t.Context())
	must(t, page, err)
	list, err := images.ExtractImages(page)
	if must(t, list, err); len(list) != 1 || list[0].Status != images.ImageStatusActive {
		t.Fatalf("got images %+v", list)
	}
	return list[0].ID
}

func (c *cloud) createServer(t testing.TB, name, portID, volumeID string) (*servers.Server, error) {
	t.Helper()
	opts := servers.CreateOpts{
		Name: name, FlavorRef: "d2", ImageRef: c.imageID(t), AvailabilityZone: "az1", UserData: []byte("#cloud-config\n"),
		Networks: []servers.Network{{Port: portID}}, Metadata: map[string]string{"mark": name},
	}
	opts.BlockDevice = []servers.BlockDevice{{
		SourceType: servers.SourceImage, DestinationType: servers.DestinationLocal, UUID: opts.ImageRef, DeleteOnTermination: true,
	}}
	if volumeID != "" {
		opts.BlockDevice = append(opts.BlockDevice, servers.BlockDevice{
			SourceType: servers.SourceVolume, DestinationType: servers.DestinationVolume, UUID: volumeID, BootIndex: -1,
		})
	}
	return servers.Create(t.Context(), c.compute, opts, nil).Extract()
}

func (c *cloud) stack(t testing.TB, name string) stack {
	t.Helper()
	st := stack{port: c.port(t, name).ID, volume: c.newVolume(t, name, 1).ID}
	sv, err := c.createServer(t, name, st.port, st.volume)
	st.server = must(t, sv, err).ID
	return st
}

func TestLifeOfAServer(t *testing.T) {
	c := open(t, emulator.Options{BuildDelay: 100 * time.Millisecond})
	ctx := t.Context()
	fl, err := flavors.ListDetail(c.compute, nil).AllPages(ctx)
	must(t, fl, err)
	st := c.stack(t, "orders")

	sv, err := servers.Get(ctx, c.compute, st.server).Extract()
	if must(t, sv, err); sv.Status != "BUILD" || sv.VmState != "building" {
		t.Errorf("right after creation: status %s, vm_state %s", sv.Status, sv.VmState)
	}
	if v, err := volumes.Get(ctx, c.volume, st.volume).Extract(); must(t, v, err).Status != "reserved" {
		t.Errorf("the volume of a server in BUILD is %s", v.Status)
	}
	sv = c.waitServer(t, st.server, "ACTIVE")
	if got := sv.Flavor["original_name"]; got != "db.small" {
		t.Errorf("flavor is %v", got)
	}
	if len(sv.AttachedVolumes) != 1 || sv.AttachedVolumes[0].ID != st.volume {
		t.Errorf("attached volumes are %+v", sv.AttachedVolumes)
	}
	p, err := ports.Get(ctx, c.network, st.port).Extract()
	if must(t, p, err); p.DeviceID != st.server || p.DeviceOwner != "compute:az1" || p.Status != "ACTIVE" {
		t.Errorf("port is %+v", p)
	}
	entry := sv.Addresses["private"].([]any)[0].(map[string]any)
	if entry["addr"] != p.FixedIPs[0].IPAddress || !strings.HasPrefix(p.FixedIPs[0].IPAddress, "127.66.") {
		t.Errorf("address %v, port has %v", entry, p.FixedIPs)
	}
	v, err := volumes.Get(ctx, c.volume, st.volume).Extract()
	if must(t, v, err); v.Status != "in-use" || len(v.Attachments) != 1 || v.Attachments[0].ServerID != st.server {
		t.Errorf("volume is %+v", v)
	}

	// A twin on the same port conflicts, one with the same volume is refused.
	_, err = c.createServer(t, "twin", st.port, "")
	wantCode(t, err, 409)
	_, err = c.createServer(t, "twin", c.port(t, "other").ID, st.volume)
	wantCode(t, err, 400)

	if err := servers.Delete(ctx, c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, st.server, "gone")
	p, err = ports.Get(ctx, c.network, st.port).Extract()
	if must(t, p, err); p.DeviceID != "" || p.DeviceOwner != "" || p.Status != "DOWN" {
		t.Errorf("after the deletion the port is %+v", p)
	}
	c.waitVolume(t, st.volume, "available")
}

func TestPowerAndResize(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	st := c.stack(t, "orders")
	c.waitServer(t, st.server, "ACTIVE")

	wantCode(t, servers.Start(ctx, c.compute, st.server).ExtractErr(), 409)
	if err := servers.Stop(ctx, c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, st.server, "SHUTOFF")
	wantCode(t, servers.Reboot(ctx, c.compute, st.server, servers.RebootOpts{Type: servers.SoftReboot}).ExtractErr(), 409)
	for _, act := range []func() error{
		func() error { return servers.Start(ctx, c.compute, st.server).ExtractErr() },
		func() error {
			return servers.Reboot(ctx, c.compute, st.server, servers.RebootOpts{Type: servers.SoftReboot}).ExtractErr()
		},
		func() error {
			return servers.Reboot(ctx, c.compute, st.server, servers.RebootOpts{Type: servers.HardReboot}).ExtractErr()
		},
	} {
		if err := act(); err != nil {
			t.Fatal(err)
		}
		c.waitServer(t, st.server, "ACTIVE")
	}

	resize := func(flavor string) error {
		return servers.Resize(ctx, c.compute, st.server, servers.ResizeOpts{FlavorRef: flavor}).ExtractErr()
	}
	wantCode(t, resize("d2"), 400)
	wantCode(t, resize("nope"), 400)
	if err := resize("d3"); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, st.server, "VERIFY_RESIZE")
	if err := servers.RevertResize(ctx, c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	if sv := c.waitServer(t, st.server, "ACTIVE"); sv.Flavor["original_name"] != "db.small" {
		t.Errorf("after the revert: %v", sv.Flavor)
	}
	if err := resize("d3"); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, st.server, "VERIFY_RESIZE")
	if err := servers.ConfirmResize(ctx, c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	if sv := c.waitServer(t, st.server, "ACTIVE"); sv.Flavor["original_name"] != "db.medium" {
		t.Errorf("after the confirmation: %v", sv.Flavor)
	}
}

func TestVolumes(t *testing.T) {
	dir := t.TempDir()
	c := open(t, emulator.Options{Dir: dir})
	ctx := t.Context()
	st := c.stack(t, "orders")
	c.waitServer(t, st.server, "ACTIVE")
	free := c.newVolume(t, "free", 1)

	wantCode(t, volumes.Delete(ctx, c.volume, st.volume, nil).ExtractErr(), 400)
	wantCode(t, volumes.ExtendSize(ctx, c.volume, free.ID, volumes.ExtendSizeOpts{NewSize: 1}).ExtractErr(), 400)
	old := *c.volume
	old.Microversion = "3.41"
	wantCode(t, volumes.ExtendSize(ctx, &old, st.volume, volumes.ExtendSizeOpts{NewSize: 2}).ExtractErr(), 400)
	for id, after := range map[string]string{st.volume: "in-use", free.ID: "available"} {
		if err := volumes.ExtendSize(ctx, c.volume, id, volumes.ExtendSizeOpts{NewSize: 2}).ExtractErr(); err != nil {
			t.Fatal(err)
		}
		c.waitVolume(t, id, after)
		raw, err := os.ReadFile(filepath.Join(dir, "volumes", id, "size"))
		if must(t, raw, err); strings.TrimSpace(string(raw)) != "2" {
			t.Errorf("the size file of %s says %q", id, raw)
		}
	}
	if err := volumes.Delete(ctx, c.volume, free.ID, nil).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitVolume(t, free.ID, "gone")
	if _, err := os.Stat(filepath.Join(dir, "volumes", free.ID)); !os.IsNotExist(err) {
		t.Errorf("the directory of a deleted volume: %v", err)
	}
	_, err := volumes.Create(ctx, c.volume, volumes.CreateOpts{Name: "x", Size: 1, VolumeType: "tape"}, nil).Extract()
	wantCode(t, err, 404)
	_, err = volumes.Create(ctx, c.volume, volumes.CreateOpts{Name: "x", Size: 1, AvailabilityZone: "az9"}, nil).Extract()
	wantCode(t, err, 400)
}

func TestSecurityGroupInUse(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	g, err := groups.Create(ctx, c.network, groups.CreateOpts{Name: "orders", Description: "trovectl/1 abc"}).Extract()
	must(t, g, err)
	ids := []string{g.ID}
	p, err := ports.Create(ctx, c.network, ports.CreateOpts{NetworkID: c.privateNetwork(t), SecurityGroups: &ids}).Extract()
	must(t, p, err)
	wantCode(t, groups.Delete(ctx, c.network, g.ID).ExtractErr(), 409)
	if err := ports.Delete(ctx, c.network, p.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	if err := groups.Delete(ctx, c.network, g.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, groups.Delete(ctx, c.network, g.ID).ExtractErr(), 404)
}

func (c *cloud) createServerOf(t testing.TB, image string) (*servers.Server, error) {
	t.Helper()
	return servers.Create(t.Context(), c.compute, servers.CreateOpts{Name: "x", FlavorRef: "d1", ImageRef: image, Networks: "auto"}, nil).Extract()
}
