package providertest

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
)

// queuedImage makes an image without data that is deleted at the end.
func (k *kit) queuedImage(spec providers.ImageSpec) providers.Image {
	k.Helper()
	spec.Mark, spec.Name = k.mark(), "contract-image"
	made := must(k.Cloud.Images.Create(k.ctx, spec))(k)
	k.Cleanup(func() { k.ok(k.Cloud.Images.Delete(context.WithoutCancel(k.ctx), made.ID)) })
	return made
}

// blank is what stands for an image's data: services look into what is called qcow2.
func blank(size int) []byte {
	return append([]byte{'Q', 'F', 'I', 0xfb, 0, 0, 0, 3}, bytes.Repeat([]byte{0}, size)...)
}

// broken is a stream that ends with an error, and can begin again.
type broken struct{ *bytes.Reader }

var errBroken = errors.New("the file cannot be read")

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errBroken
	}
	return n, err
}

var imageClauses = []clause{
	{"an image is queued, then active with what was sent", func(k *kit) {
		want := map[string]string{"trovectl_sha256": "abc", "trovectl_engine": "mariadb"}
		made := k.queuedImage(providers.ImageSpec{
			Tags: []string{"contract"}, MinDiskGiB: 2, MinRAMMiB: 256, Visibility: "private",
			Properties: map[string]string{"trovectl_sha256": "abc", "trovectl_engine": "mariadb", "hw_disk_bus": "virtio"},
		})
		if made.Status != "queued" {
			k.Errorf("a new image is %q, want queued", made.Status)
		}
		data := blank(4096)
		active := must(k.Cloud.Images.Upload(k.ctx, made.ID, bytes.NewReader(data), int64(len(data))))(k)
		for what, got := range map[string]providers.Image{
			"upload": active, "get": must(k.Cloud.Images.Get(k.ctx, made.ID))(k),
			"list": pick(k, must(k.Cloud.Images.List(k.ctx))(k), func(i providers.Image) bool { return i.ID == made.ID }),
		} {
			if got.Status != providers.ImageActive || got.Mark != made.Mark || got.Checksum == "" || got.CreatedAt == "" {
				k.Errorf("%s shows %+v", what, got)
			}
			if diff := cmp.Diff(want, got.Properties); diff != "" {
				k.Errorf("%s shows other properties (-want +got):\n%s", what, diff)
			}
			if diff := cmp.Diff([]string{"contract"}, got.Tags); diff != "" {
				k.Errorf("%s shows other tags (-want +got):\n%s", what, diff)
			}
		}
	}},
	{"an image gets its data once", func(k *kit) {
		made, data := k.queuedImage(providers.ImageSpec{}), blank(64)
		must(k.Cloud.Images.Upload(k.ctx, made.ID, bytes.NewReader(data), int64(len(data))))(k)
		_, err := k.Cloud.Images.Upload(k.ctx, made.ID, bytes.NewReader(data), int64(len(data)))
		k.wantKind(err, "upload image", providers.KindConflict)
		_, err = k.Cloud.Images.Upload(k.ctx, "ffffffff-ffff-4fff-8fff-ffffffffffff", bytes.NewReader(data), int64(len(data)))
		k.wantKind(err, "upload image", providers.KindNotFound)
	}},
	{"an upload that is cut off leaves nothing that can be used", func(k *kit) {
		made, data := k.queuedImage(providers.ImageSpec{}), blank(64<<10)
		if _, err := k.Cloud.Images.Upload(k.ctx, made.ID, broken{bytes.NewReader(data)}, int64(2*len(data))); err == nil {
			k.Error("an upload whose file cannot be read to its end succeeded")
		}
		if got := must(k.Cloud.Images.Get(k.ctx, made.ID))(k); got.Status == providers.ImageActive {
			k.Errorf("half an image is %q", got.Status)
		}
	}},
	{"servers are not made from an image without data", func(k *kit) {
		made := k.queuedImage(providers.ImageSpec{})
		spec := k.spec(k.port().ID)
		spec.ImageID = made.ID
		if _, err := k.Cloud.Servers.Create(k.ctx, spec); err == nil {
			k.Error("a server was made from an image without data")
		}
	}},
}
