package planner_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// look is what a truthful look finds.
func (r *reality) look(w *world) planner.Observation {
	seen := planner.Observation{
		At: noon, Cloud: plan.Cloud{Name: "dev", AuthURL: "http://cloud.invalid/v3", ProjectID: "p1", ProjectName: "db", Region: "R1"},
		Seen: map[resource.Address]planner.Subject{}, Found: map[resource.Address]resource.Body{}, Choices: r.choices, Limits: r.limits, Marked: slices.Clone(r.strays),
	}
	for address, record := range w.has.Records {
		switch b := record.Body.(type) {
		case *resource.Instance:
			seen.Seen[address] = r.lookInstance(w, record, b)
		case *resource.Database, *resource.User:
			seen.Seen[address] = r.lookGuest(w, record)
		}
	}
	listed := map[string]bool{} // a security group is there once, however many machines have it
	for _, id := range slices.Sorted(maps.Keys(r.machines)) {
		m := r.machines[id]
		for _, slot := range state.Slots {
			if m.objects[slot] != "" && !listed[m.objects[slot]] {
				listed[m.objects[slot]] = true
				seen.Marked = append(seen.Marked, planner.Marked{
					Object:   plan.Object{Service: string(slot.Object()), ID: m.objects[slot], Name: m.body.Name, Member: string(id), Intent: "intentintentinte"},
					Lineage8: ours, CreatedAt: noon.Add(-time.Hour),
				})
			}
		}
	}
	r.undeclared(w, &seen)
	return seen
}

func (r *reality) lookInstance(w *world, record state.Record, had *resource.Instance) planner.Subject {
	m, member := r.machines[record.Member], w.has.Members[record.Member]
	s := planner.Subject{Presence: planner.Present}
	filled := 0
	for _, slot := range state.SlotsOf(had) {
		object, there := w.has.Object(member.ID, slot)
		switch {
		case m != nil && m.objects[slot] != "" && m.objects[slot] == object.ID:
			filled++
		case there || record.Status == state.Ready:
			s.Missing = append(s.Missing, slot)
		}
	}
	if filled == 0 && record.Status == state.Ready {
		return planner.Subject{Presence: planner.Absent}
	}
	body := *had
	if m != nil && m.body.Name != "" {
		body = m.body
		body.Settings = maps.Clone(m.settings)
		for name, value := range m.waiting {
			body.Settings[name] = value
		}
		if len(m.waiting) > 0 {
			s.Pending = map[string]string{}
			for name := range m.waiting {
				s.Pending[name] = m.settings[name]
			}
			s.Conditions = []plan.Condition{{Address: record.Address, Code: "restart_pending", Text: "in force after a restart of the engine: " + strings.Join(sortedKeys(m.waiting), ", ")}}
		}
		body.ConfigGroup, body.Restart = had.ConfigGroup, had.Restart
	}
	why := r.silent[record.Member]
	if m == nil || m.objects[state.SlotServer] == "" {
		why = "its server is gone"
	}
	if m != nil {
		s.Parts = m.parts
		if m.objects[state.SlotServer] == "" {
			s.Parts.Status, s.Parts.Locked, s.Parts.Detached = "", false, false
		} else if m.parts.Status != "" {
			why = "its server is " + m.parts.Status
		}
	}
	if why != "" && record.Status == state.Ready {
		s.Unverified = why
		body.Settings = had.Settings
	}
	s.Body = &body
	return s
}

func (r *reality) lookGuest(w *world, record state.Record) planner.Subject {
	host := record.Body.References()["instance"]
	of := w.has.Records[host]
	m := r.machines[of.Member]
	why := r.silent[of.Member]
	if of.Status != state.Ready {
		why = "its instance is not ready"
	}
	if m == nil || m.objects[state.SlotServer] == "" {
		why = "its server is gone"
	} else if m.parts.Status != "" {
		why = "its server is " + m.parts.Status
	}
	if why != "" {
		return planner.Subject{Presence: planner.Unknown, Why: why}
	}
	switch b := record.Body.(type) {
	case *resource.Database:
		if d, there := m.database[b.Name]; there {
			d.Instance = host
			return planner.Subject{Presence: planner.Present, Body: &d}
		}
	case *resource.User:
		if u, there := m.account[name(b)]; there {
			u.Instance, u.Additive = host, b.Additive
			engine := u.Password.Engine
			u.Password = nil
			if b.Password != nil {
				u.Password = &resource.Password{Digest: b.Password.Digest, Engine: engine}
			}
			return planner.Subject{Presence: planner.Present, Body: &u}
		}
	}
	return planner.Subject{Presence: planner.Absent}
}

func (r *reality) undeclared(w *world, seen *planner.Observation) {
	named := map[string]bool{}
	key := func(body resource.Body) string {
		switch b := body.(type) {
		case *resource.Database:
			return "database " + b.Instance.String() + " " + b.Name
		case *resource.User:
			return "user " + b.Instance.String() + " " + name(b)
		}
		return ""
	}
	for _, record := range w.has.Records {
		named[key(record.Body)] = true
	}
	declared := map[resource.Address][]*resource.Resource{}
	for _, d := range w.want.Resources {
		host := d.Body.References()["instance"]
		declared[host] = append(declared[host], d)
	}
	for address, record := range w.has.Records {
		m := r.machines[record.Member]
		if record.Member == "" || m == nil || r.silent[record.Member] != "" || record.Status != state.Ready {
			continue
		}
		for _, other := range declared[address] {
			if named[key(other.Body)] {
				continue
			}
			switch b := other.Body.(type) {
			case *resource.Database:
				if d, there := m.database[b.Name]; there {
					d.Instance = b.Instance
					seen.Found[other.Address] = &d
				}
			case *resource.User:
				if u, there := m.account[name(b)]; there {
					u.Instance, u.Additive = b.Instance, b.Additive
					seen.Found[other.Address] = &u
				}
			}
			named[key(other.Body)] = true
		}
		for n := range m.database {
			if !named["database "+address.String()+" "+n] {
				seen.Unmanaged = append(seen.Unmanaged, plan.Unmanaged{Instance: address, Kind: resource.KindDatabase, Name: n})
			}
		}
		for n := range m.account {
			if !named["user "+address.String()+" "+n] {
				seen.Unmanaged = append(seen.Unmanaged, plan.Unmanaged{Instance: address, Kind: resource.KindUser, Name: n})
			}
		}
	}
}

// static is a parameter of the catalog that needs a restart, and dynamic one that does not.
func static() string  { return parameter(false) }
func dynamic() string { return parameter(true) }

func parameter(isDynamic bool) string {
	engine, ok := catalog.Lookup("mariadb")
	if !ok {
		panic("there is no mariadb in the catalog")
	}
	version, _ := engine.Version("10.11")
	for _, name := range sortedKeys(version.Parameters) {
		if p := version.Parameters[name]; p.Dynamic == isDynamic && p.Refused == "" && p.Type == catalog.TypeInteger {
			return name
		}
	}
	panic("the catalog has no such parameter")
}
