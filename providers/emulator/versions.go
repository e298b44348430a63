package emulator

import (
	"net/http"
	"strconv"
	"strings"
)

// The newest microversions that are answered, and Nova's and Cinder's oldest.
const (
	novaMinor   = 90
	cinderMinor = 70
)

// negotiate settles the microversion (https://specs.openstack.org/openstack/api-sig/guidelines/microversion_specification.html).
func (c *call) negotiate() error {
	name, major, oldest, newest := "compute", "2.", 1, novaMinor
	switch c.service {
	case compute:
	case volumes:
		name, major, oldest, newest = "volume", "3.", 0, cinderMinor
	default:
		return nil
	}
	c.micro = oldest
	asked := ""
	if c.service == compute {
		asked = c.r.Header.Get("X-OpenStack-Nova-API-Version")
	}
	for _, v := range c.r.Header.Values("OpenStack-API-Version") {
		for _, one := range strings.Split(v, ",") {
			if f := strings.Fields(one); len(f) == 2 && f[0] == name {
				asked = f[1]
			}
		}
	}
	switch asked {
	case "":
	case "latest":
		c.micro = newest
	default:
		minor, err := strconv.Atoi(strings.TrimPrefix(asked, major))
		if err != nil || !strings.HasPrefix(asked, major) {
			return badRequest("API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", asked)
		}
		if minor < oldest || minor > newest {
			return refusal(http.StatusNotAcceptable, "Version %s is not supported by the API. Minimum is %s%d and maximum is %s%d.",
				asked, major, oldest, major, newest)
		}
		c.micro = minor
	}
	h := c.w.Header()
	h.Set("OpenStack-API-Version", name+" "+major+strconv.Itoa(c.micro))
	h.Add("Vary", "OpenStack-API-Version")
	if c.service == compute {
		h.Set("X-OpenStack-Nova-API-Version", major+strconv.Itoa(c.micro))
		h.Add("Vary", "X-OpenStack-Nova-API-Version")
	}
	return nil
}

func link(rel, href string) map[string]any { return map[string]any{"rel": rel, "href": href} }

// versionRoutes are the version documents, with which clients discover what a service speaks.
func (s *Server) versionRoutes() []route {
	doc := func(svc service, status int, path string, id, state, oldest, newest string, wrap func(v map[string]any) any) route {
		self := strings.TrimSuffix(path, "{$}")
		for _, versioned := range []string{"v3/", "v2.1/", "v2/", "v2.0/"} {
			if strings.HasSuffix(self, versioned) {
				versionedSelf := self
				return docRoute(s, svc, status, path, versionedSelf, id, state, oldest, newest, wrap)
			}
		}
		root := map[service]string{identity: "v3/", compute: "v2.1/", volumes: "v3/", images: "v2/", networking: "v2.0/"}
		return docRoute(s, svc, status, path, self+root[svc], id, state, oldest, newest, wrap)
	}
	one := func(v map[string]any) any { return map[string]any{"version": v} }
	many := func(v map[string]any) any { return map[string]any{"versions": []any{v}} }
	nested := func(v map[string]any) any {
		return map[string]any{"versions": map[string]any{"values": []any{v}}}
	}
	nova, cinder := "2."+strconv.Itoa(novaMinor), "3."+strconv.Itoa(cinderMinor)
	return []route{
		doc(identity, 300, "/identity/{$}", "v3.14", "stable", "", "", nested),
		doc(identity, 200, "/identity/v3/{$}", "v3.14", "stable", "", "", one),
		doc(compute, 200, "/compute/{$}", "v2.1", "CURRENT", "2.1", nova, many),
		doc(compute, 200, "/compute/v2.1/{$}", "v2.1", "CURRENT", "2.1", nova, one),
		doc(volumes, 300, "/volume/{$}", "v3.0", "CURRENT", "3.0", cinder, many),
		doc(volumes, 200, "/volume/v3/{$}", "v3.0", "CURRENT", "3.0", cinder, many),
		doc(images, 300, "/image/{$}", "v2.9", "CURRENT", "", "", many),
		doc(images, 200, "/image/versions/{$}", "v2.9", "CURRENT", "", "", many),
		doc(networking, 200, "/network/{$}", "v2.0", "CURRENT", "", "", many),
	}
}

func docRoute(s *Server, svc service, status int, path, self, id, state, oldest, newest string,
	wrap func(v map[string]any) any) route {
	if svc == images {
		self = "/image/v2/"
	}
	return route{service: svc, pattern: "GET " + path, open: true, handle: func(c *call) error {
		v := map[string]any{
			"id": id, "status": state, "updated": "2024-04-03T00:00:00Z",
			"links":       []any{link("self", s.base(c.r)+self)},
			"media-types": []any{map[string]any{"base": "application/json", "type": "application/json"}},
		}
		if svc == compute || svc == volumes {
			v["version"], v["min_version"] = newest, oldest
		}
		return c.reply(status, wrap(v))
	}}
}
