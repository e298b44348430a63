package emulator

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
)

// apiError is a refusal as a service words it; each service has its own body for it.
type apiError struct {
	status     int
	kind       string // Neutron's exception name
	message    string
	retryAfter string
	raw        []byte // a body given by an injected fault
}

func (e *apiError) Error() string { return e.message }

// errDropped asks for the connection to be broken without an answer.
var errDropped = errors.New("connection dropped on demand")

func refusal(status int, format string, args ...any) error {
	return &apiError{status: status, message: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return refusal(http.StatusBadRequest, format, args...)
}
func notFound(format string, args ...any) error { return refusal(http.StatusNotFound, format, args...) }
func conflict(format string, args ...any) error { return refusal(http.StatusConflict, format, args...) }
func forbidden(format string, args ...any) error {
	return refusal(http.StatusForbidden, format, args...)
}
func unauthorized() error {
	return refusal(http.StatusUnauthorized, "The request you have made requires authentication.")
}

// neutronError is a refusal with the exception name that Neutron puts beside the message.
func neutronError(status int, kind, format string, args ...any) error {
	return &apiError{status: status, kind: kind, message: fmt.Sprintf(format, args...)}
}

// writeError answers in the words and the format of the service that was called.
func (s *Server) writeError(c *call, err error) {
	var e *apiError
	if !errors.As(err, &e) {
		s.opt.Log.Error("the embedded cloud failed", "service", c.service, "method", c.r.Method, "error", err)
		e = &apiError{status: http.StatusInternalServerError, message: "The server has encountered an internal error."}
	}
	h := c.w.Header()
	if e.retryAfter != "" {
		h.Set("Retry-After", e.retryAfter)
	}
	c.status = e.status
	switch {
	case e.raw != nil:
		h.Set("Content-Type", "application/json")
		c.w.WriteHeader(e.status)
		_, _ = c.w.Write(e.raw)
	case c.service == objectStore || c.service == images && e.status != http.StatusUnauthorized:
		writePage(c, e)
	default:
		c.answer = errorBody(c.service, e)
		writeAnswer(c)
	}
}

// errorBody is the JSON of a refusal. A missing token is refused by keystonemiddleware, in Keystone's format, whatever
// the service.
func errorBody(svc service, e *apiError) any {
	if svc == identity || e.status == http.StatusUnauthorized {
		return map[string]any{"error": map[string]any{
			"code": e.status, "title": http.StatusText(e.status), "message": e.message,
		}}
	}
	if svc == networking {
		kind := e.kind
		if kind == "" {
			kind = neutronKinds[e.status]
		}
		return map[string]any{"NeutronError": map[string]any{"type": kind, "message": e.message, "detail": ""}}
	}
	name, ok := novaKinds[e.status]
	if !ok {
		name = "computeFault"
	}
	fault := map[string]any{"code": e.status, "message": e.message}
	if e.retryAfter != "" {
		fault["retryAfter"] = e.retryAfter
	}
	return map[string]any{name: fault}
}

// novaKinds are the envelope names of Nova and Cinder (nova/api/openstack/wsgi.py, Fault._fault_names).
var novaKinds = map[int]string{
	400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 405: "badMethod",
	406: "notAcceptable", 409: "conflictingRequest", 413: "overLimit", 415: "badMediaType", 429: "overLimit",
	501: "notImplemented", 503: "serviceUnavailable",
}

var neutronKinds = map[int]string{
	400: "HTTPBadRequest", 403: "HTTPForbidden", 404: "HTTPNotFound", 409: "HTTPConflict", 429: "HTTPTooManyRequests",
	500: "HTTPInternalServerError", 503: "HTTPServiceUnavailable",
}

// writePage answers as WebOb does for Glance and Swift: JSON for those who ask for it, a small page otherwise.
func writePage(c *call, e *apiError) {
	title := http.StatusText(e.status)
	if c.service == images && strings.Contains(c.r.Header.Get("Accept"), "application/json") {
		c.answer = map[string]any{
			"message": e.message + "<br /><br />\n\n\n", "code": strconv.Itoa(e.status) + " " + title, "title": title,
		}
		writeAnswer(c)
		return
	}
	if accept, given := c.r.Header["Accept"]; c.service == images && given && strings.Join(accept, "") == "" {
		c.answer = plainText(fmt.Sprintf("%d %s\n\n%s\n\n\n", e.status, title, e.message)) // nothing is accepted, so nothing is marked up
		writeAnswer(c)
		return
	}
	page := fmt.Sprintf("<html><h1>%s</h1><p>%s</p></html>", title, html.EscapeString(e.message))
	if c.service == images {
		page = fmt.Sprintf("<html>\n <head>\n  <title>%d %s</title>\n </head>\n <body>\n  <h1>%d %s</h1>\n"+
			"  %s<br /><br />\n\n\n </body>\n</html>", e.status, title, e.status, title, html.EscapeString(e.message))
	}
	c.w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	c.w.WriteHeader(e.status)
	_, _ = c.w.Write([]byte(page))
}
