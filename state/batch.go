package state

import (
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
)

func (t *transaction) puts(b Batch) error {
	for _, m := range b.PutMembers {
		if err := t.putMember(m); err != nil {
			return fmt.Errorf("recording member %q: %w", m.ID, err)
		}
	}
	for _, r := range b.PutRoles {
		role, data, err := normal(r)
		if err == nil && (r.ID == "" || role.ID != r.ID) {
			err = fmt.Errorf("this is not an id")
		}
		if err != nil {
			return fmt.Errorf("recording role %q: %w", r.ID, err)
		}
		change(t, t.s.Roles, role.ID, &role, t.weighRole)
		t.write(Roles, string(role.ID), data)
	}
	for _, r := range b.PutRecords {
		if err := t.putRecord(r); err != nil {
			return fmt.Errorf("recording %s: %w", r.Address, err)
		}
	}
	return nil
}

func (t *transaction) putMember(m Member) error {
	if len(m.Objects) == 0 {
		m.Objects = nil
	}
	if len(m.Groups) == 0 {
		m.Groups = nil
	}
	if m.Key != "" && len(m.Groups) > 0 {
		return fmt.Errorf("a shared group is in no other")
	}
	if m.ManagementGroup != "" && !slices.Contains(m.Groups, m.ManagementGroup) {
		return fmt.Errorf("the group of its management port is not among its groups")
	}
	if m.ServerGroup != "" && !slices.Contains(m.Groups, m.ServerGroup) {
		return fmt.Errorf("its server group is not among its groups")
	}
	for slot, o := range m.Objects {
		if !slices.Contains(Slots, slot) {
			return fmt.Errorf("there is no slot %q", slot)
		}
		if o.ID == "" {
			return fmt.Errorf("the object in %s has no id", slot)
		}
		if m.Key != "" && !slot.Shared() {
			return fmt.Errorf("a shared group has no %s", slot)
		}
	}
	member, data, err := normal(m)
	if err != nil {
		return err
	}
	if m.ID == "" || member.ID != m.ID {
		return fmt.Errorf("this is not an id")
	}
	t.touch(m.ID, m.Groups)
	change(t, t.s.Members, member.ID, &member, t.weighMember)
	t.note(ChangeMember, resource.Address{}, string(member.ID))
	t.write(Members, string(member.ID), data)
	return nil
}

func (t *transaction) putRecord(r Record) error {
	switch {
	case r.Body == nil:
		return fmt.Errorf("it has no body")
	case r.Body.Kind() != r.Address.Kind:
		return fmt.Errorf("its body is that of a %s", r.Body.Kind())
	case !slices.Contains(statuses, r.Status):
		return fmt.Errorf("there is no status %q", r.Status)
	}
	r.DependsOn = slices.Clone(r.DependsOn)
	slices.SortFunc(r.DependsOn, resource.Address.Compare)
	r.DependsOn = slices.Compact(r.DependsOn)
	record, data, err := normal(r)
	if err != nil {
		return err
	}
	if record.Address != r.Address {
		return fmt.Errorf("this is not an address that can be written down")
	}
	change(t, t.s.Records, record.Address, &record, t.weighRecord)
	t.note(ChangeRecorded, record.Address, string(record.Status))
	t.write(Records, record.Address.String(), data)
	return nil
}

func (t *transaction) ends(b Batch) error {
	for _, id := range b.End {
		intent, open := t.s.Intents[id]
		if !open {
			return fmt.Errorf("ending intent %q: it is not open", id)
		}
		t.noteIntent(ChangeEnded, intent)
		change(t, t.s.Intents, id, nil, t.weighIntent)
		t.write(Intents, string(id), nil)
	}
	return nil
}

func (t *transaction) begins(b Batch) error {
	for _, in := range b.Begin {
		if err := t.begin(in); err != nil {
			return fmt.Errorf("beginning intent %q for %s: %w", in.ID, in.Address, err)
		}
	}
	return nil
}

func (t *transaction) begin(in Intent) error {
	in.Begun = in.Begun.UTC()
	intent, data, err := normal(in)
	if err != nil {
		return err
	}
	if _, open := t.s.Intents[in.ID]; open {
		return fmt.Errorf("it is open already")
	}
	if other, open := t.places[Place{in.Member, in.Slot}]; open {
		return fmt.Errorf("%s of member %s has the open intent %s", in.Slot, in.Member, other)
	}
	switch {
	case in.ID == "" || intent.ID != in.ID:
		return fmt.Errorf("this is not an id")
	case intent.Address != in.Address:
		return fmt.Errorf("this is not an address that can be written down")
	case in.Slot == "" || intent.Slot != in.Slot:
		return fmt.Errorf("%q is not a slot", in.Slot)
	case !slices.Contains(operations, in.Operation):
		return fmt.Errorf("there is no operation %q", in.Operation)
	case !slices.Contains(directions, in.Direction):
		return fmt.Errorf("there is no direction %q", in.Direction)
	}
	change(t, t.s.Intents, intent.ID, &intent, t.weighIntent)
	t.noteIntent(ChangeBegun, intent)
	t.write(Intents, string(intent.ID), data)
	return nil
}

func (t *transaction) drops(b Batch) error {
	for _, address := range b.DropRecords {
		if _, there := t.s.Records[address]; !there {
			return fmt.Errorf("dropping the record of %s: there is none", address)
		}
		change(t, t.s.Records, address, nil, t.weighRecord)
		t.note(ChangeForgotten, address, "")
		t.write(Records, address.String(), nil)
	}
	for _, id := range b.DropRoles {
		if _, there := t.s.Roles[id]; !there {
			return fmt.Errorf("dropping role %q: there is none", id)
		}
		change(t, t.s.Roles, id, nil, t.weighRole)
		t.write(Roles, string(id), nil)
	}
	for _, id := range b.DropMembers {
		if _, there := t.s.Members[id]; !there {
			return fmt.Errorf("dropping member %q: there is none", id)
		}
		t.touch(id, nil)
		change(t, t.s.Members, id, nil, t.weighMember)
		t.note(ChangeNoMember, resource.Address{}, string(id))
		t.write(Members, string(id), nil)
	}
	return nil
}

// settle looks at the end of a batch whether what it touched still has everything that it names. What stands between two
// parts of a batch does not count: two records may exchange their members.
func (t *transaction) settle(b Batch) error {
	for _, m := range b.PutMembers {
		if err := t.settleObjects(m.ID); err != nil {
			return err
		}
		if t.s.Members[m.ID].Released && t.named(m.ID) {
			return fmt.Errorf("releasing member %s: a role, a record or an open intent names it", m.ID)
		}
	}
	for _, r := range b.PutRoles {
		if kept, there := t.s.Roles[r.ID]; there && !t.hasMember(kept.Member) {
			return fmt.Errorf("recording role %s: there is no member %q", r.ID, kept.Member)
		}
	}
	for _, r := range b.PutRecords {
		if err := t.settleRecord(r.Address); err != nil {
			return fmt.Errorf("recording %s: %w", r.Address, err)
		}
	}
	for _, in := range b.Begin {
		if !t.hasMember(in.Member) {
			return fmt.Errorf("beginning intent %s for %s: there is no member %q", in.ID, in.Address, in.Member)
		}
	}
	for _, id := range b.DropRoles {
		if t.served[id] > 0 {
			return fmt.Errorf("dropping role %s: a record names it", id)
		}
	}
	for _, id := range b.DropMembers {
		if t.named(id) {
			return fmt.Errorf("dropping member %s: a role, a record or an open intent names it", id)
		}
	}
	return t.settleGroups()
}

// named tells whether a role, a record or an open intent names a member.
func (t *transaction) named(id MemberID) bool {
	return t.roles[id] > 0 || t.records[id] > 0 || t.intents[id] > 0
}

// hasMember tells whether something may name a member.
func (t *transaction) hasMember(id MemberID) bool {
	m, there := t.s.Members[id]
	return there && !m.Released
}

func (t *transaction) settleObjects(id MemberID) error {
	for slot, o := range t.s.Members[id].Objects {
		if t.objects[objectKey{slot.Object(), o.ID}] > 1 {
			return fmt.Errorf("recording member %s: its %s %s belongs to another member", id, slot, o.ID)
		}
	}
	return nil
}

// touch remembers the shared security groups that a change of a member may leave without a user, or its users without them.
func (t *transaction) touch(id MemberID, next []MemberID) {
	t.touched = append(t.touched, id)
	t.touched = append(append(t.touched, t.s.Members[id].Groups...), next...)
}

// settleGroups looks at what members share: a group that is named is there, one that nobody names any more is not, and
// there is one of each key.
func (t *transaction) settleGroups() error {
	for _, id := range t.touched {
		switch m, there := t.s.Members[id]; {
		case t.users[id] > 0 && m.Key == "":
			return fmt.Errorf("a member uses the shared security group %s, and there is none", id)
		case there && m.Key != "" && t.users[id] == 0:
			return fmt.Errorf("no member uses the shared security group %s: it goes with the last one", id)
		case t.keys[m.Key] > 1:
			return fmt.Errorf("the shared security group %s has the key of another", id)
		}
	}
	return nil
}

func (t *transaction) settleRecord(address resource.Address) error {
	r, there := t.s.Records[address]
	if !there {
		return nil // put and dropped in one batch
	}
	if r.Member != "" && !t.hasMember(r.Member) {
		return fmt.Errorf("there is no member %q", r.Member)
	}
	if _, known := t.s.Roles[r.Role]; r.Role != "" && !known {
		return fmt.Errorf("there is no role %q", r.Role)
	}
	if t.owners[r.Member] > 1 && address.Kind == resource.KindInstance {
		return fmt.Errorf("member %s is the machine of another instance", r.Member)
	}
	return nil
}
