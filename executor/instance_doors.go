package executor

import (
	"context"
	"fmt"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// door is a port of a machine, with the security group that says what comes in there.
type door struct {
	port, group state.Slot
	key         string // of the group
	openings    []resource.Opening
	spec        providers.PortSpec // of the port, but for its mark and its group
}

// doors are the port on the instance's own network, where the clients are, and then, where the agent is reached on a
// management network, the one there. The server has them in this order.
func (i *instanceAct) doors() []door {
	resolved := i.step.Resolved
	own := door{state.SlotPort, state.SlotSecurityGroup, i.body.AccessKey(), i.body.Openings(), providers.PortSpec{
		Provider: i.body.Provider, Name: i.body.Name, NetworkID: resolved["network"], SubnetID: resolved["subnet"], Address: i.body.FixedIP,
	}}
	if !i.body.Managed() {
		return []door{own}
	}
	management := door{state.SlotManagementPort, state.SlotManagementGroup, i.body.ManagementKey(), i.body.ManagementOpenings(), providers.PortSpec{
		Provider: i.body.Provider, Name: i.body.Name + "-management", NetworkID: resolved["management_network"],
	}}
	return []door{own, management}
}

// rules are the ingress rules of the door's security group.
func (d door) rules() []providers.Rule {
	var all []providers.Rule
	for _, o := range d.openings {
		all = append(all, providers.Rule{Port: o.Port, CIDR: o.CIDR})
	}
	return all
}

// call is the journal's place for a call about this door.
func (d door) call(what string) string {
	if d.port == state.SlotManagementPort {
		return "management_" + what
	}
	return what
}

// network makes the ports, each in its security group.
func (i *instanceAct) network(ctx context.Context) (ports []string, err error) {
	for _, d := range i.doors() {
		port, err := i.open(ctx, d)
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, i.learnAddress(ctx)
}

// open makes a door. A port that was there already, because an earlier life died between making it and the rest, gets the
// group that is wanted now.
func (i *instanceAct) open(ctx context.Context, d door) (port string, err error) {
	group, err := i.join(ctx, d)
	if err != nil {
		return "", err
	}
	made := 0
	port, err = i.fill(ctx, i.hands, d.port, counted(&made, func(ctx context.Context, mark providers.Mark) (string, error) {
		spec := d.spec
		spec.Mark, spec.SecurityGroups = mark, []string{group.Objects[state.SlotSecurityGroup].ID}
		port, err := i.Cloud.Ports.Create(ctx, spec)
		return port.ID, err
	}))
	if err != nil || made > 0 && i.hasGroup(d, group.ID) {
		return port, err
	}
	return port, i.attach(ctx, d, group)
}

// hasGroup tells whether a group is recorded as the one of a door's port.
func (i *instanceAct) hasGroup(d door, group state.MemberID) bool {
	if d.port == state.SlotManagementPort {
		return i.hands.Member().ManagementGroup == group
	}
	return i.hands.Member().Groups[0] == group
}

// learnAddress records where the guest will answer, before anything is built on it.
func (i *instanceAct) learnAddress(ctx context.Context) error {
	m := i.hands.Member()
	if m.Address != "" && m.SSHPort == i.sshPort && !i.touches(plan.PathAddress) && (m.AgentAddress != "" || !i.body.Managed()) {
		return nil
	}
	own, err := i.addressOf(ctx, state.SlotPort)
	if err != nil {
		return err
	}
	agent := ""
	if i.body.Managed() {
		if agent, err = i.addressOf(ctx, state.SlotManagementPort); err != nil {
			return err
		}
	}
	return i.hands.Update(ctx, func(m *state.Member) { m.Address, m.AgentAddress, m.SSHPort = own, agent, i.sshPort })
}

func (i *instanceAct) addressOf(ctx context.Context, slot state.Slot) (string, error) {
	port, err := i.Cloud.Ports.Get(ctx, i.hands.Member().Objects[slot].ID)
	if err != nil {
		return "", err
	}
	if len(port.Addresses) == 0 {
		return "", fmt.Errorf("port %s has no address: its network has no subnet with addresses left", port.ID)
	}
	return port.Addresses[0], nil
}
