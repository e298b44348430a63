package openstack

import (
	"context"
	"crypto/md5" //nolint:gosec // the checksum of Glance's protocol, where it has no better one
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

// imageService speaks to Glance. https://docs.openstack.org/api-ref/image/v2/
type imageService struct {
	*client
	glance *gophercloud.ServiceClient
}

// image is what we read of an image. Properties stand beside Glance's own members.
type image struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Status    string   `json:"status"`
	Tags      []string `json:"tags"`
	Checksum  string   `json:"checksum"`      // MD5; empty in a cloud without it
	HashAlgo  string   `json:"os_hash_algo"`  // of HashValue
	HashValue string   `json:"os_hash_value"` // since Glance of Rocky
	CreatedAt string   `json:"created_at"`

	mark string
	ours map[string]string
}

func (i image) identifier() string { return i.ID }

// ourProperties is how the names of our properties begin.
const ourProperties = "trovectl_"

// UnmarshalJSON also picks our properties.
func (i *image) UnmarshalJSON(data []byte) error {
	type plain image
	if err := json.Unmarshal(data, (*plain)(i)); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for name, raw := range all {
		var text string
		if name != providers.MarkKey && !strings.HasPrefix(name, ourProperties) || json.Unmarshal(raw, &text) != nil {
			continue
		}
		if name == providers.MarkKey {
			i.mark = text
			continue
		}
		if i.ours == nil {
			i.ours = map[string]string{}
		}
		i.ours[name] = text
	}
	return nil
}

func (i image) view() providers.Image {
	return providers.Image{
		ID: i.ID, Name: i.Name, Status: i.Status, Tags: i.Tags, Checksum: i.Checksum, Properties: i.ours,
		Mark: providers.ParseMark(i.mark), CreatedAt: instant(i.CreatedAt),
	}
}

func (s *imageService) Create(ctx context.Context, spec providers.ImageSpec) (providers.Image, error) {
	const call = "create image"
	if err := unmarked(call, spec.Mark); err != nil {
		return providers.Image{}, err
	}
	body := map[string]any{}
	for name, value := range spec.Properties {
		body[name] = value
	}
	body["name"], body["disk_format"], body["container_format"] = spec.Name, "qcow2", "bare"
	body["min_disk"], body["min_ram"], body[providers.MarkKey] = spec.MinDiskGiB, spec.MinRAMMiB, spec.Mark.String()
	if len(spec.Tags) > 0 {
		body["tags"] = spec.Tags
	}
	if spec.Visibility != "" {
		body["visibility"] = spec.Visibility
	}
	var made image
	if err := s.send(ctx, s.glance, call, http.MethodPost, "images", body, &made); err != nil {
		return providers.Image{}, err
	}
	if err := nameless(call, made.ID); err != nil {
		return providers.Image{}, err
	}
	view := made.view()
	view.Mark = spec.Mark
	return view, nil
}

func (s *imageService) get(ctx context.Context, call, id string) (image, error) {
	p, err := path(call, "images", id)
	if err != nil {
		return image{}, err
	}
	var found image
	err = s.send(ctx, s.glance, call, http.MethodGet, p, nil, &found)
	return found, err
}

func (s *imageService) Get(ctx context.Context, id string) (providers.Image, error) {
	found, err := s.get(ctx, "get image", id)
	if err != nil {
		return providers.Image{}, err
	}
	return found.view(), nil
}

func (s *imageService) List(ctx context.Context) ([]providers.Image, error) {
	all, err := list[image](ctx, s.client, s.glance, "list images", "images", "images", nil)
	return views(all, image.view), err
}

func (s *imageService) Delete(ctx context.Context, id string) error {
	return s.remove(ctx, s.glance, "delete image", "images", id)
}

func (s *imageService) Upload(ctx context.Context, id string, data io.ReadSeeker, size int64) (providers.Image, error) {
	const call = "upload image"
	sent := &digested{data: data}
	if err := sent.rewind(); err != nil {
		return providers.Image{}, &providers.Error{Kind: providers.KindInvalid, Call: call, Message: err.Error(), Err: err}
	}
	if err := s.put(ctx, id, sent, size); err != nil {
		return providers.Image{}, err
	}
	stored, err := s.get(ctx, call, id)
	if err != nil {
		return providers.Image{}, err
	}
	if !sent.is(stored) {
		err := &providers.Error{Kind: providers.KindTransient, Call: call, Sent: true,
			Message: fmt.Sprintf("the service holds something else than what was sent (status %q, checksum %q)", stored.Status, stored.Checksum)}
		if removal := s.Delete(ctx, id); removal != nil {
			return providers.Image{}, fmt.Errorf("%w; and deleting it: %w", err, removal)
		}
		return providers.Image{}, err
	}
	return stored.view(), nil
}

// put sends the data as one stream.
func (s *imageService) put(ctx context.Context, id string, sent *digested, size int64) error {
	const call = "upload image"
	p, err := path(call, "images", id, "file")
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return wrapSilence(call, fmt.Errorf("%w: %w", errNotBegun, err))
	}
	ctx = providers.WithCall(ctx, providers.Call{Service: shortNames[s.glance.Type], Name: call})
	resp, err := s.glance.Request(ctx, http.MethodPut, s.glance.ServiceURL(p), &gophercloud.RequestOpts{
		RawBody: sent, KeepResponseBody: true, OkCodes: []int{http.StatusNoContent, http.StatusOK, http.StatusCreated},
		MoreHeaders: map[string]string{"Content-Type": "application/octet-stream", lengthHeader: strconv.FormatInt(size, 10)},
	})
	if err != nil {
		return s.wrap(call, err)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // what it says besides counts for nothing: the image is asked for
	return resp.Body.Close()
}

// digested is a stream whose digests are known at its end. It can be sent again from its beginning.
type digested struct {
	data   io.ReadSeeker
	sha    hash.Hash
	md5    hash.Hash
	stream io.Reader
}

func (d *digested) rewind() error {
	if _, err := d.data.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("going to the beginning of the image: %w", err)
	}
	d.sha, d.md5 = sha512.New(), md5.New() //nolint:gosec // see the import
	d.stream = io.TeeReader(d.data, io.MultiWriter(d.sha, d.md5))
	return nil
}

// Read implements io.Reader.
func (d *digested) Read(p []byte) (int, error) { return d.stream.Read(p) }

// Seek implements io.Seeker for the only place that a client goes back to when its token has expired.
func (d *digested) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, fmt.Errorf("an image is sent from its beginning")
	}
	return 0, d.rewind()
}

// is compares with what the service says it holds.
func (d *digested) is(stored image) bool {
	if stored.Status != providers.ImageActive {
		return false
	}
	if stored.HashAlgo == "sha512" {
		return stored.HashValue == hex.EncodeToString(d.sha.Sum(nil))
	}
	return stored.Checksum == hex.EncodeToString(d.md5.Sum(nil))
}
