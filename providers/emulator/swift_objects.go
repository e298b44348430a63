package emulator

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// objectHeaders are what an object keeps beside its X-Object-Meta-*.
var objectHeaders = []string{"Content-Disposition", "Content-Encoding"}

func keptHeaders(h http.Header) (map[string]string, error) {
	out := map[string]string{}
	for name := range h {
		if strings.HasPrefix(name, "X-Object-Meta-") {
			out[name] = h.Get(name)
		}
		if len(h.Get(name)) > 256 && out[name] != "" || len(out) > 90 {
			return nil, badRequest("Metadata too long or too many items: %s", name)
		}
	}
	for _, name := range objectHeaders {
		if v := h.Get(name); v != "" {
			out[name] = v
		}
	}
	return out, nil
}

// putObject stores an object whole or not at all. "If-None-Match: *" refuses to overwrite.
// https://docs.openstack.org/api-ref/object-store/#create-or-replace-object
func (s *Server) putObject(c *call) error {
	k := key(c.path("account"), c.path("container"))
	name := c.path("object")
	if name == "" || len(name) > 1024 {
		return badRequest("Object name length of %d", len(name))
	}
	exclusive := c.r.Header.Get("If-None-Match") == "*"
	check := func() error {
		if _, ok := s.containers.get(k); !ok {
			return swiftNotFound()
		}
		if _, taken := s.objectRows.get(k + "/" + name); taken && exclusive {
			return refusal(http.StatusPreconditionFailed, "A precondition for this request was not met.")
		}
		return nil
	}
	kept, err := keptHeaders(c.r.Header)
	if err != nil {
		return err
	}
	if s.locked(func() { err = check() }); err != nil {
		return err
	}
	file := s.uuid()
	size, md, _, err := receive(filepath.Join(s.opt.Dir, "objects", file), c.r.Body)
	if err != nil {
		return refusal(499, "The client closed the connection before the object was whole.")
	}
	drop := func() { _ = os.Remove(filepath.Join(s.opt.Dir, "objects", file)) } // a leftover costs space only
	if want := strings.Trim(c.r.Header.Get("ETag"), `"`); want != "" && want != md {
		drop()
		return refusal(http.StatusUnprocessableEntity, "Unable to process the contained instructions")
	}
	o := &object{Container: k, Name: name, File: file, ETag: md, Size: size, Headers: kept, Modified: s.now(),
		Type: c.r.Header.Get("Content-Type")}
	if o.Type == "" { // Swift guesses by the name
		o.Type, _, _ = strings.Cut(mime.TypeByExtension(path.Ext(name)), ";")
	}
	if o.Type == "" {
		o.Type = "application/octet-stream"
	}
	if !s.locked(func() {
		if err = check(); err == nil {
			s.placeObject(k, o)
		}
	}) {
		err = refusal(http.StatusServiceUnavailable, "The cloud is shutting down")
	}
	if err != nil {
		drop()
		return err
	}
	c.w.Header().Set("ETag", md)
	c.w.Header().Set("Last-Modified", o.Modified.Format(http.TimeFormat))
	return c.reply(http.StatusCreated, nil)
}

// placeObject makes o the object of its name and removes the data of the one before.
func (s *Server) placeObject(k string, o *object) {
	ct, _ := s.containers.get(k)
	if old, ok := s.objectRows.get(k + "/" + o.Name); ok {
		ct.Count, ct.Bytes = ct.Count-1, ct.Bytes-old.Size
		_ = os.Remove(filepath.Join(s.opt.Dir, "objects", old.File)) // a leftover costs space only
	}
	ct.Count, ct.Bytes = ct.Count+1, ct.Bytes+o.Size
	s.containers.put(k, ct)
	s.objectRows.put(k+"/"+o.Name, o)
	s.objects[k].add(o.Name)
}

func (s *Server) objectOf(c *call) (*object, error) {
	o, ok := s.objectRows.get(key(c.path("account"), c.path("container")) + "/" + c.path("object"))
	if !ok {
		return nil, swiftNotFound()
	}
	return o, nil
}

// getObject serves GET and HEAD, with ranges and conditions.
func (s *Server) getObject(c *call) error {
	var (
		o   object
		f   *os.File
		err error
	)
	if !s.locked(func() {
		var found *object
		if found, err = s.objectOf(c); err != nil {
			return
		}
		o = *found
		f, err = os.Open(filepath.Join(s.opt.Dir, "objects", o.File)) // opened here: an overwrite removes it
	}) {
		return refusal(http.StatusServiceUnavailable, "The cloud is shutting down")
	}
	if err != nil {
		var refused *apiError
		if errors.As(err, &refused) {
			return err
		}
		return fmt.Errorf("opening the data of an object: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := c.w.Header()
	for name, v := range o.Headers {
		h.Set(name, v)
	}
	h.Set("ETag", `"`+o.ETag+`"`)
	h.Set("Content-Type", o.Type)
	h.Set("X-Timestamp", swiftTime(o.Modified))
	http.ServeContent(&bareETag{ResponseWriter: c.w, etag: o.ETag}, c.r, "", o.Modified, f)
	return nil
}

// bareETag writes the ETag without quotes, as Swift does; ServeContent needs them to judge conditions.
type bareETag struct {
	http.ResponseWriter
	etag string
}

func (b *bareETag) WriteHeader(status int) {
	b.Header().Set("ETag", b.etag)
	b.ResponseWriter.WriteHeader(status)
}

// postObject replaces the metadata of an object.
func (s *Server) postObject(c *call) error {
	o, err := s.objectOf(c)
	if err != nil {
		return err
	}
	kept, err := keptHeaders(c.r.Header)
	if err != nil {
		return err
	}
	o.Headers = kept
	if t := c.r.Header.Get("Content-Type"); t != "" {
		o.Type = t
	}
	s.objectRows.put(o.Container+"/"+o.Name, o)
	return c.reply(http.StatusAccepted, nil)
}

func (s *Server) deleteObject(c *call) error {
	o, err := s.objectOf(c)
	if err != nil {
		return err
	}
	ct, _ := s.containers.get(o.Container)
	ct.Count, ct.Bytes = ct.Count-1, ct.Bytes-o.Size
	s.containers.put(o.Container, ct)
	s.objectRows.del(o.Container + "/" + o.Name)
	s.objects[o.Container].remove(o.Name)
	_ = os.Remove(filepath.Join(s.opt.Dir, "objects", o.File)) // a leftover costs space only
	return c.reply(http.StatusNoContent, nil)
}
