package emulator

import (
	"net/url"
	"slices"
	"strconv"
)

// maxLimit is the largest page of Nova, Cinder and Glance (their osapi_max_limit).
const maxLimit = 1000

// pageOf cuts the page that limit and marker of the query ask for out of items. It reports whether more follows.
func pageOf[T any](c *call, items []T, id func(T) string, byDefault int) (page []T, more bool, err error) {
	limit := byDefault
	if raw := c.query("limit"); raw != "" {
		n, convErr := strconv.Atoi(raw)
		if convErr != nil || n < 0 {
			return nil, false, badRequest("Invalid input for query parameters limit. Value: %s.", raw)
		}
		limit = min(n, maxLimit)
		if n == 0 && c.service != images {
			limit = byDefault
		}
	}
	items = listed(c.cloud, items, id)
	if marker := c.query("marker"); marker != "" {
		i := slices.IndexFunc(items, func(t T) bool { return id(t) == marker })
		if i < 0 || c.lostMarker {
			switch c.service {
			case volumes:
				return nil, false, notFound("Volume %s could not be found.", marker)
			case images:
				return nil, false, badRequest("No image found with ID %s", marker)
			}
			return nil, false, badRequest("marker [%s] not found", marker)
		}
		items = items[i+1:]
	}
	if len(items) > limit {
		return items[:limit], true, nil
	}
	return items, false, nil
}

// nextLink is the URL of the page behind marker: the request's own URL with the marker replaced.
func (s *Server) nextLink(c *call, marker string) string {
	q := c.r.URL.Query()
	q.Set("marker", marker)
	q.Del("page_reverse")
	return s.base(c.r) + c.r.URL.Path + "?" + q.Encode()
}

// wants reports whether a query that gives key accepts value; a key may be given several times.
func wants(q url.Values, key, value string) bool {
	vs, given := q[key]
	return !given || slices.Contains(vs, value)
}

// clone copies a map, never nil, so that answers do not share memory with rows.
func clone(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// orNil is JSON null for the empty string.
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
