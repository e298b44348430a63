package emulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
)

// serverSpec is the body of a creation (https://docs.openstack.org/api-ref/compute/#create-server).
type serverSpec struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Flavor      string            `json:"flavorRef"`
	Image       string            `json:"imageRef"`
	AZ          string            `json:"availability_zone"`
	KeyName     string            `json:"key_name"`
	UserData    string            `json:"user_data"`
	Metadata    map[string]string `json:"metadata"`
	ConfigDrive flexBool          `json:"config_drive"`
	Min         flexInt           `json:"min_count"`
	Max         flexInt           `json:"max_count"`
	Networks    json.RawMessage   `json:"networks"`
	Devices     []blockDevice     `json:"block_device_mapping_v2"`
	Groups      []struct {
		Name string `json:"name"`
	} `json:"security_groups"`
}

type netSpec struct {
	Port    string `json:"port"`
	Network string `json:"uuid"`
	FixedIP string `json:"fixed_ip"`
}

type schedulerHints struct {
	Group string `json:"group"`
}

type blockDevice struct {
	Source      string   `json:"source_type"`
	Destination string   `json:"destination_type"`
	ID          string   `json:"uuid"`
	BootIndex   *flexInt `json:"boot_index"`
	Size        flexInt  `json:"volume_size"`
	Type        string   `json:"volume_type"`
	Device      string   `json:"device_name"`
	Delete      flexBool `json:"delete_on_termination"`
	Tag         string   `json:"tag"`
}

func (s *Server) createServer(c *call) error {
	var req struct {
		Server   serverSpec     `json:"server"`
		Hints    schedulerHints `json:"os:scheduler_hints"`
		OldHints schedulerHints `json:"OS-SCH-HNT:scheduler_hints"`
	}
	if err := c.decode(&req); err != nil {
		return err
	}
	in := req.Server
	sv, userData, err := s.checkServer(c, in)
	if err != nil {
		return err
	}
	if sv.Group = req.Hints.Group + req.OldHints.Group; sv.Group != "" {
		if !uuidPattern.MatchString(sv.Group) {
			return badRequest("Invalid input for field/attribute group. Value: %s. '%s' is not a 'uuid'", sv.Group, sv.Group)
		}
		if g, ok := s.serverGroups.get(sv.Group); !ok || g.Project != c.project {
			return badRequest("Instance group %s could not be found.", sv.Group)
		}
	}
	devices, err := s.checkDevices(c, &in)
	if err != nil {
		return err
	}
	sv.Image = in.Image
	ports, nets, err := s.checkNetworks(c, in)
	if err != nil {
		return err
	}
	if err := s.novaRoom(c.project, 1, in.Flavor); err != nil {
		return err
	}
	if err := s.saveUserData(sv.ID, userData); err != nil {
		return err
	}
	made, err := s.makeParts(c, sv, nets, devices)
	if err != nil {
		return errors.Join(err, os.RemoveAll(s.serverDir(sv.ID)))
	}
	s.wire(sv, ports, made, devices)
	if f, ok := s.faults.take(c, ofBuild); ok {
		sv.Trouble, sv.TroubleText = f.Kind, f.Body
	}
	sv.note(c, "create")
	s.servers.put(sv.ID, sv)
	s.startBuild(sv)
	c.w.Header().Set("Location", s.base(c.r)+"/compute/v2.1/servers/"+sv.ID)
	return c.reply(http.StatusAccepted, map[string]any{"server": map[string]any{
		"id": sv.ID, "links": s.novaLinks(c, "servers", sv.ID), "OS-DCF:diskConfig": "MANUAL",
		"security_groups": s.groupNames(sv), "adminPass": s.adminPass(),
	}})
}

// checkServer checks all members of a creation but devices and networks.
func (s *Server) checkServer(c *call, in serverSpec) (*server, []byte, error) {
	name := strings.TrimSpace(in.Name)
	if name == "" || len([]rune(name)) > 255 {
		return nil, nil, badRequest("Invalid input for field/attribute name. Value: %s. '%s' is too short or too long", in.Name, in.Name)
	}
	if in.Min > 1 || in.Max > 1 {
		return nil, nil, badRequest("Invalid input for field/attribute min_count: this cloud makes one server per request.")
	}
	if _, ok := flavorByID(in.Flavor); !ok {
		return nil, nil, badRequest("Flavor %s could not be found.", in.Flavor)
	}
	if err := checkMetadata(in.Metadata); err != nil {
		return nil, nil, err
	}
	if in.AZ == "" {
		in.AZ = zones[0]
	}
	if !slices.Contains(zones, in.AZ) {
		return nil, nil, badRequest("The requested availability zone is not available")
	}
	if in.KeyName != "" {
		if _, ok := s.keypairs.get(in.KeyName); !ok {
			return nil, nil, badRequest("Invalid key_name provided.")
		}
	}
	userData, err := decodeUserData(in.UserData)
	if err != nil {
		return nil, nil, err
	}
	now := s.now()
	sv := &server{
		ID: s.uuid(), Name: name, Description: in.Description, Project: c.project, Status: srvBuild, Task: taskScheduling,
		Flavor: in.Flavor, AZ: in.AZ, KeyName: in.KeyName, Metadata: clone(in.Metadata), ConfigDrive: bool(in.ConfigDrive),
		Created: now, Updated: now,
	}
	for _, g := range in.Groups {
		if _, ok := s.groupByName(c.project, g.Name); !ok {
			return nil, nil, badRequest("Security group %s not found for project %s.", g.Name, c.project)
		}
		sv.Groups = append(sv.Groups, g.Name)
	}
	return sv, userData, nil
}

func (s *Server) groupByName(project, nameOrID string) (*securityGroup, bool) {
	for _, g := range s.secGroups.all() {
		if g.Project == project && (g.Name == nameOrID || g.ID == nameOrID) {
			return g, true
		}
	}
	return nil, false
}

// checkDevices checks the block devices and settles the image; it returns the devices that are volumes.
func (s *Server) checkDevices(c *call, in *serverSpec) ([]blockDevice, error) {
	out := []blockDevice{}
	seen := map[string]bool{}
	for _, d := range in.Devices {
		switch d.Source + " " + d.Destination {
		case "image local":
			if in.Image != "" && in.Image != d.ID {
				return nil, badRequest("Block Device Mapping is Invalid: the image of boot index 0 is not the server's image.")
			}
			in.Image = d.ID
			continue
		case "image volume":
			if in.Image == "" {
				in.Image = d.ID
			}
			if _, ok := s.images.get(d.ID); !ok {
				return nil, badRequest("Block Device Mapping is Invalid: failed to get image %s.", d.ID)
			}
		case "volume volume":
			v, ok := s.volumes.get(d.ID)
			if !ok || v.Project != c.project || seen[d.ID] {
				return nil, badRequest("Block Device Mapping is Invalid: failed to get volume %s.", d.ID)
			}
			if v.Status != volAvailable {
				return nil, badRequest("Invalid volume: volume '%s' status must be 'available'. Currently in '%s'", v.ID, v.Status)
			}
			seen[d.ID] = true
		case "blank volume":
		case "blank local":
			continue
		default:
			return nil, badRequest("Block Device Mapping is Invalid: source %q to destination %q.", d.Source, d.Destination)
		}
		if d.Source != "volume" && d.Size <= 0 {
			return nil, badRequest("Images with destination_type 'volume' need to have a non-zero size specified")
		}
		out = append(out, d)
	}
	img, ok := s.images.get(in.Image)
	if !ok || img.Status != imageActive {
		if in.Image == "" {
			return nil, badRequest("Invalid imageRef provided.")
		}
		return nil, badRequest("Can not find requested image")
	}
	if f, _ := flavorByID(in.Flavor); f.RAM < img.MinRAM {
		return nil, badRequest("Flavor's memory is too small for requested image.")
	}
	return out, nil
}

// checkNetworks settles which ports are used and which are to be made.
func (s *Server) checkNetworks(c *call, in serverSpec) (ports []*port, nets []netSpec, err error) {
	var word string
	var asked []netSpec
	raw := in.Networks
	switch {
	case len(raw) == 0 || string(raw) == "null":
		if c.micro >= 37 {
			return nil, nil, badRequest("Invalid input for field/attribute server. 'networks' is a required property")
		}
		word = "auto"
	case json.Unmarshal(raw, &word) == nil:
		if word != "auto" && word != "none" || c.micro < 37 {
			return nil, nil, badRequest("Invalid input for field/attribute networks. Value: %s.", word)
		}
	case json.Unmarshal(raw, &asked) != nil:
		return nil, nil, badRequest("Invalid input for field/attribute networks.")
	}
	if word == "auto" || word == "" && len(asked) == 0 {
		return nil, s.autoNetwork(c), nil
	}
	for _, n := range asked {
		if n.Port == "" {
			if _, err := s.networkOf(c, n.Network); err != nil {
				return nil, nil, badRequest("Network %s could not be found.", n.Network)
			}
			nets = append(nets, n)
			continue
		}
		p, err := s.freePort(c, n.Port)
		if err != nil {
			return nil, nil, err
		}
		if slices.Contains(ports, p) {
			return nil, nil, badRequest("Duplicate networks port %s", p.ID)
		}
		ports = append(ports, p)
	}
	return ports, nets, nil
}

// freePort finds a port that no server uses.
func (s *Server) freePort(c *call, id string) (*port, error) {
	p, err := s.portOf(c, id)
	if err != nil {
		return nil, badRequest("Port id %s could not be found.", id)
	}
	if p.Device != "" {
		return nil, conflict("Port %s is still in use.", p.ID)
	}
	if len(p.FixedIPs) == 0 {
		return nil, badRequest("Port %s requires a FixedIP in order to be used.", p.ID)
	}
	return p, nil
}

// autoNetwork picks the first network that is not external, as Nova does for "auto".
func (s *Server) autoNetwork(c *call) []netSpec {
	for _, n := range s.networks.all() {
		if visible(c, n.Project, n.Shared) && !n.External {
			return []netSpec{{Network: n.ID}}
		}
	}
	return nil
}

// makeParts makes the ports and volumes that Nova makes by itself; on error none of them remains.
func (s *Server) makeParts(c *call, sv *server, nets []netSpec, devices []blockDevice) ([]*port, error) {
	made, err := s.makePorts(c, nets, sv.Groups)
	if err != nil {
		return nil, err
	}
	if err := s.makeVolumes(c, devices); err != nil {
		for _, p := range made {
			s.removePort(p)
		}
		return nil, err
	}
	return made, nil
}

func (s *Server) makePorts(c *call, nets []netSpec, groups []string) ([]*port, error) {
	made := []*port{}
	for _, n := range nets {
		spec := portSpec{Network: n.Network}
		if n.FixedIP != "" {
			spec.FixedIPs = &[]fixedIP{{Address: n.FixedIP}}
		}
		if len(groups) > 0 {
			ids := []string{}
			for _, name := range groups {
				g, _ := s.groupByName(c.project, name)
				ids = append(ids, g.ID)
			}
			spec.Groups = &ids
		}
		p, err := s.newPort(c, spec)
		if err != nil {
			for _, m := range made {
				s.removePort(m)
			}
			return nil, badRequest("%s", err.Error())
		}
		made = append(made, p)
	}
	return made, nil
}

// makeVolumes makes the volumes of blank and image devices and puts their ids into the devices.
func (s *Server) makeVolumes(c *call, devices []blockDevice) error {
	for i, d := range devices {
		if d.Source == "volume" {
			continue
		}
		spec := volumeSpec{Size: d.Size, Type: d.Type}
		if d.Source == "image" {
			spec.Image = d.ID
		}
		v, err := s.newVolume(c.project, spec)
		if err != nil {
			for _, m := range devices[:i] {
				if made, ok := s.volumes.get(m.ID); ok && m.Source != "volume" {
					s.beginVolumeDelete(made)
				}
			}
			return err
		}
		devices[i].ID = v.ID
	}
	return nil
}

// wire keeps ports and volumes for the server. Volumes are reserved before the creation is answered, so that a twin
// conflicts; ports are bound when the build reaches a host.
func (s *Server) wire(sv *server, given, made []*port, devices []blockDevice) {
	for _, p := range append(slices.Clone(given), made...) {
		sv.Ports = append(sv.Ports, serverPort{ID: p.ID, Own: slices.Contains(made, p)})
	}
	for _, d := range devices {
		v, _ := s.volumes.get(d.ID)
		s.reserve(sv, v, d.Device, bool(d.Delete), d.Tag)
	}
}

var devicePattern = regexp.MustCompile(`^/dev/[a-z]{2,3}$`)

// reserve keeps a volume for a server, under the first device name that is free when none is given.
func (s *Server) reserve(sv *server, v *volume, device string, del bool, tag string) attachment {
	taken := func(dev string) bool {
		return slices.ContainsFunc(sv.Volumes, func(a attachment) bool { return a.Device == dev })
	}
	if !devicePattern.MatchString(device) || taken(device) {
		for l := 'b'; l <= 'z'; l++ {
			if device = "/dev/vd" + string(l); !taken(device) {
				break
			}
		}
	}
	a := attachment{Volume: v.ID, Device: device, ID: s.uuid(), DeleteOnTermination: del, Tag: tag}
	sv.Volumes = append(slices.Clone(sv.Volumes), a)
	v.Server, v.Device, v.Attachment = sv.ID, device, a.ID
	if v.Status == volAvailable {
		s.setVolume(v, volReserved)
	} else {
		s.volumes.put(v.ID, v) // still being made: the build waits for it
	}
	return a
}
