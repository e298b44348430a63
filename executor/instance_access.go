package executor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// sharedGroups are the groups of ports and servers that a run works on, by key.
type sharedGroups struct {
	mu    sync.Mutex
	byKey map[string]*sharedGroup
}

// sharedGroup is locked by the one step that makes, mends or removes the group, and read-locked by those that join it as it
// is or leave it to others: a thousand of them record that beside each other.
type sharedGroup struct {
	sync.RWMutex
	right   string       // the id of the group, once this run has made it or seen that it is right
	leaving atomic.Int64 // steps that are just leaving it to others
}

func (s *sharedGroups) of(key string) *sharedGroup {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil {
		s.byKey = map[string]*sharedGroup{}
	}
	if s.byKey[key] == nil {
		s.byKey[key] = &sharedGroup{}
	}
	return s.byKey[key]
}

// common is what machines with the same key share: a security group or a server group.
type common struct {
	key  string
	slot state.Slot
	// claim notes in a machine what it uses the group for, and tells whether that is new.
	claim func(machine *state.Member, group state.MemberID) bool
	// doubted: the cloud may have lost the one that is recorded.
	doubted bool
	make    making
	mend    func(ctx context.Context, id string) error // of one that was there before; nil: there is nothing to mend
}

// join gives the security group that lets in what is wanted at a door, with its object, and records that this machine uses
// it: as the one that its port has or, beside that, is about to have.
func (i *instanceAct) join(ctx context.Context, d door) (state.Member, error) {
	return i.share(ctx, common{
		key: d.key, slot: state.SlotSecurityGroup, doubted: slices.Contains(i.step.Rebuild, string(d.group)),
		claim: func(machine *state.Member, group state.MemberID) bool {
			if d.port != state.SlotManagementPort || machine.ManagementGroup != "" {
				return false
			}
			machine.ManagementGroup = group
			return true
		},
		make: func(ctx context.Context, mark providers.Mark) (string, error) { return i.makeGroup(ctx, mark, d) },
		mend: func(ctx context.Context, id string) error { return i.mend(ctx, d, id) },
	})
}

// share gives what is common to this machine and others, and records that it uses it. The first machine that needs it makes
// it; of those that share it, one in a run sees to it that it is right.
func (i *instanceAct) share(ctx context.Context, c common) (state.Member, error) {
	shared := i.shared.of(c.key)
	shared.RLock()
	group, known := i.journal.Group(c.key)
	if known && shared.right != "" && shared.right == group.Objects[c.slot].ID {
		defer shared.RUnlock()
		_, err := i.enlist(ctx, c)
		return group, err
	}
	shared.RUnlock()
	shared.Lock()
	defer shared.Unlock()
	hands, err := i.enlist(ctx, c)
	if err != nil {
		return state.Member{}, err
	}
	if c.doubted {
		if err := i.forgetLost(ctx, hands, c.slot); err != nil {
			return state.Member{}, err
		}
	}
	made := 0
	id, err := i.fill(ctx, hands, c.slot, counted(&made, c.make))
	if err != nil {
		return state.Member{}, err
	}
	if made == 0 && shared.right != id && c.mend != nil {
		if err := c.mend(ctx, id); err != nil {
			return state.Member{}, err
		}
	}
	shared.right = id
	return hands.Member(), nil
}

// enlist records that the machine uses a group. It is recorded before the group is asked for: no group is ever without a
// machine that uses it.
func (i *instanceAct) enlist(ctx context.Context, c common) (*journaled.Hands, error) {
	machine, batch := i.hands.Member(), state.Batch{}
	group, known := i.journal.Group(c.key)
	if !known {
		group = state.Member{ID: i.IDs.Member(), Key: c.key}
		batch.PutMembers = append(batch.PutMembers, group)
	}
	hands := i.journal.Hands(group.ID, i.step.Address)
	uses, claimed := slices.Contains(machine.Groups, group.ID), c.claim(&machine, group.ID)
	if uses && !claimed {
		return hands, nil
	}
	if !uses {
		machine.Groups = append(machine.Groups, group.ID)
	}
	batch.PutMembers = append(batch.PutMembers, machine)
	return hands, i.journal.Commit(ctx, batch)
}

// forgetLost empties the slot of a group that the cloud does not have. One that is there another step has made again.
func (i *instanceAct) forgetLost(ctx context.Context, hands *journaled.Hands, slot state.Slot) error {
	object, filled := hands.Member().Objects[slot]
	if !filled {
		return nil
	}
	there, err := i.there(ctx, slot, object.ID)
	if err != nil || there {
		return err
	}
	return hands.Forget(ctx, slot)
}

func (i *instanceAct) makeGroup(ctx context.Context, mark providers.Mark, d door) (string, error) {
	group, err := i.Cloud.SecurityGroups.Create(ctx, providers.SecurityGroupSpec{
		Mark: mark, Provider: i.body.Provider, Name: truncate(fmt.Sprintf("%saccess-%.8s", i.prefix, d.key), 255), Rules: d.rules(),
	})
	return group.ID, err
}

// mend makes a group's rules exactly those that are wanted: first what is missing, then what is too much, so that nobody
// who may connect is cut off meanwhile.
func (i *instanceAct) mend(ctx context.Context, d door, id string) error {
	want := d.rules()
	return i.hands.Call(ctx, journaled.Request{
		Slot: d.call("access/" + i.step.Address.String()), Asked: want,
		Do: func(ctx context.Context, intent string) error {
			return i.reconcileRules(ctx, id, want, i.hands.Mark(state.IntentID(intent)))
		},
	})
}

func (i *instanceAct) reconcileRules(ctx context.Context, id string, want []providers.Rule, mark providers.Mark) error {
	group, err := i.Cloud.SecurityGroups.Get(ctx, id)
	if err != nil {
		return err
	}
	same := func(a, b providers.Rule) bool { return a.Port == b.Port && a.CIDR == b.CIDR && a.Other == b.Other }
	for _, rule := range want {
		if !slices.ContainsFunc(group.Rules, func(has providers.Rule) bool { return same(rule, has) }) {
			if _, err := i.Cloud.SecurityGroups.AddRule(ctx, id, mark, rule); err != nil {
				return err
			}
		}
	}
	for _, has := range group.Rules {
		if !slices.ContainsFunc(want, func(rule providers.Rule) bool { return same(rule, has) }) {
			if err := i.Cloud.SecurityGroups.DeleteRule(ctx, has.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// setAccess gives each port the security group that lets in what is wanted, and no other.
func (i *instanceAct) setAccess(ctx context.Context) error {
	for _, d := range i.doors() {
		group, err := i.join(ctx, d)
		if err != nil {
			return err
		}
		if err := i.attach(ctx, d, group); err != nil {
			return err
		}
	}
	return nil
}

// attach gives a door's port a group that was joined. With that it is recorded as the port's, and the agent is reached where
// the group lets in.
func (i *instanceAct) attach(ctx context.Context, d door, group state.Member) error {
	port, id := i.hands.Member().Objects[d.port].ID, group.Objects[state.SlotSecurityGroup].ID
	return i.hands.Call(ctx, journaled.Request{
		Slot: d.call("security_groups/" + i.step.Address.String()), Asked: id,
		Do: func(ctx context.Context, _ string) error {
			return i.Cloud.Ports.SetSecurityGroups(ctx, port, []string{id})
		},
		Record: func(b *state.Batch) {
			machine := i.hands.Member()
			machine.SSHPort = i.sshPort
			if d.port == state.SlotManagementPort {
				machine.ManagementGroup = group.ID
			} else {
				machine.Groups = append([]state.MemberID{group.ID}, without(machine.Groups, group.ID)...)
			}
			b.PutMembers = append(b.PutMembers, machine)
		},
	})
}

func without(groups []state.MemberID, group state.MemberID) []state.MemberID {
	return slices.DeleteFunc(slices.Clone(groups), func(other state.MemberID) bool { return other == group })
}

// leave takes a machine out of a group that its port or server does not have. With the last one goes the group: it is
// removed while that machine still stands for it, and forgotten in the transaction in which the machine leaves.
func (a *act) leave(ctx context.Context, hands *journaled.Hands, group state.MemberID) error {
	shared, known := a.journal.Member(group)
	if !known {
		return fmt.Errorf("the group %s is not in the state: `trovectl state check` tells more", group)
	}
	machine := hands.Member()
	machine.Groups = without(machine.Groups, group)
	if machine.ManagementGroup == group {
		machine.ManagementGroup = ""
	}
	if machine.ServerGroup == group {
		machine.ServerGroup = ""
	}
	batch := state.Batch{PutMembers: []state.Member{machine}}
	held := a.shared.of(shared.Key)
	if others, err := held.leaveToOthers(func() int { return a.journal.Users(group) }, func() error { return a.journal.Commit(ctx, batch) }); others {
		return err
	}
	held.Lock()
	defer held.Unlock()
	if a.journal.Users(group) == 1 {
		if err := a.clear(ctx, a.journal.Hands(group, a.step.Address)); err != nil {
			return err
		}
		batch.DropMembers = []state.MemberID{group}
	}
	return a.journal.Commit(ctx, batch)
}

// leaveToOthers lets a machine leave a group that others still use when all that are just leaving it have left, and tells
// whether there are such.
func (g *sharedGroup) leaveToOthers(users func() int, commit func() error) (bool, error) {
	g.RLock()
	defer g.RUnlock()
	leaving := g.leaving.Add(1)
	defer g.leaving.Add(-1)
	if int64(users()) <= leaving {
		return false, nil
	}
	return true, commit()
}
