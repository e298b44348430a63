package command

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/bootstrap"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp"
	"github.com/trovectl/trovectl/guest/transport/fallback"
	"github.com/trovectl/trovectl/guest/transport/ssh"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/keyring"
)

// guests reaches agents over SSH and over message brokers, with keys derived from the master key.
type guests struct {
	ring   *keyring.Ring
	dialer *ssh.Dialer
	agent  agentFile
	amqp   *amqp.Dialer
	posts  map[string]post // by the alias of the provider
}

func (m *Meta) newGuests(ring *keyring.Ring, settings config.Guest) (*guests, error) {
	if settings.SSH != nil && settings.SSH.User != guest.AgentUser {
		return nil, fmt.Errorf("user = %q in transport \"ssh\": the account in a guest is always %q; leave user out (the one for the bastion stands in its own block)", settings.SSH.User, guest.AgentUser)
	}
	dialer, agent := &ssh.Dialer{}, agentFile{}
	if path := cmp.Or(m.env["TROVE_AGENT"], settings.AgentFile); path != "" {
		agent.path = m.path(path)
	}
	if settings.SSH != nil && settings.SSH.Bastion != nil {
		bastion, err := m.newBastion(settings.SSH)
		if err != nil {
			return nil, err
		}
		dialer.Bastion = bastion
		m.atEnd(dialer.Close)
	}
	posts, err := m.openPosts(settings)
	if err != nil {
		return nil, err
	}
	g := &guests{ring: ring, dialer: dialer, agent: agent, posts: posts, amqp: &amqp.Dialer{Idle: idleBroker, Log: m.logged}}
	if len(posts) > 0 {
		m.atEnd(g.amqp.Close)
	}
	return g, nil
}

// logged writes what a transport has to say to the log.
func (m *Meta) logged(message string, args ...any) { m.log.Debug(message, args...) }

// Dial reaches a member's agent by the first of its ways that is open. Over SSH it is pinned to the host keys of these
// generations, over a broker to their message keys.
func (g *guests) Dial(ctx context.Context, member state.Member, generations ...int) (guest.Carrier, error) {
	ways := g.ways(member, generations)
	if len(ways) == 1 {
		return ways[0].Dial(ctx)
	}
	carrier, err := fallback.Dial(ctx, ways...)
	if err != nil {
		return nil, err // a nil *Carrier must not become a carrier
	}
	return carrier, nil
}

// ways are those to a member's agent, the preferred one first.
func (g *guests) ways(member state.Member, generations []int) []fallback.Way {
	over := map[string]fallback.Way{
		resource.TransportSSH: {Name: resource.TransportSSH, Boots: true, Dial: func(ctx context.Context) (guest.Carrier, error) {
			carrier, err := g.dialer.Dial(ctx, g.target(member, generations))
			if err != nil {
				return nil, err
			}
			return carrier, nil
		}},
		resource.TransportAMQP: {Name: resource.TransportAMQP, Dial: func(ctx context.Context) (guest.Carrier, error) {
			target, err := g.overBroker(member, generations)
			if err != nil {
				return nil, err
			}
			carrier, err := g.amqp.Dial(ctx, target)
			if err != nil {
				return nil, err
			}
			return carrier, nil
		}},
	}
	if len(member.Transports) == 0 {
		return []fallback.Way{over[resource.TransportSSH]}
	}
	var ways []fallback.Way
	for _, transport := range member.Transports {
		if way, known := over[transport]; known {
			ways = append(ways, way)
		}
	}
	return ways
}

// target is a member's SSH server, pinned to the host keys of these generations.
func (g *guests) target(member state.Member, generations []int) ssh.Target {
	return ssh.Target{
		Address: net.JoinHostPort(member.ReachedAt(), strconv.Itoa(member.SSHPort)), User: guest.AgentUser,
		Keys: func() (keys ssh.Keys) {
			for _, generation := range generations {
				keys.Host = append(keys.Host, g.ring.HostKey(member.ID, generation).Public())
				keys.Signers = append(keys.Signers, g.ring.ClientKey(member.ID, generation).Signer())
			}
			return keys
		},
	}
}

// Deliver sends the agent to a guest that was born to wait for it.
func (g *guests) Deliver(ctx context.Context, member state.Member, generations ...int) error {
	file, parcel, err := g.agent.open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	return g.dialer.Deliver(ctx, g.target(member, generations), parcel)
}

// AgentDigest is the SHA-256 of the agent that Deliver sends, in hex.
func (g *guests) AgentDigest() (string, error) {
	file, parcel, err := g.agent.open()
	if err != nil {
		return "", err
	}
	return parcel.SHA256, file.Close()
}

// enter opens a channel to the agent of a member in service, and checks that it is the one.
func (g *guests) enter(ctx context.Context, member state.Member) (guest.Carrier, error) {
	carrier, err := g.inService(ctx, member)
	if err != nil {
		return nil, err
	}
	pong, err := guest.NewClient(carrier, nil).Ping(ctx)
	if err == nil {
		err = isOf(pong, member)
	}
	if err != nil {
		_ = carrier.Close()
		return nil, err
	}
	return carrier, nil
}

// inService opens a channel to the agent of a member that was met.
func (g *guests) inService(ctx context.Context, member state.Member) (guest.Carrier, error) {
	if member.ReachedAt() == "" || member.Generation == 0 {
		return nil, guest.Errorf(guest.KindUnreachable, "the guest was never met")
	}
	return g.Dial(ctx, member, member.Generations()...)
}

// isOf fails when it is another member's agent that answers.
func isOf(pong guest.Pong, member state.Member) error {
	if pong.Member == string(member.ID) {
		return nil
	}
	return fmt.Errorf("the agent at %s belongs to member %s, not to %s", member.ReachedAt(), pong.Member, member.ID)
}

// metrics asks an agent for its engine's figures.
func (g *guests) metrics(ctx context.Context, member state.Member) (guest.Metrics, error) {
	carrier, err := g.enter(ctx, member)
	if err != nil {
		return guest.Metrics{}, err
	}
	defer func() { _ = carrier.Close() }()
	return guest.NewClient(carrier, nil).Metrics(ctx)
}

// Inspect asks an agent for everything at once.
func (g *guests) Inspect(ctx context.Context, member state.Member, names []string) (guest.Inspection, error) {
	carrier, err := g.inService(ctx, member)
	if err != nil {
		return guest.Inspection{}, err
	}
	defer func() { _ = carrier.Close() }()
	client := guest.NewClient(carrier, func() string { return string(newIDs().Intent()) })
	inspection, err := client.Inspect(ctx, guest.Inspect{Settings: names})
	inspection.Detour = detourOf(carrier)
	if err != nil {
		return inspection, err
	}
	if err := isOf(inspection.Pong, member); err != nil {
		return guest.Inspection{}, err
	}
	return inspection, nil
}

// detourOf says by which way a guest was reached in place of the preferred one; empty: by that.
func detourOf(carrier guest.Carrier) string {
	if d, several := carrier.(guest.Detourer); several {
		return d.Detour()
	}
	return ""
}

// HostKey is a member's host key as user-data and the rotation carry it.
func (g *guests) HostKey(member state.MemberID, generation int) (private, public string) {
	key := g.ring.HostKey(member, generation)
	return key.PrivatePEM(hostKeyComment).Reveal(), key.AuthorizedKey(hostKeyComment)
}

const hostKeyComment = "trovectl"

// AuthorizedKey is the line that lets this trovectl call the agent and do nothing else.
func (g *guests) AuthorizedKey(member state.MemberID, generation int) string {
	return bootstrap.AuthorizedKeyLine(g.ring.ClientKey(member, generation).AuthorizedKey("trovectl"))
}

// Certify signs a certificate for a guest's key.
func (g *guests) Certify(request string, names []string, now time.Time) (certificate, ca string, err error) {
	authority, err := g.ring.CA()
	if err != nil {
		return "", "", err
	}
	certificate, err = authority.Server(request, names, now)
	return certificate, authority.PEM(), err
}

// DigestKey is what the agent makes verifier digests with. It has one generation: digests are recorded, and a new server
// on the same volume must make the same ones.
func (g *guests) DigestKey(member state.MemberID) string {
	key := g.ring.DigestKey(member, 1)
	return hex.EncodeToString(key[:])
}
