package command

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/state"
)

// adoption is what would be recorded of things that exist and are in no record. It is looked at as a plan would look at it,
// and what was seen is recorded.
type adoption struct {
	*operation
	snapshot *state.Snapshot                           // what would be recorded, with the instance that it is in
	wanted   *resource.Set                             // what the configuration says of that
	inside   map[resource.Address][]*resource.Resource // what is declared in an instance and not recorded
	machines map[resource.Address]observe.Machine
	guests   *newcomers
	seen     planner.Observation
}

func (op *operation) newAdoption() *adoption {
	a := &adoption{
		operation: op, snapshot: state.Empty(op.prior.Lineage), machines: map[resource.Address]observe.Machine{},
		wanted: &resource.Set{Resources: map[resource.Address]*resource.Resource{}}, inside: map[resource.Address][]*resource.Resource{},
		guests: &newcomers{guests: op.guests, met: map[state.MemberID]guest.Inspection{}},
	}
	for address, r := range op.config.Set.Resources {
		_, recorded := op.prior.Records[address]
		if host, lives := r.Body.References()["instance"]; lives && !recorded {
			a.inside[host] = append(a.inside[host], r)
		}
	}
	return a
}

// instance takes a machine as what a declared instance is, with what is declared in it and not recorded yet.
func (a *adoption) instance(r *resource.Resource, machine observe.Machine) {
	body := *r.Body.(*resource.Instance)
	if _, there := machine.Member.Objects[state.SlotVolume]; !there {
		body.Volume = nil
	} else if body.Volume == nil {
		body.Volume = &resource.Volume{}
	}
	switch _, managed := machine.Member.Objects[state.SlotManagementPort]; {
	case !managed:
		body.Guest.Network = ""
	case !body.Managed():
		body.Guest.Network = machine.ManagementNetworkID
	}
	body.Locality = machine.Locality
	if _, public := machine.Member.Objects[state.SlotFloatingIP]; public || machine.FloatingIP != "" {
		body.Access.Public, body.Access.FloatingIP = public, machine.FloatingIP
	}
	member := a.member(&body, machine)
	role := newIDs().Role()
	a.machines[r.Address] = machine
	a.enroll(member)
	a.snapshot.Roles[role] = state.Role{ID: role, Member: member.ID}
	a.record(r, state.Record{Body: &body, Member: member.ID, Role: role})
	for _, inside := range a.inside[r.Address] {
		a.record(inside, state.Record{Body: inside.Body, Role: role})
	}
}

// member is the machine as it would be recorded. What `state rm` has kept of it goes before what its marks tell.
func (a *adoption) member(body *resource.Instance, machine observe.Machine) state.Member {
	member := machine.Member.Clone()
	if kept, known := a.prior.Members[member.ID]; known {
		objects := member.Objects
		member = kept.Clone()
		maps.Copy(objects, kept.Objects)
		member.Objects, member.Released = objects, false
	}
	if _, account := member.Objects[state.SlotAccount]; !account { // an apply gives it one
		body.Guest.Transports, body.Guest.Broker = nil, nil
	}
	if len(member.Transports) == 0 {
		member.Transports = body.Guest.Transports
	}
	if member.SSHPort == 0 && body.Guest.Speaks(resource.TransportSSH) {
		member.SSHPort = body.Guest.SSHPort()
	}
	if len(member.Groups) == 0 {
		a.shares(&member, machine)
	}
	member.MayHoldData = true
	return member
}

// shares takes the security groups that its marks tell as those of a machine. One of its port comes first.
func (a *adoption) shares(member *state.Member, machine observe.Machine) {
	for _, group := range machine.Groups() {
		member.Groups = append(member.Groups, group.ID)
		if a.prior.Members[group.ID].Key == "" {
			group.Key = string(group.ID) // until what it lets in was seen
			a.snapshot.Members[group.ID] = group
		}
	}
	if len(member.Groups) > 0 {
		member.ManagementGroup, member.ServerGroup = machine.ManagementGroup.ID, machine.ServerGroup.ID
	}
}

// enroll adds a machine, with the recorded security groups that it shares.
func (a *adoption) enroll(member state.Member) {
	a.snapshot.Members[member.ID] = member
	for _, group := range member.Groups {
		if recorded, known := a.prior.Members[group]; known {
			a.snapshot.Members[group] = recorded
		}
	}
}

// groups are the shared security groups of adopted machines that no state records: by what they let in, or, where another
// one has that key, by their id, which fits nobody else.
func (a *adoption) groups(records []state.Record) (groups []state.Member) {
	taken, put := map[string]bool{}, map[state.MemberID]bool{}
	for _, member := range a.prior.Members {
		taken[member.Key] = true
	}
	for _, record := range records {
		for _, id := range a.snapshot.Members[record.Member].Groups {
			group := a.snapshot.Members[id]
			if _, known := a.prior.Members[id]; known || put[id] {
				continue
			}
			body := record.Body.(*resource.Instance)
			key := body.AccessKey()
			switch id {
			case a.snapshot.Members[record.Member].ManagementGroup:
				key = body.ManagementKey()
			case a.snapshot.Members[record.Member].ServerGroup:
				key = body.LocalityKey(record.Address)
			}
			if !taken[key] {
				group.Key = key
			}
			taken[group.Key], put[id] = true, true
			groups = append(groups, group)
		}
	}
	return groups
}

// record adds what would be recorded of a declared resource.
func (a *adoption) record(r *resource.Resource, record state.Record) {
	record.Address, record.Status, record.Protect, record.DependsOn = r.Address, state.Ready, r.Protect, r.DependsOn
	a.snapshot.Records[r.Address], a.wanted.Resources[r.Address] = record, r
}

// look looks at all of it at once.
func (a *adoption) look(ctx context.Context) (err error) {
	a.seen, err = observe.Look(ctx, observe.Sources{Cloud: a.cloud, Guests: a.guests, Now: time.Now, Rights: a.operation.guests.Rights}, a.snapshot, a.wanted)
	return err
}

// unfit says why a machine cannot be what the block says; empty: it can.
func (a *adoption) unfit(address resource.Address) string {
	record := a.snapshot.Records[address]
	body := record.Body.(*resource.Instance)
	met, answered := a.guests.met[record.Member]
	switch {
	case !answered:
		return ""
	case met.Engine != body.Manager:
		return fmt.Sprintf("its engine is %s, and the block says %s", met.Engine, body.Manager)
	case !met.Prepared:
		return "its engine was never made ready: the apply that made it did not end"
	case met.RunningVersion != "" && met.RunningVersion != body.Version && !strings.HasPrefix(met.RunningVersion, body.Version+"."):
		return fmt.Sprintf("it runs %s %s, and the block says %s", met.Engine, met.RunningVersion, body.Version)
	}
	return ""
}

// silent says why the guest of a machine could not be asked; empty: it answered.
func (a *adoption) silent(address resource.Address) string {
	subject := a.seen.Seen[address]
	if subject.Presence != planner.Present {
		return fmt.Sprintf("it is %s. %s", subject.Presence, subject.Why)
	}
	return subject.Unverified
}

// found gives the record of something that is there, as it is there.
func (a *adoption) found(address resource.Address) (state.Record, bool) {
	record, subject, want := a.snapshot.Records[address], a.seen.Seen[address], a.wanted.Resources[address]
	if want == nil || subject.Presence != planner.Present || subject.Body == nil {
		return record, false
	}
	record.Body = observe.Adopted(want.Body, subject.Body)
	if body, ok := record.Body.(*resource.Instance); ok {
		a.placed(body, a.machines[address])
		record.Computed = maps.Clone(subject.Computed)
		if id := a.machines[address].ImageID; id != "" {
			record.Computed["image_id"] = id
		}
	}
	if seen, _ := resource.PasswordOf(record.Body); seen != nil {
		record.Body = resource.WithPassword(record.Body, a.password(want, seen, record.Role))
	}
	return record, true
}

// placed puts right where the configuration says another network or subnet than the port is in: nothing else is looked at
// for that, since a port cannot move.
func (a *adoption) placed(body *resource.Instance, machine observe.Machine) {
	for _, network := range a.seen.Choices.Networks {
		if network.ID == machine.ManagementNetworkID && body.Guest.Network != network.Name && body.Guest.Network != network.ID {
			body.Guest.Network = network.Name
		}
		if network.ID != machine.NetworkID {
			continue
		}
		if body.Network != network.Name && body.Network != network.ID {
			body.Network = network.Name
		}
		in := func(s planner.Choice) bool { return slices.Contains(machine.SubnetIDs, s.ID) }
		is := func(s planner.Choice) bool { return in(s) && (s.Name == body.Subnet || s.ID == body.Subnet) }
		if i := slices.IndexFunc(network.Subnets, in); body.Subnet != "" && i >= 0 && !slices.ContainsFunc(network.Subnets, is) {
			body.Subnet = network.Subnets[i].Name
		}
	}
}

// password is what is recorded of a password. That the configuration's is the one in force is taken for granted only
// where the engine stores what it would store for it; else the next plan sets it.
func (a *adoption) password(want *resource.Resource, seen *resource.Password, role state.RoleID) *resource.Password {
	out := &resource.Password{Engine: seen.Engine}
	member, _ := a.snapshot.MemberOf(role)
	key, err := hex.DecodeString(a.operation.guests.DigestKey(member.ID))
	declared, _ := resource.PasswordOf(want.Body)
	if verifier := a.verifiers[want.Address]; declared != nil && err == nil && !verifier.IsZero() && guest.VerifierDigest(key, verifier.Reveal()) == out.Engine {
		out.Digest = declared.Digest
	}
	return out
}

// newcomers asks guests, and remembers what they said.
type newcomers struct {
	guests *guests

	mu  sync.Mutex
	met map[state.MemberID]guest.Inspection
}

// Inspect asks a guest.
func (n *newcomers) Inspect(ctx context.Context, member state.Member, names []string) (guest.Inspection, error) {
	answer, err := n.guests.Inspect(ctx, member, names)
	if err == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.met[member.ID] = answer
	}
	return answer, err
}

// machine is the member of an adopted instance, with the generation of keys that its guest says is in force.
func (a *adoption) machine(id state.MemberID) state.Member {
	member := a.snapshot.Members[id]
	if met, answered := a.guests.met[id]; answered && met.Generation > 0 {
		member.Generation, member.Rotating = met.Generation, 0
	}
	return member
}
