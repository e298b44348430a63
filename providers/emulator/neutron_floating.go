package emulator

import (
	"net/http"
	"slices"
	"time"
)

type floatingIP struct {
	ID, Description, Project, Network, SubnetID string
	Address, Port, Fixed                        string
	Created, Updated                            time.Time
}

func floatingView(f *floatingIP) map[string]any {
	status := "DOWN"
	if f.Port != "" {
		status = "ACTIVE"
	}
	return map[string]any{
		"id": f.ID, "description": f.Description, "project_id": f.Project, "tenant_id": f.Project, "floating_network_id": f.Network,
		"floating_ip_address": f.Address, "fixed_ip_address": orNil(f.Fixed), "port_id": orNil(f.Port), "router_id": nil,
		"status": status, "tags": []string{}, "dns_name": "", "dns_domain": "", "qos_policy_id": nil, "port_forwardings": []any{},
		"revision_number": 0, "created_at": zulu(f.Created), "updated_at": zulu(f.Updated),
	}
}

func (s *Server) floatingOf(c *call) (*floatingIP, error) {
	f, ok := s.floatingIPs.get(c.path("id"))
	if !ok || f.Project != c.project {
		return nil, neutronError(http.StatusNotFound, "FloatingIPNotFound", "Floating IP %s could not be found", c.path("id"))
	}
	return f, nil
}

func (s *Server) listFloatingIPs(c *call) error {
	views := []map[string]any{}
	for _, f := range s.floatingIPs.all() {
		if f.Project == c.project {
			views = append(views, floatingView(f))
		}
	}
	return s.list(c, "floatingips", views)
}

func (s *Server) showFloatingIP(c *call) error {
	f, err := s.floatingOf(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"floatingip": floatingView(f)})
}

// associate points the floating IP at a port, or at nothing.
func (s *Server) associate(c *call, f *floatingIP, portID string) error {
	if portID == "" {
		f.Port, f.Fixed = "", ""
		return nil
	}
	p, err := s.portOf(c, portID)
	if err != nil {
		return err
	}
	if len(p.FixedIPs) == 0 {
		return badRequest("Cannot add floating IP to port %s that has no fixed IPv4 addresses", p.ID)
	}
	if slices.ContainsFunc(s.floatingIPs.all(), func(o *floatingIP) bool { return o.Port == p.ID && o.ID != f.ID }) {
		return neutronError(http.StatusConflict, "FloatingIPPortAlreadyAssociated",
			"Cannot associate floating IP %s with port %s: the port already has a floating IP.", f.Address, p.ID)
	}
	f.Port, f.Fixed = p.ID, p.FixedIPs[0].Address
	return nil
}

func (s *Server) createFloatingIP(c *call) error {
	var req struct {
		FloatingIP struct {
			Network     string `json:"floating_network_id"`
			Description string `json:"description"`
			Port        string `json:"port_id"`
		} `json:"floatingip"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	n, err := s.networkOf(c, req.FloatingIP.Network)
	if err != nil {
		return err
	}
	if !n.External {
		return badRequest("Bad floatingip request: Network %s is not a valid external network.", n.ID)
	}
	if err := s.neutronRoom(c, "floatingip", 1); err != nil {
		return err
	}
	now := s.now()
	f := &floatingIP{
		ID: s.uuid(), Description: req.FloatingIP.Description, Project: c.project, Network: n.ID, Created: now, Updated: now,
	}
	ip, err := s.allocateNext(n.ID, "", nil)
	if err != nil {
		return err
	}
	f.Address, f.SubnetID = ip.Address, ip.Subnet
	if err := s.associate(c, f, req.FloatingIP.Port); err != nil {
		return err
	}
	s.claimAddress(f.SubnetID, f.Address, f.ID)
	s.floatingIPs.put(f.ID, f)
	return c.reply(http.StatusCreated, map[string]any{"floatingip": floatingView(f)})
}

func (s *Server) updateFloatingIP(c *call) error {
	f, err := s.floatingOf(c)
	if err != nil {
		return err
	}
	var req struct {
		FloatingIP map[string]any `json:"floatingip"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	if raw, given := req.FloatingIP["port_id"]; given || len(req.FloatingIP) == 0 {
		if err := s.associate(c, f, text(raw)); err != nil {
			return err
		}
	}
	if d, ok := req.FloatingIP["description"].(string); ok {
		f.Description = d
	}
	f.Updated = s.now()
	s.floatingIPs.put(f.ID, f)
	return c.reply(http.StatusOK, map[string]any{"floatingip": floatingView(f)})
}

func (s *Server) deleteFloatingIP(c *call) error {
	f, err := s.floatingOf(c)
	if err != nil {
		return err
	}
	s.release(&port{FixedIPs: []fixedIP{{Subnet: f.SubnetID, Address: f.Address}}})
	s.floatingIPs.del(f.ID)
	return c.reply(http.StatusNoContent, nil)
}
