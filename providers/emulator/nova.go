package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// server is a Nova server. Its user-data is kept beside it in a file of mode 0600, never in the database.
type server struct {
	ID, Name, Description, Project string
	Status                         string
	Task                           string // task_state, empty when nothing is under way
	Flavor, OldFlavor, NewFlavor   string
	Image, AZ, KeyName, Group      string
	Metadata                       map[string]string
	Groups                         []string // names of security groups, as given at creation
	Ports                          []serverPort
	Volumes                        []attachment
	ConfigDrive                    bool
	Fault                          *serverFault
	Trouble                        FaultKind // an injected fault of the build
	TroubleText                    string
	Booted                         bool // the machine came up once: user-data was applied
	Locked                         bool // the owner wants no change
	LockedReason                   string
	Actions                        []serverActionRecord // what was asked for, oldest first
	Created, Updated, Launched     time.Time
}

// serverPort is a port of a server; Own ports were made by Nova and go with the server.
type serverPort struct {
	ID  string
	Own bool
}

type attachment struct {
	Volume, Device, ID  string
	DeleteOnTermination bool
	Tag                 string
}

type serverFault struct {
	Code    int
	Message string
	Created time.Time
}

// Statuses of servers (https://docs.openstack.org/api-ref/compute/#servers-servers).
const (
	srvBuild        = "BUILD"
	srvActive       = "ACTIVE"
	srvShutoff      = "SHUTOFF"
	srvReboot       = "REBOOT"
	srvHardReboot   = "HARD_REBOOT"
	srvResize       = "RESIZE"
	srvVerifyResize = "VERIFY_RESIZE"
	srvRevertResize = "REVERT_RESIZE"
	srvError        = "ERROR"
	srvPaused       = "PAUSED"
	srvSuspended    = "SUSPENDED"
	srvShelved      = "SHELVED_OFFLOADED"
	srvRebuild      = "REBUILD"
)

// vmState is the server's state below its status.
func (sv *server) vmState() string {
	switch sv.Status {
	case srvBuild:
		return "building"
	case srvShutoff:
		return "stopped"
	case srvVerifyResize, srvRevertResize:
		return "resized"
	case srvError:
		return "error"
	case srvPaused, srvSuspended, srvShelved:
		return strings.ToLower(sv.Status)
	}
	return "active"
}

// plugged tells whether the server's ports carry traffic.
func (sv *server) plugged() bool {
	return !sv.Launched.IsZero() && !slices.Contains([]string{srvShutoff, srvError, srvSuspended, srvShelved}, sv.Status)
}

// powerState is what the hypervisor says: nothing, running, paused or shut down.
func (sv *server) powerState() int {
	switch {
	case sv.Status == srvShutoff || sv.Status == srvSuspended || sv.Status == srvShelved:
		return 4
	case sv.Status == srvPaused:
		return 3
	case !sv.Launched.IsZero() && sv.Status != srvError:
		return 1
	}
	return 0
}

func nova(pattern string, h func(*call) error) route {
	method, path, _ := cut(pattern)
	return route{service: compute, pattern: method + " /compute/v2.1" + path, handle: h}
}

func (s *Server) novaRoutes() []route {
	return []route{
		nova("GET /servers", func(c *call) error { return s.listServers(c, false) }),
		nova("GET /servers/detail", func(c *call) error { return s.listServers(c, true) }),
		nova("POST /servers", s.createServer),
		nova("GET /servers/{id}", s.showServer),
		nova("PUT /servers/{id}", s.updateServer),
		nova("DELETE /servers/{id}", s.deleteServer),
		nova("GET /servers/{id}/metadata", s.serverMetadata),
		nova("PUT /servers/{id}/metadata", s.serverMetadata),
		nova("POST /servers/{id}/metadata", s.serverMetadata),
		nova("GET /servers/{id}/metadata/{key}", s.serverMetadataItem),
		nova("PUT /servers/{id}/metadata/{key}", s.serverMetadataItem),
		nova("DELETE /servers/{id}/metadata/{key}", s.serverMetadataItem),
		nova("GET /servers/{id}/ips", s.serverIPs),
		nova("GET /servers/{id}/os-security-groups", s.serverGroupsOf),
		nova("GET /os-security-groups", s.proxiedGroups),
		nova("GET /os-security-groups/{id}", s.proxiedGroups),
		nova("GET /flavors", func(c *call) error { return s.listFlavors(c, false) }),
		nova("GET /flavors/detail", func(c *call) error { return s.listFlavors(c, true) }),
		nova("GET /flavors/{id}", s.showFlavor),
		nova("GET /flavors/{id}/os-extra_specs", s.flavorSpecs),
		nova("GET /os-availability-zone", s.novaZones),
		nova("GET /os-availability-zone/detail", func(*call) error {
			return forbidden("Policy doesn't allow os_compute_api:os-availability-zone:detail to be performed.")
		}),
		nova("GET /limits", s.novaLimits),
		nova("GET /os-quota-sets/{of}", s.novaQuotas),
		nova("GET /os-quota-sets/{of}/detail", s.novaQuotas),
		nova("PUT /os-quota-sets/{of}", func(*call) error {
			return forbidden("Policy doesn't allow os_compute_api:os-quota-sets:update to be performed.")
		}),
		nova("GET /os-keypairs", s.listKeypairs),
		nova("POST /os-keypairs", s.createKeypair),
		nova("GET /os-keypairs/{name}", s.showKeypair),
		nova("DELETE /os-keypairs/{name}", s.deleteKeypair),
		nova("GET /os-server-groups", s.listServerGroups),
		nova("POST /os-server-groups", s.createServerGroup),
		nova("GET /os-server-groups/{id}", s.showServerGroup),
		nova("DELETE /os-server-groups/{id}", s.deleteServerGroup),
	}
}

func (s *Server) serverOf(c *call) (*server, error) {
	sv, ok := s.servers.get(c.path("id"))
	if !ok || sv.Project != c.project {
		return nil, notFound("Instance %s could not be found.", c.path("id"))
	}
	return sv, nil
}

func (s *Server) novaLinks(c *call, kind, id string) []any {
	self := s.base(c.r) + "/compute/v2.1/" + kind + "/" + id
	return []any{link("self", self), link("bookmark", s.base(c.r)+"/compute/"+kind+"/"+id)}
}

// serverAddresses are the first fixed address of each port, which the machine gets.
func (s *Server) serverAddresses(sv *server) (all []string) {
	for _, sp := range sv.Ports {
		if p, ok := s.ports.get(sp.ID); ok && len(p.FixedIPs) > 0 {
			all = append(all, p.FixedIPs[0].Address)
		}
	}
	return all
}

// addresses are known once a host has the server.
func (s *Server) addresses(sv *server) map[string][]any {
	out := map[string][]any{}
	if sv.Launched.IsZero() {
		return out
	}
	for _, sp := range sv.Ports {
		p, ok := s.ports.get(sp.ID)
		if !ok || p.Device != sv.ID { // a build that has not reached its host, or somebody took the port away
			continue
		}
		n, ok := s.networks.get(p.Network)
		if !ok {
			continue
		}
		add := func(typ, addr string) {
			out[n.Name] = append(out[n.Name], map[string]any{
				"addr": addr, "version": 4, "OS-EXT-IPS:type": typ, "OS-EXT-IPS-MAC:mac_addr": p.MAC,
			})
		}
		for _, ip := range p.FixedIPs {
			add("fixed", ip.Address)
		}
		if f, ok := s.floatingOfPort(p.ID); ok {
			add("floating", f.Address)
		}
	}
	return out
}

func (s *Server) floatingOfPort(portID string) (*floatingIP, bool) {
	for _, f := range s.floatingIPs.all() {
		if f.Port == portID {
			return f, true
		}
	}
	return nil, false
}

func (s *Server) serverView(c *call, sv *server) map[string]any {
	attached := []any{}
	for _, a := range sv.Volumes {
		v := map[string]any{"id": a.Volume}
		if c.micro >= 3 {
			v["delete_on_termination"] = a.DeleteOnTermination
		}
		attached = append(attached, v)
	}
	out := map[string]any{
		"id": sv.ID, "name": sv.Name, "status": sv.Status, "tenant_id": sv.Project, "user_id": s.userID(),
		"metadata": clone(sv.Metadata), "hostId": digest(sv.Project + sv.AZ)[:56], "addresses": s.addresses(sv),
		"links": s.novaLinks(c, "servers", sv.ID), "key_name": orNil(sv.KeyName), "accessIPv4": "", "accessIPv6": "",
		"config_drive": map[bool]string{true: "True"}[sv.ConfigDrive], "OS-DCF:diskConfig": "MANUAL",
		"created": zulu(sv.Created), "updated": zulu(sv.Updated), "OS-EXT-AZ:availability_zone": sv.AZ,
		"OS-EXT-STS:task_state": orNil(sv.Task), "OS-EXT-STS:vm_state": sv.vmState(), "OS-EXT-STS:power_state": sv.powerState(),
		"OS-SRV-USG:launched_at": nil, "OS-SRV-USG:terminated_at": nil, "os-extended-volumes:volumes_attached": attached,
		"flavor": s.flavorOf(c, sv), "image": "",
	}
	if slices.Contains([]string{srvActive, srvBuild, srvRebuild, srvResize, srvVerifyResize}, sv.Status) {
		out["progress"] = 0
	}
	if sv.Launched.IsZero() || sv.Status == srvShelved {
		out["hostId"] = "" // no host has it
	}
	if sv.Image != "" {
		out["image"] = map[string]any{"id": sv.Image, "links": []any{link("bookmark", s.base(c.r)+"/compute/images/"+sv.Image)}}
	}
	if !sv.Launched.IsZero() {
		out["OS-SRV-USG:launched_at"] = micro(sv.Launched)
	}
	if groups := s.groupNames(sv); len(groups) > 0 {
		out["security_groups"] = groups
	}
	if sv.Fault != nil && sv.Status == srvError {
		out["fault"] = map[string]any{"code": sv.Fault.Code, "message": sv.Fault.Message, "created": zulu(sv.Fault.Created)}
	}
	s.newerMembers(c, sv, out)
	return out
}

// newerMembers adds what later microversions brought.
func (s *Server) newerMembers(c *call, sv *server, out map[string]any) {
	if c.micro >= 9 {
		out["locked"] = sv.Locked
	}
	if c.micro >= 19 {
		out["description"] = orNil(sv.Description)
	}
	if c.micro >= 26 {
		out["tags"] = []string{}
	}
	if c.micro >= 63 {
		out["trusted_image_certificates"] = nil
	}
	if c.micro >= 71 {
		groups := []string{}
		if sv.Group != "" {
			groups = append(groups, sv.Group)
		}
		out["server_groups"] = groups
	}
	if c.micro >= 73 {
		out["locked_reason"] = orNil(sv.LockedReason)
	}
	if c.micro >= 90 {
		out["OS-EXT-SRV-ATTR:hostname"] = sv.Name
	}
}

// flavorOf shows the flavor as a link, since microversion 2.47 as its values.
func (s *Server) flavorOf(c *call, sv *server) any {
	f, _ := flavorByID(sv.Flavor)
	if c.micro < 47 {
		return map[string]any{"id": f.ID, "links": []any{link("bookmark", s.base(c.r)+"/compute/flavors/"+f.ID)}}
	}
	return map[string]any{
		"original_name": f.Name, "ram": f.RAM, "vcpus": f.VCPUs, "disk": f.Disk, "ephemeral": 0, "swap": 0,
		"extra_specs": map[string]string{},
	}
}

// groupNames are the security groups of the server's ports.
func (s *Server) groupNames(sv *server) []any {
	seen, out := map[string]bool{}, []any{}
	for _, sp := range sv.Ports {
		p, ok := s.ports.get(sp.ID)
		if !ok {
			continue
		}
		for _, id := range p.Groups {
			if g, ok := s.secGroups.get(id); ok && !seen[id] {
				seen[id] = true
				out = append(out, map[string]any{"name": g.Name})
			}
		}
	}
	return out
}

func (s *Server) listServers(c *call, detail bool) error {
	if q := c.r.URL.Query(); isTrue(q.Get("all_tenants")) {
		list := "index"
		if detail {
			list = "detail"
		}
		return forbidden("Policy doesn't allow os_compute_api:servers:%s:get_all_tenants to be performed.", list)
	}
	match, err := s.matchServers(c)
	if err != nil {
		return err
	}
	page, more, err := pageOf(c, match, func(sv *server) string { return sv.ID }, maxLimit)
	if err != nil {
		return err
	}
	out := make([]any, len(page))
	for i, sv := range page {
		if detail {
			out[i] = s.serverView(c, sv)
		} else {
			out[i] = map[string]any{"id": sv.ID, "name": sv.Name, "links": s.novaLinks(c, "servers", sv.ID)}
		}
	}
	answer := map[string]any{"servers": out}
	if more {
		answer["servers_links"] = []any{link("next", s.nextLink(c, page[len(page)-1].ID))}
	}
	return c.reply(http.StatusOK, answer)
}

func (s *Server) showServer(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"server": s.serverView(c, sv)})
}

func (s *Server) serverIPs(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"addresses": s.addresses(sv)})
}

func (s *Server) serverGroupsOf(c *call) error {
	sv, err := s.serverOf(c)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, map[string]any{"security_groups": s.novaGroups(c, func(g *securityGroup) bool {
		return slices.ContainsFunc(sv.Ports, func(sp serverPort) bool {
			p, ok := s.ports.get(sp.ID)
			return ok && slices.Contains(p.Groups, g.ID)
		})
	})})
}

// novaGroups are the project's security groups as Nova words them.
func (s *Server) novaGroups(c *call, keep func(*securityGroup) bool) []any {
	out, rules := []any{}, s.rulesByGroup(c.project)
	for _, g := range s.secGroups.all() {
		if g.Project == c.project && keep(g) {
			out = append(out, map[string]any{
				"id": g.ID, "name": g.Name, "description": g.Description, "tenant_id": g.Project, "rules": rules[g.ID],
			})
		}
	}
	return out
}

// proxiedGroups lists or shows what Neutron has, which Nova told until microversion 2.36.
func (s *Server) proxiedGroups(c *call) error {
	if c.micro >= 36 {
		return notFound("The resource could not be found.")
	}
	id := c.path("id")
	out := s.novaGroups(c, func(g *securityGroup) bool { return id == "" || g.ID == id })
	switch {
	case id == "":
		return c.reply(http.StatusOK, map[string]any{"security_groups": out})
	case len(out) == 0:
		return notFound("Security group %s could not be found.", id)
	}
	return c.reply(http.StatusOK, map[string]any{"security_group": out[0]})
}
