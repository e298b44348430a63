package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/availabilityzones"
	cinderlimits "github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumetypes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/attachinterfaces"
	novazones "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/availabilityzones"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"

	"github.com/trovectl/trovectl/providers/emulator"
)

func TestWhatACloudOffers(t *testing.T) {
	c := open(t, emulator.Options{Machines: &memoryMachines{}})
	ctx := t.Context()
	got := map[string][]string{}
	fl, err := flavors.ListDetail(c.compute, nil).AllPages(ctx)
	must(t, fl, err)
	fs, err := flavors.ExtractFlavors(fl)
	for _, f := range must(t, fs, err) {
		got["flavors"] = append(got["flavors"], fmt.Sprintf("%s %d %d %d", f.Name, f.RAM, f.VCPUs, f.Disk))
	}
	tp, err := volumetypes.List(c.volume, nil).AllPages(ctx)
	must(t, tp, err)
	ts, err := volumetypes.ExtractVolumeTypes(tp)
	for _, v := range must(t, ts, err) {
		got["types"] = append(got["types"], v.Name)
	}
	zp, err := novazones.List(c.compute).AllPages(ctx)
	must(t, zp, err)
	zs, err := novazones.ExtractAvailabilityZones(zp)
	for _, z := range must(t, zs, err) {
		got["zones"] = append(got["zones"], z.ZoneName)
	}
	vp, err := availabilityzones.List(c.volume).AllPages(ctx)
	must(t, vp, err)
	vs, err := availabilityzones.ExtractAvailabilityZones(vp)
	for _, z := range must(t, vs, err) {
		got["volume zones"] = append(got["volume zones"], z.ZoneName)
	}
	got["images"] = c.Summary().Images
	want := map[string][]string{
		"flavors": {"db.tiny 256 1 5", "db.small 512 1 5", "db.medium 1024 2 5", "db.large 2048 2 5"},
		"types":   {"ssd", "hdd"}, "zones": {"az1", "az2", "az3"}, "volume zones": {"az1", "az2", "az3"},
		"images": {"mariadb-10.11", "redis-7.0"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := extensions.Get(ctx, c.network, "standard-attr-description").Extract(); err != nil {
		t.Error(err)
	}
}

func TestServersThatAreRefused(t *testing.T) {
	c := open(t, emulator.Options{})
	p := c.port(t, "orders")
	good := servers.CreateOpts{Name: "x", FlavorRef: "d1", ImageRef: c.imageID(t), Networks: []servers.Network{{Port: p.ID}}}
	for name, tc := range map[string]struct {
		spoil func(*servers.CreateOpts)
		says  string
	}{
		"no name":           {func(o *servers.CreateOpts) { o.Name = " " }, "name"},
		"flavor":            {func(o *servers.CreateOpts) { o.FlavorRef = "nope" }, "Flavor nope could not be found."},
		"image":             {func(o *servers.CreateOpts) { o.ImageRef = "nope" }, "Can not find requested image"},
		"zone":              {func(o *servers.CreateOpts) { o.AvailabilityZone = "az9" }, "availability zone"},
		"port":              {func(o *servers.CreateOpts) { o.Networks = []servers.Network{{Port: "nope"}} }, "Port id nope could not be found."},
		"port twice":        {func(o *servers.CreateOpts) { o.Networks = []servers.Network{{Port: p.ID}, {Port: p.ID}} }, "Duplicate"},
		"network":           {func(o *servers.CreateOpts) { o.Networks = []servers.Network{{UUID: "nope"}} }, "Network nope could not be found."},
		"networks left out": {func(o *servers.CreateOpts) { o.Networks = nil }, "'networks' is a required property"},
		"long metadata":     {func(o *servers.CreateOpts) { o.Metadata = map[string]string{"k": strings.Repeat("x", 256)} }, "too long"},
		"long user-data":    {func(o *servers.CreateOpts) { o.UserData = []byte(strings.Repeat("#", 49152)) }, "too long"},
		"volume": {func(o *servers.CreateOpts) {
			o.BlockDevice = []servers.BlockDevice{{SourceType: "volume", DestinationType: "volume", UUID: "nope"}}
		}, "failed to get volume nope"},
	} {
		opts := good
		tc.spoil(&opts)
		_, err := servers.Create(t.Context(), c.compute, opts, nil).Extract()
		if !gophercloud.ResponseCodeIs(err, 400) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(c.Summary().Servers); n != 0 {
		t.Errorf("%d servers were made", n)
	}
	if _, err := servers.Create(t.Context(), c.compute, good, nil).Extract(); err != nil {
		t.Errorf("after all refusals: %v", err)
	}
	old := *c.compute
	old.Microversion = "2.99"
	_, err := servers.Get(t.Context(), &old, "x").Extract()
	wantCode(t, err, 406)
}

func TestServerMetadataAndName(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	st := c.stack(t, "orders")
	c.waitServer(t, st.server, "ACTIVE")
	if _, err := servers.UpdateMetadata(ctx, c.compute, st.server, servers.MetadataOpts{"generation": "2"}).Extract(); err != nil {
		t.Fatal(err)
	}
	if _, err := servers.CreateMetadatum(ctx, c.compute, st.server, servers.MetadatumOpts{"one": "1"}).Extract(); err != nil {
		t.Fatal(err)
	}
	if err := servers.DeleteMetadatum(ctx, c.compute, st.server, "mark").ExtractErr(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, servers.DeleteMetadatum(ctx, c.compute, st.server, "mark").ExtractErr(), 404)
	m, err := servers.Metadata(ctx, c.compute, st.server).Extract()
	if d := cmp.Diff(map[string]string{"generation": "2", "one": "1"}, must(t, m, err)); d != "" {
		t.Error(d)
	}
	m, err = servers.ResetMetadata(ctx, c.compute, st.server, servers.MetadataOpts{"only": "this"}).Extract()
	if d := cmp.Diff(map[string]string{"only": "this"}, must(t, m, err)); d != "" {
		t.Error(d)
	}
	sv, err := servers.Update(ctx, c.compute, st.server, servers.UpdateOpts{Name: "new"}).Extract()
	if must(t, sv, err); sv.Name != "new" {
		t.Errorf("name %s", sv.Name)
	}
	v, err := volumes.Update(ctx, c.volume, st.volume, volumes.UpdateOpts{Metadata: map[string]string{"a": "b"}}).Extract()
	if must(t, v, err); v.Metadata["a"] != "b" || v.Name != "orders" {
		t.Errorf("volume %+v", v)
	}
}

func TestSecondPortOfAServer(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	st := c.stack(t, "orders")
	c.waitServer(t, st.server, "ACTIVE")
	p := c.port(t, "second")
	if _, err := attachinterfaces.Create(ctx, c.compute, st.server, attachinterfaces.CreateOpts{PortID: p.ID}).Extract(); err != nil {
		t.Fatal(err)
	}
	_, err := attachinterfaces.Create(ctx, c.compute, st.server, attachinterfaces.CreateOpts{PortID: p.ID}).Extract()
	wantCode(t, err, 409)
	ids, _ := collect(t, attachinterfaces.List(c.compute, st.server), attachinterfaces.ExtractInterfaces, func(i attachinterfaces.Interface) string { return i.PortID })
	if d := cmp.Diff([]string{st.port, p.ID}, ids); d != "" {
		t.Error(d)
	}
	if err := attachinterfaces.Delete(ctx, c.compute, st.server, p.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
}

func TestKeypairsAndServerGroups(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	key := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS demo"
	kp, err := keypairs.Create(ctx, c.compute, keypairs.CreateOpts{Name: "k", PublicKey: key}).Extract()
	if must(t, kp, err); len(kp.Fingerprint) != 47 {
		t.Errorf("fingerprint %q", kp.Fingerprint)
	}
	_, err = keypairs.Create(ctx, c.compute, keypairs.CreateOpts{Name: "k", PublicKey: key}).Extract()
	wantCode(t, err, 409)
	g, err := servergroups.Create(ctx, c.compute, servergroups.CreateOpts{Name: "spread", Policy: "anti-affinity"}).Extract()
	must(t, g, err)
	sv, err := servers.Create(ctx, c.compute, servers.CreateOpts{Name: "x", FlavorRef: "d1", ImageRef: c.imageID(t), Networks: "auto"},
		servers.SchedulerHintOpts{Group: g.ID}).Extract()
	must(t, sv, err)
	c.waitServer(t, sv.ID, "ACTIVE")
	g, err = servergroups.Get(ctx, c.compute, g.ID).Extract()
	if d := cmp.Diff([]string{sv.ID}, must(t, g, err).Members); d != "" {
		t.Error(d)
	}
	if err := servergroups.Delete(ctx, c.compute, g.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
}

func TestDefaultQuotas(t *testing.T) {
	c := open(t, emulator.Options{Quotas: "default"})
	ctx := t.Context()
	for i := range 10 {
		c.newVolume(t, fmt.Sprint(i), 1)
		if _, err := servers.Create(ctx, c.compute, servers.CreateOpts{Name: "x", FlavorRef: "d1", ImageRef: c.imageID(t), Networks: "auto"}, nil).Extract(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := volumes.Create(ctx, c.volume, volumes.CreateOpts{Name: "x", Size: 1}, nil).Extract()
	wantCode(t, err, 413)
	_, err = c.createServerOf(t, c.imageID(t))
	wantCode(t, err, 403)
	for range 9 { // the group "default" is the tenth
		if _, err := groups.Create(ctx, c.network, groups.CreateOpts{Name: "g"}).Extract(); err != nil {
			t.Fatal(err)
		}
	}
	_, err = groups.Create(ctx, c.network, groups.CreateOpts{Name: "g"}).Extract()
	wantCode(t, err, 409)
	l, err := limits.Get(ctx, c.compute, nil).Extract()
	if must(t, l, err); l.Absolute.MaxTotalInstances != 10 || l.Absolute.TotalInstancesUsed != 10 || l.Absolute.TotalRAMUsed != 2560 {
		t.Errorf("limits %+v", l.Absolute)
	}
	cl, err := cinderlimits.Get(ctx, c.volume).Extract()
	if must(t, cl, err); cl.Absolute.TotalVolumesUsed != 10 || cl.Absolute.MaxTotalVolumes != 10 {
		t.Errorf("volume limits %+v", cl.Absolute)
	}
	parts := strings.Split(strings.TrimSuffix(c.volume.Endpoint, "/"), "/")
	q, err := quotasets.GetDetail(ctx, c.compute, parts[len(parts)-1]).Extract()
	if must(t, q, err); q.Instances.Limit != 10 || q.Instances.InUse != 10 {
		t.Errorf("quota set %+v", q)
	}
}

func TestQuotasWithExceptions(t *testing.T) {
	c := open(t, emulator.Options{Quotas: "default,instances=1,cores=0"})
	_, err := c.createServerOf(t, c.imageID(t))
	wantCode(t, err, 403)
	l, err := limits.Get(t.Context(), c.compute, nil).Extract()
	if must(t, l, err); l.Absolute.MaxTotalInstances != 1 || l.Absolute.MaxTotalCores != 0 || l.Absolute.MaxTotalRAMSize != 51200 {
		t.Errorf("limits %+v", l.Absolute)
	}
	for _, bad := range []string{"none", "unlimited,instances=1", "default,lamps=1", "default,instances=many", "default,instances"} {
		if _, err := emulator.Open(emulator.Options{Dir: t.TempDir(), Quotas: bad}); err == nil {
			t.Errorf("the quotas %q were taken", bad)
		}
	}
}
