package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type image struct {
	ID, Name, Owner, Status, Visibility string
	DiskFormat, ContainerFormat         string
	Checksum, Hash                      string // MD5 and SHA-512 of the data, hexadecimal
	Size                                int64  // bytes
	MinDisk, MinRAM                     int    // GiB, MiB
	Protected, Hidden                   bool
	Tags                                []string
	Props                               map[string]string
	Members                             map[string]imageMember // by project
	Created, Updated                    time.Time
}

const (
	imageActive      = "active"
	imageQueued      = "queued"
	imageSaving      = "saving"
	imageDeactivated = "deactivated"
)

func glance(pattern string, stream bool, h func(*call) error) route {
	method, path, _ := cut(pattern)
	return route{service: images, pattern: method + " /image/v2" + path, stream: stream, handle: h}
}

func (s *Server) glanceRoutes() []route {
	return []route{
		glance("GET /images", false, s.listImages),
		glance("POST /images", false, s.createImage),
		glance("GET /images/{id}", false, s.showImage),
		glance("PATCH /images/{id}", false, s.patchImage),
		glance("DELETE /images/{id}", false, s.deleteImage),
		glance("PUT /images/{id}/tags/{tag}", false, s.tagImage),
		glance("DELETE /images/{id}/tags/{tag}", false, s.tagImage),
		glance("GET /images/{id}/members", false, s.listMembers),
		glance("POST /images/{id}/members", false, s.addMember),
		glance("GET /images/{id}/members/{member}", false, s.showMember),
		glance("PUT /images/{id}/members/{member}", false, s.updateMember),
		glance("DELETE /images/{id}/members/{member}", false, s.deleteMember),
		glance("POST /images/{id}/actions/{action}", false, s.activateImage),
		glance("PUT /images/{id}/file", true, s.uploadImage),
		glance("GET /images/{id}/file", true, s.downloadImage),
	}
}

func imageView(img *image) map[string]any {
	v := map[string]any{}
	for k, val := range img.Props {
		v[k] = val
	}
	for k, val := range map[string]any{
		"id": img.ID, "name": orNil(img.Name), "owner": img.Owner, "status": img.Status, "visibility": img.Visibility,
		"disk_format": orNil(img.DiskFormat), "container_format": orNil(img.ContainerFormat), "checksum": orNil(img.Checksum),
		"os_hash_algo": nil, "os_hash_value": orNil(img.Hash), "size": nil, "virtual_size": nil, "min_disk": img.MinDisk,
		"min_ram": img.MinRAM, "protected": img.Protected, "os_hidden": img.Hidden, "tags": slices.Clone(img.Tags),
		"created_at": zulu(img.Created), "updated_at": zulu(img.Updated), "self": "/v2/images/" + img.ID,
		"file": "/v2/images/" + img.ID + "/file", "schema": "/v2/schemas/image",
	} {
		v[k] = val
	}
	if img.Tags == nil {
		v["tags"] = []string{}
	}
	if img.Status == imageActive || img.Status == imageDeactivated {
		v["size"], v["os_hash_algo"] = img.Size, "sha512"
		if img.DiskFormat == "raw" {
			v["virtual_size"] = img.Size
		}
	}
	return v
}

func (s *Server) imageOf(c *call) (*image, error) {
	img, ok := s.images.get(c.path("id"))
	member := false
	if ok && img.Visibility == "shared" {
		_, member = img.Members[c.project]
	}
	if !ok || img.Owner != c.project && img.Visibility != "public" && img.Visibility != "community" && !member {
		return nil, notFound("No image found with ID %s", c.path("id"))
	}
	return img, nil
}

// ownImage is imageOf for changes, which only the owner may make.
func (s *Server) ownImage(c *call) (*image, error) {
	img, err := s.imageOf(c)
	if err == nil && img.Owner != c.project {
		err = forbidden("You do not own this image")
	}
	return img, err
}

// listImages answers 25 images where no limit is given, as Glance does.
func (s *Server) listImages(c *call) error {
	q := c.r.URL.Query()
	match := []*image{}
	for _, img := range s.images.newest() {
		shared := img.Visibility == "shared" && img.Members[c.project].Status == "accepted"
		seen := img.Owner == c.project || img.Visibility == "public" || shared
		if seen && matchesImage(img, q) {
			match = append(match, img)
		}
	}
	if key := q.Get("sort_key"); key == "name" || strings.HasPrefix(q.Get("sort"), "name") {
		slices.SortStableFunc(match, func(a, b *image) int { return strings.Compare(a.Name, b.Name) })
	}
	page, more, err := pageOf(c, match, func(img *image) string { return img.ID }, 25)
	if err != nil {
		return err
	}
	out := make([]any, len(page))
	for i, img := range page {
		out[i] = imageView(img)
	}
	answer := map[string]any{"images": out, "schema": "/v2/schemas/images", "first": "/v2/images"}
	if raw := c.r.URL.RawQuery; raw != "" {
		answer["first"] = "/v2/images?" + raw
	}
	if more && len(page) > 0 {
		q.Set("marker", page[len(page)-1].ID)
		answer["next"] = "/v2/images?" + q.Encode()
	}
	return c.reply(http.StatusOK, answer)
}

func matchesImage(img *image, q url.Values) bool {
	for _, t := range q["tag"] {
		if !slices.Contains(img.Tags, t) {
			return false
		}
	}
	if name := q.Get("name"); strings.HasPrefix(name, "in:") {
		q = url.Values{"name": strings.Split(strings.TrimPrefix(name, "in:"), ",")}
	}
	for key := range q {
		if value, isProp := img.Props[key]; isProp && !wants(q, key, value) {
			return false
		}
	}
	return wants(q, "name", img.Name) && wants(q, "status", img.Status) && wants(q, "id", img.ID) &&
		(q.Get("visibility") == "all" || wants(q, "visibility", img.Visibility)) && wants(q, "owner", img.Owner) &&
		wants(q, "disk_format", img.DiskFormat) && wants(q, "container_format", img.ContainerFormat)
}

func (s *Server) showImage(c *call) error {
	img, err := s.imageOf(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, imageView(img))
}

func (s *Server) tagImage(c *call) error {
	img, err := s.ownImage(c)
	if err != nil {
		return err
	}
	tag := c.path("tag")
	has := slices.Contains(img.Tags, tag)
	switch {
	case c.r.Method == http.MethodPut && !has:
		img.Tags = append(slices.Clone(img.Tags), tag)
	case c.r.Method == http.MethodDelete && !has:
		return notFound("Could not find tag %s", tag)
	case c.r.Method == http.MethodDelete:
		img.Tags = slices.DeleteFunc(slices.Clone(img.Tags), func(t string) bool { return t == tag })
	}
	s.saveImage(img)
	return c.reply(http.StatusNoContent, nil)
}

func (s *Server) saveImage(img *image) {
	img.Updated = s.now()
	s.images.put(img.ID, img)
}
