package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// birth is the generation of keys that a member's next server is born with: it travels in user-data, where others may read
// it, so that the one after it is set over the channel at first contact.
func birth(m state.Member) int { return m.Spent + 1 }

// settled tells whether the keys that came with user-data were replaced.
func settled(m state.Member) bool { return m.Generation > birth(m) }

// meet waits for the agent, replaces the keys that came with user-data, and makes the engine ready.
func (i *instanceAct) meet(ctx context.Context, volume string) (guest.Prepared, error) {
	client, err := i.await(ctx)
	if err != nil {
		return guest.Prepared{}, err
	}
	defer client.close()
	if member := i.hands.Member(); !settled(member) {
		if client, err = i.rotate(ctx, client, birth(member)+1); err != nil {
			return guest.Prepared{}, err
		}
		defer client.close()
	}
	i.progress("preparing %s %s", i.body.Manager, i.body.Version)
	prepared, err := i.prepare(ctx, client, volume)
	if err != nil {
		return prepared, err
	}
	return prepared, i.certify(ctx, client)
}

// greeting bounds the time until an agent has answered its first request.
const greeting = 45 * time.Second

// channel is a client with the carrier it has to close.
type channel struct {
	*guest.Client
	carrier guest.Carrier
	act     *act
}

// close tells, once in a step, when the guest was not reached the preferred way.
func (c channel) close() {
	if text := c.detour(); text != "" && !slices.Contains(c.act.notes, text) {
		c.act.notes = append(c.act.notes, text)
	}
	_ = c.carrier.Close()
}

// detour says by which way the guest was reached in place of the preferred one; empty: by that.
func (c channel) detour() string {
	if d, several := c.carrier.(guest.Detourer); several {
		return d.Detour()
	}
	return ""
}

// patientTries is how often an agent that is just coming, or coming back, is looked for by the preferred way before another
// one is good enough.
const patientTries = 20

// hasty turns a channel that was opened by another way than the preferred one into an error, as long as the agent may only be
// on its way there.
func (c channel) hasty(tries int) error {
	text := c.detour()
	if text == "" || tries >= patientTries {
		return nil
	}
	_ = c.carrier.Close()
	return guest.Errorf(guest.KindUnreachable, "%s", text)
}

// dial reaches a member's agent and asks whether it is the one.
func (a *act) dial(ctx context.Context, member state.Member, generations ...int) (channel, guest.Pong, error) {
	// An agent that hangs is as good as none: the step fails, and says so, while the others go on.
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	carrier, err := a.Guests.Dial(ctx, member, generations...)
	if err != nil {
		return channel{}, guest.Pong{}, err
	}
	client := channel{guest.NewClient(carrier, func() string { return string(a.IDs.Intent()) }), carrier, a}
	pong, err := client.Ping(ctx)
	if err == nil && pong.Member != string(member.ID) {
		err = guest.Errorf(guest.KindConflict, "the agent at %s belongs to member %s, not to %s", member.ReachedAt(), pong.Member, member.ID)
	}
	if err != nil {
		client.close()
		return channel{}, guest.Pong{}, err
	}
	return client, pong, nil
}

// generationsOf are the key generations that may be in force: while a rotation is open, both.
func (i *instanceAct) generationsOf(m state.Member) []int {
	if settled(m) {
		return m.Generations()
	}
	return []int{birth(m) + 1, birth(m)}
}

// rotate sets a generation of keys and comes back over a connection that is pinned to it.
func (i *instanceAct) rotate(ctx context.Context, client channel, generation int) (channel, error) {
	member := i.hands.Member()
	body := guest.Rotate{Generation: generation, DigestKey: i.Identities.DigestKey(member.ID)}
	if i.sshPort != 0 {
		body.HostKey, _ = i.Identities.HostKey(member.ID, generation)
		body.AuthorizedKeys = []string{i.Identities.AuthorizedKey(member.ID, generation)}
	}
	login, err := i.login(generation)
	if err != nil {
		return channel{}, err
	}
	body.Broker = login
	request := i.guestRequest("rotate", generation, func(ctx context.Context, id string) error {
		if _, err := client.Rotate(ctx, id, body); err != nil {
			return err
		}
		return i.renew(ctx, generation) // the agent has both generations until it is in with the new one
	}, func(b *state.Batch) {
		member.Generation, member.Rotating = generation, 0
		member.Transports, member.SSHPort = i.body.Guest.Transports, i.sshPort
		b.PutMembers = append(b.PutMembers, member)
	})
	if settled(member) { // known before it is asked for, so that the guest is found in between
		request.Enroll = func(b *state.Batch) {
			between := member.Clone()
			between.Rotating, between.Transports = generation, i.eitherWay(member)
			between.SSHPort = max(member.SSHPort, i.sshPort)
			b.PutMembers = append(b.PutMembers, between)
		}
	}
	if err := i.hands.Call(ctx, request); err != nil {
		return channel{}, err
	}
	return i.comeBack(ctx, member, generation)
}

// comeBack reaches the guest by its new keys. While an SSH server reads them it takes no connection.
func (i *instanceAct) comeBack(ctx context.Context, member state.Member, generation int) (channel, error) {
	within, cancel := context.WithTimeout(ctx, i.Timeouts.Login)
	defer cancel()
	for tries := 0; ; tries++ {
		client, _, err := i.dial(within, member, generation)
		if err == nil {
			err = client.hasty(tries)
		}
		if err == nil || !unreachable(err) {
			return client, err
		}
		if ended := i.Clock.Sleep(within, i.Timeouts.Retry); errors.Is(ended, context.DeadlineExceeded) && ctx.Err() == nil {
			return channel{}, fmt.Errorf("the guest did not come back with its new keys within %s: %w", i.Timeouts.Login, err)
		} else if ended != nil {
			return channel{}, ended
		}
	}
}

// rotateKeys replaces the keys of a guest in service by the next generation, or ends a replacement that was begun.
func (i *instanceAct) rotateKeys(ctx context.Context) error {
	member := i.hands.Member()
	next := member.Rotating
	if next == 0 {
		next = member.Generation + 1
	}
	client, err := i.reach(ctx, member)
	if err != nil {
		return err
	}
	defer client.close()
	if err := i.announce(ctx, next); err != nil {
		return err
	}
	again, err := i.rotate(ctx, client, next)
	if err != nil {
		return err
	}
	again.close()
	return nil
}

// announce says in the server's metadata which generation of keys may be in force from now on, for the day on which the state
// is lost. A new server is born with the one that its first contact sets.
func (i *instanceAct) announce(ctx context.Context, generation int) error {
	server, keys := i.hands.Member().Objects[state.SlotServer].ID, map[string]string{providers.GenerationKey: strconv.Itoa(generation)}
	return i.cloudCall(ctx, "generation", generation, func(ctx context.Context) error {
		return i.Cloud.Servers.SetMetadata(ctx, server, keys, nil)
	})
}

func (i *instanceAct) prepare(ctx context.Context, client channel, volume string) (guest.Prepared, error) {
	var prepared guest.Prepared
	body := guest.Prepare{VolumeID: i.Cloud.Bare(volume), Values: i.body.Settings}
	request := i.guestRequest("prepare", body, func(ctx context.Context, id string) (err error) {
		prepared, err = client.Prepare(ctx, id, body)
		return err
	}, nil)
	request.MayHoldData = true
	within, cancel := context.WithTimeout(ctx, i.Timeouts.Prepare)
	defer cancel()
	err := i.hands.Call(within, request)
	if err != nil && len(i.body.Packages) > 0 { // what the packages said is there only
		err = fmt.Errorf("%w%s", err, i.console(ctx))
	}
	return prepared, err
}

// reach opens a channel to the guest of a member that is in service.
func (a *act) reach(ctx context.Context, member state.Member) (channel, error) {
	if member.Generation == 0 {
		return channel{}, guest.Errorf(guest.KindConflict, "the instance was never met: apply its own step first")
	}
	if member.SSHPort != 0 {
		client, _, err := a.dial(ctx, member, member.Generations()...)
		return client, err
	}
	var client channel
	err := a.patiently(ctx, func(ctx context.Context) (err error) { // the broker is its only way
		client, _, err = a.dial(ctx, member, member.Generations()...)
		return err
	})
	return client, err
}

// timeLimit bounds one request to a guest.
func (a *act) timeLimit(do func(context.Context, string) error) func(context.Context, string) error {
	return func(ctx context.Context, id string) error {
		ctx, cancel := context.WithTimeout(ctx, a.Timeouts.Request)
		defer cancel()
		return do(ctx, id)
	}
}

// touches tells whether one of the step's changes is at this path or below it.
func (a *act) touches(paths ...string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		for _, c := range a.step.Changes {
			if c.Path == path || strings.HasPrefix(c.Path, path+".") || strings.HasPrefix(c.Path, path+"[") {
				return true
			}
		}
		return false
	})
}
