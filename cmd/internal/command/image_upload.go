package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/guest/image"
	"github.com/trovectl/trovectl/providers"
)

var imageUploadSpec = spec{
	synopsis: "Put an image into Glance, unless it is there; an interrupted upload is taken up by the next",
	usage:    "trovectl image upload [options] FILE",
	flags: func(f *flags) {
		f.set.StringVar(&f.image.cloud, "cloud", "", "the clouds.yaml entry; default: OS_CLOUD")
		f.set.StringVar(&f.image.name, "name", "", "of the image; default: ENGINE-VERSION, or the file's name")
		f.set.Var(listFlag{&f.image.tags}, "tag", "TAG of the image, for image_tags; may be repeated")
		f.set.BoolVar(&f.image.public, "public", false, "for every project of the cloud, where its policy lets you; default: the cloud's own choice")
		f.set.BoolVar(&f.image.private, "private", false, "for this project alone")
		f.jsonOutput()
	},
	run: runImageUpload,
}

// byHand is the lineage in the mark of an image that no state stands for.
const byHand = "handmade"

func runImageUpload(m *Meta, f *flags) int {
	if err := f.words(1, 1, "one image file"); err != nil {
		return m.fail("%v", err)
	}
	if f.image.public && f.image.private {
		return m.fail("-public and -private exclude one another")
	}
	file, err := openImage(m.path(f.args[0]))
	if err != nil {
		return m.failErr("The image cannot be uploaded", err)
	}
	defer func() { _ = file.Data.Close() }() // only read
	ctx, _, stop := interruptible(m.warn)
	defer stop()
	cloud, err := m.connect(ctx, config.Provider{Cloud: f.image.cloud})
	if err != nil {
		d := cloudDiagnostic(err)
		return m.report(diag.List{d})
	}
	if cloud.Images == nil {
		return m.fail("the cloud has no image service")
	}
	file.Spec.Mark = providers.Mark{Lineage: byHand, Member: "image", Intent: string(newIDs().Intent())}
	file.Spec.Tags = f.image.tags
	file.Spec.Name = cmp.Or(f.image.name, file.Spec.Name)
	switch {
	case f.image.public:
		file.Spec.Visibility = "public"
	case f.image.private:
		file.Spec.Visibility = "private"
	}
	return m.uploadImage(ctx, f, cloud, file)
}

func (m *Meta) uploadImage(ctx context.Context, f *flags, cloud *providers.Cloud, file executor.ImageFile) int {
	began := time.Now()
	data := io.ReadSeeker(file.Data)
	if !f.json {
		data = &shown{ReadSeeker: file.Data, size: file.Size, every: 5 * time.Second, now: time.Now, say: func(text string) {
			_, _ = fmt.Fprintln(m.streams.Out, text)
		}}
	}
	made, existing, err := providers.PutImage(ctx, cloud.Images, file.Spec, data, file.Size)
	if err != nil {
		return m.failErr("The image was not uploaded", fmt.Errorf("%w. Run the command again: it goes on with what is there", err))
	}
	if f.json {
		return m.printJSON(json.Marshal(map[string]any{
			"id": made.ID, "name": made.Name, "existing": existing, "sha256": file.Spec.Properties[providers.ImageDigest], "size": file.Size,
		}))
	}
	if existing {
		_, _ = fmt.Fprintf(m.streams.Out, "%s is already there: image %s (%s) has the same sha256.\n", filepath.Base(f.args[0]), made.Name, made.ID)
		return exitOK
	}
	_, _ = fmt.Fprintf(m.streams.Out, "Image %s (%s): %s in %s, checksum compared.\n",
		made.Name, made.ID, mebibytes(file.Size), time.Since(began).Round(time.Second))
	return exitOK
}

// openImage reads what a file says of itself. The caller closes its data.
func openImage(name string) (executor.ImageFile, error) {
	m, err := image.Describe(name)
	if err != nil {
		return executor.ImageFile{}, err
	}
	data, err := os.Open(name)
	if err != nil {
		return executor.ImageFile{}, err
	}
	called := strings.TrimSuffix(filepath.Base(name), ".qcow2")
	if m.Engine != "" {
		called = m.Engine + "-" + m.Version
	}
	return executor.ImageFile{
		Spec: providers.ImageSpec{Name: called, MinDiskGiB: m.MinDisk, MinRAMMiB: m.MinRAM, Properties: m.Properties()},
		Data: data, Size: m.Size,
	}, nil
}

// shown tells how far a file has been read.
type shown struct {
	io.ReadSeeker
	size, done int64
	every      time.Duration
	now        func() time.Time
	last       time.Time
	say        func(string)
}

// Read implements io.Reader.
func (s *shown) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	s.done += int64(n)
	if now := s.now(); now.Sub(s.last) >= s.every || errors.Is(err, io.EOF) && n > 0 {
		if !s.last.IsZero() {
			s.say(fmt.Sprintf("%s of %s sent", mebibytes(s.done), mebibytes(s.size)))
		}
		s.last = now
	}
	return n, err
}

// Seek implements io.Seeker.
func (s *shown) Seek(offset int64, whence int) (int64, error) {
	at, err := s.ReadSeeker.Seek(offset, whence)
	s.done = at
	return at, err
}
