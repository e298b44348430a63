package command

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	cryptossh "golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/executor/bootstrap"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/ssh"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/keyring"
)

// guests reaches agents over SSH with keys derived from the master key.
type guests struct {
	ring   *keyring.Ring
	dialer *ssh.Dialer
}

func newGuests(ring *keyring.Ring, settings config.Guest, e env) (*guests, error) {
	dialer, err := newDialer(settings, e)
	if err != nil {
		return nil, err
	}
	return &guests{ring: ring, dialer: dialer}, nil
}

// Dial reaches a member's agent, pinned to the host keys of these generations.
func (g *guests) Dial(ctx context.Context, member state.Member, generations ...int) (guest.Carrier, error) {
	target := ssh.Target{
		Address: net.JoinHostPort(member.Address, strconv.Itoa(member.SSHPort)), User: guest.AgentUser,
	}
	for _, generation := range generations {
		target.HostKeys = append(target.HostKeys, g.ring.HostKey(member.ID, generation).Public())
		target.Signers = append(target.Signers, g.ring.ClientKey(member.ID, generation).Signer())
	}
	carrier, err := g.dialer.Dial(ctx, target)
	if err != nil {
		return nil, err // a nil *Carrier must not become a carrier
	}
	return carrier, nil
}

// Inspect asks an agent for everything at once.
func (g *guests) Inspect(ctx context.Context, member state.Member, names []string) (guest.Inspection, error) {
	if member.Address == "" || member.Generation == 0 {
		return guest.Inspection{}, guest.Errorf(guest.KindUnreachable, "the guest was never met")
	}
	carrier, err := g.Dial(ctx, member, member.Generations()...)
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
	key := g.ring.HostKey(member, generation)
	return key.PrivatePEM(hostKeyComment).Reveal(), key.AuthorizedKey(hostKeyComment)
}

const hostKeyComment = "trovectl"

// AuthorizedKey is the line that lets this trovectl call the agent and do nothing else.
func (g *guests) AuthorizedKey(member state.MemberID, generation int) string {
	return bootstrap.AuthorizedKeyLine(g.ring.ClientKey(member, generation).AuthorizedKey("trovectl"))
}

// DigestKey is what the agent makes verifier digests with. It has one generation: digests are recorded, and a new server
// on the same volume must make the same ones.
func (g *guests) DigestKey(member state.MemberID) string {
	key := g.ring.DigestKey(member, 1)
	return hex.EncodeToString(key[:])
}

// newDialer reaches guests directly, or over the bastion that the guest block names.
func newDialer(settings config.Guest, e env) (*ssh.Dialer, error) {
	dialer := &ssh.Dialer{}
	if settings.SSH == nil || settings.SSH.Bastion == nil {
		return dialer, nil
	}
	bastion := settings.SSH.Bastion
	hostKey, _, _, _, err := cryptossh.ParseAuthorizedKey([]byte(bastion.HostKey))
	if err != nil {
		return nil, fmt.Errorf("the bastion's host_key is not a public key (want \"ssh-ed25519 AAAA...\"): %w", err)
	}
	signer, err := userKey(settings.SSH.PrivateKeyFile, e)
	if err != nil {
		return nil, err
	}
	port := bastion.Port
	if port == 0 {
		port = 22
	}
	dialer.Bastion = &ssh.Bastion{
		Address: net.JoinHostPort(bastion.Host, strconv.Itoa(port)), User: bastion.User, HostKey: hostKey, Signers: []cryptossh.Signer{signer},
	}
	return dialer, nil
}

// userKey is the caller's own key, for hosts that are not ours: TROVE_SSH_KEY, or the file that the guest block names.
func userKey(file string, e env) (cryptossh.Signer, error) {
	text := []byte(e["TROVE_SSH_KEY"])
	if len(text) == 0 {
		if file == "" {
			return nil, errors.New("the bastion needs a key: set private_key_file in the transport block, or TROVE_SSH_KEY")
		}
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("reading private_key_file: %w", err)
		}
	}
	signer, err := cryptossh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("the key for the bastion cannot be read: %w", err)
	}
	return signer, nil
}
