package emulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type container struct {
	Account, Name string
	Meta          map[string]string // X-Container-Meta-*, canonical names
	Count         int
	Bytes         int64
	Created       time.Time
}

// object is a row; its data lies in Dir/objects under File, so that an overwrite never shows half of the new data.
type object struct {
	Container, Name, File, ETag, Type string
	Size                              int64
	Headers                           map[string]string // X-Object-Meta-* and a few others
	Modified                          time.Time
}

// containerIndex keeps the names of a container's objects sorted, which listings walk.
type containerIndex struct{ names []string }

// swiftHandler finds the operation by the depth of the path. It stands beside the mux, which would clean slashes out of
// the names of objects, where they are legal anywhere.
func (s *Server) swiftHandler() http.Handler {
	const root = "/object-store/v1/"
	operation := map[string]http.Handler{}
	add := func(method, template string, stream bool, h func(*call) error) {
		rt := route{service: objectStore, stream: stream, handle: s.inAccount(h)}
		operation[method+strconv.Itoa(strings.Count(template, "{"))] = s.serve(rt, root+template)
	}
	const account, cont, obj = "{account}", "{account}/{container}", "{account}/{container}/{object}"
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		add(method, account, false, s.showAccount)
		add(method, cont, false, s.listObjects)
		add(method, obj, true, s.getObject)
	}
	add(http.MethodPost, account, false, s.postAccount)
	add(http.MethodPut, cont, false, s.putContainer)
	add(http.MethodPost, cont, false, s.postContainer)
	add(http.MethodDelete, cont, false, s.deleteContainer)
	add(http.MethodPut, obj, true, s.putObject)
	add(http.MethodPost, obj, false, s.postObject)
	add(http.MethodDelete, obj, false, s.deleteObject)
	refuse := s.serve(route{service: objectStore, open: true, handle: func(*call) error {
		return refusal(http.StatusMethodNotAllowed, "The method is not allowed for this resource.")
	}}, root+"*")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		depth := 0
		parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, root), "/", 3)
		for i, name := range []string{"account", "container", "object"} {
			if i < len(parts) && parts[i] != "" && depth == i {
				r.SetPathValue(name, parts[i])
				depth++
			}
		}
		h, ok := operation[r.Method+strconv.Itoa(depth)]
		if !ok {
			h = refuse
		}
		h.ServeHTTP(w, r)
	})
}

// swiftInfo is what GET /info tells of the limits.
func swiftInfo(c *call) error {
	return c.reply(http.StatusOK, map[string]any{"swift": map[string]any{
		"version": "2.30.0", "max_file_size": int64(5) << 30, "container_listing_limit": swiftListing,
		"max_meta_count": 90, "max_meta_name_length": 128, "max_meta_value_length": 256,
	}})
}

// swiftListing is how many names one listing holds.
const swiftListing = 10000

// inAccount refuses accounts of other projects, then goes on to h.
func (s *Server) inAccount(h func(*call) error) func(*call) error {
	return func(c *call) error {
		if c.path("account") != "AUTH_"+c.project {
			return forbidden("Access was denied to this resource.")
		}
		c.w.Header().Set("X-Timestamp", swiftTime(s.now()))
		return h(c)
	}
}

func swiftTime(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'f', 5, 64)
}

func key(account, containerName string) string { return account + "/" + containerName }

func swiftNotFound() error { return notFound("The resource could not be found.") }

// indexObjects rebuilds the sorted names from the rows.
func (s *Server) indexObjects() {
	for _, r := range s.containers.order {
		s.objects[r.id] = &containerIndex{}
	}
	for _, o := range s.objectRows.all() {
		if ix := s.objects[o.Container]; ix != nil {
			ix.names = append(ix.names, o.Name)
		}
	}
	for _, ix := range s.objects {
		slices.Sort(ix.names)
	}
}

func (ix *containerIndex) add(name string) {
	if i, found := slices.BinarySearch(ix.names, name); !found {
		ix.names = slices.Insert(ix.names, i, name)
	}
}

func (ix *containerIndex) remove(name string) {
	if i, found := slices.BinarySearch(ix.names, name); found {
		ix.names = slices.Delete(ix.names, i, i+1)
	}
}

func (s *Server) showAccount(c *call) error {
	h := c.w.Header()
	var list []*container
	var bytes int64
	var objects int
	for _, ct := range s.containers.all() {
		if ct.Account == c.path("account") {
			list = append(list, ct)
			bytes, objects = bytes+ct.Bytes, objects+ct.Count
		}
	}
	slices.SortFunc(list, func(a, b *container) int { return strings.Compare(a.Name, b.Name) })
	if acc, ok := s.accounts.get(c.path("account")); ok {
		for k, v := range *acc {
			h.Set(k, v)
		}
	}
	h.Set("X-Account-Container-Count", strconv.Itoa(len(list)))
	h.Set("X-Account-Object-Count", strconv.Itoa(objects))
	h.Set("X-Account-Bytes-Used", strconv.FormatInt(bytes, 10))
	if c.r.Method == http.MethodHead {
		return c.reply(http.StatusNoContent, nil)
	}
	names, rows := []string{}, []any{}
	for _, ct := range list {
		if ct.Name <= c.query("marker") && c.query("marker") != "" || !strings.HasPrefix(ct.Name, c.query("prefix")) {
			continue
		}
		names = append(names, ct.Name)
		rows = append(rows, map[string]any{
			"name": ct.Name, "count": ct.Count, "bytes": ct.Bytes, "last_modified": micro(ct.Created),
		})
	}
	limit, err := swiftLimit(c)
	if err != nil {
		return err
	}
	return s.listing(c, names[:min(limit, len(names))], rows[:min(limit, len(rows))])
}

func swiftLimit(c *call) (int, error) {
	raw := c.query("limit")
	if raw == "" {
		return swiftListing, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < 0 || n > swiftListing {
		return 0, refusal(http.StatusPreconditionFailed, "Maximum limit is %d", swiftListing)
	}
	return n, nil
}

// listing answers in JSON or as plain lines, as the query or the Accept header asks.
func (s *Server) listing(c *call, names []string, rows []any) error {
	if c.query("format") == "json" || c.query("format") == "" && strings.Contains(c.r.Header.Get("Accept"), "application/json") {
		return c.reply(http.StatusOK, rows)
	}
	if len(names) == 0 {
		return c.reply(http.StatusNoContent, nil)
	}
	return c.reply(http.StatusOK, plainText(strings.Join(names, "\n")+"\n"))
}

// plainText is an answer that is no JSON.
type plainText string

func (s *Server) putContainer(c *call) error {
	name := c.path("container")
	if len(name) > 256 {
		return badRequest("Container name length of %d longer than 256", len(name))
	}
	k := key(c.path("account"), name)
	ct, ok := s.containers.get(k)
	status := http.StatusAccepted
	if !ok {
		status = http.StatusCreated
		ct = &container{Account: c.path("account"), Name: name, Meta: map[string]string{}, Created: s.now()}
		s.objects[k] = &containerIndex{}
	}
	if err := mergeMeta(ct, c.r.Header); err != nil {
		return err
	}
	s.containers.put(k, ct)
	return c.reply(status, nil)
}

func (s *Server) postContainer(c *call) error {
	k := key(c.path("account"), c.path("container"))
	ct, ok := s.containers.get(k)
	if !ok {
		return swiftNotFound()
	}
	if err := mergeMeta(ct, c.r.Header); err != nil {
		return err
	}
	s.containers.put(k, ct)
	return c.reply(http.StatusNoContent, nil)
}

// postAccount changes the metadata of the account.
func (s *Server) postAccount(c *call) error {
	name := c.path("account")
	var have map[string]string
	if acc, ok := s.accounts.get(name); ok {
		have = *acc
	}
	next, err := mergedMeta(have, "Account", c.r.Header)
	if err != nil {
		return err
	}
	s.accounts.put(name, &next)
	return c.reply(http.StatusNoContent, nil)
}

// mergeMeta changes a container's metadata as the headers say.
func mergeMeta(ct *container, h http.Header) error {
	next, err := mergedMeta(ct.Meta, "Container", h)
	if err == nil {
		ct.Meta = next
	}
	return err
}

// mergedMeta adds, changes and (by an empty value or X-Remove-) removes items of the metadata of a container or an account.
func mergedMeta(have map[string]string, kind string, h http.Header) (map[string]string, error) {
	prefix, remove := "X-"+kind+"-Meta-", "X-Remove-"+kind+"-Meta-"
	next := clone(have)
	for name := range h {
		switch {
		case strings.HasPrefix(name, prefix) && h.Get(name) != "":
			next[name] = h.Get(name)
		case strings.HasPrefix(name, prefix):
			delete(next, name)
		case strings.HasPrefix(name, remove):
			delete(next, prefix+strings.TrimPrefix(name, remove))
		}
	}
	for name, v := range next {
		if len(v) > 256 || len(name) > 128+len(prefix) || len(next) > 90 {
			return nil, badRequest("Metadata too long or too many items: %s", name)
		}
	}
	return next, nil
}

func (s *Server) deleteContainer(c *call) error {
	k := key(c.path("account"), c.path("container"))
	ct, ok := s.containers.get(k)
	if !ok {
		return swiftNotFound()
	}
	if ct.Count > 0 {
		return conflict("There was a conflict when trying to complete your request.")
	}
	s.containers.del(k)
	delete(s.objects, k)
	return c.reply(http.StatusNoContent, nil)
}

func containerHeaders(c *call, ct *container) {
	h := c.w.Header()
	h.Set("X-Container-Object-Count", strconv.Itoa(ct.Count))
	h.Set("X-Container-Bytes-Used", strconv.FormatInt(ct.Bytes, 10))
	h.Set("X-Storage-Policy", "Policy-0")
	for k, v := range ct.Meta {
		h.Set(k, v)
	}
}

// listObjects lists names after marker and before end_marker, with prefix and delimiter.
func (s *Server) listObjects(c *call) error {
	k := key(c.path("account"), c.path("container"))
	ct, ok := s.containers.get(k)
	if !ok {
		return swiftNotFound()
	}
	containerHeaders(c, ct)
	if c.r.Method == http.MethodHead {
		return c.reply(http.StatusNoContent, nil)
	}
	limit, err := swiftLimit(c)
	if err != nil {
		return err
	}
	prefix, marker, end, delim := c.query("prefix"), c.query("marker"), c.query("end_marker"), c.query("delimiter")
	all := s.objects[k].names
	i, _ := slices.BinarySearch(all, max(prefix, marker))
	names, rows := []string{}, []any{}
	for ; i < len(all) && len(names) < limit; i++ {
		name := all[i]
		if marker != "" && name <= marker {
			continue
		}
		if !strings.HasPrefix(name, prefix) || end != "" && name >= end {
			break
		}
		if at := strings.Index(name[len(prefix):], delim); delim != "" && at >= 0 {
			dir := name[:len(prefix)+at+len(delim)]
			if dir == marker || len(names) > 0 && names[len(names)-1] == dir {
				continue
			}
			names, rows = append(names, dir), append(rows, map[string]any{"subdir": dir})
			continue
		}
		o, _ := s.objectRows.get(k + "/" + name)
		names = append(names, name)
		rows = append(rows, map[string]any{
			"name": name, "hash": o.ETag, "bytes": o.Size, "content_type": o.Type, "last_modified": micro(o.Modified),
		})
	}
	return s.listing(c, names, rows)
}
