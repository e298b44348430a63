package emulator_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/accounts"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/containers"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"

	"github.com/trovectl/trovectl/providers/emulator"
)

func TestObjects(t *testing.T) {
	dir := t.TempDir()
	c := open(t, emulator.Options{Dir: dir})
	ctx := t.Context()
	_, err := objects.Create(ctx, c.objects, "state", "key", objects.CreateOpts{Content: strings.NewReader("x")}).Extract()
	wantCode(t, err, 404)
	if _, err := containers.Create(ctx, c.objects, "state", containers.CreateOpts{Metadata: map[string]string{"Mark": "m1"}}).Extract(); err != nil {
		t.Fatal(err)
	}
	h, err := objects.Create(ctx, c.objects, "state", "env/key", objects.CreateOpts{
		Content: strings.NewReader("0123456789"), IfNoneMatch: "*", Metadata: map[string]string{"Serial": "7"},
	}).Extract()
	must(t, h, err)
	sum := md5.Sum([]byte("0123456789"))
	if h.ETag != hex.EncodeToString(sum[:]) {
		t.Errorf("ETag %q", h.ETag)
	}
	_, err = objects.Create(ctx, c.objects, "state", "env/key", objects.CreateOpts{Content: strings.NewReader("lost"), IfNoneMatch: "*"}).Extract()
	wantCode(t, err, 412)
	_, err = objects.Create(ctx, c.objects, "state", "env/key", objects.CreateOpts{Content: strings.NewReader("lost"), ETag: "00", NoETag: true}).Extract()
	wantCode(t, err, 422)

	check := func() {
		t.Helper()
		got := objects.Download(ctx, c.objects, "state", "env/key", nil)
		meta, err := got.Extract()
		must(t, meta, err)
		body, err := got.ExtractContent()
		if must(t, body, err); string(body) != "0123456789" || meta.ETag != h.ETag {
			t.Errorf("content %q, ETag %q", body, meta.ETag)
		}
		part := objects.Download(ctx, c.objects, "state", "env/key", objects.DownloadOpts{Range: "bytes=2-4"})
		if body, err := part.ExtractContent(); string(must(t, body, err)) != "234" {
			t.Errorf("range %q", body)
		}
		om, err := objects.Get(ctx, c.objects, "state", "env/key", nil).ExtractMetadata()
		if must(t, om, err); om["Serial"] != "7" {
			t.Errorf("metadata %v", om)
		}
		ct, err := containers.Get(ctx, c.objects, "state", nil).Extract()
		if must(t, ct, err); ct.ObjectCount != 1 || ct.BytesUsed != 10 {
			t.Errorf("container %+v", ct)
		}
		cm, err := containers.Get(ctx, c.objects, "state", nil).ExtractMetadata()
		if must(t, cm, err); cm["Mark"] != "m1" {
			t.Errorf("container metadata %v", cm)
		}
	}
	check()
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}
	c = open(t, emulator.Options{Dir: dir})
	check()
	a, err := accounts.Get(ctx, c.objects, nil).Extract()
	if must(t, a, err); a.ContainerCount != 1 || a.ObjectCount != 1 {
		t.Errorf("account %+v", a)
	}
	_, err = containers.Delete(ctx, c.objects, "state").Extract()
	wantCode(t, err, 409)
	if _, err := objects.Delete(ctx, c.objects, "state", "env/key", nil).Extract(); err != nil {
		t.Fatal(err)
	}
	if _, err := containers.Delete(ctx, c.objects, "state").Extract(); err != nil {
		t.Fatal(err)
	}
}

func TestObjectNamesAreKeptAsTheyAre(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	if _, err := containers.Create(ctx, c.objects, "odd names", nil).Extract(); err != nil {
		t.Fatal(err)
	}
	want := []string{"/lead//double/../x", "a b?c#d", "tail/", "ü%41"}
	for _, name := range want {
		if _, err := objects.Create(ctx, c.objects, "odd names", name, objects.CreateOpts{Content: strings.NewReader(name)}).Extract(); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		got := objects.Download(ctx, c.objects, "odd names", name, nil)
		body, err := got.ExtractContent()
		if string(must(t, body, err)) != name {
			t.Errorf("%q holds %q", name, body)
		}
	}
	got, _ := collect(t, objects.List(c.objects, "odd names", nil), objects.ExtractNames, func(s string) string { return s })
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestListingOfObjects(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	if _, err := containers.Create(ctx, c.objects, "b", nil).Extract(); err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for i := range 9 {
		for _, dir := range []string{"binlog", "full"} {
			name := fmt.Sprintf("%s/%d", dir, i)
			if _, err := objects.Create(ctx, c.objects, "b", name, objects.CreateOpts{Content: strings.NewReader(name)}).Extract(); err != nil {
				t.Fatal(err)
			}
			if dir == "full" {
				want = append(want, name)
			}
		}
	}
	got, pages := collect(t, objects.List(c.objects, "b", objects.ListOpts{Prefix: "full/", Limit: 4}), objects.ExtractNames, func(s string) string { return s })
	if d := cmp.Diff(want, got); d != "" || pages != 3 {
		t.Errorf("%d pages: %s", pages, d)
	}
	got, _ = collect(t, objects.List(c.objects, "b", objects.ListOpts{Delimiter: "/"}), objects.ExtractInfo, func(o objects.Object) string { return o.Subdir })
	if d := cmp.Diff([]string{"binlog/", "full/"}, got); d != "" {
		t.Error(d)
	}
}

func TestImages(t *testing.T) {
	c := open(t, emulator.Options{})
	ctx := t.Context()
	img, err := images.Create(ctx, c.image, images.CreateOpts{
		Name: "own", DiskFormat: "raw", ContainerFormat: "bare", Tags: []string{"trove", "mariadb"}, Properties: map[string]string{"os_distro": "debian"},
	}).Extract()
	if must(t, img, err); img.Status != images.ImageStatusQueued {
		t.Errorf("status %s", img.Status)
	}
	_, err = c.createServerOf(t, img.ID)
	wantCode(t, err, 400)
	data := bytes.Repeat([]byte("data"), 1000)
	if err := imagedata.Upload(ctx, c.image, img.ID, bytes.NewReader(data)).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, imagedata.Upload(ctx, c.image, img.ID, bytes.NewReader(data)).ExtractErr(), 409)
	img, err = images.Get(ctx, c.image, img.ID).Extract()
	if must(t, img, err); img.Status != images.ImageStatusActive || img.SizeBytes != 4000 || img.Properties["os_distro"] != "debian" {
		t.Errorf("image %+v", img)
	}
	body, err := imagedata.Download(ctx, c.image, img.ID).Extract()
	must(t, body, err)
	got, err := io.ReadAll(body)
	if must(t, got, err); !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back", len(got))
	}
	ids, _ := collect(t, images.List(c.image, images.ListOpts{Tags: []string{"mariadb"}, Name: "own"}), images.ExtractImages, func(i images.Image) string { return i.ID })
	if d := cmp.Diff([]string{img.ID}, ids); d != "" {
		t.Errorf("by tag: %s", d)
	}
	img, err = images.Update(ctx, c.image, img.ID, images.UpdateOpts{
		images.ReplaceImageName{NewName: "renamed"}, images.UpdateImageProperty{Op: images.AddOp, Name: "mark", Value: "m"},
		images.ReplaceImageProtected{NewProtected: true},
	}).Extract()
	if must(t, img, err); img.Name != "renamed" || img.Properties["mark"] != "m" {
		t.Errorf("image %+v", img)
	}
	wantCode(t, images.Delete(ctx, c.image, img.ID).ExtractErr(), 403)
	if _, err := images.Update(ctx, c.image, img.ID, images.UpdateOpts{images.ReplaceImageProtected{}}).Extract(); err != nil {
		t.Fatal(err)
	}
	if err := images.Delete(ctx, c.image, img.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	_, err = images.Get(ctx, c.image, img.ID).Extract()
	wantCode(t, err, 404)
}
