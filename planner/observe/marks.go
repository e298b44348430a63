package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// Machine is what the marks in a cloud tell of a machine, whether a state records it or not.
type Machine struct {
	Lineage8 string
	Lineage  string // whole; empty: its server does not tell
	Name     string // of the server, else of the volume
	Address  string // of the instance that it was made for, perhaps cut off; informative
	// Member has the objects that bear its mark, and, of several in a slot, the one that the server uses. The server tells the
	// newest generation of keys that may be in force: that is Rotating, and the one before is Generation.
	Member state.Member
	// Group is the security group of the port, as the member that its mark names; without an id: it has none of this lineage.
	// ManagementGroup is that of the port in the management network.
	Group, ManagementGroup state.Member
	// ServerGroup is the server group of the server, and Locality its policy.
	ServerGroup state.Member
	Locality    string
	// NetworkID and SubnetIDs are those of the port, ManagementNetworkID that of the other one, ImageID that of the server.
	NetworkID           string
	SubnetIDs           []string
	ManagementNetworkID string
	ImageID             string
	FloatingIP          string // the address of one that is not the machine's own and leads to it
}

// Groups are the groups of the machine's ports and server that bear its lineage, that of its own port first. Without that
// one there is none.
func (m Machine) Groups() []state.Member {
	if m.Group.ID == "" {
		return nil
	}
	groups := []state.Member{m.Group}
	if id := m.ManagementGroup.ID; id != "" && id != m.Group.ID {
		groups = append(groups, m.ManagementGroup)
	}
	if m.ServerGroup.ID != "" {
		groups = append(groups, m.ServerGroup)
	}
	return groups
}

// contactGeneration is the generation of keys that the first contact with a guest sets.
const contactGeneration = 2

// Machines lists every server that bears a mark, and every volume of a machine that has no server, sorted by member. A list
// that cannot be read is an error: what is not there is never told from what was not seen.
func Machines(ctx context.Context, cloud *providers.Cloud) ([]Machine, error) {
	l := &look{sources: Sources{Cloud: cloud}, desired: &resource.Set{}}
	if err := l.list(ctx); err != nil {
		return nil, err
	}
	if cloud.FloatingIPs == nil {
		l.lists.floating.err = nil
	}
	if cloud.ServerGroups == nil {
		l.lists.serverGroups.err = nil
	}
	if cloud.Broker == nil {
		l.lists.accounts.err = nil
	}
	if err := errors.Join(l.lists.accounts.err, l.lists.servers.err, l.lists.volumes.err, l.lists.ports.err, l.lists.groups.err, l.lists.floating.err, l.lists.serverGroups.err); err != nil {
		return nil, fmt.Errorf("looking for marks: %w", err)
	}
	m := marked{
		byOwner(l.lists.volumes.all, func(v providers.Volume) providers.Mark { return v.Mark }),
		byOwner(l.lists.ports.all, func(p providers.Port) providers.Mark { return p.Mark }),
		l.lists.groups.byID, l.lists.floating.all, l.lists.serverGroups.all,
		byOwner(l.lists.accounts.all, func(a providers.Account) providers.Mark { return a.Mark }), cloud.Bare,
	}
	all := map[owner]Machine{}
	for _, s := range l.lists.servers.all {
		if o := ownerOf(s.Mark); o != (owner{}) && s.Status != "DELETED" && s.Status != "SOFT_DELETED" {
			all[o] = m.machine(o, s)
		}
	}
	for _, v := range l.lists.volumes.all {
		if o := ownerOf(v.Mark); o != (owner{}) && all[o].Lineage8 == "" {
			all[o] = m.machine(o, providers.Server{Name: v.Name})
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b Machine) int {
		return cmp.Or(cmp.Compare(a.Lineage8, b.Lineage8), cmp.Compare(a.Member.ID, b.Member.ID))
	}), nil
}

// owner is what a mark says without the intent.
type owner struct{ lineage8, member string }

func ownerOf(m providers.Mark) owner { return owner{m.Lineage, m.Member} }

// marked is what the lists have: by whose it is, and groups, which machines share, by id.
type marked struct {
	volumes map[owner][]providers.Volume
	ports   map[owner][]providers.Port
	groups  map[string]providers.SecurityGroup
	public  []providers.FloatingIP // whoever made them
	apart   []providers.ServerGroup
	account map[owner][]providers.Account
	bare    func(id string) string // an id as its own cloud knows it
}

func byOwner[T any](all []T, mark func(T) providers.Mark) map[owner][]T {
	out := map[owner][]T{}
	for _, object := range all {
		if m := mark(object); !m.IsZero() {
			out[ownerOf(m)] = append(out[ownerOf(m)], object)
		}
	}
	return out
}

// machine puts together what bears the mark of one machine. A server without an id stands for none.
func (all marked) machine(o owner, server providers.Server) Machine {
	m := Machine{
		Lineage8: o.lineage8, Lineage: server.Metadata[providers.LineageKey], Name: server.Name,
		Address: server.Metadata[providers.AddressKey], ImageID: server.ImageID,
		Member: state.Member{ID: state.MemberID(o.member), Objects: map[state.Slot]state.Object{}},
	}
	m.Member.Rotating = contactGeneration
	if n, err := strconv.Atoi(server.Metadata[providers.GenerationKey]); err == nil && n > contactGeneration {
		m.Member.Rotating = n
	}
	m.Member.Generation = m.Member.Rotating - 1
	put := func(slot state.Slot, id string, mark providers.Mark) {
		m.Member.Objects[slot] = state.Object{ID: id, Intent: state.IntentID(mark.Intent)}
	}
	if server.ID != "" {
		put(state.SlotServer, server.ID, server.Mark)
		all.locality(&m, server.ID)
	}
	if v, ok := pick(all.volumes[o], func(v providers.Volume) bool { return slices.Contains(server.VolumeIDs, v.ID) }); ok {
		put(state.SlotVolume, v.ID, v.Mark)
	}
	if accounts := all.account[o]; len(accounts) > 0 {
		put(state.SlotAccount, accounts[0].ID, accounts[0].Mark)
		if accounts[0].VHost != all.bare(accounts[0].ID) {
			m.Member.VHost = accounts[0].VHost
		}
	}
	managing := func(p providers.Port) bool { return all.bare(p.ID) == server.Metadata[providers.ManagementPortKey] }
	ports := slices.Clone(all.ports[o])
	if i := slices.IndexFunc(ports, managing); i >= 0 {
		port := ports[i]
		ports = slices.Delete(ports, i, i+1)
		put(state.SlotManagementPort, port.ID, port.Mark)
		m.ManagementNetworkID, m.Member.AgentAddress, m.ManagementGroup = port.NetworkID, first(port.Addresses), all.group(o, port)
	}
	if port, ok := pick(ports, func(p providers.Port) bool { return p.DeviceID == server.ID }); ok {
		put(state.SlotPort, port.ID, port.Mark)
		m.NetworkID, m.SubnetIDs = port.NetworkID, port.SubnetIDs
		m.Member.Address, m.Group = first(port.Addresses), all.group(o, port)
		all.floating(&m, o, port.ID)
	}
	return m
}

// floating puts the machine's own floating IP into its slot, and finds the address that leads to its port.
func (all marked) floating(m *Machine, o owner, port string) {
	leads := func(f providers.FloatingIP) bool { return f.PortID == port }
	own, ok := pick(slices.DeleteFunc(slices.Clone(all.public), func(f providers.FloatingIP) bool { return ownerOf(f.Mark) != o }), leads)
	if ok {
		m.Member.Objects[state.SlotFloatingIP] = state.Object{ID: own.ID, Intent: state.IntentID(own.Mark.Intent)}
	}
	if i := slices.IndexFunc(all.public, leads); i >= 0 {
		m.Member.FloatingAddress = all.public[i].Address
		if all.public[i].ID != own.ID {
			m.FloatingIP = all.public[i].Address
		}
	}
}

// locality finds the server group of the machine's lineage that its server was made in.
func (all marked) locality(m *Machine, server string) {
	for _, g := range all.apart {
		if g.Mark.Lineage == m.Lineage8 && slices.Contains(g.MemberIDs, server) {
			m.Locality, m.ServerGroup = g.Policy, state.Member{ID: state.MemberID(g.Mark.Member), Objects: map[state.Slot]state.Object{
				state.SlotServerGroup: {ID: g.ID, Intent: state.IntentID(g.Mark.Intent)},
			}}
		}
	}
}

func first(addresses []string) string {
	if len(addresses) == 0 {
		return ""
	}
	return addresses[0]
}

// group is the security group of a port that bears the machine's lineage.
func (all marked) group(o owner, port providers.Port) (group state.Member) {
	for _, id := range port.SecurityGroups {
		if g := all.groups[id]; g.Mark.Lineage == o.lineage8 {
			return state.Member{ID: state.MemberID(g.Mark.Member), Objects: map[state.Slot]state.Object{
				state.SlotSecurityGroup: {ID: g.ID, Intent: state.IntentID(g.Mark.Intent)},
			}}
		}
	}
	return group
}

// pick takes the one that is used, else any.
func pick[T any](all []T, used func(T) bool) (found T, ok bool) {
	for _, object := range all {
		if used(object) {
			return object, true
		}
	}
	if len(all) == 0 {
		return found, false
	}
	return all[0], true
}
