package command

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	cryptossh "golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/pipe"
	"github.com/trovectl/trovectl/guest/transport/ssh"
	"github.com/trovectl/trovectl/guest/transport/ssh/sshtest"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/keyring"
)

// way is a whole way to one guest, of which a test breaks one link.
type way struct {
	t      *testing.T
	visit  visit
	doctor *doctor
	guest  sshtest.Options // before it is started
	status guest.Status
	hangs  bool // the agent answers nothing
}

const patient = 2 * time.Second

func newWay(t *testing.T) *way {
	ring := keyring.NewMaster([keyring.KeySize]byte{1}).Ring("aaaaaaaabbbbbbbbccccccccdd")
	member := state.Member{ID: "mmmmmmmmmmmm", Generation: 2, Address: "127.0.0.1", Objects: map[state.Slot]state.Object{
		state.SlotServer: {ID: "s1"}, state.SlotPort: {ID: "p1"},
	}}
	address, err := resource.ParseAddress("instance.orders")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{
		t: t, status: guest.StatusHealthy, guest: sshtest.Options{HostKey: ring.HostKey(member.ID, 2).Signer(), Allowed: ring.ClientKey(member.ID, 2).Public()},
		visit: visit{state.Record{Address: address, Status: state.Ready}, member, &guests{ring: ring, dialer: &ssh.Dialer{Timeout: patient}}},
		doctor: &doctor{premises: premises{
			servers: []providers.Server{{ID: "s1", Status: "ACTIVE"}}, ports: []providers.Port{{ID: "p1", Status: "ACTIVE", SecurityGroups: []string{"g1"}}},
			groups: []providers.SecurityGroup{{ID: "g1"}},
		}},
	}
	w.guest.Forced = w.agent
	t.Cleanup(func() { _ = w.visit.reach.dialer.Close() })
	return w
}

// Handle answers as an agent does.
func (w *way) Handle(ctx context.Context, request guest.Request) guest.Reply {
	switch {
	case w.hangs:
		<-ctx.Done()
		return guest.Answer(request.ID, nil, ctx.Err())
	case request.Method == guest.MethodPing:
		return guest.Answer(request.ID, guest.Pong{Member: string(w.visit.member.ID), AgentVersion: "1", Engine: "mariadb"}, nil)
	default:
		return guest.Answer(request.ID, guest.Inspection{Pong: guest.Pong{Member: string(w.visit.member.ID)}, Status: w.status}, nil)
	}
}

func (w *way) agent(stream io.ReadWriteCloser) uint32 {
	_ = pipe.Serve(context.Background(), stream, w)
	return 0
}

func start(t *testing.T, options sshtest.Options) *sshtest.Server {
	t.Helper()
	server, err := sshtest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// port is where the guest is reached; its security group lets this machine in there, unless the test says otherwise.
func (w *way) port(address string) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.visit.member.SSHPort, _ = strconv.Atoi(text)
	if g := &w.doctor.premises.groups[0]; g.Rules == nil {
		g.Rules = []providers.Rule{{Port: w.visit.member.SSHPort, CIDR: "127.0.0.0/8"}}
	}
}

func key(seed byte) cryptossh.Signer {
	return keyring.NewMaster([keyring.KeySize]byte{seed}).Ring("other").HostKey("m", 1).Signer()
}

// silence is a listener that takes connections and says nothing.
func silence(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// dropped lets nothing come back, as a security group does.
func (w *way) dropped() {
	w.visit.reach.dialer.Timeout = 50 * time.Millisecond
	w.visit.reach.dialer.DialNet = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	w.port("127.0.0.1:22")
}

// TestDoctor_brokenLinks breaks one link of the way to a guest after the other: each is found, and told by its name.
func TestDoctor_brokenLinks(t *testing.T) {
	up := func(w *way) { w.port(start(w.t, w.guest).Address) }
	for name, c := range map[string]struct {
		check string
		words string
		spoil func(*way)
	}{
		"nothing":                 {"guest", "agent 1 for mariadb", up},
		"the server is down":      {"guest-server", "the server s1 is SHUTOFF", func(w *way) { w.doctor.premises.servers[0].Status = "SHUTOFF"; w.dropped() }},
		"the server is gone":      {"guest-server", "the server s1 is not in the cloud", func(w *way) { w.doctor.premises.servers = []providers.Server{}; w.dropped() }},
		"the port is gone":        {"guest-port", "the port p1 is not in the cloud", func(w *way) { w.doctor.premises.ports = []providers.Port{}; w.dropped() }},
		"the port is not plugged": {"guest-port", "the port p1 is DOWN", func(w *way) { w.doctor.premises.ports[0].Status = "DOWN"; w.dropped() }},
		"the rule is gone": {"guest-access", "lets anybody reach tcp 22", func(w *way) {
			w.doctor.premises.groups[0].Rules = []providers.Rule{{Port: 3306, CIDR: "0.0.0.0/0"}}
			w.dropped()
		}},
		"we come from elsewhere": {"guest-source", "lets 10.9.0.1/32 reach tcp 22, and this machine comes from 127.0.0.1", func(w *way) {
			w.doctor.premises.groups[0].Rules = []providers.Rule{{Port: 22, CIDR: "10.9.0.1/32"}}
			w.dropped()
		}},
		"a firewall on the way": {"guest-network", "no answer in time", (*way).dropped},
		"no SSH server":         {"guest-refused", "refused", func(w *way) { s := start(w.t, w.guest); s.Stop(); w.port(s.Address) }},
		"no SSH spoken":         {"guest-ssh", "no answer in time", func(w *way) { w.visit.reach.dialer.Timeout = 100 * time.Millisecond; w.port(silence(w.t)) }},
		"another machine":       {"guest-host-key", "host key mismatch", func(w *way) { w.guest.HostKey = key(7); up(w) }},
		"another master key":    {"guest-keys", "refuses every key", func(w *way) { w.guest.Allowed = key(8).PublicKey(); up(w) }},
		"no channel":            {"guest-channel", "starting the agent's channel", func(w *way) { w.guest.Forced = nil; up(w) }},
		"no forced command": {"guest-agent", "not found", func(w *way) {
			w.guest.Forced = func(s io.ReadWriteCloser) uint32 {
				_, _ = io.WriteString(s.(cryptossh.Channel).Stderr(), "sh: 1: /usr/bin/trove-guestagent: not found\n")
				return 127
			}
			up(w)
		}},
		"the agent is down": {"guest-agent", "dialing the agent", func(w *way) {
			w.guest.Forced = func(s io.ReadWriteCloser) uint32 {
				_, _ = io.WriteString(s.(cryptossh.Channel).Stderr(), "dialing the agent: connection refused\n")
				return 1
			}
			up(w)
		}},
		"the agent hangs":    {"guest-agent", "no answer to ping in time", func(w *way) { w.hangs = true; up(w) }},
		"the engine is down": {"guest-engine", "it is shutdown", func(w *way) { w.status = guest.StatusShutdown; up(w) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWay(t)
			c.spoil(w)
			ctx, cancel := context.WithTimeout(t.Context(), patient)
			defer cancel()
			found := w.doctor.greet(ctx, w.visit)
			if found.Check != c.check || !strings.Contains(found.Text, c.words) {
				t.Errorf("found %s: %s, want %s with %q", found.Check, found.Text, c.check, c.words)
			}
			if good := found.Verdict == view.Good; good != (c.check == "guest") || !good && found.Hint == "" {
				t.Errorf("the verdict is %s, the hint %q", found.Verdict, found.Hint)
			}
		})
	}
}

// TestDoctor_brokenBastion is the same for the first part of the way.
func TestDoctor_brokenBastion(t *testing.T) {
	caller, host := key(3), key(4)
	for name, c := range map[string]struct {
		check string
		spoil func(*testing.T, *sshtest.Options, *ssh.Bastion)
	}{
		"nothing":  {"bastion", func(*testing.T, *sshtest.Options, *ssh.Bastion) {}},
		"its name": {"bastion-name", func(_ *testing.T, _ *sshtest.Options, b *ssh.Bastion) { b.Address = "bastion.invalid:22" }},
		"no SSH server": {"bastion-refused", func(t *testing.T, o *sshtest.Options, b *ssh.Bastion) {
			s := start(t, *o)
			s.Stop()
			b.Address = s.Address
		}},
		"no SSH spoken":   {"bastion-ssh", func(t *testing.T, _ *sshtest.Options, b *ssh.Bastion) { b.Address = silence(t) }},
		"another machine": {"bastion-host-key", func(_ *testing.T, _ *sshtest.Options, b *ssh.Bastion) { b.HostKey = key(9).PublicKey() }},
		"another key":     {"bastion-keys", func(_ *testing.T, o *sshtest.Options, _ *ssh.Bastion) { o.Allowed = key(9).PublicKey() }},
		"no key": {"bastion-keys", func(_ *testing.T, _ *sshtest.Options, b *ssh.Bastion) {
			b.Signers = func() ([]cryptossh.Signer, error) { return nil, fmt.Errorf("the ssh agent holds no key") }
		}},
		"no forwarding": {"guest-forwarding", func(_ *testing.T, o *sshtest.Options, _ *ssh.Bastion) { o.Jumps = false }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, options := newWay(t), sshtest.Options{HostKey: host, Allowed: caller.PublicKey(), Jumps: true}
			w.port(start(t, w.guest).Address)
			bastion := &ssh.Bastion{User: "ci", HostKey: host.PublicKey(), Signers: func() ([]cryptossh.Signer, error) { return []cryptossh.Signer{caller}, nil }}
			c.spoil(t, &options, bastion)
			if bastion.Address == "" {
				bastion.Address = start(t, options).Address
			}
			w.visit.reach.dialer = &ssh.Dialer{Timeout: 500 * time.Millisecond, Bastion: bastion}
			t.Cleanup(func() { _ = w.visit.reach.dialer.Close() })
			if w.doctor.bastion(t.Context(), w.visit.reach) {
				w.doctor.findings = append(w.doctor.findings, w.doctor.greet(t.Context(), w.visit))
			}
			first := w.doctor.findings[0]
			if last := w.doctor.findings[len(w.doctor.findings)-1]; last.Verdict != view.Good {
				first = last
			}
			if first.Check != c.check || first.Verdict != view.Good && first.Hint == "" {
				t.Errorf("found %+v, want %s", w.doctor.findings, c.check)
			}
		})
	}
}

// TestDoctor_clock: a clock that is off is told, with the direction.
func TestDoctor_clock(t *testing.T) {
	for off, words := range map[time.Duration]string{0: "as the cloud's", 2 * time.Minute: "2m0s ahead", -time.Hour: "1h0m0s behind"} {
		d := &doctor{}
		d.clock(providers.Identity{ClockAhead: off})
		if one := d.findings[0]; !strings.Contains(one.Text, words) || (one.Verdict == view.Good) != (off == 0) {
			t.Errorf("%s: found %+v", off, one)
		}
	}
}
