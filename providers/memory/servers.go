package memory

import (
	"cmp"
	"context"
	"encoding/base64"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

// maxUserData is Nova's limit on user-data, in bytes of base64.
const maxUserData = 65535

// maxMetadata is Nova's and Cinder's limit on a metadata key and on a value, in characters.
const maxMetadata = 255

// The calls that move servers on.
const (
	getServer   = "get server"
	listServers = "list servers"
)

type server struct {
	providers.Server
	motion
	portIDs  []string
	userData []byte
	fault    string // what a failing build will say
	group    string // the server group that it was made in; empty: none
	up       bool   // it was booted and not brought down since

	before      string           // what it was before a resize: ACTIVE or SHUTOFF
	otherFlavor providers.Flavor // of a resize: the new one, and once it has that, the old one
}

func (s *server) view() providers.Server {
	v := s.Server
	v.FlavorID = "" // Nova embeds the flavor by name
	v.Metadata = maps.Clone(s.Metadata)
	v.Addresses = slices.Clone(s.Addresses)
	v.VolumeIDs = slices.Clone(s.VolumeIDs)
	return v
}

type serverService struct{ c *Cloud }

func (s *serverService) Create(ctx context.Context, spec providers.ServerSpec) (providers.Server, error) {
	const call = "create server"
	if err := marked(call, spec.Mark); err != nil {
		return providers.Server{}, err
	}
	var made providers.Server
	err := s.c.do(ctx, call, spec.Name, func(f *Fault) error {
		row, err := s.c.newServer(call, spec)
		if err != nil {
			return err
		}
		row.begin(toActive, s.c.options.Looks, f)
		if f != nil {
			row.fault = f.Message
		}
		view := row.view()
		made = providers.Server{ // no more than Nova answers: the id; the rest is as it was asked for
			ID: view.ID, Name: spec.Name, Status: "BUILD", FlavorID: spec.FlavorID, ImageID: spec.ImageID, Zone: spec.Zone,
			Metadata: view.Metadata, Mark: spec.Mark, VolumeIDs: view.VolumeIDs,
		}
		return nil
	})
	if err != nil {
		return providers.Server{}, err
	}
	return made, nil
}

// newServer checks everything before it changes anything.
func (c *Cloud) newServer(call string, spec providers.ServerSpec) (*server, error) {
	flavor, err := c.checkServer(call, spec)
	if err != nil {
		return nil, err
	}
	if err := checkMetadata(call, spec.Metadata); err != nil {
		return nil, err
	}
	if err := c.serverRoom(call, flavor); err != nil {
		return nil, err
	}
	addresses, err := c.freePorts(call, spec.PortIDs)
	if err != nil {
		return nil, err
	}
	if err := c.freeVolumes(call, spec.VolumeIDs); err != nil {
		return nil, err
	}
	zone := spec.Zone
	if zone == "" {
		zone = c.world.zones[0]
	}
	row := &server{
		Server: providers.Server{
			ID: c.newID(0x5e), Name: spec.Name, Status: "BUILD", TaskState: "scheduling", FlavorName: flavor.Name, FlavorID: flavor.ID,
			ImageID: spec.ImageID, Zone: zone, Metadata: maps.Clone(spec.Metadata), Mark: spec.Mark, Addresses: addresses,
			VolumeIDs: slices.Clone(spec.VolumeIDs), CreatedAt: c.timestamp(),
		},
		portIDs:  slices.Clone(spec.PortIDs),
		userData: slices.Clone(spec.UserData),
		group:    spec.GroupID,
	}
	if row.Metadata == nil {
		row.Metadata = map[string]string{}
	}
	c.servers.add(row.ID, row)
	for _, id := range spec.PortIDs {
		c.ports.get(id).DeviceID = row.ID
	}
	for _, id := range spec.VolumeIDs {
		c.volumes.get(id).Status = "reserved"
	}
	return row, nil
}

func (c *Cloud) serverRoom(call string, flavor providers.Flavor) error {
	q := c.options.Quota
	cores, ram := c.computed()
	return cmp.Or(
		room(call, "instances", q.Servers, len(c.servers.rows), 1), room(call, "cores", q.Cores, cores, flavor.VCPUs),
		room(call, "ram", q.RAMMiB, ram, flavor.RAMMiB),
	)
}

func (c *Cloud) checkServer(call string, spec providers.ServerSpec) (providers.Flavor, error) {
	if base64.StdEncoding.EncodedLen(len(spec.UserData)) > maxUserData {
		return providers.Flavor{}, refuse(providers.KindInvalid, call, "User data too large. User data must be no larger than 64KB once base64 encoded.")
	}
	i := slices.IndexFunc(c.world.flavors, func(f providers.Flavor) bool { return f.ID == spec.FlavorID })
	if i < 0 {
		return providers.Flavor{}, refuse(providers.KindInvalid, call, "Invalid flavorRef provided: %q", spec.FlavorID)
	}
	if row := c.images.get(spec.ImageID); row == nil || row.Status != providers.ImageActive {
		return providers.Flavor{}, refuse(providers.KindInvalid, call, "Invalid imageRef provided: %q", spec.ImageID)
	}
	if spec.Zone != "" && !slices.Contains(c.world.zones, spec.Zone) {
		return providers.Flavor{}, refuse(providers.KindInvalid, call, "The requested availability zone is not available: %q", spec.Zone)
	}
	if spec.GroupID != "" && c.serverGroups.get(spec.GroupID) == nil {
		return providers.Flavor{}, refuse(providers.KindInvalid, call, "Instance group %s could not be found.", spec.GroupID)
	}
	return c.world.flavors[i], nil
}

// freePorts tells the addresses of ports that no server has yet.
func (c *Cloud) freePorts(call string, ids []string) ([]string, error) {
	var addresses []string
	for _, id := range ids {
		p := c.ports.get(id)
		if p == nil {
			return nil, refuse(providers.KindInvalid, call, "Port %s could not be found.", id)
		}
		if p.DeviceID != "" {
			return nil, refuse(providers.KindConflict, call, "Port %s is still in use.", id)
		}
		addresses = append(addresses, p.Addresses...)
	}
	return addresses, nil
}

func (c *Cloud) freeVolumes(call string, ids []string) error {
	for _, id := range ids {
		v := c.volumes.get(id)
		if v == nil {
			return refuse(providers.KindInvalid, call, "Block Device Mapping is Invalid: failed to get volume %s.", id)
		}
		if v.Status != "available" {
			return refuse(providers.KindConflict, call, "Invalid volume: volume %s status must be available, now it is %s", id, v.Status)
		}
	}
	return nil
}

func (s *serverService) Get(ctx context.Context, id string) (providers.Server, error) {
	var found providers.Server
	err := s.c.do(ctx, getServer, id, func(*Fault) error {
		row := s.c.servers.get(id)
		if row == nil || !row.seen() {
			return refuse(providers.KindNotFound, getServer, "Instance %s could not be found.", id)
		}
		found = row.view()
		return nil
	})
	return found, err
}

func (s *serverService) List(ctx context.Context) ([]providers.Server, error) {
	var all []providers.Server
	err := s.c.do(ctx, listServers, "", func(*Fault) error {
		s.c.servers.each(func(row *server) {
			if row.seen() {
				all = append(all, row.view())
			}
		})
		return nil
	})
	return all, err
}

func (s *serverService) Rename(ctx context.Context, id, name string) error {
	const call = "rename server"
	return s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.servers.get(id)
		if row == nil {
			return refuse(providers.KindNotFound, call, "Instance %s could not be found.", id)
		}
		row.Name = name
		return nil
	})
}

func (s *serverService) SetMetadata(ctx context.Context, id string, set map[string]string, remove []string) error {
	const call = "set server metadata"
	if _, marks := set[providers.MarkKey]; marks || slices.Contains(remove, providers.MarkKey) {
		return &providers.Error{Kind: providers.KindInvalid, Call: call, Message: "the mark cannot be changed"}
	}
	return s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.servers.get(id)
		if row == nil {
			return refuse(providers.KindNotFound, call, "Instance %s could not be found.", id)
		}
		if row.Locked {
			return locked(call, id)
		}
		if err := checkMetadata(call, set); err != nil {
			return err
		}
		maps.Copy(row.Metadata, set)
		for _, key := range remove {
			delete(row.Metadata, key)
		}
		return nil
	})
}

func checkMetadata(call string, set map[string]string) error {
	for key, value := range set {
		if key == "" || len(key) > maxMetadata || len(value) > maxMetadata {
			return refuse(providers.KindInvalid, call, "Invalid input for field/attribute metadata: %q is too long or empty", key)
		}
	}
	return nil
}

func (s *serverService) Delete(ctx context.Context, id string) error {
	const call = "delete server"
	return s.c.do(ctx, call, id, func(*Fault) error {
		if row := s.c.servers.get(id); row != nil && row.to != toGone {
			if row.Locked {
				return locked(call, id)
			}
			row.TaskState = "deleting"
			row.start(toGone, s.c.options.Looks)
		}
		return nil
	})
}
