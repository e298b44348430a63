package command

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/hashicorp/go-hclog"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/executor/bootstrap"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/ssh"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/keyring"
)

// guests reaches agents over SSH with keys derived from the master key.
type guests struct {
	ring    *keyring.Ring
	lineage func() string
	dialer  *ssh.Dialer
}

func newGuests(ring *keyring.Ring, lineage func() string, settings config.Guest, log hclog.Logger) *guests {
	return &guests{ring: ring, lineage: lineage, dialer: newDialer(settings, log)}
}

// Dial reaches a member's agent, pinned to the host keys of these generations.
func (g *guests) Dial(ctx context.Context, member state.Member, generations ...int) (guest.Carrier, error) {
	target := ssh.Target{
		Address: net.JoinHostPort(member.Address, strconv.Itoa(member.SSHPort)), User: bootstrap.User,
	}
	for _, generation := range generations {
		host, err := g.ring.HostKey(g.lineage(), string(member.ID), generation)
		if err != nil {
			return nil, err
		}
		client, err := g.ring.ClientKey(g.lineage(), string(member.ID), generation)
		if err != nil {
			return nil, err
		}
		target.HostKeys = append(target.HostKeys, host.Public)
		target.Signers = append(target.Signers, client.Signer)
	}
	return g.dialer.Dial(ctx, target)
}

// Inspect asks an agent for everything at once.
func (g *guests) Inspect(ctx context.Context, member state.Member, names []string) (guest.Inspection, error) {
	if member.Address == "" || member.Generation == 0 {
		return guest.Inspection{}, guest.Errorf(guest.KindUnreachable, "the guest was never met")
	}
	carrier, err := g.Dial(ctx, member, member.Generation)
	if err != nil {
		return guest.Inspection{}, err
	}
	defer func() { _ = carrier.Close() }()
	client := guest.NewClient(carrier, func() string { return string(newIDs().Intent()) })
	inspection, err := client.Inspect(ctx, guest.Inspect{Settings: names})
	if err == nil && inspection.Member != string(member.ID) {
		return guest.Inspection{}, fmt.Errorf("the agent at %s belongs to member %s, not to %s", member.Address, inspection.Member, member.ID)
	}
	return inspection, err
}

// HostKey is a member's host key as user-data and the rotation carry it.
func (g *guests) HostKey(member state.MemberID, generation int) (private, public string) {
	key, err := g.ring.HostKey(g.lineage(), string(member), generation)
	if err != nil {
		panic(fmt.Sprintf("deriving a host key: %v", err)) // derivation from 32 bytes cannot fail
	}
	return key.PrivatePEM, key.PublicLine
}

// AuthorizedKey is the line that lets this trovectl call the agent and do nothing else.
func (g *guests) AuthorizedKey(member state.MemberID, generation int) string {
	key, err := g.ring.ClientKey(g.lineage(), string(member), generation)
	if err != nil {
		panic(fmt.Sprintf("deriving a client key: %v", err))
	}
	return bootstrap.AuthorizedKeyLine(key.PublicLine)
}

// DigestKey is what the agent makes verifier digests with.
func (g *guests) DigestKey(member state.MemberID) string {
	key := g.ring.DigestKey(g.lineage(), string(member), 1)
	return fmt.Sprintf("%x", key[:])
}
