package emulator

import (
	"encoding/json"
	"net/http"
	"net/netip"
)

func subnetView(sub *subnet) map[string]any {
	return map[string]any{
		"id": sub.ID, "name": sub.Name, "description": sub.Description, "network_id": sub.Network,
		"tenant_id": sub.Project, "project_id": sub.Project, "cidr": sub.CIDR, "gateway_ip": orNil(sub.Gateway), "ip_version": 4,
		"enable_dhcp": sub.DHCP, "dns_nameservers": append([]string{}, sub.DNS...), "host_routes": []any{}, "ipv6_address_mode": nil,
		"ipv6_ra_mode": nil, "subnetpool_id": nil, "service_types": []string{}, "tags": []string{}, "segment_id": nil,
		"allocation_pools": []any{map[string]any{"start": sub.Start, "end": sub.End}},
		"revision_number":  0, "created_at": zulu(sub.Created), "updated_at": zulu(sub.Updated),
	}
}

func (s *Server) subnetOf(c *call, id string) (*subnet, error) {
	sub, ok := s.subnets.get(id)
	if ok {
		if n, err := s.networkOf(c, sub.Network); err == nil && (n.Shared || sub.Project == c.project) {
			return sub, nil
		}
	}
	return nil, neutronError(http.StatusNotFound, "SubnetNotFound", "Subnet %s could not be found.", id)
}

func (s *Server) listSubnets(c *call) error {
	views := []map[string]any{}
	for _, sub := range s.subnets.all() {
		if _, err := s.subnetOf(c, sub.ID); err == nil {
			views = append(views, subnetView(sub))
		}
	}
	return s.list(c, "subnets", views)
}

func (s *Server) showSubnet(c *call) error {
	sub, err := s.subnetOf(c, c.path("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"subnet": subnetView(sub)})
}

func (s *Server) createSubnet(c *call) error {
	var req struct {
		Subnet struct {
			Name        string    `json:"name"`
			Description string    `json:"description"`
			Network     string    `json:"network_id"`
			CIDR        string    `json:"cidr"`
			DHCP        *flexBool `json:"enable_dhcp"`
			// Gateway null means none, which an absent one does not.
			Gateway json.RawMessage `json:"gateway_ip"`
		} `json:"subnet"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	n, err := s.networkOf(c, req.Subnet.Network)
	if err != nil {
		return err
	}
	cidr, perr := netip.ParsePrefix(req.Subnet.CIDR)
	if perr != nil || !cidr.Addr().Is4() || cidr.Bits() > 30 || cidr.Bits() < 8 {
		return neutronError(http.StatusBadRequest, "InvalidInput", "Invalid input for operation: %s is not in a CIDR format.", req.Subnet.CIDR)
	}
	cidr = cidr.Masked()
	for _, other := range s.subnets.all() {
		if other.Network == n.ID && netip.MustParsePrefix(other.CIDR).Overlaps(cidr) {
			return neutronError(http.StatusBadRequest, "InvalidInput", "Invalid input for operation: Requested subnet with cidr: %s "+
				"for network: %s overlaps with another subnet.", cidr, n.ID)
		}
	}
	now := s.now()
	sub := &subnet{
		ID: s.uuid(), Name: req.Subnet.Name, Description: req.Subnet.Description, Network: n.ID, Project: c.project,
		CIDR: cidr.String(), Gateway: cidr.Addr().Next().String(), DHCP: req.Subnet.DHCP == nil || bool(*req.Subnet.DHCP),
		Created: now, Updated: now,
	}
	if string(req.Subnet.Gateway) == "null" {
		sub.Gateway = ""
	}
	sub.Start, sub.End = poolOf(cidr)
	s.subnets.put(sub.ID, sub)
	return c.reply(http.StatusCreated, map[string]any{"subnet": subnetView(sub)})
}

func (s *Server) updateSubnet(c *call) error {
	sub, err := s.subnetOf(c, c.path("id"))
	if err != nil {
		return err
	}
	var req struct {
		Subnet struct {
			Name        *string   `json:"name"`
			Description *string   `json:"description"`
			DNS         *[]string `json:"dns_nameservers"`
			DHCP        *flexBool `json:"enable_dhcp"`
		} `json:"subnet"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	if sub.Project != c.project {
		return disallowed("rule:update_subnet")
	}
	set(&sub.Name, req.Subnet.Name)
	set(&sub.Description, req.Subnet.Description)
	if req.Subnet.DNS != nil {
		sub.DNS = *req.Subnet.DNS
	}
	if req.Subnet.DHCP != nil {
		sub.DHCP = bool(*req.Subnet.DHCP)
	}
	sub.Updated = s.now()
	s.subnets.put(sub.ID, sub)
	return c.reply(http.StatusOK, map[string]any{"subnet": subnetView(sub)})
}

func (s *Server) deleteSubnet(c *call) error {
	sub, err := s.subnetOf(c, c.path("id"))
	if err != nil {
		return err
	}
	if len(s.used[sub.ID]) > 0 {
		return neutronError(http.StatusConflict, "SubnetInUse", "Unable to complete operation on subnet %s: "+
			"One or more ports have an IP allocation from this subnet.", sub.ID)
	}
	s.subnets.del(sub.ID)
	return c.reply(http.StatusNoContent, nil)
}
