package emulator

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

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

var protocols = []string{
	"ah", "dccp", "egp", "esp", "gre", "hopopt", "icmp", "igmp", "ip", "ipip", "ipv6-encap", "ipv6-frag", "ipv6-icmp", "icmpv6", "ipv6-nonxt",
	"ipv6-opts", "ipv6-route", "ospf", "pgm", "rsvp", "sctp", "tcp", "udp", "udplite", "vrrp",
}

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
	if n, err := strconv.Atoi(r.Protocol); (err != nil || n < 0 || n > 255) && !slices.Contains(append([]string{"", "any"}, protocols...), r.Protocol) {
		return nil, neutronError(http.StatusBadRequest, "SecurityGroupRuleInvalidProtocol", "Security group rule protocol %s not supported. "+
			"Only protocol values [None, '%s'] and integer representations [0 to 255] are supported.", r.Protocol, strings.Join(protocols, "', '"))
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
		for _, n := range []int{r.PortMin, r.PortMax} {
			if n > 65535 {
				return neutronError(http.StatusBadRequest, "SecurityGroupInvalidPortValue", "Invalid value for port %d", n)
			}
		}
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
