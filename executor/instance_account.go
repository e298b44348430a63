package executor

import (
	"context"
	"errors"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// Accounts is what guests have at their message broker.
type Accounts interface {
	// Rights are what the account of a member needs, and nothing more.
	Rights(member state.MemberID, broker resource.GuestBroker) providers.Rights
	// Login is how a member's agent logs in with the credentials of a generation. It holds secrets.
	Login(member state.Member, broker resource.GuestBroker, generation int) (*guest.BrokerConfig, error)
	// Open makes the queues of a member in the vhost of its account, and Close removes them. Both MAY be repeated.
	Open(ctx context.Context, member state.Member, broker resource.GuestBroker) error
	Close(ctx context.Context, member state.Member) error
}

// pathWays are the paths of changes of how the agent is reached.
var pathWays = []string{"guest.transports", "guest.broker"}

// arrange sees to the ways to the agent of a machine that is being built. One whose server is yet to be made is born for the
// ways that are wanted now.
func (i *instanceAct) arrange(ctx context.Context) error {
	member := i.hands.Member()
	if _, stands := member.Objects[state.SlotServer]; stands {
		return i.account(ctx)
	}
	if !slices.Equal(member.Transports, i.body.Guest.Transports) {
		if err := i.hands.Update(ctx, func(m *state.Member) { m.Transports = i.body.Guest.Transports }); err != nil {
			return err
		}
	}
	if err := i.leaveBroker(ctx); err != nil {
		return err
	}
	return i.account(ctx)
}

// openWays opens the ways that are wanted before the guest is told of them; others are closed when it has been.
func (i *instanceAct) openWays(ctx context.Context) error {
	if err := i.account(ctx); err != nil {
		return err
	}
	if i.sshPort == 0 || !i.touches("guest.transports") {
		return nil
	}
	return i.setAccess(ctx)
}

// account gives the instance its account at the broker with its queues, before the server that is born to use it. What is
// there is put again, which changes nothing where it is as it should be.
func (i *instanceAct) account(ctx context.Context) error {
	broker := i.body.Guest.Broker
	if broker == nil {
		return nil
	}
	if i.Cloud.Broker == nil || i.Accounts == nil {
		return errors.New("its agent is reached over a message broker, and the guest block names none")
	}
	objects := i.hands.Member().Objects
	_, stands := objects[state.SlotServer]
	if _, filled := objects[state.SlotAccount]; !filled {
		if err := i.hands.Update(ctx, func(m *state.Member) { m.VHost = broker.VHost }); err != nil {
			return err
		}
	}
	made := 0
	if _, err := i.fill(ctx, i.hands, state.SlotAccount, counted(&made, i.putAccount)); err != nil {
		return err
	}
	if made == 0 {
		if err := i.mendAccount(ctx, stands); err != nil {
			return err
		}
	}
	member := i.hands.Member()
	return i.cloudCall(ctx, "queues", member.Objects[state.SlotAccount].ID, func(ctx context.Context) error {
		return i.patiently(ctx, func(ctx context.Context) error { return i.Accounts.Open(ctx, member, *broker) })
	})
}

// putAccount makes the account, with the password that the guest has or will be born with.
func (i *instanceAct) putAccount(ctx context.Context, mark providers.Mark) (string, error) {
	member, broker := i.hands.Member(), *i.body.Guest.Broker
	login, err := i.Accounts.Login(member, broker, credentials(member))
	if err != nil {
		return "", err
	}
	name := i.prefix + string(member.ID)
	if object, filled := member.Objects[state.SlotAccount]; filled {
		name = i.Cloud.Bare(object.ID)
	}
	var made providers.Account
	err = i.patiently(ctx, func(ctx context.Context) (err error) {
		made, err = i.Cloud.Broker.Put(ctx, providers.AccountSpec{
			Mark: mark, Provider: i.body.Provider, Name: name, VHost: member.VHost, Password: login.Password,
			Rights: i.Accounts.Rights(member.ID, broker),
		})
		return err
	})
	return made.ID, err
}

// credentials is the generation of what the guest logs in with.
func credentials(m state.Member) int {
	if m.Generation == 0 {
		return birth(m)
	}
	return m.Generation
}

// mendAccount puts the recorded account right. A server that is yet to be made is born with credentials that no other had.
func (i *instanceAct) mendAccount(ctx context.Context, stands bool) error {
	member := i.hands.Member()
	object := member.Objects[state.SlotAccount]
	return i.cloudCall(ctx, "account", []any{object.ID, credentials(member)}, func(ctx context.Context) error {
		if _, err := i.putAccount(ctx, i.hands.Mark(object.Intent)); err != nil || stands {
			return err
		}
		return i.renew(ctx, birth(member))
	})
}

// eitherWay are the ways to a guest while it is told of others: those that it gets, and those that it had.
func (i *instanceAct) eitherWay(member state.Member) []string {
	wanted := i.body.Guest.Transports
	if slices.Equal(wanted, member.Transports) {
		return wanted
	}
	named := func(ways []string) []string {
		if len(ways) == 0 {
			return []string{resource.TransportSSH}
		}
		return ways
	}
	all := slices.Clone(named(wanted))
	for _, way := range named(member.Transports) {
		if !slices.Contains(all, way) {
			all = append(all, way)
		}
	}
	return all
}

// renew sets the credentials of a generation at the broker, and ends what was opened with others.
func (i *instanceAct) renew(ctx context.Context, generation int) error {
	member, broker := i.hands.Member(), i.body.Guest.Broker
	object, filled := member.Objects[state.SlotAccount]
	if !filled || broker == nil {
		return nil
	}
	login, err := i.Accounts.Login(member, *broker, generation)
	if err != nil {
		return err
	}
	return i.patiently(ctx, func(ctx context.Context) error {
		if login.Password != "" { // else its certificate lets it in
			if err := i.Cloud.Broker.SetPassword(ctx, object.ID, login.Password); err != nil {
				return err
			}
		}
		return i.Cloud.Broker.Disconnect(ctx, object.ID)
	})
}

// login is what a guest gets with a generation of keys: nil, it keeps what it has; without a URL, it forgets its broker.
func (i *instanceAct) login(generation int) (*guest.BrokerConfig, error) {
	member := i.hands.Member()
	switch broker := i.body.Guest.Broker; {
	case broker != nil && i.Accounts == nil:
		return nil, errors.New("its agent is reached over a message broker, and the guest block names none")
	case broker != nil:
		return i.Accounts.Login(member, *broker, generation)
	case slices.Contains(member.Transports, resource.TransportAMQP):
		return &guest.BrokerConfig{}, nil
	default:
		return nil, nil
	}
}

// leaveBroker takes away an account that nobody uses any more.
func (i *instanceAct) leaveBroker(ctx context.Context) error {
	if _, filled := i.hands.Member().Objects[state.SlotAccount]; !filled || i.body.Guest.Broker != nil {
		return nil
	}
	i.progress("removing the broker account")
	return i.removeAccount(ctx, i.hands)
}

// removeAccount removes an account. A vhost of its own takes its queues along; in a shared one they are left behind.
func (a *act) removeAccount(ctx context.Context, hands *journaled.Hands) error {
	member := hands.Member()
	_, filled := member.Objects[state.SlotAccount]
	if _, open := a.journal.Open(member.ID, string(state.SlotAccount)); !filled && !open {
		return nil
	}
	if a.Cloud.Broker == nil {
		return errors.New("the guest block names no message broker any more: name it until the account is gone")
	}
	if filled && member.VHost != "" && a.Accounts != nil {
		err := hands.Call(ctx, journaled.Request{
			Slot: "queues/" + a.step.Address.String(), Asked: "none", Do: func(ctx context.Context, _ string) error {
				return a.patiently(ctx, func(ctx context.Context) error { return a.Accounts.Close(ctx, member) })
			},
		})
		if err != nil {
			return err
		}
	}
	return hands.Delete(ctx, state.SlotAccount, a.maker(state.SlotAccount, nil))
}
