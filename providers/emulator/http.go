package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// service names one of the APIs by its catalog type.
type service string

const (
	identity    service = "identity"
	compute     service = "compute"
	volumes     service = "volume"
	images      service = "image"
	networking  service = "network"
	objectStore service = "object-store"
	devel       service = "dev" // the emulator's own: status and faults
)

// maxBody bounds JSON bodies: the largest legal one is a server with 64 KiB of user-data and full metadata.
const maxBody = 1 << 20

// A route is one operation of a service. Patterns are those of http.ServeMux without the service's prefix.
type route struct {
	service service
	pattern string
	open    bool // no token needed
	stream  bool // the handler reads the body, writes the answer and locks by itself
	handle  func(*call) error
}

// call is one request on its way through a handler. Handlers set the answer with reply; it is written after the
// cloud's lock was released, so answers must not share memory with rows.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	service service
	token   *token
	project string
	body    []byte
	cloud   *Server
	micro   int // the minor of the microversion that was asked for
	status  int
	answer  any
	spoil   func([]byte) []byte // what a fault does to a JSON answer; nil: nothing

	late       time.Duration // a fault: how long lists lack what this call creates
	lostMarker bool          // a fault: the object of this call's marker is gone
}

func (c *call) reply(status int, answer any) error {
	c.status, c.answer = status, answer
	return nil
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }
func (c *call) path(name string) string  { return c.r.PathValue(name) }

// decode reads the JSON body into v; unknown members are ignored, wrong types refused.
func (c *call) decode(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return badRequest("The request body must not be empty")
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		var typ *json.UnmarshalTypeError
		if errors.As(err, &typ) && typ.Field != "" {
			return badRequest("Invalid input for field/attribute %s. Value: %s is not valid", typ.Field, typ.Value)
		}
		return badRequest("Malformed request body")
	}
	return nil
}

// base is the URL that links of the answer start with.
func (s *Server) base(r *http.Request) string {
	if e := s.Endpoint(); e != "" {
		return e
	}
	return "http://" + r.Host
}

// routes builds the handler of all services.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	groups := [][]route{
		s.devRoutes(), s.keystoneRoutes(), s.novaRoutes(), s.novaActionRoutes(), s.cinderRoutes(), s.neutronRoutes(),
		s.neutronGroupRoutes(), s.glanceRoutes(), s.versionRoutes(),
		{{service: objectStore, pattern: "GET /object-store/info", open: true, handle: swiftInfo}},
	}
	for _, g := range groups {
		for _, rt := range g {
			method, path, _ := strings.Cut(rt.pattern, " ")
			mux.Handle(method+" "+path, s.serve(rt, path))
			if bare, ok := strings.CutSuffix(path, "/{$}"); ok && rt.open {
				mux.Handle(method+" "+bare, s.serve(rt, path)) // version documents: clients do not follow redirects
			}
		}
	}
	for _, svc := range []service{identity, compute, volumes, images, networking, objectStore, devel} {
		prefix := "/" + string(svc) + "/"
		if svc == devel {
			prefix = "/_dev/"
		}
		mux.Handle(prefix, s.serve(route{service: svc, open: true, handle: func(c *call) error {
			return notFound("The resource could not be found.")
		}}, prefix+"*"))
	}
	swift := s.swiftHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/object-store/v1/") {
			swift.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// serve wraps one operation: faults, body, token, microversion, lock, answer, log.
func (s *Server) serve(rt route, template string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		c := &call{w: rec, r: r, service: rt.service, cloud: s}
		s.headers(c)
		err := s.perform(rt, c)
		switch {
		case errors.Is(err, errDropped):
			s.log.add(rt.service, r.Method, template, 0, time.Since(start))
			panic(http.ErrAbortHandler) // the documented way to break a connection
		case err != nil:
			s.writeError(c, err)
		case !rt.stream || c.status != 0:
			writeAnswer(c)
		}
		s.log.add(rt.service, r.Method, template, rec.status, time.Since(start))
	})
}

func (s *Server) perform(rt route, c *call) error {
	if !rt.stream {
		body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
		if err != nil {
			return &apiError{status: http.StatusRequestEntityTooLarge, message: "Request body is too large"}
		}
		c.body = body
	}
	verdict, err := s.faults.strike(s, c)
	if err != nil {
		return err
	}
	if rt.stream {
		err = s.authorize(rt, c)
		if err == nil {
			err = rt.handle(c)
		}
	} else if !s.locked(func() {
		if err = s.authorizeLocked(rt, c); err == nil {
			err = rt.handle(c)
		}
		if err == nil && c.late > 0 {
			s.hide(c)
		}
	}) {
		err = &apiError{status: http.StatusServiceUnavailable, message: "The cloud is shutting down"}
	}
	switch verdict {
	case dropAfter:
		return errDropped
	case hangAfter:
		return s.hang(c)
	default:
		return err
	}
}

func (s *Server) authorize(rt route, c *call) (err error) {
	if !s.locked(func() { err = s.authorizeLocked(rt, c) }) {
		err = &apiError{status: http.StatusServiceUnavailable, message: "The cloud is shutting down"}
	}
	return err
}

// authorizeLocked settles the token, the microversion and the project of a call.
func (s *Server) authorizeLocked(rt route, c *call) error {
	if err := c.negotiate(); err != nil {
		return err
	}
	if rt.open {
		return nil
	}
	t, ok := s.validToken(c.r.Header.Get("X-Auth-Token"))
	if !ok {
		return unauthorized()
	}
	c.token, c.project = t, t.Project
	if rt.service != identity && t.Project == "" {
		return forbidden("The token is not scoped to a project.")
	}
	return mayCall(c)
}

func (s *Server) headers(c *call) {
	id := "req-" + s.uuid()
	h := c.w.Header()
	h.Set("X-Openstack-Request-Id", id)
	if c.service == objectStore {
		h.Set("X-Trans-Id", "tx"+strings.ReplaceAll(s.uuid(), "-", "")[:21]+"-0000000000")
	}
	if c.service == compute {
		h.Set("X-Compute-Request-Id", id)
	}
}

func writeAnswer(c *call) {
	if c.answer == nil {
		c.w.WriteHeader(c.status)
		return
	}
	if text, ok := c.answer.(plainText); ok {
		c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		c.w.WriteHeader(c.status)
		_, _ = io.WriteString(c.w, string(text)) // the client is gone: nobody to tell
		return
	}
	raw, err := json.Marshal(c.answer)
	if err != nil {
		panic(fmt.Sprintf("emulator: an answer cannot be encoded: %v", err)) // answers are maps and structs: a bug
	}
	if c.spoil != nil {
		raw = c.spoil(raw)
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	c.w.WriteHeader(c.status)
	_, _ = c.w.Write(raw) // the client is gone: nobody to tell
}

// recorder remembers the status for the request log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// isTrue reads a flag of a query.
func isTrue(text string) bool {
	on, err := strconv.ParseBool(strings.ToLower(text))
	return err == nil && on
}

// flexInt is a JSON integer, or a string of digits as older clients send.
type flexInt int

func (f *flexInt) UnmarshalJSON(raw []byte) error {
	s := strings.Trim(string(raw), `"`)
	if s == "null" {
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return &json.UnmarshalTypeError{Value: "not an integer", Field: "number"}
	}
	*f = flexInt(n)
	return nil
}

// flexBool is a JSON boolean, or the word for one as older clients send.
type flexBool bool

func (f *flexBool) UnmarshalJSON(raw []byte) error {
	switch s := strings.ToLower(strings.Trim(string(raw), `"`)); s {
	case "null", "":
	default:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return &json.UnmarshalTypeError{Value: "not a boolean", Field: "boolean"}
		}
		*f = flexBool(b)
	}
	return nil
}
