package emulator

import (
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Members of an image that only Glance sets, and what others may hold.
var (
	imageReadOnly = []string{
		"checksum", "created_at", "direct_url", "file", "first", "next", "os_hash_algo", "os_hash_value", "owner", "schema",
		"self", "size", "status", "updated_at", "virtual_size", "locations",
	}
	uuidPattern       = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	imageVisibilities = []string{"public", "private", "shared", "community"}
)

// createImage reserves an image; its data comes with PUT .../file.
// https://docs.openstack.org/api-ref/image/v2/#create-image
func (s *Server) createImage(c *call) error {
	var req map[string]any
	if err := c.decode(&req); err != nil {
		return err
	}
	now := s.now()
	img := &image{
		ID: s.uuid(), Owner: c.project, Status: imageQueued, Visibility: "shared", Props: map[string]string{},
		Created: now, Updated: now,
	}
	if id, ok := req["id"].(string); ok {
		if !uuidPattern.MatchString(id) { // the id becomes a file's name
			return badRequest("Provided object does not match schema 'image': %s is not a UUID", id)
		}
		if _, taken := s.images.get(id); taken {
			return conflict("Image ID %s already exists!", id)
		}
		img.ID = id
		delete(req, "id")
	}
	for k, v := range req {
		if err := img.set(k, v); err != nil {
			return err
		}
	}
	s.images.put(img.ID, img)
	c.w.Header().Set("Location", s.base(c.r)+"/image/v2/images/"+img.ID)
	return c.reply(http.StatusCreated, imageView(img))
}

// set gives one member a value, as a creation or a patch asks for.
func (img *image) set(key string, v any) error {
	str, isString := v.(string)
	num, isNumber := v.(float64)
	invalid := badRequest("Provided object does not match schema 'image': %v is not valid under any of the given schemas for %s", v, key)
	switch {
	case slices.Contains(imageReadOnly, key):
		return forbidden("Attribute '%s' is read-only.", key)
	case key == "id":
		return forbidden("Attribute 'id' is read-only.")
	case key == "tags":
		list, ok := v.([]any)
		if !ok {
			return invalid
		}
		img.Tags = nil
		for _, t := range list {
			if tag, ok := t.(string); ok && !slices.Contains(img.Tags, tag) {
				img.Tags = append(img.Tags, tag)
			}
		}
	case key == "protected", key == "os_hidden":
		b, ok := v.(bool)
		if !ok {
			return invalid
		}
		if key == "protected" {
			img.Protected = b
		} else {
			img.Hidden = b
		}
	case key == "min_disk" || key == "min_ram":
		if !isNumber || num < 0 || num > 1<<30 {
			return invalid
		}
		if key == "min_disk" {
			img.MinDisk = int(num)
		} else {
			img.MinRAM = int(num)
		}
	case !isString && v != nil:
		return invalid
	case key == "name":
		img.Name = str
	case key == "disk_format":
		img.DiskFormat = str
	case key == "container_format":
		img.ContainerFormat = str
	case key == "visibility":
		if !slices.Contains(imageVisibilities, str) {
			return invalid
		}
		if str == "public" {
			return forbidden("You are not authorized to complete publicize_image action.")
		}
		img.Visibility = str
	default:
		if len(key) > 255 || key == "" {
			return invalid
		}
		img.Props[key] = str
	}
	return nil
}

// patchImage applies a JSON patch (application/openstack-images-v2.1-json-patch).
func (s *Server) patchImage(c *call) error {
	img, err := s.ownImage(c)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/openstack-images-v2") {
		return refusal(http.StatusUnsupportedMediaType, "The server does not support the media type of the request body.")
	}
	var ops []struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value"`
	}
	if err := c.decode(&ops); err != nil {
		return err
	}
	next := *img
	next.Props, next.Tags = clone(img.Props), slices.Clone(img.Tags)
	for _, op := range ops {
		key := strings.NewReplacer("~1", "/", "~0", "~").Replace(strings.TrimPrefix(op.Path, "/"))
		_, isProp := next.Props[key]
		switch op.Op {
		case "remove":
			if !isProp {
				return conflict("Property %s does not exist.", key)
			}
			delete(next.Props, key)
		case "add", "replace":
			var v any
			if err := json.Unmarshal(op.Value, &v); err != nil {
				return badRequest("Operation %q requires a value.", op.Op)
			}
			if err := next.set(key, v); err != nil {
				return err
			}
		default:
			return badRequest("Operations must be add, remove or replace, not %q.", op.Op)
		}
	}
	*img = next
	s.saveImage(img)
	return c.reply(http.StatusOK, imageView(img))
}

func (s *Server) deleteImage(c *call) error {
	img, err := s.ownImage(c)
	if err != nil {
		return err
	}
	if img.Protected {
		return forbidden("Image %s is protected and cannot be deleted.", img.ID)
	}
	if err := os.Remove(s.imageFile(img.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting the data of image %s: %w", img.ID, err)
	}
	s.images.del(img.ID)
	return c.reply(http.StatusNoContent, nil)
}

func (s *Server) imageFile(id string) string { return filepath.Join(s.opt.Dir, "images", id) }

// uploadImage takes the data of a queued image and makes it active.
func (s *Server) uploadImage(c *call) error {
	if c.r.Header.Get("Content-Type") != "application/octet-stream" {
		return refusal(http.StatusUnsupportedMediaType, "The server does not support the media type of the request body.")
	}
	var (
		img *image
		err error
	)
	s.locked(func() {
		if img, err = s.ownImage(c); err != nil {
			return
		}
		switch {
		case img.Status != imageQueued:
			err = conflict("Image status transition from %s to saving is not allowed", img.Status)
		case img.DiskFormat == "" || img.ContainerFormat == "":
			err = badRequest("Properties disk_format, container_format must be set prior to saving data.")
		default:
			img.Status = imageSaving
			s.saveImage(img)
		}
	})
	if err != nil {
		return err
	}
	size, md, sha, err := receive(s.imageFile(img.ID), c.r.Body)
	s.locked(func() {
		if img.Status = imageQueued; err == nil {
			img.Status, img.Size, img.Checksum, img.Hash = imageActive, size, md, sha
		}
		s.saveImage(img)
	})
	if err != nil {
		return badRequest("Error in store configuration or transfer: the upload was cut off.")
	}
	return c.reply(http.StatusNoContent, nil)
}

// receive writes a body to a file in one step and returns its length and digests.
func receive(path string, body io.Reader) (size int64, md, sha string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return 0, "", "", err
	}
	m, h := md5.New(), sha512.New()
	size, err = io.Copy(io.MultiWriter(f, m, h), body)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return 0, "", "", errors.Join(err, os.Remove(f.Name()))
	}
	return size, hex.EncodeToString(m.Sum(nil)), hex.EncodeToString(h.Sum(nil)), nil
}

func (s *Server) downloadImage(c *call) error {
	var (
		img *image
		err error
	)
	s.locked(func() {
		if img, err = s.imageOf(c); err == nil && img.Status == imageDeactivated {
			err = forbidden("The requested image has been deactivated. Image data download is forbidden.")
		}
	})
	if err != nil {
		return err
	}
	f, err := os.Open(s.imageFile(img.ID))
	if errors.Is(err, fs.ErrNotExist) {
		c.w.WriteHeader(http.StatusNoContent) // as Glance answers for an image without data
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the data of image %s: %w", img.ID, err)
	}
	defer func() { _ = f.Close() }()
	c.w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(c.w, c.r, "", img.Updated, f)
	return nil
}
