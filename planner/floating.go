package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// FloatingIP is a floating IP of the project. Its name is its address.
type FloatingIP struct {
	Choice
	NetworkID string
	PortID    string // that it leads to; empty: none
}

// publicPaths are the paths of the floating IP.
var publicPaths = []string{"access.public", "access.public_network", "access.floating_ip"}

// publishes tells whether a step changes an instance's floating IP.
func publishes(s *plan.Step) bool {
	return slices.ContainsFunc(s.Changes, func(c plan.Change) bool { return slices.Contains(publicPaths, c.Path) })
}

// resolveFloating finds the external network of an instance's own floating IP, or the one that the user gives it.
func (p *planning) resolveFloating(s *plan.Step, r *resource.Resource, body *resource.Instance) {
	c := p.seen.Choices.of(body.Provider)
	switch {
	case body.Access.Public && c.Networks == nil:
		p.unlisted(r, "access.public", "networks")
	case body.Access.Public:
		p.resolveExternal(s, r, body, c)
	case body.Access.FloatingIP != "" && c.FloatingIPs == nil:
		p.unlisted(r, "access.floating_ip", "floating IPs")
	case body.Access.FloatingIP != "":
		p.resolveGiven(s, r, body, c.FloatingIPs)
	}
}

// resolveExternal takes the named network, that of the floating IP that is there already, or the only one.
func (p *planning) resolveExternal(s *plan.Step, r *resource.Resource, body *resource.Instance, c Choices) {
	external := networks(those(c.Networks, func(n Network) bool { return n.External }))
	own, _ := p.prior.Object(p.prior.Records[r.Address].Member, state.SlotFloatingIP)
	there := slices.IndexFunc(c.FloatingIPs, func(f FloatingIP) bool { return f.ID == own.ID })
	out := diag.Diagnostic{
		Severity: diag.Error, Address: r.Address.String(), Subject: r.At("access.public"),
		Detail: fmt.Sprintf("access.public of %s takes a floating IP from an external network. Nothing was changed.", r.Address),
	}
	switch {
	case len(external) == 0:
		out.Code, out.Summary = "no-external-network", "The cloud has no external network"
		out.Hint = "Ask the operator for one that this project may use, with a router; or leave access.public out."
	case body.Access.PublicNetwork != "":
		if id, ok := p.pick(r, "access.public_network", body.Access.PublicNetwork, "external network", external); ok {
			s.Resolved["public_network"] = id
		}
		return
	case there >= 0:
		s.Resolved["public_network"] = c.FloatingIPs[there].NetworkID
		return
	case len(external) == 1:
		s.Resolved["public_network"] = external[0].ID
		return
	default:
		out.Code, out.Summary = "external-networks", "The cloud has several external networks"
		out.Hint = "Name one of them as access.public_network: " + strings.Join(nearestFirst("", names(external), 10), ", ") + "."
	}
	p.diags = append(p.diags, out)
}

// resolveGiven finds the user's floating IP. One that leads to somebody else is not taken from them.
func (p *planning) resolveGiven(s *plan.Step, r *resource.Resource, body *resource.Instance, all []FloatingIP) {
	choices := make([]Choice, len(all))
	for i, f := range all {
		choices[i] = f.Choice
	}
	id, ok := p.pick(r, "access.floating_ip", body.Access.FloatingIP, "floating IP", choices)
	if !ok {
		return
	}
	s.Resolved["floating_ip"] = id
	port := all[slices.IndexFunc(all, func(f FloatingIP) bool { return f.ID == id })].PortID
	if own, _ := p.prior.Object(p.prior.Records[r.Address].Member, state.SlotPort); port == "" || port == own.ID {
		return
	}
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "floating-ip-in-use", Address: r.Address.String(), Subject: r.At("access.floating_ip"),
		Summary: fmt.Sprintf("The floating IP %s is in use", body.Access.FloatingIP),
		Detail:  fmt.Sprintf("It leads to the port %s, which is not that of %s. Nothing was changed.", port, r.Address),
		Hint:    fmt.Sprintf("Take it from there first (`openstack floating ip unset --port %s`), or give another one.", body.Access.FloatingIP),
	})
}
