package middleware

import (
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/providers"
)

// Log writes a line for each request at debug level: what it was for, method, path with ids left out, status, time. It
// never sees a header or a body.
func Log(next http.RoundTripper, log hclog.Logger, clock Clock) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if !log.IsDebug() {
			return next.RoundTrip(req)
		}
		begun := clock.Now()
		resp, err := next.RoundTrip(req)
		fields := []any{
			"call", providers.CallOf(req.Context()).Name, "method", req.Method, "host", req.URL.Host, "path", Template(req.URL.Path),
			"ms", clock.Now().Sub(begun).Milliseconds(),
		}
		if err != nil {
			log.Debug("request failed", append(fields, "error", err.Error())...)
		} else {
			log.Debug("request", append(fields, "status", resp.StatusCode)...)
		}
		return resp, err
	})
}

// idLike is a part of a path that names one object: a UUID with or without dashes, or a number.
var idLike = regexp.MustCompile(`^([0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}|[0-9]+)$`)

// Template leaves the ids out of a path: /compute/v2.1/servers/{id}/action.
func Template(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if idLike.MatchString(part) {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

func isToken(req *http.Request) bool { return strings.HasSuffix(req.URL.Path, "/auth/tokens") }

// Counter counts requests. It is safe for concurrent use.
type Counter struct {
	mu        sync.Mutex
	byService map[string]int
}

// Count wraps a transport.
func (c *Counter) Count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		c.mu.Lock()
		if c.byService == nil {
			c.byService = map[string]int{}
		}
		c.byService[serviceOf(req)]++
		c.mu.Unlock()
		return next.RoundTrip(req)
	})
}

// Requests tells how many requests were sent, by service.
func (c *Counter) Requests() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.byService)
}
