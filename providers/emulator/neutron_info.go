package emulator

import (
	"net/http"
	"strings"
)

// extensions that the networking API of this cloud answers for, by alias. Clients also look for their names.
var extensions = []string{
	"allowed-address-pairs", "availability_zone", "external-net", "floatingip-autodelete-internal", "network_availability_zone", "pagination",
	"port-security", "quotas", "quota_details", "router", "security-group", "sorting", "standard-attr-description",
	"standard-attr-revisions", "standard-attr-tag", "standard-attr-timestamp", "subnet_allocation",
}

var extensionNames = map[string]string{
	"availability_zone": "Availability Zone", "network_availability_zone": "Network Availability Zone", "quotas": "Quota management support",
	"quota_details": "Quota details management support",
}

func extensionView(alias string) map[string]any {
	name, known := extensionNames[alias]
	if !known {
		name = alias
	}
	return map[string]any{
		"alias": alias, "name": name, "description": name, "updated": "2016-01-01T10:00:00-00:00", "links": []any{},
	}
}

func (s *Server) listExtensions(c *call) error {
	out := []any{}
	for _, e := range extensions {
		out = append(out, extensionView(e))
	}
	return c.reply(http.StatusOK, map[string]any{"extensions": out})
}

func (s *Server) showExtension(c *call) error {
	for _, e := range extensions {
		if e == c.path("alias") {
			return c.reply(http.StatusOK, map[string]any{"extension": extensionView(e)})
		}
	}
	return neutronError(http.StatusNotFound, "ExtensionNotFound", "Extension with alias %s does not exist", c.path("alias"))
}

// neutronResources are what Neutron has quotas for.
var neutronResources = []string{
	"network", "subnet", "port", "security_group", "security_group_rule", "floatingip", "router", "subnetpool", "rbac_policy", "trunk",
}

func count[T any](rows []*T, keep func(*T) bool) int {
	n := 0
	for _, r := range rows {
		if keep(r) {
			n++
		}
	}
	return n
}

func (s *Server) neutronUse(project, resource string) int {
	switch resource {
	case "network":
		return count(s.networks.all(), func(n *network) bool { return n.Project == project })
	case "subnet":
		return count(s.subnets.all(), func(n *subnet) bool { return n.Project == project })
	case "port":
		return count(s.ports.all(), func(p *port) bool { return p.Project == project })
	case "security_group":
		return count(s.secGroups.all(), func(g *securityGroup) bool { return g.Project == project })
	case "security_group_rule":
		return count(s.secRules.all(), func(r *securityRule) bool { return r.Project == project })
	case "floatingip":
		return count(s.floatingIPs.all(), func(f *floatingIP) bool { return f.Project == project })
	}
	return 0
}

// neutronRoom refuses n more of resource when the quota is used up, with 409 OverQuota as Neutron does.
func (s *Server) neutronRoom(c *call, resource string, n int) error {
	if !s.opt.quotas.fits(resource, s.neutronUse(c.project, resource)+n) {
		return neutronError(http.StatusConflict, "OverQuota", "Quota exceeded for resources: ['%s'].", resource)
	}
	return nil
}

func (s *Server) neutronQuotas(c *call) error {
	if c.path("of") != c.project {
		return neutronError(http.StatusForbidden, "PolicyNotAuthorized", "rule:get_quota is disallowed by policy")
	}
	q := map[string]any{}
	for _, name := range neutronResources {
		if strings.HasSuffix(c.r.URL.Path, "/details.json") {
			q[name] = map[string]any{"limit": s.opt.quotas.limit(name), "used": s.neutronUse(c.project, name), "reserved": 0}
		} else {
			q[name] = s.opt.quotas.limit(name)
		}
	}
	return c.reply(http.StatusOK, map[string]any{"quota": q})
}

func (s *Server) neutronZones(c *call) error {
	views := []map[string]any{}
	for _, z := range zones {
		views = append(views, map[string]any{"name": z, "resource": "network", "state": "available"})
	}
	return s.list(c, "availability_zones", views)
}
