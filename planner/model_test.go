package planner_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// reality is a model of a cloud and its guests, just rich enough to hold what the language declares.
type reality struct {
	machines map[state.MemberID]*machine
	strays   []planner.Marked // marked objects that stand in no record
	silent   map[state.MemberID]string
	choices  planner.Choices
	limits   map[planner.Limited]planner.Limit
	next     int
}

// machine is one member's objects and what lives in its guest.
type machine struct {
	objects  map[state.Slot]string
	parts    planner.Parts
	body     resource.Instance
	settings map[string]string // in force
	waiting  map[string]string // persisted, in force after a restart
	database map[string]resource.Database
	account  map[string]resource.User // by name@host; Password.Engine is what the engine stores
}

func newReality() *reality {
	return &reality{machines: map[state.MemberID]*machine{}, silent: map[state.MemberID]string{}, choices: planner.Choices{
		Flavors: []planner.Flavor{{Choice: planner.Choice{ID: "f1", Name: "db.small"}, RAMMiB: 512, VCPUs: 1}, {Choice: planner.Choice{ID: "f2", Name: "db.large"}, RAMMiB: 2048, VCPUs: 4}},
		Images:  []planner.Image{{Choice: planner.Choice{ID: "i1", Name: "mariadb-10.11"}}},
		Networks: []planner.Network{
			{Choice: planner.Choice{ID: "n1", Name: "private"}, Subnets: []planner.Choice{{ID: "s1", Name: "private-v4"}}},
			{Choice: planner.Choice{ID: "n2", Name: "management"}},
		},
		FloatingIPs: []planner.FloatingIP{},
		Zones:       []planner.Choice{{Name: "az1"}, {Name: "az2"}}, VolumeTypes: []planner.Choice{{Name: "hdd"}, {Name: "ssd"}},
	}}
}

func (r *reality) id(what string) string {
	r.next++
	return fmt.Sprintf("%s-%03d", what, r.next)
}

// do carries a plan out as an executor would. A step whose needs have not gone before is a failure.
func (w *world) do(t failer, p *plan.Plan) {
	t.Helper()
	w.move(t, p.Moves)
	done := map[string]bool{}
	for _, s := range p.Steps {
		for _, need := range s.Needs {
			if !done[need] {
				t.Fatalf("%s stands before %s, which it needs", s.ID, need)
			}
		}
		w.step(t, s)
		done[s.ID] = true
	}
	if w.has.Cloud == nil {
		w.has.Cloud = &state.CloudID{AuthURL: p.Cloud.AuthURL, ProjectID: p.Cloud.ProjectID, ProjectName: p.Cloud.ProjectName, Region: p.Cloud.Region}
	}
	w.has.Serial++
}

func (w *world) move(t failer, moves []plan.Move) {
	t.Helper()
	to := state.Renaming{}
	for _, m := range moves {
		to[m.From] = m.To
	}
	renamed, err := state.Renamed(w.has, to)
	if err != nil {
		t.Fatalf("moving: %v", err)
	}
	w.has = renamed
}

func (w *world) step(t failer, s plan.Step) {
	t.Helper()
	if s.Action == plan.DeleteOrphan {
		w.real.strays = slices.DeleteFunc(w.real.strays, func(m planner.Marked) bool { return m.Object == *s.Orphan })
		return
	}
	defer maps.DeleteFunc(w.has.Intents, func(_ state.IntentID, in state.Intent) bool { return in.Address == s.Address })
	body := s.After.Body
	if s.Action == plan.Delete {
		body = s.Before.Body
	}
	switch b := body.(type) {
	case *resource.Instance:
		w.instance(s, b)
	case *resource.Database:
		w.guest(t, s, b.Instance, func(m *machine) { m.putDatabase(s, b) })
	case *resource.User:
		w.guest(t, s, b.Instance, func(m *machine) { m.putUser(w, s, b) })
	case nil:
		if s.Address.Kind != resource.KindInstance {
			return
		}
		delete(w.real.machines, state.MemberID(s.Member))
		delete(w.has.Members, state.MemberID(s.Member))
		maps.DeleteFunc(w.has.Intents, func(_ state.IntentID, in state.Intent) bool { return string(in.Member) == s.Member })
	default:
		w.write(s, state.Record{})
	}
}

// write records what a step made of a resource.
func (w *world) write(s plan.Step, base state.Record) {
	if s.Action == plan.Delete {
		delete(w.has.Records, s.Address)
		return
	}
	base.Address, base.Body, base.Status, base.Fault = s.Address, s.After.Body, state.Ready, ""
	base.Protect, base.DependsOn = s.Protect, s.DependsOn
	w.has.Records[s.Address] = base
}

func (w *world) instance(s plan.Step, body *resource.Instance) {
	record := w.has.Records[s.Address]
	if s.Action == plan.Delete {
		delete(w.real.machines, record.Member)
		delete(w.has.Members, record.Member)
		w.leaveGroups()
		delete(w.has.Roles, record.Role)
		maps.DeleteFunc(w.has.Intents, func(_ state.IntentID, in state.Intent) bool { return in.Member == record.Member })
		w.write(s, record)
		return
	}
	if record.Member == "" {
		record.Member, record.Role = state.MemberID(w.real.id("member")), state.RoleID(w.real.id("role"))
		w.has.Roles[record.Role] = state.Role{ID: record.Role, Member: record.Member}
	}
	m := w.real.machines[record.Member]
	if m == nil {
		m = &machine{
			objects: map[state.Slot]string{}, settings: map[string]string{}, waiting: map[string]string{},
			database: map[string]resource.Database{}, account: map[string]resource.User{},
		}
		w.real.machines[record.Member] = m
	}
	member := state.Member{ID: record.Member, Objects: map[state.Slot]state.Object{}, Generation: 2, MayHoldData: true, Address: "10.0.0.7", SSHPort: 22}
	member.Groups = []state.MemberID{w.joinGroup(m, state.SlotSecurityGroup, body.AccessKey())}
	if body.Managed() {
		member.ManagementGroup = w.joinGroup(m, state.SlotManagementGroup, body.ManagementKey())
		member.Groups = append(member.Groups, member.ManagementGroup)
	}
	for _, slot := range state.SlotsOf(body) {
		if slot.Object() == state.SlotSecurityGroup {
			continue
		}
		if m.objects[slot] == "" {
			m.objects[slot] = w.real.id(string(slot))
		}
		if m.objects[slot] != "" {
			member.Objects[slot] = state.Object{ID: m.objects[slot], Intent: "intentintentinte"}
		}
	}
	before := w.has.Members[record.Member].Groups
	w.has.Members[record.Member] = member
	if len(before) > 0 && !slices.Equal(before, member.Groups) {
		w.leaveGroups()
	}
	m.configure(body)
	m.body, m.parts = *body, planner.Parts{Locked: m.parts.Locked}
	w.write(s, record)
}

// joinGroup gives a machine the shared security group with a key, which is made where there is none or it is gone.
func (w *world) joinGroup(m *machine, slot state.Slot, key string) state.MemberID {
	group := state.Member{ID: state.MemberID("group-" + key[:6]), Key: key}
	object := w.has.Members[group.ID].Objects[state.SlotSecurityGroup].ID
	if object == "" || m.objects[slot] == "" && w.lost(object) {
		object = w.real.id("security_group")
	}
	group.Objects = map[state.Slot]state.Object{state.SlotSecurityGroup: {ID: object, Intent: "intentintentinte"}}
	w.has.Members[group.ID], m.objects[slot] = group, object
	return group.ID
}

// lost tells whether no machine has a security group.
func (w *world) lost(object string) bool {
	for _, m := range w.real.machines {
		if m.objects[state.SlotSecurityGroup] == object || m.objects[state.SlotManagementGroup] == object {
			return false
		}
	}
	return true
}

// leaveGroups forgets the security groups that no machine uses any more.
func (w *world) leaveGroups() {
	used := map[state.MemberID]bool{}
	for _, m := range w.has.Members {
		for _, id := range m.Groups {
			used[id] = true
		}
	}
	maps.DeleteFunc(w.has.Members, func(id state.MemberID, m state.Member) bool { return m.Key != "" && !used[id] })
}

// configure sets the managed settings; static ones wait unless the server is new or may restart.
func (m *machine) configure(body *resource.Instance) {
	fresh := m.body.Name == "" || body.Restart == "if_required"
	next := map[string]string{}
	m.waiting = map[string]string{}
	for name, value := range body.Settings {
		old, was := m.settings[name]
		if !fresh && body.Static("config_group.values."+name) && old != value {
			m.waiting[name] = value
			if was {
				next[name] = old
			}
			continue
		}
		next[name] = value
	}
	m.settings = next
}

func (w *world) guest(t failer, s plan.Step, host resource.Address, do func(*machine)) {
	t.Helper()
	record, known := w.has.Records[host]
	if s.With.IsZero() {
		if !known {
			t.Fatalf("%s: its instance is not recorded", s.ID)
		}
		m := w.real.machines[record.Member]
		if m == nil || w.real.silent[record.Member] != "" {
			t.Fatalf("%s: its guest does not answer", s.ID)
		}
		do(m)
	}
	if s.Action == plan.Delete {
		delete(w.has.Records, s.Address)
		return
	}
	if u, ok := s.After.Body.(*resource.User); ok {
		recorded := *u
		if u.Password != nil {
			recorded.Password = &resource.Password{Digest: u.Password.Digest, Engine: w.real.machines[record.Member].account[name(u)].Password.Engine}
			if before, ok := s.Before.Body.(*resource.User); ok && u.Password.Digest == "" && before.Password != nil {
				recorded.Password.Digest = before.Password.Digest
			}
		}
		s.After.Body = &recorded
	}
	w.write(s, state.Record{Role: record.Role})
}

func name(u *resource.User) string { return u.Name + "@" + u.Host }

func (m *machine) putDatabase(s plan.Step, b *resource.Database) {
	if s.Action == plan.Delete {
		delete(m.database, b.Name)
		return
	}
	old := m.database[b.Name]
	if before, ok := s.Before.Body.(*resource.Database); ok && before.Name != b.Name {
		old = m.database[before.Name]
		delete(m.database, before.Name)
	}
	now := *b
	now.Charset, now.Collation, now.Encoding = cmp.Or(b.Charset, old.Charset), cmp.Or(b.Collation, old.Collation), cmp.Or(b.Encoding, old.Encoding)
	if now.Owner.Name == "" {
		now.Owner = old.Owner
	}
	now.Extensions = slices.Compact(slices.Sorted(slices.Values(slices.Concat(old.Extensions, b.Extensions))))
	m.database[b.Name] = now
}

func (m *machine) putUser(w *world, s plan.Step, u *resource.User) {
	if s.Action == plan.Delete {
		delete(m.account, name(u))
		return
	}
	old := m.account[name(u)]
	if before, ok := s.Before.Body.(*resource.User); ok && name(before) != name(u) {
		old = m.account[name(before)]
		delete(m.account, name(before))
	}
	now := *u
	now.Password = &resource.Password{}
	if old.Password != nil {
		now.Password.Engine = old.Password.Engine
	}
	sets := s.Action == plan.Create || slices.ContainsFunc(s.Changes, func(c plan.Change) bool { return c.Path == "password" })
	if sets && u.Password != nil {
		now.Password.Engine = "verifier of " + u.Password.Digest
	}
	if u.Additive {
		now.Grants = merge(old.Grants, u.Grants)
	}
	m.account[name(u)] = now
}

func merge(old, add []resource.Grant) []resource.Grant {
	all := map[string][]string{}
	for _, g := range slices.Concat(old, add) {
		all[g.Database] = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(all[g.Database]), g.Privileges...))))
	}
	var out []resource.Grant
	for _, database := range sortedKeys(all) {
		out = append(out, grant(database, all[database]...))
	}
	return out
}
