package emulator

import (
	"net/http"
	"slices"
	"time"
)

type securityGroup struct {
	ID, Name, Description, Project string
	Created, Updated               time.Time
}

// securityRule lets traffic in or out; ports are -1 where the rule has none.
type securityRule struct {
	ID, Group, Project, Description string
	Direction, Ethertype, Protocol  string
	PortMin, PortMax                int
	RemotePrefix, RemoteGroup       string
	Created, Updated                time.Time
}

func (s *Server) neutronGroupRoutes() []route {
	return []route{
		neutron("GET /security-groups", s.listGroups),
		neutron("POST /security-groups", s.createGroup),
		neutron("GET /security-groups/{id}", s.showGroup),
		neutron("PUT /security-groups/{id}", s.updateGroup),
		neutron("DELETE /security-groups/{id}", s.deleteGroup),
		neutron("GET /security-group-rules", s.listRules),
		neutron("POST /security-group-rules", s.createRule),
		neutron("GET /security-group-rules/{id}", s.showRule),
		neutron("DELETE /security-group-rules/{id}", s.deleteRule),
		neutron("GET /floatingips", s.listFloatingIPs),
		neutron("POST /floatingips", s.createFloatingIP),
		neutron("GET /floatingips/{id}", s.showFloatingIP),
		neutron("PUT /floatingips/{id}", s.updateFloatingIP),
		neutron("DELETE /floatingips/{id}", s.deleteFloatingIP),
	}
}

// defaultGroup finds the project's group "default", making it when the project has none.
func (s *Server) defaultGroup(project string) *securityGroup {
	for _, g := range s.secGroups.all() {
		if g.Project == project && g.Name == "default" {
			return g
		}
	}
	g := s.addGroup(project, "default", "Default security group")
	for _, eth := range []string{"IPv4", "IPv6"} {
		s.addRule(&securityRule{Group: g.ID, Project: project, Direction: "ingress", Ethertype: eth, PortMin: -1, PortMax: -1, RemoteGroup: g.ID})
	}
	return g
}

// addGroup records a group with the two rules that let everything out.
func (s *Server) addGroup(project, name, description string) *securityGroup {
	now := s.now()
	g := &securityGroup{ID: s.uuid(), Name: name, Description: description, Project: project, Created: now, Updated: now}
	s.secGroups.put(g.ID, g)
	for _, eth := range []string{"IPv4", "IPv6"} {
		s.addRule(&securityRule{Group: g.ID, Project: project, Direction: "egress", Ethertype: eth, PortMin: -1, PortMax: -1})
	}
	return g
}

func (s *Server) addRule(r *securityRule) *securityRule {
	r.ID, r.Created, r.Updated = s.uuid(), s.now(), s.now()
	s.secRules.put(r.ID, r)
	return r
}

func ruleView(r *securityRule) map[string]any {
	number := func(n int) any {
		if n < 0 {
			return nil
		}
		return n
	}
	return map[string]any{
		"id": r.ID, "security_group_id": r.Group, "project_id": r.Project, "tenant_id": r.Project, "description": r.Description,
		"direction": r.Direction, "ethertype": r.Ethertype, "protocol": orNil(r.Protocol), "port_range_min": number(r.PortMin),
		"port_range_max": number(r.PortMax), "remote_ip_prefix": orNil(r.RemotePrefix), "remote_group_id": orNil(r.RemoteGroup),
		"remote_address_group_id": nil, "normalized_cidr": orNil(r.RemotePrefix), "tags": []string{}, "revision_number": 0, "created_at": zulu(r.Created), "updated_at": zulu(r.Updated),
	}
}

// rulesByGroup is read once for a whole list, so that listing stays linear.
func (s *Server) rulesByGroup(project string) map[string][]any {
	out := map[string][]any{}
	for _, r := range s.secRules.all() {
		if r.Project == project {
			out[r.Group] = append(out[r.Group], ruleView(r))
		}
	}
	return out
}

func groupView(g *securityGroup, rules []any) map[string]any {
	if rules == nil {
		rules = []any{}
	}
	return map[string]any{
		"id": g.ID, "name": g.Name, "description": g.Description, "project_id": g.Project, "tenant_id": g.Project,
		"security_group_rules": rules, "stateful": true, "shared": false, "tags": []string{}, "revision_number": 1,
		"created_at": zulu(g.Created), "updated_at": zulu(g.Updated),
	}
}

func (s *Server) groupOf(c *call, id string) (*securityGroup, error) {
	g, ok := s.secGroups.get(id)
	if !ok || g.Project != c.project {
		return nil, neutronError(http.StatusNotFound, "SecurityGroupNotFound", "Security group %s does not exist", id)
	}
	return g, nil
}

func (s *Server) listGroups(c *call) error {
	views, rules := []map[string]any{}, s.rulesByGroup(c.project)
	for _, g := range s.secGroups.all() {
		if g.Project == c.project {
			views = append(views, groupView(g, rules[g.ID]))
		}
	}
	return s.list(c, "security_groups", views)
}

func (s *Server) replyGroup(c *call, status int, g *securityGroup) error {
	var rules []any
	for _, r := range s.secRules.all() {
		if r.Project == c.project && r.Group == g.ID {
			rules = append(rules, ruleView(r))
		}
	}
	return c.reply(status, map[string]any{"security_group": groupView(g, rules)})
}

func (s *Server) showGroup(c *call) error {
	g, err := s.groupOf(c, c.path("id"))
	if err != nil {
		return err
	}
	return s.replyGroup(c, http.StatusOK, g)
}

type groupSpec struct {
	Group struct {
		Name        *string `json:"name"`
		Description *string `json:"description"`
	} `json:"security_group"`
}

func (s *Server) createGroup(c *call) error {
	var req groupSpec
	if err := c.decode(&req); err != nil {
		return err
	}
	var name, description string
	set(&name, req.Group.Name)
	set(&description, req.Group.Description)
	if name == "default" {
		return neutronError(http.StatusConflict, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
	}
	if len([]rune(name)) > 255 || len([]rune(description)) > 255 {
		return badRequest("Invalid input for name. Reason: exceeds maximum length of 255.")
	}
	if err := s.neutronRoom(c, "security_group", 1); err != nil {
		return err
	}
	if err := s.neutronRoom(c, "security_group_rule", 2); err != nil { // those that a group has by itself
		return err
	}
	return s.replyGroup(c, http.StatusCreated, s.addGroup(c.project, name, description))
}

func (s *Server) updateGroup(c *call) error {
	g, err := s.groupOf(c, c.path("id"))
	if err != nil {
		return err
	}
	var req groupSpec
	if err := c.decode(&req); err != nil {
		return err
	}
	if g.Name == "default" && req.Group.Name != nil && *req.Group.Name != g.Name {
		return neutronError(http.StatusConflict, "SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.")
	}
	set(&g.Name, req.Group.Name)
	set(&g.Description, req.Group.Description)
	g.Updated = s.now()
	s.secGroups.put(g.ID, g)
	return s.replyGroup(c, http.StatusOK, g)
}

func (s *Server) deleteGroup(c *call) error {
	g, err := s.groupOf(c, c.path("id"))
	if err != nil {
		return err
	}
	if g.Name == "default" {
		return neutronError(http.StatusConflict, "SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
	}
	for _, p := range s.ports.all() {
		if slices.Contains(p.Groups, g.ID) {
			return neutronError(http.StatusConflict, "SecurityGroupInUse", "Security Group %s in use.", g.ID)
		}
	}
	for _, r := range s.secRules.all() {
		if r.Group == g.ID || r.RemoteGroup == g.ID {
			s.secRules.del(r.ID)
		}
	}
	s.secGroups.del(g.ID)
	return c.reply(http.StatusNoContent, nil)
}
