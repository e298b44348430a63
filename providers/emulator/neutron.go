package emulator

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type network struct {
	ID, Name, Description, Project string
	External, Shared, AdminUp      bool
	Unsecured                      bool // ports have no security groups
	Created, Updated               time.Time
}

type subnet struct {
	ID, Name, Description, Network, Project string
	CIDR, Gateway, Start, End               string
	DHCP                                    bool
	DNS                                     []string
	Created, Updated                        time.Time
}

func (s *Server) neutronRoutes() []route {
	return []route{
		neutron("GET /{$}", func(c *call) error {
			return c.reply(http.StatusOK, map[string]any{"resources": []any{}})
		}),
		neutron("GET /networks", s.listNetworks),
		neutron("POST /networks", s.createNetwork),
		neutron("GET /networks/{id}", s.showNetwork),
		neutron("PUT /networks/{id}", s.updateNetwork),
		neutron("DELETE /networks/{id}", s.deleteNetwork),
		neutron("GET /subnets", s.listSubnets),
		neutron("POST /subnets", s.createSubnet),
		neutron("GET /subnets/{id}", s.showSubnet),
		neutron("PUT /subnets/{id}", s.updateSubnet),
		neutron("DELETE /subnets/{id}", s.deleteSubnet),
		neutron("GET /ports", s.listPorts),
		neutron("POST /ports", s.createPort),
		neutron("GET /ports/{id}", s.showPort),
		neutron("PUT /ports/{id}", s.updatePort),
		neutron("DELETE /ports/{id}", s.deletePort),
		neutron("PUT /ports/{id}/tags", s.tagPort),
		neutron("GET /routers", func(c *call) error { return s.list(c, "routers", []map[string]any{}) }), // there are none
		neutron("GET /extensions", s.listExtensions),
		neutron("GET /extensions/{alias}", s.showExtension),
		neutron("GET /quotas/{of}", s.neutronQuotas),
		neutron("GET /quotas/{of}/details.json", s.neutronQuotas),
		neutron("GET /availability_zones", s.neutronZones),
	}
}

func neutron(pattern string, h func(*call) error) route {
	method, path, _ := cut(pattern)
	return route{service: networking, pattern: method + " /network/v2.0" + path, handle: h}
}

// visible tells whether a project sees an object of owner.
func visible(c *call, owner string, shared bool) bool { return shared || owner == c.project }

// list answers a list request in Neutron's way: every member of the query that is a member of the objects filters them,
// then sorting, paging with next and previous links, and a choice of fields.
// https://docs.openstack.org/api-ref/network/v2/#filtering-and-column-selection
func (s *Server) list(c *call, plural string, views []map[string]any) error {
	q := c.r.URL.Query()
	views = slices.DeleteFunc(views, func(v map[string]any) bool { return !passes(v, q) })
	views = listed(s, views, func(v map[string]any) string { return text(v["id"]) })
	keys, dirs := q["sort_key"], q["sort_dir"]
	if len(keys) == 0 && (q.Has("limit") || q.Has("marker")) {
		keys = []string{"id"} // pages need an order that new objects do not disturb
	}
	slices.SortStableFunc(views, func(a, b map[string]any) int {
		for i, k := range keys {
			n := cmp.Compare(text(a[k]), text(b[k]))
			if i < len(dirs) && dirs[i] == "desc" {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	page, links, err := s.neutronPage(c, views)
	if err != nil {
		return err
	}
	if fields := q["fields"]; len(fields) > 0 {
		for i, v := range page {
			page[i] = selected(v, fields)
		}
	}
	answer := map[string]any{plural: page}
	if len(links) > 0 {
		answer[plural+"_links"] = links
	}
	return c.reply(http.StatusOK, answer)
}

// neutronPage cuts one page out of views; Neutron pages only when a limit is given.
func (s *Server) neutronPage(c *call, views []map[string]any) (page []map[string]any, links []any, err error) {
	q := c.r.URL.Query()
	limit := 0
	if raw := q.Get("limit"); raw != "" {
		if limit, err = strconv.Atoi(raw); err != nil || limit < 0 {
			return nil, nil, badRequest("Bad limit request: The limit must be an integer greater than or equal to 0, not %s", raw)
		}
	}
	from, to := 0, len(views)
	if marker := q.Get("marker"); marker != "" {
		i := slices.IndexFunc(views, func(v map[string]any) bool { return v["id"] == marker })
		if i < 0 || c.lostMarker {
			return nil, nil, neutronError(http.StatusBadRequest, "InvalidInput", "Invalid input for operation: marker %s not found.", marker)
		}
		if from = i + 1; q.Get("page_reverse") == "True" || q.Get("page_reverse") == "true" {
			from, to = 0, i
			if limit > 0 {
				from = max(0, to-limit)
			}
		}
	}
	page = views[from:to]
	if limit > 0 && len(page) > limit {
		page = page[:limit]
		links = append(links, link("next", s.nextLink(c, text(page[len(page)-1]["id"]))))
	}
	if limit > 0 && from > 0 && len(page) > 0 {
		links = append(links, link("previous", s.nextLink(c, text(page[0]["id"]))+"&page_reverse=True"))
	}
	return page, links, nil
}

func selected(v map[string]any, fields []string) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		if val, ok := v[f]; ok {
			out[f] = val
		}
	}
	return out
}

// passes applies a query's filters to a view. Members that the view lacks do not filter.
func passes(v map[string]any, q map[string][]string) bool {
	for key, want := range q {
		if key == "fixed_ips" {
			if !slices.ContainsFunc(want, func(w string) bool { return hasFixedIP(v, w) }) {
				return false
			}
			continue
		}
		if key == "security_group" {
			key = "security_groups"
		}
		have, ok := v[key]
		if !ok {
			continue
		}
		if list, isList := have.([]string); isList {
			if !slices.ContainsFunc(want, func(w string) bool { return slices.Contains(list, w) }) {
				return false
			}
		} else if !slices.ContainsFunc(want, func(w string) bool { return strings.EqualFold(w, text(have)) && (w == text(have) || isBool(have)) }) {
			return false
		}
	}
	return true
}

func isBool(v any) bool { _, ok := v.(bool); return ok }

// hasFixedIP applies a filter such as "ip_address=10.0.0.5" or "subnet_id=ID".
func hasFixedIP(v map[string]any, want string) bool {
	key, value, _ := strings.Cut(want, "=")
	ips, _ := v["fixed_ips"].([]map[string]any)
	return slices.ContainsFunc(ips, func(ip map[string]any) bool { return text(ip[key]) == value })
}

// text is a value as it stands in a query.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	}
	return ""
}

func (s *Server) networkView(n *network) map[string]any {
	subs := []string{}
	for _, sub := range s.subnets.all() {
		if sub.Network == n.ID {
			subs = append(subs, sub.ID)
		}
	}
	return map[string]any{
		"id": n.ID, "name": n.Name, "description": n.Description, "tenant_id": n.Project, "project_id": n.Project,
		"router:external": n.External, "shared": n.Shared, "admin_state_up": n.AdminUp, "status": "ACTIVE", "subnets": subs,
		"mtu": 1500, "port_security_enabled": !n.Unsecured, "availability_zones": zones, "availability_zone_hints": []string{},
		"tags": []string{}, "is_default": false, "ipv4_address_scope": nil, "ipv6_address_scope": nil, "qos_policy_id": nil,
		"revision_number": 1, "created_at": zulu(n.Created), "updated_at": zulu(n.Updated),
	}
}

func (s *Server) networkOf(c *call, id string) (*network, error) {
	n, ok := s.networks.get(id)
	if !ok || !visible(c, n.Project, n.Shared) {
		return nil, neutronError(http.StatusNotFound, "NetworkNotFound", "Network %s could not be found.", id)
	}
	return n, nil
}

func (s *Server) listNetworks(c *call) error {
	views := []map[string]any{}
	for _, n := range s.networks.all() {
		if visible(c, n.Project, n.Shared) {
			views = append(views, s.networkView(n))
		}
	}
	return s.list(c, "networks", views)
}

func (s *Server) showNetwork(c *call) error {
	n, err := s.networkOf(c, c.path("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"network": s.networkView(n)})
}

func (s *Server) createNetwork(c *call) error {
	var req struct {
		Network struct {
			Name        string    `json:"name"`
			Description string    `json:"description"`
			AdminUp     *flexBool `json:"admin_state_up"`
			External    flexBool  `json:"router:external"`
			Shared      flexBool  `json:"shared"`
			Security    *flexBool `json:"port_security_enabled"`
		} `json:"network"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	for rule, asked := range map[string]flexBool{"router:external": req.Network.External, "shared": req.Network.Shared} {
		if asked {
			return disallowed("(rule:create_network and rule:create_network:" + rule + ")")
		}
	}
	if err := s.neutronRoom(c, "network", 1); err != nil {
		return err
	}
	now := s.now()
	n := &network{
		ID: s.uuid(), Name: req.Network.Name, Description: req.Network.Description, Project: c.project,
		AdminUp:   req.Network.AdminUp == nil || bool(*req.Network.AdminUp),
		Unsecured: req.Network.Security != nil && !bool(*req.Network.Security), Created: now, Updated: now,
	}
	s.networks.put(n.ID, n)
	return c.reply(http.StatusCreated, map[string]any{"network": s.networkView(n)})
}

// disallowed refuses by a rule of Neutron's policy.
func disallowed(rule string) error {
	return neutronError(http.StatusForbidden, "PolicyNotAuthorized", "%s is disallowed by policy", rule)
}

func (s *Server) updateNetwork(c *call) error {
	n, err := s.networkOf(c, c.path("id"))
	if err != nil {
		return err
	}
	var req struct {
		Network struct {
			Name        *string   `json:"name"`
			Description *string   `json:"description"`
			AdminUp     *flexBool `json:"admin_state_up"`
		} `json:"network"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	if n.Project != c.project {
		return disallowed("rule:update_network")
	}
	set(&n.Name, req.Network.Name)
	set(&n.Description, req.Network.Description)
	if req.Network.AdminUp != nil {
		n.AdminUp = bool(*req.Network.AdminUp)
	}
	n.Updated = s.now()
	s.networks.put(n.ID, n)
	return c.reply(http.StatusOK, map[string]any{"network": s.networkView(n)})
}

func (s *Server) deleteNetwork(c *call) error {
	n, err := s.networkOf(c, c.path("id"))
	if err != nil {
		return err
	}
	if n.Project != c.project {
		return disallowed("rule:delete_network")
	}
	for _, p := range s.ports.all() {
		if p.Network == n.ID {
			return neutronError(http.StatusConflict, "NetworkInUse", "Unable to complete operation on network %s. "+
				"There are one or more ports still in use on the network, id for these ports is: %s.", n.ID, p.ID)
		}
	}
	for _, sub := range s.subnets.all() {
		if sub.Network == n.ID {
			s.subnets.del(sub.ID)
		}
	}
	s.networks.del(n.ID)
	return c.reply(http.StatusNoContent, nil)
}
