package emulator_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/snapshots"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/instanceactions"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/members"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/trovectl/trovectl/providers/emulator"
)

// TestMovesOfAServer goes through the states of a server in which it is neither running nor stopped.
func TestMovesOfAServer(t *testing.T) {
	c := open(t, emulator.Options{Machines: &memoryMachines{}})
	ctx := t.Context()
	st := c.stack(t, "orders")
	c.waitServer(t, st.server, "ACTIVE")
	stop := func() error { return servers.Stop(ctx, c.compute, st.server).ExtractErr() }
	for _, move := range []struct {
		name   string
		there  func() error
		status string
		says   string // to a stop there
		back   func() error
		volume string
	}{
		{"pause", func() error { return servers.Pause(ctx, c.compute, st.server).ExtractErr() }, "PAUSED", "while it is in vm_state paused",
			func() error { return servers.Unpause(ctx, c.compute, st.server).ExtractErr() }, "in-use"},
		{"suspend", func() error { return servers.Suspend(ctx, c.compute, st.server).ExtractErr() }, "SUSPENDED", "while it is in vm_state suspended",
			func() error { return servers.Resume(ctx, c.compute, st.server).ExtractErr() }, "in-use"},
		{"shelve", func() error { return servers.Shelve(ctx, c.compute, st.server).ExtractErr() }, "SHELVED_OFFLOADED", "is not ready",
			func() error { return servers.Unshelve(ctx, c.compute, st.server, servers.UnshelveOpts{}).ExtractErr() }, "in-use"},
	} {
		wantCode(t, move.back(), 409)
		if err := move.there(); err != nil {
			t.Fatal(err)
		}
		c.waitServer(t, st.server, move.status)
		if running := c.Summary().Servers[0].Running; running {
			t.Errorf("%s: the machine runs", move.name)
		}
		if err := stop(); !gophercloud.ResponseCodeIs(err, 409) || !strings.Contains(err.Error(), move.says) {
			t.Errorf("%s: a stop: %v", move.name, err)
		}
		if err := move.back(); err != nil {
			t.Fatal(err)
		}
		c.waitServer(t, st.server, "ACTIVE")
		if running := c.Summary().Servers[0].Running; !running {
			t.Errorf("%s: afterwards the machine does not run", move.name)
		}
		c.waitVolume(t, st.volume, move.volume)
	}
}

func TestTaskInTheWay(t *testing.T) {
	clock := &manualClock{now: time.Now()}
	c := open(t, emulator.Options{Clock: clock, BuildDelay: time.Second})
	sv, err := c.createServer(t, "orders", c.port(t, "orders").ID, "")
	must(t, sv, err)
	eventually(t, "ACTIVE", func() bool {
		clock.advance(time.Second)
		got, err := servers.Get(t.Context(), c.compute, sv.ID).Extract()
		return must(t, got, err).Status == "ACTIVE"
	})
	if err := servers.Pause(t.Context(), c.compute, sv.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	err = servers.Stop(t.Context(), c.compute, sv.ID).ExtractErr()
	if !gophercloud.ResponseCodeIs(err, 409) || !strings.Contains(err.Error(), "Cannot 'stop' instance "+sv.ID+" while it is in task_state pausing") {
		t.Errorf("a stop during a pause: %v", err)
	}
}

func TestRebuild(t *testing.T) {
	c := open(t, emulator.Options{Machines: &memoryMachines{}})
	ctx := t.Context()
	st := c.stack(t, "orders")
	before := c.waitServer(t, st.server, "ACTIVE")
	_, err := servers.Rebuild(ctx, c.compute, st.server, servers.RebuildOpts{ImageRef: "nope"}).Extract()
	wantCode(t, err, 400)
	sv, err := servers.Rebuild(ctx, c.compute, st.server, servers.RebuildOpts{ImageRef: c.imageID(t), Name: "anew"}).Extract()
	if must(t, sv, err); sv.Status != "REBUILD" {
		t.Errorf("the status is %s", sv.Status)
	}
	after := c.waitServer(t, st.server, "ACTIVE")
	if after.Name != "anew" || !cmp.Equal(before.Addresses, after.Addresses) || len(after.AttachedVolumes) != 1 {
		t.Errorf("after the rebuild: %+v", after)
	}
	page, err := instanceactions.List(c.compute, st.server, nil).AllPages(ctx)
	must(t, page, err)
	list, err := instanceactions.ExtractInstanceActions(page)
	must(t, list, err)
	var names []string
	for _, a := range list {
		names = append(names, a.Action)
	}
	if d := cmp.Diff([]string{"rebuild", "create"}, names); d != "" {
		t.Error(d)
	}
}

func TestLockedServer(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	st := c.stack(t, "orders")
	c.waitServer(t, st.server, "ACTIVE")
	if err := servers.Lock(ctx, c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]func() error{
		"stop":   func() error { return servers.Stop(ctx, c.compute, st.server).ExtractErr() },
		"pause":  func() error { return servers.Pause(ctx, c.compute, st.server).ExtractErr() },
		"delete": func() error { return servers.Delete(ctx, c.compute, st.server).ExtractErr() },
		"force":  func() error { return servers.ForceDelete(ctx, c.compute, st.server).ExtractErr() },
	} {
		if err := refused(); !gophercloud.ResponseCodeIs(err, 409) || !strings.Contains(err.Error(), "is locked") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := servers.Unlock(ctx, c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	if err := servers.Delete(ctx, c.compute, st.server).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	c.waitServer(t, st.server, "gone")
}

func TestKeyPairThatNovaMakes(t *testing.T) {
	c := open(t, emulator.Options{})
	k, err := keypairs.Create(t.Context(), c.compute, keypairs.CreateOpts{Name: "made"}).Extract()
	if must(t, k, err); !strings.HasPrefix(k.PrivateKey, "-----BEGIN RSA PRIVATE KEY-----") || !strings.HasPrefix(k.PublicKey, "ssh-rsa AAAAB3") {
		t.Errorf("the pair: %q", k.PublicKey)
	}
	k, err = keypairs.Get(t.Context(), c.compute, "made", nil).Extract()
	if must(t, k, err); k.PrivateKey != "" {
		t.Error("the private key is told again")
	}
}

func TestSnapshotsAndCopies(t *testing.T) {
	dir := t.TempDir()
	c := open(t, emulator.Options{Dir: dir})
	ctx := t.Context()
	v := c.newVolume(t, "data", 2)
	file := func(id string) string { return filepath.Join(dir, "volumes", id, "disk", "note") }
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file(v.ID), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("before")
	sn, err := snapshots.Create(ctx, c.volume, snapshots.CreateOpts{VolumeID: v.ID, Name: "snap"}).Extract()
	must(t, sn, err)
	eventually(t, "available", func() bool {
		got, err := snapshots.Get(ctx, c.volume, sn.ID).Extract()
		return must(t, got, err).Status == "available"
	})
	write("after")
	wantCode(t, volumes.Delete(ctx, c.volume, v.ID, nil).ExtractErr(), 400) // it has a snapshot
	_, err = volumes.Create(ctx, c.volume, volumes.CreateOpts{SnapshotID: sn.ID, Size: 1}, nil).Extract()
	wantCode(t, err, 400)
	for text, opts := range map[string]volumes.CreateOpts{"before": {SnapshotID: sn.ID}, "after": {SourceVolID: v.ID, Size: 3}} {
		made, err := volumes.Create(ctx, c.volume, opts, nil).Extract()
		must(t, made, err)
		c.waitVolume(t, made.ID, "available")
		raw, err := os.ReadFile(file(made.ID))
		if must(t, raw, err); string(raw) != text || made.Size < 2 {
			t.Errorf("the copy of %+v is %q with %d GiB", opts, raw, made.Size)
		}
	}
	if err := snapshots.Delete(ctx, c.volume, sn.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "gone", func() bool {
		_, err := snapshots.Get(ctx, c.volume, sn.ID).Extract()
		return gophercloud.ResponseCodeIs(err, 404)
	})
	if err := volumes.Delete(ctx, c.volume, v.ID, nil).ExtractErr(); err != nil {
		t.Errorf("without its snapshot: %v", err)
	}
}

func TestImagesOfOthers(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	wantCode(t, images.Delete(ctx, c.image, c.imageID(t)).ExtractErr(), 403)
	public, shared := images.ImageVisibilityPublic, images.ImageVisibilityShared
	_, err := images.Create(ctx, c.image, images.CreateOpts{Name: "x", Visibility: &public}).Extract()
	wantCode(t, err, 403)
	img, err := images.Create(ctx, c.image, images.CreateOpts{Name: "x", Visibility: &shared}).Extract()
	must(t, img, err)
	m, err := members.Create(ctx, c.image, img.ID, "0123456789abcdef0123456789abcdef").Extract()
	if must(t, m, err); m.Status != "pending" {
		t.Errorf("the member is %+v", m)
	}
	_, err = members.Create(ctx, c.image, img.ID, m.MemberID).Extract()
	wantCode(t, err, 409)
	if err := members.Delete(ctx, c.image, img.ID, m.MemberID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	_, err = members.Get(ctx, c.image, img.ID, m.MemberID).Extract()
	wantCode(t, err, 404)
}

func TestTagsOfPorts(t *testing.T) {
	c := open(t, emulator.Options{})
	p := c.port(t, "orders")
	c.port(t, "other")
	tags, err := attributestags.ReplaceAll(t.Context(), c.network, "ports", p.ID, attributestags.ReplaceAllOpts{Tags: []string{"red", "blue"}}).Extract()
	if must(t, tags, err); !slices.Equal(tags, []string{"blue", "red"}) {
		t.Errorf("tags %v", tags)
	}
	if ids, err := c.portIDs(t, ports.ListOpts{Tags: "blue"}); err != nil || !slices.Equal(ids, []string{p.ID}) {
		t.Errorf("by tag: %v, %v", ids, err)
	}
}
