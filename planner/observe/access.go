package observe

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/providers"
)

// door is a port of a machine that is there, with its security group and with what the record says that it lets in.
type door struct {
	name     string
	port     *providers.Port
	group    *providers.SecurityGroup
	openings []resource.Opening
}

func (m machine) doors() (doors []door) {
	for _, d := range []door{
		{"the port", m.port, m.group, m.body.Openings()},
		{"the port in the management network", m.managementPort, m.managementGroup, m.body.ManagementOpenings()},
	} {
		if d.port != nil && d.group != nil {
			doors = append(doors, d)
		}
	}
	return doors
}

// rules are what all security groups of a door's port let in, whoever gave them to it.
func (l *look) rules(d door) (rules []providers.Rule) {
	for _, id := range d.port.SecurityGroups {
		group, listed := l.lists.groups.byID[id]
		if !listed {
			rules = append(rules, providers.Rule{Other: fmt.Sprintf("what the security group %s of another project lets in", id)})
		}
		rules = append(rules, group.Rules...)
	}
	return rules
}

// access shows what the security groups of the ports let in: on the engine's port, on the agent's, and, as words, what is
// neither or belongs to the other port. A group that somebody took from a port or gave to it shows as what it let in.
func (l *look) access(body *resource.Instance, m machine) {
	engine, ssh := enginePort(m.body), cmp.Or(m.body.Guest.Port, m.member.SSHPort, resource.DefaultSSHPort)
	for _, d := range m.doors() {
		management := d.port == m.managementPort
		var clients, agents, others []string
		for _, rule := range l.rules(d) {
			switch {
			case rule.Other == "" && rule.Port == engine && !management:
				clients = append(clients, cidr(rule.CIDR))
			case rule.Other == "" && rule.Port == ssh && management == m.body.Managed():
				agents = append(agents, cidr(rule.CIDR))
			default:
				others = append(others, spell(rule))
			}
		}
		if d.port.Unfiltered {
			others = append(others, "everything (port security is off)")
		}
		if management {
			body.Guest.SourceCIDRs = sorted(append(agents, others...))
			continue
		}
		body.Access.AllowedCIDRs = sorted(append(clients, others...))
		if !m.body.Managed() {
			body.Guest.SourceCIDRs = sorted(agents)
		}
	}
}

func sorted(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// spell says in words what a rule lets in.
func spell(rule providers.Rule) string {
	if rule.Other != "" {
		return rule.Other
	}
	return fmt.Sprintf("tcp %d from %s", rule.Port, cidr(rule.CIDR))
}

// everyone spells the rules that let the whole world in and that no apply has made, for each port.
func (l *look) everyone(m machine) (all []string) {
	for _, d := range m.doors() {
		for _, rule := range l.rules(d) {
			prefix, err := netip.ParsePrefix(rule.CIDR)
			if err != nil || prefix.Bits() > 0 {
				continue
			}
			asked := func(o resource.Opening) bool { return o.Port == rule.Port && o.CIDR == cidr(rule.CIDR) }
			if !slices.ContainsFunc(d.openings, asked) {
				all = append(all, spell(rule))
			}
		}
	}
	return sorted(all)
}

// cidr is the canonical form of a network, or the text itself.
func cidr(text string) string {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return text
	}
	return prefix.Masked().String()
}

func enginePort(body *resource.Instance) int {
	if engine, ok := catalog.Lookup(body.Manager); ok {
		return engine.Port
	}
	return 0
}
