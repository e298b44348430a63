package observe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// machine is what the lists say of one instance.
type machine struct {
	record state.Record
	body   *resource.Instance // as recorded
	member state.Member
	server *providers.Server
	volume *providers.Volume
	port   *providers.Port
	group  *providers.SecurityGroup
	// The port in the management network, and its group; nil: there is none.
	managementPort  *providers.Port
	managementGroup *providers.SecurityGroup
	floating        *providers.FloatingIP // its own; nil: there is none
	missing         []state.Slot
	unknown         string
}

// machine looks the objects of a record's member up. A slot is missing when its recorded object is in no list, and for an
// instance that was ready also when no object is recorded in it.
func (l *look) machine(record state.Record) machine {
	m := machine{record: record, member: l.prior.Members[record.Member]}
	m.body, _ = record.Body.(*resource.Instance)
	m.server = find(l, &m, l.lists.servers, state.SlotServer)
	m.volume = find(l, &m, l.lists.volumes, state.SlotVolume)
	m.port = find(l, &m, l.lists.ports, state.SlotPort)
	m.group = find(l, &m, l.lists.groups, state.SlotSecurityGroup)
	m.managementPort = find(l, &m, l.lists.ports, state.SlotManagementPort)
	m.managementGroup = find(l, &m, l.lists.groups, state.SlotManagementGroup)
	if m.server != nil && (m.server.Status == "DELETED" || m.server.Status == "SOFT_DELETED") {
		m.server, m.missing = nil, append(m.missing, state.SlotServer)
	}
	l.floating(&m)
	slices.SortFunc(m.missing, func(a, b state.Slot) int {
		return cmp.Compare(slices.Index(state.Slots, a), slices.Index(state.Slots, b))
	})
	return m
}

func find[T any](l *look, m *machine, in listing[T], slot state.Slot) *T {
	object, filled := l.prior.Object(m.member.ID, slot)
	expected := m.record.Status == state.Ready && slices.Contains(state.SlotsOf(m.body), slot)
	switch {
	case !filled && !expected:
		return nil
	}
	if err := in.unread(m.body.Provider); err != nil {
		m.unknown = cmp.Or(m.unknown, fmt.Sprintf("the cloud's list of %ss could not be read: %v", slot.Object(), err))
		return nil
	}
	found, there := in.byID[object.ID]
	if !there {
		m.missing = append(m.missing, slot)
		return nil
	}
	return &found
}

// reachable tells why a guest is not worth asking; empty: it is.
func (l *look) reachable(record state.Record) (state.Member, string) {
	m := l.machine(record)
	switch {
	case record.Status != state.Ready:
		return m.member, fmt.Sprintf("its instance is not ready (%s)", record.Status)
	case m.unknown != "":
		return m.member, m.unknown
	case m.server == nil:
		return m.member, "its server is gone"
	case !runs(m.server):
		return m.member, "its server is " + m.server.Status
	}
	return m.member, ""
}

// settingNames are the settings that are recorded or wanted, sorted.
func (l *look) settingNames(record state.Record) []string {
	names := map[string]bool{}
	for _, body := range []resource.Body{record.Body, l.wantedBody(record.Address)} {
		if i, ok := body.(*resource.Instance); ok {
			for name := range i.Settings {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (l *look) wantedBody(address resource.Address) resource.Body {
	if r, ok := l.desired.Resources[address]; ok {
		return r.Body
	}
	return nil
}

// instance tells what is there of an instance.
func (l *look) instance(record state.Record) planner.Subject {
	m := l.machine(record)
	if m.unknown != "" {
		return planner.Subject{Presence: planner.Unknown, Why: m.unknown}
	}
	if record.Status == state.Ready && m.server == nil && m.volume == nil && m.port == nil && m.group == nil && m.managementPort == nil {
		return planner.Subject{Presence: planner.Absent}
	}
	asked := l.inspected[record.Address]
	s := planner.Subject{Presence: planner.Present, Missing: m.missing, Skipped: asked.skipped, Computed: l.computed(m, asked), Parts: l.parts(m)}
	if record.Status == state.Ready {
		s.Unverified = asked.why
	}
	body := *m.body
	l.placement(&body, m)
	l.access(&body, m)
	l.public(&body, m)
	if asked.why == "" {
		body.Settings = settings(m.body, asked.Inspection, l.settingNames(record))
		s.Pending = pending(asked.Inspection)
		care(&body, asked.Inspection)
	}
	s.Body, s.Unrecorded = &body, unrecorded(m.body, &body, asked.Inspection)
	s.Parts.Certificate = l.certificate(m, asked)
	s.Conditions = l.conditions(m, asked, s.Pending)
	return s
}

// placement overwrites what the lists of servers, volumes and ports tell.
func (l *look) placement(body *resource.Instance, m machine) {
	if m.server != nil {
		body.Name = m.server.Name
		if m.server.FlavorName != body.Flavor && m.server.FlavorID != body.Flavor {
			body.Flavor = cmp.Or(m.server.FlavorName, m.server.FlavorID, body.Flavor)
		}
		body.AvailabilityZone = cmp.Or(m.server.Zone, body.AvailabilityZone)
		body.Metadata = l.metadata(m)
	}
	if m.volume != nil && body.Volume != nil {
		body.Volume = &resource.Volume{
			Size: m.volume.SizeGiB, Type: cmp.Or(m.volume.Type, body.Volume.Type),
			AvailabilityZone: cmp.Or(m.volume.Zone, body.Volume.AvailabilityZone),
		}
	}
	if m.port != nil && len(m.port.Addresses) > 0 && !slices.Contains(m.port.Addresses, body.FixedIP) {
		body.FixedIP = m.port.Addresses[0]
	}
}

// metadata shows the keys that are recorded or wanted; others belong to somebody else.
func (l *look) metadata(m machine) map[string]string {
	out := map[string]string{}
	for _, body := range []resource.Body{m.body, l.wantedBody(m.record.Address)} {
		i, ok := body.(*resource.Instance)
		if !ok {
			continue
		}
		for key := range i.Metadata {
			if value, there := m.server.Metadata[key]; there {
				out[key] = value
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// settings shows the recorded, the wanted and the managed settings. What is managed shows the value in force, so that a
// change behind our back is seen, unless it is only in force after a restart: then the persisted one. What is recorded
// and no longer managed is absent.
func settings(recorded *resource.Instance, seen guest.Inspection, asked []string) map[string]string {
	out := map[string]string{}
	for name, s := range seen.Settings {
		_, was := recorded.Settings[name]
		switch {
		case s.Configured != "" && (s.Pending || slices.Contains(seen.PendingRestart, name) || recorded.Static("config_group.values."+name)):
			out[name] = s.Configured
		case s.Configured != "":
			out[name] = s.Running
		case !was && slices.Contains(asked, name):
			out[name] = s.Running
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// unrecorded lists what is shown only because it is wanted: settings that nobody manages yet, and keys of the metadata that
// were not ours.
func unrecorded(recorded, shown *resource.Instance, seen guest.Inspection) []string {
	var paths []string
	for name := range shown.Settings {
		if _, was := recorded.Settings[name]; !was && seen.Settings[name].Configured == "" {
			paths = append(paths, "config_group.values."+name)
		}
	}
	for key := range shown.Metadata {
		if _, was := recorded.Metadata[key]; !was {
			paths = append(paths, "metadata."+key)
		}
	}
	slices.Sort(paths)
	return paths
}

func pending(seen guest.Inspection) map[string]string {
	out := map[string]string{}
	for _, name := range seen.PendingRestart {
		out[name] = seen.Settings[name].Running
	}
	return out
}

// computed is what outputs and status show.
func (l *look) computed(m machine, asked inspected) map[string]string {
	out := map[string]string{
		"id": string(m.member.ID), "address": m.member.Address, "management_address": m.member.AgentAddress,
		"floating_address": m.member.FloatingAddress, "role": "primary",
	}
	if port := enginePort(m.body); port != 0 {
		out["port"] = strconv.Itoa(port)
	}
	for _, slot := range state.Slots {
		if object, filled := l.prior.Object(m.member.ID, slot); filled {
			out[string(slot)+"_id"] = object.ID
		}
	}
	switch {
	case m.record.Status != state.Ready:
		out["status"] = string(m.record.Status)
	case m.server == nil:
		out["status"] = "missing"
	case !runs(m.server):
		out["status"] = strings.ToLower(m.server.Status)
	case asked.why == "" && asked.Status == guest.StatusHealthy:
		out["status"] = "ready"
	case asked.Status != "":
		out["status"] = string(asked.Status)
	case asked.skipped:
		out["status"] = "active"
	default:
		out["status"] = "unknown"
	}
	if asked.RunningVersion != "" {
		out["running_version"] = asked.RunningVersion
	}
	maps.DeleteFunc(out, func(_, value string) bool { return value == "" })
	return out
}
