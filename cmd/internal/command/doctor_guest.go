package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/ssh"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// premises are what the cloud lists of that on which the way to a guest rests. A nil list was not given.
type premises struct {
	servers []providers.Server
	ports   []providers.Port
	groups  []providers.SecurityGroup
}

// visit is the way to one guest.
type visit struct {
	record state.Record
	member state.Member
	reach  *guests
}

// bastion goes the first part of the way, once for all guests, and tells whether it leads to the bastion.
func (d *doctor) bastion(ctx context.Context, reach *guests) bool {
	if reach.dialer.Bastion == nil {
		return true
	}
	begun := time.Now()
	err := reach.dialer.CheckBastion(ctx)
	if err == nil {
		d.tell("bastion", reach.dialer.Bastion.Address, view.Good, fmt.Sprintf("lets us in as %s, in %d ms", reach.dialer.Bastion.User, time.Since(begun).Milliseconds()), "")
		return true
	}
	check, hint := broken(err)
	d.tell(check, reach.dialer.Bastion.Address, view.Bad, err.Error(), hint+" No guest was asked.")
	return false
}

// broken names the link at which the way ended, and says what to do.
func broken(err error) (check, hint string) {
	var way *ssh.WayError
	if !errors.As(err, &way) {
		return "guest", "Look at the server (`openstack server show`), its security group, and the way there from this machine."
	}
	if way.AtBastion {
		return "bastion-" + string(way.Link), map[ssh.Link]string{
			ssh.LinkName:    "The name of the bastion has no address here: check host in its block, and this machine's name servers.",
			ssh.LinkNetwork: "Check the way to the bastion from this machine: a firewall, a VPN, its security group.",
			ssh.LinkRefused: "The machine answers and has no SSH server on this port: check port in the bastion's block.",
			ssh.LinkSSH:     "Something answers there and does not speak SSH to the end: check host and port, and the bastion's log.",
			ssh.LinkHostKey: "Compare the key with what the bastion's owner says, and put the right one into host_key.",
			ssh.LinkKeys:    "Check user in the bastion's block, and the key: private_key_file, TROVE_SSH_KEY or the ssh agent (`ssh-add -l`).",
		}[way.Link]
	}
	return "guest-" + string(way.Link), map[ssh.Link]string{
		ssh.LinkName:       "The recorded address is no address: `trovectl state check` tells more.",
		ssh.LinkNetwork:    "Nothing comes back: a route is missing, or a security group or firewall on the way drops it.",
		ssh.LinkRefused:    "The machine runs and its SSH server does not: look at its console (`openstack console log show`).",
		ssh.LinkSSH:        "Something answers and does not speak SSH to the end: the machine may still be booting, or out of memory; look at its console.",
		ssh.LinkHostKey:    "Another machine has this address, or the server was made again by somebody else: compare it with `openstack server list`.",
		ssh.LinkKeys:       "Its authorized_keys do not have our key: another master key made it, or somebody changed the file.",
		ssh.LinkForwarding: "The bastion forbids connections from it: AllowTcpForwarding and PermitOpen in its sshd_config.",
		ssh.LinkChannel:    "It lets us in and does not start the agent's channel: look at the guest's sshd and its authorized_keys.",
	}[way.Link]
}

// greet goes the whole way to one agent. Where it ends, the cloud may know why.
func (d *doctor) greet(ctx context.Context, v visit) view.Finding {
	out := view.Finding{Check: "guest", Subject: v.record.Address.String(), Verdict: view.Bad}
	if v.record.Status != state.Ready {
		out.Verdict, out.Text, out.Hint = view.Fair, fmt.Sprintf("is not ready (%s)", v.record.Status), "`trovectl apply` goes on with it."
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	begun := time.Now()
	carrier, err := v.reach.Dial(ctx, v.member, v.member.Generations()...)
	if err != nil {
		out.Check, out.Hint = broken(err)
		if v.member.SSHPort == 0 {
			out.Hint = "What is wrong with the way over the broker, the next line says."
		}
		out.Text = err.Error()
		if check, why, hint := d.because(v, err); check != "" {
			out.Check, out.Text, out.Hint = check, why+": "+out.Text, hint
		}
		return out
	}
	defer func() { _ = carrier.Close() }()
	client := guest.NewClient(carrier, func() string { return string(newIDs().Intent()) })
	pong, err := client.Ping(ctx)
	switch {
	case err != nil:
		out.Check, out.Text, out.Hint = "guest-agent", fmt.Sprintf("%s answers, and its agent does not: %v", v.member.ReachedAt(), err), silent(err)
		return out
	case pong.Member != string(v.member.ID):
		out.Check = "guest-agent"
		out.Text = fmt.Sprintf("the agent at %s belongs to member %s, not to %s", v.member.ReachedAt(), pong.Member, v.member.ID)
		out.Hint = "Another server has this address: compare it with `openstack server list`."
		return out
	}
	took := time.Since(begun).Milliseconds()
	seen, err := client.Inspect(ctx, guest.Inspect{})
	if err == nil && seen.Status != guest.StatusHealthy && seen.Status != guest.StatusRestartRequired {
		err = fmt.Errorf("it is %s", cmp.Or(string(seen.Status), "in no state that is known"))
	}
	if err != nil {
		out.Check, out.Text = "guest-engine", fmt.Sprintf("the agent at %s answers, and %s does not: %v", v.member.ReachedAt(), pong.Engine, err)
		out.Hint = "Look at the engine's log in the guest, and at the disk: `trovectl status`."
		return out
	}
	out.Verdict = view.Good
	if seen.Detour = detourOf(carrier); seen.Detour != "" {
		out.Verdict, out.Hint = view.Fair, "The other way works; what is wrong with the preferred one, the lines about it say."
	}
	out.Text = fmt.Sprintf("%s: agent %s for %s, in %d ms", v.member.ReachedAt(), pong.AgentVersion, pong.Engine, took)
	if seen.Detour != "" {
		out.Text += ", " + seen.Detour
	}
	return out
}

// silent says what to do about an agent that does not answer on a channel that was opened.
func silent(err error) string {
	switch {
	case strings.Contains(err.Error(), "exited with status 127"): // a shell's word for a command that is not there
		return "The forced command is not there: the image has no agent (/usr/bin/trove-guestagent), or authorized_keys was changed."
	case errors.Is(err, context.DeadlineExceeded), isKind(err, guest.KindTimeout):
		return "The agent hangs: look at its log in the guest, and restart trove-guestagent there."
	default:
		return "The agent does not run: look at its log in the guest (`journalctl -u trove-guestagent`), or at the server's console."
	}
}

func isKind(err error, kind guest.ErrorKind) bool {
	var e *guest.Error
	return errors.As(err, &e) && e.Kind == kind
}

// because looks in the cloud for what breaks the way to a guest; an empty check: there is nothing.
func (d *doctor) because(v visit, err error) (check, why, hint string) {
	var way *ssh.WayError
	if !errors.As(err, &way) || way.Link != ssh.LinkNetwork && way.Link != ssh.LinkRefused && way.Link != ssh.LinkSSH || way.AtBastion {
		return "", "", ""
	}
	if check, why, hint := d.serverDown(v); check != "" {
		return check, why, hint
	}
	if way.Link != ssh.LinkNetwork || d.premises.ports == nil || d.premises.groups == nil {
		return "", "", "" // who answers, in whatever way, is not kept away by the cloud's network
	}
	slot := state.SlotPort
	if v.member.AgentAddress != "" {
		slot = state.SlotManagementPort
	}
	id := v.member.Objects[slot].ID
	i := slices.IndexFunc(d.premises.ports, func(p providers.Port) bool { return p.ID == id })
	if i < 0 {
		return "guest-port", fmt.Sprintf("the port %s is not in the cloud", id), "`trovectl plan` tells what an apply would do about it."
	}
	port := d.premises.ports[i]
	if check, why, hint := d.shut(v, port); check != "" {
		return check, why, hint
	}
	if port.Status == "DOWN" {
		return "guest-port", fmt.Sprintf("the port %s is DOWN", id), "The network of the server's host has not plugged it: `openstack port show`, or ask the cloud's operators."
	}
	return "", "", ""
}

func (d *doctor) serverDown(v visit) (check, why, hint string) {
	if d.premises.servers == nil {
		return "", "", ""
	}
	id := v.member.Objects[state.SlotServer].ID
	i := slices.IndexFunc(d.premises.servers, func(s providers.Server) bool { return s.ID == id })
	switch {
	case i < 0:
		return "guest-server", fmt.Sprintf("the server %s is not in the cloud", id), "`trovectl plan` tells what an apply would do about it."
	case d.premises.servers[i].Status != "ACTIVE":
		return "guest-server", fmt.Sprintf("the server %s is %s", id, d.premises.servers[i].Status), "`openstack server start`, or `openstack server show` for why."
	}
	return "", "", ""
}

// shut says why the security groups of a port keep us out.
func (d *doctor) shut(v visit, port providers.Port) (check, why, hint string) {
	var cidrs []string
	for _, g := range d.premises.groups {
		for _, rule := range g.Rules {
			if slices.Contains(port.SecurityGroups, g.ID) && rule.Port == cmp.Or(v.member.SSHPort, resource.DefaultSSHPort) {
				cidrs = append(cidrs, rule.CIDR)
			}
		}
	}
	if len(cidrs) == 0 {
		return "guest-access", fmt.Sprintf("no security group of the port %s lets anybody reach tcp %d", port.ID, v.member.SSHPort),
			"Somebody took the rule or the group away: `trovectl apply` puts it back."
	}
	if v.reach.dialer.Bastion != nil {
		return "", "", "" // what the guest sees is the bastion's address, which only the bastion knows
	}
	from := comesFrom(v.member)
	for _, cidr := range cidrs {
		if prefix, err := netip.ParsePrefix(cidr); err != nil || prefix.Contains(from) {
			return "", "", ""
		}
	}
	if !from.IsValid() {
		return "", "", ""
	}
	return "guest-source", fmt.Sprintf("the security group lets %s reach tcp %d, and this machine comes from %s", strings.Join(cidrs, ", "), v.member.SSHPort, from),
		fmt.Sprintf("Add %s/%d to source_cidrs and apply; where a NAT or a VPN is on the way, the address that the guest sees.", from, from.BitLen())
}

// comesFrom is the address that this machine would use towards a guest. Nothing is sent.
func comesFrom(member state.Member) netip.Addr {
	conn, err := net.Dial("udp", net.JoinHostPort(member.ReachedAt(), strconv.Itoa(member.SSHPort)))
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = conn.Close() }()
	return netip.MustParseAddrPort(conn.LocalAddr().String()).Addr().Unmap()
}
