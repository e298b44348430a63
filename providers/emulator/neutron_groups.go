package emulator

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
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
		"remote_address_group_id": nil, "revision_number": 0, "created_at": zulu(r.Created), "updated_at": zulu(r.Updated),
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

func (s *Server) listRules(c *call) error {
	views := []map[string]any{}
	for _, r := range s.secRules.all() {
		if r.Project == c.project {
			views = append(views, ruleView(r))
		}
	}
	return s.list(c, "security_group_rules", views)
}

func (s *Server) ruleOf(c *call) (*securityRule, error) {
	r, ok := s.secRules.get(c.path("id"))
	if !ok || r.Project != c.project {
		return nil, neutronError(http.StatusNotFound, "SecurityGroupRuleNotFound", "Security group rule %s does not exist", c.path("id"))
	}
	return r, nil
}

func (s *Server) showRule(c *call) error {
	r, err := s.ruleOf(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"security_group_rule": ruleView(r)})
}

func (s *Server) deleteRule(c *call) error {
	r, err := s.ruleOf(c)
	if err != nil {
		return err
	}
	s.secRules.del(r.ID)
	return c.reply(http.StatusNoContent, nil)
}

// ruleSpec is the body of a rule's creation; protocol may be a name or a number.
type ruleSpec struct {
	Group        string   `json:"security_group_id"`
	Direction    string   `json:"direction"`
	Ethertype    string   `json:"ethertype"`
	Protocol     any      `json:"protocol"`
	PortMin      *flexInt `json:"port_range_min"`
	PortMax      *flexInt `json:"port_range_max"`
	RemotePrefix string   `json:"remote_ip_prefix"`
	RemoteGroup  string   `json:"remote_group_id"`
	Description  string   `json:"description"`
}

// createRule makes one rule, or several in one request. All are checked before one is made.
func (s *Server) createRule(c *call) error {
	var req struct {
		Rule  ruleSpec   `json:"security_group_rule"`
		Rules []ruleSpec `json:"security_group_rules"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	specs := req.Rules
	if len(specs) == 0 {
		specs = []ruleSpec{req.Rule}
	}
	var rules []*securityRule
	for _, spec := range specs {
		r, err := s.newRule(c, spec, rules)
		if err != nil {
			return err
		}
		rules = append(rules, r)
	}
	views := []any{}
	for _, r := range rules {
		views = append(views, ruleView(s.addRule(r)))
	}
	if len(req.Rules) == 0 {
		return c.reply(http.StatusCreated, map[string]any{"security_group_rule": views[0]})
	}
	return c.reply(http.StatusCreated, map[string]any{"security_group_rules": views})
}

// newRule checks a rule against those that are there and those that come before it in the same request.
func (s *Server) newRule(c *call, spec ruleSpec, before []*securityRule) (*securityRule, error) {
	g, err := s.groupOf(c, spec.Group)
	if err != nil {
		return nil, err
	}
	r, err := spec.rule()
	if err != nil {
		return nil, err
	}
	if r.RemoteGroup != "" {
		if _, err := s.groupOf(c, r.RemoteGroup); err != nil {
			return nil, err
		}
	}
	if err := s.neutronRoom(c, "security_group_rule", len(before)+1); err != nil {
		return nil, err
	}
	r.Group, r.Project = g.ID, c.project
	for _, other := range slices.Concat(s.secRules.all(), before) {
		if sameRule(other, r) {
			return nil, neutronError(http.StatusConflict, "SecurityGroupRuleExists", "Security group rule already exists. Rule id is %s.", other.ID)
		}
	}
	return r, nil
}

// sameRule compares what makes two rules duplicates; descriptions do not.
func sameRule(a, b *securityRule) bool {
	x, y := *a, *b
	for _, r := range []*securityRule{&x, &y} {
		r.ID, r.Description, r.Created, r.Updated = "", "", time.Time{}, time.Time{}
	}
	return x == y
}

var protocols = []string{"", "any", "tcp", "udp", "icmp", "icmpv6", "ipv6-icmp", "sctp", "ah", "esp", "gre", "ospf", "vrrp", "igmp"}

// rule checks a specification and makes a rule of it.
func (in ruleSpec) rule() (*securityRule, error) {
	r := &securityRule{
		Direction: strings.ToLower(in.Direction), Ethertype: in.Ethertype, PortMin: -1, PortMax: -1, RemoteGroup: in.RemoteGroup,
		Description: in.Description,
	}
	if r.Ethertype == "" {
		r.Ethertype = "IPv4"
	}
	if r.Direction != "ingress" && r.Direction != "egress" {
		return nil, badRequest("Invalid input for direction. Reason: '%s' is not in ['ingress', 'egress'].", in.Direction)
	}
	if r.Ethertype != "IPv4" && r.Ethertype != "IPv6" {
		return nil, badRequest("Security group rule for ethertype '%s' not supported. Allowed values are ['IPv4', 'IPv6'].", in.Ethertype)
	}
	switch p := in.Protocol.(type) {
	case string:
		r.Protocol = strings.ToLower(p)
	case float64:
		r.Protocol = strconv.Itoa(int(p))
	}
	if n, err := strconv.Atoi(r.Protocol); (err != nil || n < 0 || n > 255) && !slices.Contains(protocols, r.Protocol) {
		return nil, neutronError(http.StatusBadRequest, "SecurityGroupRuleInvalidProtocol", "Security group rule protocol %s not supported.", r.Protocol)
	}
	if r.Protocol == "any" {
		r.Protocol = ""
	}
	if in.PortMin != nil {
		r.PortMin = int(*in.PortMin)
	}
	if in.PortMax != nil {
		r.PortMax = int(*in.PortMax)
	}
	if err := r.checkPorts(); err != nil {
		return nil, err
	}
	if in.RemotePrefix != "" {
		cidr, err := parsePrefix(in.RemotePrefix)
		if err != nil || cidr.Addr().Is4() != (r.Ethertype == "IPv4") {
			return nil, neutronError(http.StatusBadRequest, "InvalidCIDR", "Invalid CIDR %s given as IP prefix.", in.RemotePrefix)
		}
		r.RemotePrefix = cidr.String()
	}
	if r.RemotePrefix != "" && r.RemoteGroup != "" {
		return nil, neutronError(http.StatusBadRequest, "SecurityGroupRemoteGroupAndRemoteIpPrefix", "Only remote_ip_prefix or remote_group_id may be provided.")
	}
	return r, nil
}

func (r *securityRule) checkPorts() error {
	if r.PortMin < 0 && r.PortMax < 0 {
		return nil
	}
	switch r.Protocol {
	case "tcp", "udp", "sctp", "6", "17", "132":
		if r.PortMin < 1 || r.PortMax > 65535 || r.PortMin > r.PortMax {
			return neutronError(http.StatusBadRequest, "SecurityGroupInvalidPortRange",
				"For TCP/UDP protocols, port_range_min must be <= port_range_max")
		}
	case "":
		return neutronError(http.StatusBadRequest, "SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given.")
	}
	return nil
}

// parsePrefix reads a CIDR or a bare address, which means that address alone.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}
