// Package ssh carries requests to a guest over SSH: the guest runs one forced command for our key, and the messages
// travel over its standard streams.
package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
)

// A Target is one guest and how to know it.
type Target struct {
	Address string // "ip:port" of the SSH server
	User    string // account whose forced command is the agent's channel
	// Keys are asked for once somebody answers at the address: deriving them costs more than knocking.
	Keys func() Keys
}

// Keys are those of a guest and ours. They are ed25519, on both sides.
type Keys struct {
	Host    []ssh.PublicKey // accepted; while a rotation is under way there are two generations
	Signers []ssh.Signer    // ours, tried in this order
}

// A Dialer makes carriers. The zero Dialer is usable. It is safe for concurrent use; its fields MUST NOT change after
// the first Dial. Close ends the connection to the bastion, which all carriers share.
type Dialer struct {
	Timeout   time.Duration // until an address answers, and three times as long for the handshakes; 0: 10 s
	KeepAlive time.Duration // between signs of life, and how long one may take; 0: 15 s, negative: none
	Bastion   *Bastion
	// DialNet makes the first TCP connection; nil: net.Dialer.
	DialNet func(ctx context.Context, network, address string) (net.Conn, error)

	once    sync.Once
	jumping chan struct{} // holds one token: who has it may make or forget the connection to the bastion
	jump    *jump         // to the bastion, while it lives
}

const (
	defaultTimeout   = 10 * time.Second
	defaultKeepAlive = 15 * time.Second
	// command is what we ask for; the guest's forced command runs in its place and may read it.
	command = "rpc"
)

// Dial connects to a guest, proves its identity and starts the channel. Every failure is an *guest.Error of
// KindUnreachable that names the address and what was tried. The caller closes the carrier.
func (d *Dialer) Dial(ctx context.Context, target Target) (*Carrier, error) {
	c := &Carrier{dialer: d, target: target, dialing: make(chan struct{}, 1)}
	link, err := d.connect(ctx, target)
	if err != nil {
		return nil, err
	}
	c.link = link
	return c, nil
}

func (d *Dialer) timeout() time.Duration {
	if d.Timeout == 0 {
		return defaultTimeout
	}
	return d.Timeout
}

// handshakes is how long a connection may take as a whole: a machine that boots computes its part of them slowly.
func (d *Dialer) handshakes() time.Duration { return 3 * d.timeout() }

func (d *Dialer) keepAlive() time.Duration {
	if d.KeepAlive == 0 {
		return defaultKeepAlive
	}
	return d.KeepAlive
}

// connect makes one connection with the channel's command running.
func (d *Dialer) connect(ctx context.Context, target Target) (*link, error) {
	within, cancel := context.WithTimeout(ctx, d.handshakes())
	defer cancel()
	client, seen, err := d.login(within, target)
	if err != nil {
		return nil, err
	}
	link, err := newLink(within, client, seen, d.keepAlive())
	if err != nil {
		return nil, d.unreachable(within, guest.StageAgent, d.route(target), err)
	}
	return link, nil
}

// route says where a connection goes.
func (d *Dialer) route(target Target) string {
	if d.Bastion != nil {
		return fmt.Sprintf("the guest at %s by way of the bastion %s", target.Address, d.Bastion.Address)
	}
	return "the guest at " + target.Address
}

// login makes one connection and proves both identities. It returns the index of the host key that was seen.
func (d *Dialer) login(within context.Context, target Target) (client *ssh.Client, seen int, err error) {
	route, dial := d.route(target), d.dialNet
	if d.Bastion != nil {
		dial = d.dialOver
	}
	knocking, cancel := context.WithTimeout(within, d.timeout())
	defer cancel()
	conn, err := dial(knocking, target.Address)
	var away *bastionError
	if errors.As(err, &away) {
		route = fmt.Sprintf("the bastion %s, which is on the way to the guest at %s", d.Bastion.Address, target.Address)
	}
	if err != nil {
		return nil, 0, d.unreachable(knocking, guest.StageConnect, route, err)
	}
	keys := target.Keys()
	if len(keys.Host) == 0 {
		_ = conn.Close() // nothing was said on it
		return nil, 0, guest.Errorf(guest.KindUnreachable, "no host key is known for the guest at %s", target.Address)
	}
	client, seen, err = handshake(within, conn, host{target.Address, target.User, keys.Host, held(keys.Signers)})
	if err != nil {
		return nil, 0, d.unreachable(within, guest.StageGreet, route, err)
	}
	return client, seen, nil
}

func (d *Dialer) dialNet(ctx context.Context, address string) (net.Conn, error) {
	if d.DialNet != nil {
		return d.DialNet(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// unreachable says in one line what was tried and what came of it.
func (d *Dialer) unreachable(ctx context.Context, stage guest.Stage, route string, err error) error {
	why := err.Error()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		limit := d.handshakes()
		if stage == guest.StageConnect {
			limit = d.timeout()
		}
		why = fmt.Sprintf("no answer in time (the limit is %s): %s", limit, why)
	case errors.Is(ctx.Err(), context.Canceled):
		why = "given up by the caller: " + why
	case strings.Contains(why, "unable to authenticate"):
		why = "it refuses every key we have: " + why
		if stage == guest.StageGreet {
			stage = guest.StageLogin
		}
	}
	failure := guest.Errorf(guest.KindUnreachable, "connecting to %s: %s", route, why)
	failure.Stage = stage
	return wayError(ctx, err, failure)
}

// A host is whom a handshake expects at the other end.
type host struct {
	address string
	user    string
	keys    []ssh.PublicKey
	signers func() ([]ssh.Signer, error)
}

// held are keys that are at hand.
func held(signers []ssh.Signer) func() ([]ssh.Signer, error) {
	return func() ([]ssh.Signer, error) { return signers, nil }
}

// ours are the keys to try.
func (h host) ours() ([]ssh.Signer, error) {
	signers, err := h.signers()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errOurKeys, err)
	}
	return signers, nil
}

// algorithms are those that can prove one of the pinned keys: a server shows one key only.
func (h host) algorithms() (out []string) {
	for _, key := range h.keys {
		if key.Type() == ssh.KeyAlgoRSA {
			out = append(out, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		out = append(out, key.Type())
	}
	return out
}

// handshake makes an SSH connection of a network connection, which it owns, and returns the index of the host key that
// was seen.
func handshake(ctx context.Context, conn net.Conn, with host) (client *ssh.Client, seen int, err error) {
	var mismatch error
	config := &ssh.ClientConfig{
		User:              with.user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeysCallback(with.ours)},
		HostKeyAlgorithms: with.algorithms(),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			for i, known := range with.keys {
				if bytes.Equal(known.Marshal(), key.Marshal()) {
					seen = i
					return nil
				}
			}
			mismatch = mismatchError(with, key)
			return mismatch
		},
	}
	// A channel through a bastion has no deadlines, so the end of ctx closes.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	inner, channels, requests, err := ssh.NewClientConn(conn, with.address, config)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if mismatch != nil {
			err = mismatch
		}
		_ = conn.Close() // what matters is why the handshake failed
		return nil, 0, &handshakeError{err}
	}
	return ssh.NewClient(inner, channels, requests), seen, nil
}

func mismatchError(with host, got ssh.PublicKey) error {
	known := make([]string, len(with.keys))
	for i, key := range with.keys {
		known[i] = ssh.FingerprintSHA256(key)
	}
	return fmt.Errorf("%w: %s shows %s, pinned is %s; another machine may have its address, or somebody "+
		"is in between", errHostKey, with.address, ssh.FingerprintSHA256(got), strings.Join(known, " or "))
}
