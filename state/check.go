package state

import (
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
)

// Check looks for everything that must not be in a state, in a stable order; nil: it is sound. Stores refuse most of it
// when it is written; it is called after every test and by `state check`.
func Check(s *Snapshot) []error {
	c := &checker{s: s, objects: map[objectKey]MemberID{}, places: map[Place]IntentID{}, slots: map[MemberID]resource.Address{}}
	c.head()
	for _, id := range slices.Sorted(maps.Keys(s.Members)) {
		c.member(id, s.Members[id])
	}
	c.groups()
	for _, id := range slices.Sorted(maps.Keys(s.Roles)) {
		c.role(id, s.Roles[id])
	}
	for _, address := range slices.SortedFunc(maps.Keys(s.Records), resource.Address.Compare) {
		c.record(address, s.Records[address])
	}
	for _, id := range slices.Sorted(maps.Keys(s.Intents)) {
		c.intent(id, s.Intents[id])
	}
	return c.found
}

type checker struct {
	s       *Snapshot
	objects map[objectKey]MemberID
	places  map[Place]IntentID
	slots   map[MemberID]resource.Address // the instance whose slot a member is
	found   []error
}

func (c *checker) report(format string, args ...any) {
	c.found = append(c.found, fmt.Errorf(format, args...))
}

func (c *checker) head() {
	if c.s.Format < 1 || c.s.Format > Format {
		c.report("the format is %d, not 1 to %d", c.s.Format, Format)
	}
	if !wellFormed(c.s.Lineage, lineageLength) {
		c.report("the lineage %q is not %d characters of lower-case base32", c.s.Lineage, lineageLength)
	}
}

func (c *checker) id(what, id string, length int) {
	if !wellFormed(id, length) {
		c.report("the id of %s %q is not %d characters of lower-case base32", what, id, length)
	}
}

func (c *checker) member(id MemberID, m Member) {
	c.id("member", string(id), memberLength)
	if m.ID != id {
		c.report("member %s stands under %s", m.ID, id)
	}
	if m.Generation < 0 {
		c.report("member %s has the key generation %d", id, m.Generation)
	}
	for _, slot := range slices.Sorted(maps.Keys(m.Objects)) {
		object := m.Objects[slot]
		if !slices.Contains(Slots, slot) {
			c.report("member %s has an object in a slot %q, which there is not", id, slot)
		}
		if object.ID == "" {
			c.report("member %s: the object in %s has no id", id, slot)
			continue
		}
		key := objectKey{slot.Object(), object.ID}
		if other, taken := c.objects[key]; taken {
			c.report("%s %s belongs to member %s and to member %s", slot, object.ID, other, id)
		}
		c.objects[key] = id
	}
}

// groups looks at the security groups that members share.
func (c *checker) groups() {
	users, keys := map[MemberID]int{}, map[string]MemberID{}
	for _, id := range slices.Sorted(maps.Keys(c.s.Members)) {
		m := c.s.Members[id]
		for _, group := range m.Groups {
			users[group]++
			if c.s.Members[group].Key == "" {
				c.report("member %s: there is no shared security group %q", id, group)
			}
		}
		if m.ManagementGroup != "" && !slices.Contains(m.Groups, m.ManagementGroup) {
			c.report("member %s: the group of its management port %s is not among its groups", id, m.ManagementGroup)
		}
		if m.ServerGroup != "" && !slices.Contains(m.Groups, m.ServerGroup) {
			c.report("member %s: its server group %s is not among its groups", id, m.ServerGroup)
		}
		if m.Key == "" {
			continue
		}
		if other, taken := keys[m.Key]; taken {
			c.report("the security groups %s and %s have the same key", other, id)
		}
		keys[m.Key] = id
		for slot := range m.Objects {
			if !slot.Shared() {
				c.report("the shared group %s has a %s", id, slot)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Values(keys)) {
		if users[id] == 0 {
			c.report("no member uses the shared security group %s", id)
		}
	}
}

// serves looks for the member that something names.
func (c *checker) serves(what string, id MemberID) {
	switch m, there := c.s.Members[id]; {
	case !there:
		c.report("%s: there is no member %q", what, id)
	case m.Released:
		c.report("%s: member %s was released", what, id)
	}
}

func (c *checker) role(id RoleID, r Role) {
	c.id("role", string(id), roleLength)
	if r.ID != id {
		c.report("role %s stands under %s", r.ID, id)
	}
	c.serves(fmt.Sprintf("role %s", id), r.Member)
}

func (c *checker) record(address resource.Address, r Record) {
	switch {
	case r.Address != address:
		c.report("the record of %s stands under %s", r.Address, address)
	case r.Body == nil:
		c.report("%s has no body", address)
		return
	case r.Body.Kind() != address.Kind:
		c.report("%s has the body of a %s", address, r.Body.Kind())
		return
	}
	if !slices.Contains(statuses, r.Status) {
		c.report("%s: there is no status %q", address, r.Status)
	}
	if r.Member != "" {
		c.serves(address.String(), r.Member)
	}
	if _, there := c.s.Roles[r.Role]; r.Role != "" && !there {
		c.report("%s: there is no role %q", address, r.Role)
	}
	if address.Kind == resource.KindInstance {
		c.machine(address, r)
	}
	c.names(address, r)
}

// machine looks at what only instances have. One that is complete has a machine; one that failed early may have none.
func (c *checker) machine(address resource.Address, r Record) {
	if r.Member == "" {
		if r.Status == Ready {
			c.report("%s is ready but has no member", address)
		}
		return
	}
	if other, taken := c.slots[r.Member]; taken {
		c.report("member %s is the machine of %s and of %s", r.Member, other, address)
	}
	c.slots[r.Member] = address
}

// names looks for the record of the instance that something lives in. What failed or is on its way out may outlive it, and
// what a record depends on in other ways may have been taken out by `state rm`.
func (c *checker) names(address resource.Address, r Record) {
	if r.Status == Failed || r.Status == Deleting {
		return
	}
	if instance, ok := r.Body.References()["instance"]; ok {
		if _, there := c.s.Records[instance]; !there {
			c.report("%s lives on %s, which has no record", address, instance)
		}
	}
}

func (c *checker) intent(id IntentID, in Intent) {
	c.id("intent", string(id), intentLength)
	if in.ID != id {
		c.report("intent %s stands under %s", in.ID, id)
	}
	c.serves(fmt.Sprintf("intent %s for %s", id, in.Address), in.Member)
	if in.Slot == "" {
		c.report("intent %s for %s has no slot", id, in.Address)
	}
	if !slices.Contains(operations, in.Operation) {
		c.report("intent %s for %s: there is no operation %q", id, in.Address, in.Operation)
	}
	if !slices.Contains(directions, in.Direction) {
		c.report("intent %s for %s: there is no direction %q", id, in.Address, in.Direction)
	}
	place := Place{in.Member, in.Slot}
	if other, taken := c.places[place]; taken {
		c.report("%s of member %s has two open intents, %s and %s", in.Slot, in.Member, other, id)
	}
	c.places[place] = id
}
