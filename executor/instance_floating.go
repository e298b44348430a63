package executor

import (
	"context"
	"errors"
	"maps"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// publish leads the floating IP that is wanted to the instance's own port, and no other: one that is allocated for it and
// stands in its slot, or one of the user's, which is never released.
func (i *instanceAct) publish(ctx context.Context) error {
	if i.Cloud.FloatingIPs == nil {
		return errors.New("the cloud has no network service with floating IPs")
	}
	if err := i.withdraw(ctx); err != nil {
		return err
	}
	address, err := i.lead(ctx)
	if err != nil {
		return err
	}
	if computed := maps.Clone(i.record.Computed); computed != nil {
		if delete(computed, "floating_address"); address != "" {
			computed["floating_address"] = address
		}
		i.record.Computed = computed
	}
	return i.hands.Update(ctx, func(m *state.Member) { m.FloatingAddress = address })
}

// withdraw takes the floating IPs that are not wanted from the port: its own is released, others stay the project's. A port
// can have one of each network, so that this comes first.
func (i *instanceAct) withdraw(ctx context.Context) error {
	member, access := i.hands.Member(), i.body.Access
	own, filled := member.Objects[state.SlotFloatingIP]
	all, err := i.Cloud.FloatingIPs.List(ctx)
	var partial *providers.PartialError
	if err != nil && (!errors.As(err, &partial) || partial.Failed[i.body.Provider] != nil) {
		return err
	}
	network := ""
	for _, f := range all {
		strange := f.PortID == member.Objects[state.SlotPort].ID && f.Mark.Member != string(member.ID)
		if f.ID == own.ID {
			network = f.NetworkID
		} else if strange && (access.Public || f.Address != access.FloatingIP) {
			if err := i.associate(ctx, f.ID, ""); err != nil {
				return err
			}
		}
	}
	if !filled || access.Public && network == i.step.Resolved["public_network"] {
		return nil
	}
	i.progress("releasing the floating IP %s", member.FloatingAddress)
	return i.hands.Delete(ctx, state.SlotFloatingIP, i.maker(state.SlotFloatingIP, nil))
}

// lead associates the floating IP that is wanted with the port, unless it is, and gives its address; empty: none is wanted.
// One of the user's is not taken from another port.
func (i *instanceAct) lead(ctx context.Context) (string, error) {
	id, port, public := i.step.Resolved["floating_ip"], i.hands.Member().Objects[state.SlotPort].ID, i.body.Access.Public
	if public {
		var err error
		id, err = i.fill(ctx, i.hands, state.SlotFloatingIP, func(ctx context.Context, mark providers.Mark) (string, error) {
			made, err := i.Cloud.FloatingIPs.Create(ctx, providers.FloatingIPSpec{
				Mark: mark, Provider: i.body.Provider, NetworkID: i.step.Resolved["public_network"], PortID: port,
			})
			return made.ID, err
		})
		if err != nil {
			return "", err
		}
	} else if i.body.Access.FloatingIP == "" {
		return "", nil
	}
	f, err := i.Cloud.FloatingIPs.Get(ctx, id)
	if err != nil || f.PortID == port {
		return f.Address, err
	}
	if f.PortID != "" && !public {
		return "", refusal("associate floating ip", "the floating IP %s leads to the port %s: take it from there first", f.Address, f.PortID)
	}
	return f.Address, i.associate(ctx, id, port)
}

func (i *instanceAct) associate(ctx context.Context, id, port string) error {
	return i.cloudCall(ctx, "floating_ip", []string{id, port}, func(ctx context.Context) error {
		return i.Cloud.FloatingIPs.Associate(ctx, id, port)
	})
}
