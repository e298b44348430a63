package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

type groupService struct {
	*client
	neutron *gophercloud.ServiceClient
}

// group is what we read of a security group. https://docs.openstack.org/api-ref/network/v2/#security-groups-security-groups
type group struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	CreatedAt   string `json:"created_at"`
	Rules       []rule `json:"security_group_rules"`
}

func (g group) identifier() string { return g.ID }

type rule struct {
	ID          string  `json:"id"`
	GroupID     string  `json:"security_group_id"`
	Direction   string  `json:"direction"`
	EtherType   string  `json:"ethertype"`
	Protocol    *string `json:"protocol"`
	Min         *int    `json:"port_range_min"`
	Max         *int    `json:"port_range_max"`
	Prefix      *string `json:"remote_ip_prefix"`
	RemoteGroup *string `json:"remote_group_id"`
	Addresses   *string `json:"remote_address_group_id"`
	Description string  `json:"description"`
}

func (g group) view() providers.SecurityGroup {
	v := providers.SecurityGroup{ID: g.ID, Name: g.Name, Mark: providers.ParseMark(g.Description), CreatedAt: instant(g.CreatedAt)}
	for _, r := range g.Rules {
		if r.Direction == "ingress" {
			v.Rules = append(v.Rules, r.view())
		}
	}
	providers.SortRules(v.Rules)
	return v
}

// view fits a rule into our shape where it says "one TCP port from one CIDR"; else it keeps its words in Other.
func (r rule) view() providers.Rule {
	v := providers.Rule{ID: r.ID, Mark: providers.ParseMark(r.Description)}
	remote := word(r.Prefix)
	open := remote == "" && word(r.RemoteGroup) == "" && word(r.Addresses) == ""
	if open { // Neutron leaves the prefix out where all the world may come in
		remote = map[string]string{"IPv4": "0.0.0.0/0", "IPv6": "::/0"}[r.EtherType]
	}
	protocol := word(r.Protocol)
	if (protocol == "tcp" || protocol == "6") && remote != "" && r.Min != nil && r.Max != nil && *r.Min == *r.Max && *r.Min > 0 {
		v.Port, v.CIDR = *r.Min, remote
		return v
	}
	v.CIDR = remote
	if remote == "" {
		remote = "group " + word(r.RemoteGroup) + word(r.Addresses)
	}
	if protocol == "" {
		protocol = "any protocol"
	}
	ports := ""
	if r.Min != nil && r.Max != nil {
		ports = fmt.Sprintf(" %d-%d", *r.Min, *r.Max)
	}
	v.Other = clean(fmt.Sprintf("%s%s from %s", protocol, ports, remote), maxMessage)
	return v
}

func word(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func ruleBody(call, groupID string, mark providers.Mark, r providers.Rule) (map[string]any, error) {
	prefix, err := netip.ParsePrefix(r.CIDR)
	if err != nil || r.Port < 1 || r.Port > 65535 {
		return nil, &providers.Error{Kind: providers.KindInvalid, Call: call, Err: err,
			Message: "a rule needs a port from 1 to 65535 and a CIDR"}
	}
	family := "IPv4"
	if prefix.Addr().Is6() {
		family = "IPv6"
	}
	return map[string]any{
		"security_group_id": groupID, "direction": "ingress", "ethertype": family, "protocol": "tcp",
		"port_range_min": r.Port, "port_range_max": r.Port, "remote_ip_prefix": r.CIDR, "description": mark.String(),
	}, nil
}

// Create costs two requests: the group, then all its rules at once.
func (s *groupService) Create(ctx context.Context, spec providers.SecurityGroupSpec) (providers.SecurityGroup, error) {
	const call = "create security group"
	if err := unmarked(call, spec.Mark); err != nil {
		return providers.SecurityGroup{}, err
	}
	for _, r := range spec.Rules { // before anything is made
		if _, err := ruleBody(call, "", spec.Mark, r); err != nil {
			return providers.SecurityGroup{}, err
		}
	}
	var reply struct {
		Group group `json:"security_group"`
	}
	body := map[string]any{"security_group": map[string]any{"name": spec.Name, "description": spec.Mark.String()}}
	if err := s.send(ctx, s.neutron, call, http.MethodPost, "security-groups", body, &reply); err != nil {
		return providers.SecurityGroup{}, err
	}
	if err := nameless(call, reply.Group.ID); err != nil {
		return providers.SecurityGroup{}, err
	}
	rules, err := s.addRules(ctx, call, reply.Group.ID, spec)
	if err != nil {
		return providers.SecurityGroup{}, err
	}
	made := reply.Group.view()
	made.Rules = append(made.Rules, rules...)
	providers.SortRules(made.Rules)
	return made, nil
}

// addRules makes the rules of a group that was just made. Whatever goes wrong is transient: the group is there.
func (s *groupService) addRules(ctx context.Context, call, groupID string, spec providers.SecurityGroupSpec) ([]providers.Rule, error) {
	var bodies []map[string]any
	seen := map[providers.Rule]bool{}
	for _, r := range spec.Rules {
		if key := (providers.Rule{Port: r.Port, CIDR: r.CIDR}); !seen[key] {
			seen[key] = true
			body, err := ruleBody(call, groupID, spec.Mark, r)
			if err != nil {
				return nil, err
			}
			bodies = append(bodies, body)
		}
	}
	if len(bodies) == 0 {
		return nil, nil
	}
	var reply struct {
		Rules []rule `json:"security_group_rules"`
	}
	err := s.send(ctx, s.neutron, call, http.MethodPost, "security-group-rules", map[string]any{"security_group_rules": bodies}, &reply)
	var e *providers.Error
	if errors.As(err, &e) {
		e.Kind, e.Sent = providers.KindTransient, true
		e.Message = "the group was made, its rules were not: " + e.Message
		return nil, e
	}
	return views(reply.Rules, rule.view), err
}

func (s *groupService) Get(ctx context.Context, id string) (providers.SecurityGroup, error) {
	return s.get(ctx, "get security group", id)
}

func (s *groupService) get(ctx context.Context, call, id string) (providers.SecurityGroup, error) {
	p, err := path(call, "security-groups", id)
	if err != nil {
		return providers.SecurityGroup{}, err
	}
	var reply struct {
		Group group `json:"security_group"`
	}
	if err := s.send(ctx, s.neutron, call, http.MethodGet, p, nil, &reply); err != nil {
		return providers.SecurityGroup{}, err
	}
	return reply.Group.view(), nil
}

// List asks for the project's groups by name, because an administrator would get everybody's.
func (s *groupService) List(ctx context.Context) ([]providers.SecurityGroup, error) {
	query := url.Values{"project_id": {s.projectID}}
	all, err := list[group](ctx, s.client, s.neutron, "list security groups", "security-groups", "security_groups", query)
	return views(all, group.view), err
}

// AddRule finds the rule that is there already when Neutron says that there is one.
func (s *groupService) AddRule(ctx context.Context, groupID string, mark providers.Mark, r providers.Rule) (providers.Rule, error) {
	const call = "add security group rule"
	if err := unmarked(call, mark); err != nil {
		return providers.Rule{}, err
	}
	body, err := ruleBody(call, groupID, mark, r)
	if err != nil {
		return providers.Rule{}, err
	}
	var reply struct {
		Rule rule `json:"security_group_rule"`
	}
	err = s.send(ctx, s.neutron, call, http.MethodPost, "security-group-rules", map[string]any{"security_group_rule": body}, &reply)
	if providers.IsKind(err, providers.KindConflict) {
		there, getErr := s.get(ctx, call, groupID)
		if getErr != nil {
			return providers.Rule{}, getErr
		}
		for _, other := range there.Rules {
			if other.Port == r.Port && strings.EqualFold(other.CIDR, r.CIDR) {
				return other, nil
			}
		}
	}
	if err != nil {
		return providers.Rule{}, err
	}
	return reply.Rule.view(), nameless(call, reply.Rule.ID)
}

func (s *groupService) DeleteRule(ctx context.Context, id string) error {
	return s.remove(ctx, s.neutron, "delete security group rule", "security-group-rules", id)
}

func (s *groupService) Delete(ctx context.Context, id string) error {
	return s.remove(ctx, s.neutron, "delete security group", "security-groups", id)
}
