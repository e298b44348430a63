package emulator

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"time"
)

type port struct {
	ID, Name, Description, Network, Project string
	MAC, Device, DeviceOwner, HostAZ        string
	FixedIPs                                []fixedIP
	Groups, Tags                            []string
	Pairs                                   []addressPair
	AdminUp, Security                       bool
	Created, Updated                        time.Time
	Revision                                int
}

// addressPair is an address that a port may use besides its own.
type addressPair struct {
	MAC     string `json:"mac_address"`
	Address string `json:"ip_address"`
}

type fixedIP struct {
	Subnet  string `json:"subnet_id"`
	Address string `json:"ip_address"`
}

var macPattern = regexp.MustCompile(`^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$`)

func (s *Server) portView(p *port) map[string]any {
	ips := make([]map[string]any, len(p.FixedIPs))
	for i, ip := range p.FixedIPs {
		ips[i] = map[string]any{"subnet_id": ip.Subnet, "ip_address": ip.Address}
	}
	status := "DOWN"
	if sv, ok := s.servers.get(p.Device); ok && p.AdminUp && sv.plugged() {
		status = "ACTIVE"
	}
	return map[string]any{
		"id": p.ID, "name": p.Name, "description": p.Description, "network_id": p.Network, "tenant_id": p.Project,
		"project_id": p.Project, "mac_address": p.MAC, "admin_state_up": p.AdminUp, "status": status, "device_id": p.Device,
		"device_owner": p.DeviceOwner, "fixed_ips": ips, "security_groups": slices.Clone(p.Groups), "binding:vnic_type": "normal",
		"port_security_enabled": p.Security, "allowed_address_pairs": append([]addressPair{}, p.Pairs...), "extra_dhcp_opts": []any{},
		"tags":            append([]string{}, p.Tags...),
		"qos_policy_id":   nil,
		"revision_number": p.Revision, "created_at": zulu(p.Created), "updated_at": zulu(p.Updated),
	}
}

func (s *Server) portOf(c *call, id string) (*port, error) {
	p, ok := s.ports.get(id)
	if !ok || p.Project != c.project {
		return nil, neutronError(http.StatusNotFound, "PortNotFound", "Port %s could not be found.", id)
	}
	return p, nil
}

func (s *Server) listPorts(c *call) error {
	views := []map[string]any{}
	for _, p := range s.ports.all() {
		if p.Project == c.project {
			views = append(views, s.portView(p))
		}
	}
	return s.list(c, "ports", views)
}

func (s *Server) showPort(c *call) error {
	p, err := s.portOf(c, c.path("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"port": s.portView(p)})
}

// portSpec is the body of a creation or of an update: nil members were not given.
type portSpec struct {
	Name        *string        `json:"name"`
	Description *string        `json:"description"`
	Network     string         `json:"network_id"`
	MAC         string         `json:"mac_address"`
	FixedIPs    *[]fixedIP     `json:"fixed_ips"`
	Groups      *[]string      `json:"security_groups"`
	Device      *string        `json:"device_id"`
	DeviceOwner *string        `json:"device_owner"`
	AdminUp     *flexBool      `json:"admin_state_up"`
	Security    *flexBool      `json:"port_security_enabled"`
	Pairs       *[]addressPair `json:"allowed_address_pairs"`
}

func (s *Server) createPort(c *call) error {
	var req struct {
		Port *portSpec `json:"port"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	if req.Port == nil {
		return badRequest("Bulk creation of ports is not available")
	}
	p, err := s.newPort(c, *req.Port)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, map[string]any{"port": s.portView(p)})
}

// newPort checks a specification, gives the port its addresses and records it.
func (s *Server) newPort(c *call, in portSpec) (*port, error) {
	n, err := s.networkOf(c, in.Network)
	if err != nil {
		return nil, err
	}
	if err := s.neutronRoom(c, "port", 1); err != nil {
		return nil, err
	}
	if in.FixedIPs != nil && n.Project != c.project && slices.ContainsFunc(*in.FixedIPs, func(ip fixedIP) bool { return ip.Address != "" }) {
		return nil, neutronError(http.StatusForbidden, "PolicyNotAuthorized",
			"(rule:create_port and (rule:create_port:fixed_ips and (rule:create_port:fixed_ips:ip_address))) is disallowed by policy")
	}
	now := s.now()
	p := &port{ID: s.uuid(), Network: n.ID, Project: c.project, AdminUp: true, Security: !n.Unsecured, Created: now, Updated: now}
	if p.MAC = in.MAC; in.MAC == "" {
		b := s.random(3)
		p.MAC = fmt.Sprintf("fa:16:3e:%02x:%02x:%02x", b[0], b[1], b[2])
	} else if !macPattern.MatchString(in.MAC) {
		return nil, neutronError(http.StatusBadRequest, "HTTPBadRequest", "Invalid input for mac_address. Reason: '%s' is not a valid MAC address.", in.MAC)
	}
	if in.Groups == nil && p.Security {
		p.Groups = []string{s.defaultGroup(c.project).ID}
	}
	if in.FixedIPs == nil {
		in.FixedIPs = &[]fixedIP{{}}
		if !slices.ContainsFunc(s.subnets.all(), func(sub *subnet) bool { return sub.Network == n.ID }) {
			in.FixedIPs = &[]fixedIP{} // a network without subnets makes ports without addresses
		}
	}
	if err := s.applyPort(c, p, in); err != nil {
		return nil, err
	}
	s.claim(p)
	s.ports.put(p.ID, p)
	return p, nil
}

// applyPort checks the members that were given and sets them on p; on error p is as before.
func (s *Server) applyPort(c *call, p *port, in portSpec) error {
	if in.Groups != nil {
		for _, g := range *in.Groups {
			if sg, ok := s.secGroups.get(g); !ok || sg.Project != c.project {
				return neutronError(http.StatusNotFound, "SecurityGroupNotFound", "Security group %s does not exist", g)
			}
		}
	}
	secured := p.Security
	if in.Security != nil {
		secured = bool(*in.Security)
	}
	if !secured && in.Groups != nil && len(*in.Groups) > 0 {
		return neutronError(http.StatusBadRequest, "PortSecurityAndIPRequiredForSecurityGroups",
			"Port security must be enabled and port must have an IP address in order to use security groups.")
	}
	for _, t := range []*string{in.Name, in.Description} {
		if t != nil && len([]rune(*t)) > 255 {
			return badRequest("Invalid input for name. Reason: '%s' exceeds maximum length of 255.", *t)
		}
	}
	if in.FixedIPs != nil {
		ips, err := s.allocate(p, *in.FixedIPs)
		if err != nil {
			return err
		}
		s.release(p)
		p.FixedIPs = ips
	}
	if in.Groups != nil {
		p.Groups = slices.Clone(*in.Groups)
	}
	if in.Pairs != nil {
		p.Pairs = slices.Clone(*in.Pairs)
		for i := range p.Pairs {
			if p.Pairs[i].MAC == "" {
				p.Pairs[i].MAC = p.MAC
			}
		}
	}
	set(&p.Name, in.Name)
	set(&p.Description, in.Description)
	set(&p.Device, in.Device)
	set(&p.DeviceOwner, in.DeviceOwner)
	if in.AdminUp != nil {
		p.AdminUp = bool(*in.AdminUp)
	}
	p.Security = secured
	return nil
}

func set(dst *string, v *string) {
	if v != nil {
		*dst = *v
	}
}

func (s *Server) updatePort(c *call) error {
	p, err := s.portOf(c, c.path("id"))
	if err != nil {
		return err
	}
	var req struct {
		Port portSpec `json:"port"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	if err := s.applyPort(c, p, req.Port); err != nil {
		return err
	}
	s.claim(p)
	p.Updated, p.Revision = s.now(), p.Revision+1
	s.ports.put(p.ID, p)
	return c.reply(http.StatusOK, map[string]any{"port": s.portView(p)})
}

// tagPort replaces all tags of a port.
func (s *Server) tagPort(c *call) error {
	p, err := s.portOf(c, c.path("id"))
	if err != nil {
		return err
	}
	var req struct {
		Tags []string `json:"tags"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	slices.Sort(req.Tags)
	p.Tags, p.Updated, p.Revision = slices.Compact(req.Tags), s.now(), p.Revision+1
	s.ports.put(p.ID, p)
	return c.reply(http.StatusOK, map[string]any{"tags": append([]string{}, p.Tags...)})
}

// deletePort also unplugs a server that still uses the port, as Neutron allows.
func (s *Server) deletePort(c *call) error {
	p, err := s.portOf(c, c.path("id"))
	if err != nil {
		return err
	}
	if sv, ok := s.servers.get(p.Device); ok {
		sv.Ports = slices.DeleteFunc(slices.Clone(sv.Ports), func(sp serverPort) bool { return sp.ID == p.ID })
		s.servers.put(sv.ID, sv)
	}
	s.removePort(p)
	return c.reply(http.StatusNoContent, nil)
}

func (s *Server) removePort(p *port) {
	s.release(p)
	for _, f := range s.floatingIPs.all() {
		if f.Port == p.ID {
			f.Port, f.Fixed = "", ""
			s.floatingIPs.put(f.ID, f)
		}
	}
	s.ports.del(p.ID)
}

// allocate settles the addresses of a port: those that are asked for, or the next free ones of the subnet. Nothing is
// taken yet; claim does that.
func (s *Server) allocate(p *port, asked []fixedIP) ([]fixedIP, error) {
	out := []fixedIP{}
	for _, a := range asked {
		if a.Subnet != "" {
			sub, ok := s.subnets.get(a.Subnet)
			if !ok || sub.Network != p.Network {
				return nil, neutronError(http.StatusBadRequest, "InvalidInput", "Invalid input for operation: Failed to create port on "+
					"network %s, because fixed_ips included invalid subnet %s.", p.Network, a.Subnet)
			}
		}
		var (
			ip  fixedIP
			err error
		)
		if a.Address != "" {
			ip, err = s.allocateFixed(p, a)
		} else {
			ip, err = s.allocateNext(p.Network, a.Subnet, out)
		}
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, ip) {
			return nil, neutronError(http.StatusConflict, "IpAddressAlreadyAllocated", "IP address %s already allocated in subnet %s", ip.Address, ip.Subnet)
		}
		out = append(out, ip)
	}
	return out, nil
}

func (s *Server) allocateFixed(p *port, a fixedIP) (fixedIP, error) {
	addr, err := netip.ParseAddr(a.Address)
	if err != nil {
		return fixedIP{}, neutronError(http.StatusBadRequest, "HTTPBadRequest", "Invalid input for fixed_ips. Reason: '%s' is not a valid IP address.", a.Address)
	}
	for _, sub := range s.subnets.all() {
		if sub.Network != p.Network || a.Subnet != "" && a.Subnet != sub.ID || !netip.MustParsePrefix(sub.CIDR).Contains(addr) {
			continue
		}
		if owner, taken := s.used[sub.ID][addr]; taken && owner != p.ID || a.Address == sub.Gateway {
			return fixedIP{}, neutronError(http.StatusConflict, "IpAddressAlreadyAllocated",
				"IP address %s already allocated in subnet %s", a.Address, sub.ID)
		}
		return fixedIP{Subnet: sub.ID, Address: addr.String()}, nil
	}
	return fixedIP{}, neutronError(http.StatusBadRequest, "InvalidIpForNetwork",
		"IP address %s is not a valid IP for any of the subnets on the specified network.", a.Address)
}

// allocateNext walks the subnet's pool from the address given last, so that an address rests before it is used again.
func (s *Server) allocateNext(networkID, subnetID string, besides []fixedIP) (fixedIP, error) {
	for _, sub := range s.subnets.all() {
		if sub.Network != networkID || subnetID != "" && sub.ID != subnetID {
			continue
		}
		start, end := netip.MustParseAddr(sub.Start), netip.MustParseAddr(sub.End)
		last, ok := s.cursor[sub.ID]
		if !ok {
			last = end
		}
		for at, first := last, true; first || at != last; first = false {
			if at = at.Next(); end.Less(at) {
				at = start
			}
			ip := fixedIP{Subnet: sub.ID, Address: at.String()}
			if _, taken := s.used[sub.ID][at]; !taken && !slices.Contains(besides, ip) {
				return ip, nil
			}
		}
	}
	return fixedIP{}, neutronError(http.StatusConflict, "IpAddressGenerationFailure", "No more IP addresses available on network %s.", networkID)
}

// claim takes the addresses of a port, release gives them back.
func (s *Server) claim(p *port) {
	for _, ip := range p.FixedIPs {
		s.claimAddress(ip.Subnet, ip.Address, p.ID)
	}
}

func (s *Server) claimAddress(subnetID, address, owner string) {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return // a floating IP or a port without an address
	}
	if s.used[subnetID] == nil {
		s.used[subnetID] = map[netip.Addr]string{}
	}
	s.used[subnetID][addr] = owner
	s.cursor[subnetID] = addr
}

func (s *Server) release(p *port) {
	for _, ip := range p.FixedIPs {
		if addr, err := netip.ParseAddr(ip.Address); err == nil {
			delete(s.used[ip.Subnet], addr)
		}
	}
}
