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

// A Target is one guest and how to know it. Only ed25519 is spoken, on both sides.
type Target struct {
	Address  string          // "ip:port" of the SSH server
	User     string          // account whose forced command is the agent's channel
	HostKeys []ssh.PublicKey // accepted; while a rotation is under way there are two generations
	Signers  []ssh.Signer    // our keys, tried in this order
}

// A Bastion is a host to jump over: the connection to the guest is made from there.
type Bastion struct {
	Address string // "host:port"
	User    string
	HostKey ssh.PublicKey // pinned
	Signers []ssh.Signer
}

// A Dialer makes carriers. The zero Dialer is usable. It is safe for concurrent use; its fields MUST NOT change after
// the first Dial. Close ends the connection to the bastion, which all carriers share.
type Dialer struct {
	Timeout   time.Duration // for one connection with its handshakes; 0: 10 s
	KeepAlive time.Duration // between signs of life, and how long one may take; 0: 15 s, negative: none
	Bastion   *Bastion
	// DialNet makes the first TCP connection; nil: net.Dialer.
	DialNet func(ctx context.Context, network, address string) (net.Conn, error)

	once    sync.Once
	jumping chan struct{} // holds one token: who has it may make or forget the connection to the bastion
	jump    *ssh.Client   // to the bastion, while it lives
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

// Close ends the connection to the bastion, if there is one.
func (d *Dialer) Close() error {
	if err := d.lock(context.Background()); err != nil {
		return err
	}
	defer d.unlock()
	if d.jump == nil {
		return nil
	}
	jump := d.jump
	d.jump = nil
	if err := jump.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing the connection to the bastion: %w", err)
	}
	return nil
}

func (d *Dialer) lock(ctx context.Context) error {
	d.once.Do(func() { d.jumping = make(chan struct{}, 1) })
	select {
	case d.jumping <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Dialer) unlock() { <-d.jumping }

func (d *Dialer) timeout() time.Duration {
	if d.Timeout == 0 {
		return defaultTimeout
	}
	return d.Timeout
}

func (d *Dialer) keepAlive() time.Duration {
	if d.KeepAlive == 0 {
		return defaultKeepAlive
	}
	return d.KeepAlive
}

// connect makes one connection with the channel's command running.
func (d *Dialer) connect(ctx context.Context, target Target) (*link, error) {
	if len(target.HostKeys) == 0 {
		return nil, guest.Errorf(guest.KindUnreachable, "no host key is known for the guest at %s", target.Address)
	}
	within, cancel := context.WithTimeout(ctx, d.timeout())
	defer cancel()
	route := fmt.Sprintf("the guest at %s", target.Address)
	if d.Bastion != nil {
		route += fmt.Sprintf(" by way of the bastion %s", d.Bastion.Address)
	}
	conn, err := d.dialTarget(within, target.Address)
	if err != nil {
		return nil, d.unreachable(within, route, err)
	}
	client, seen, err := handshake(within, conn, host{target.Address, target.User, target.HostKeys, target.Signers})
	if err != nil {
		return nil, d.unreachable(within, route, err)
	}
	link, err := newLink(within, client, seen, d.keepAlive())
	if err != nil {
		return nil, d.unreachable(within, route, err)
	}
	return link, nil
}

func (d *Dialer) dialTarget(ctx context.Context, address string) (net.Conn, error) {
	if d.Bastion == nil {
		return d.dialNet(ctx, address)
	}
	jump, fresh, err := d.bastion(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := jump.DialContext(ctx, "tcp", address)
	var refused *ssh.OpenChannelError
	if err == nil || fresh || errors.As(err, &refused) || ctx.Err() != nil {
		return conn, err
	}
	// The shared connection had died; one new one is tried.
	if err := d.forget(ctx, jump); err != nil {
		return nil, err
	}
	if jump, _, err = d.bastion(ctx); err != nil {
		return nil, err
	}
	return jump.DialContext(ctx, "tcp", address)
}

// bastion returns the shared connection, and whether it was made just now.
func (d *Dialer) bastion(ctx context.Context) (jump *ssh.Client, fresh bool, err error) {
	if err := d.lock(ctx); err != nil {
		return nil, false, fmt.Errorf("waiting for the bastion: %w", err)
	}
	defer d.unlock()
	if d.jump != nil {
		return d.jump, false, nil
	}
	b := d.Bastion
	conn, err := d.dialNet(ctx, b.Address)
	if err != nil {
		return nil, false, fmt.Errorf("connecting to the bastion: %w", err)
	}
	if b.HostKey == nil {
		return nil, false, errors.Join(errors.New("no host key is pinned for the bastion"), conn.Close())
	}
	jump, _, err = handshake(ctx, conn, host{b.Address, b.User, []ssh.PublicKey{b.HostKey}, b.Signers})
	if err != nil {
		return nil, false, fmt.Errorf("connecting to the bastion: %w", err)
	}
	d.jump = jump
	return jump, true, nil
}

func (d *Dialer) forget(ctx context.Context, jump *ssh.Client) error {
	if err := d.lock(ctx); err != nil {
		return err
	}
	defer d.unlock()
	if d.jump == jump {
		d.jump = nil
	}
	_ = jump.Close() // dead already
	return nil
}

func (d *Dialer) dialNet(ctx context.Context, address string) (net.Conn, error) {
	if d.DialNet != nil {
		return d.DialNet(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// unreachable says in one line what was tried and what came of it.
func (d *Dialer) unreachable(ctx context.Context, route string, err error) error {
	why := err.Error()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		why = fmt.Sprintf("no answer in time (the limit is %s): %s", d.timeout(), why)
	case errors.Is(ctx.Err(), context.Canceled):
		why = "given up by the caller: " + why
	case strings.Contains(why, "unable to authenticate"):
		why = "it refuses every key we have: " + why
	}
	return guest.Errorf(guest.KindUnreachable, "connecting to %s: %s", route, why)
}

// A host is whom a handshake expects at the other end.
type host struct {
	address string
	user    string
	keys    []ssh.PublicKey
	signers []ssh.Signer
}

// handshake makes an SSH connection of a network connection, which it owns, and returns the index of the host key that
// was seen.
func handshake(ctx context.Context, conn net.Conn, with host) (client *ssh.Client, seen int, err error) {
	var mismatch error
	config := &ssh.ClientConfig{
		User:              with.user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(with.signers...)},
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
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
		return nil, 0, err
	}
	return ssh.NewClient(inner, channels, requests), seen, nil
}

func mismatchError(with host, got ssh.PublicKey) error {
	known := make([]string, len(with.keys))
	for i, key := range with.keys {
		known[i] = ssh.FingerprintSHA256(key)
	}
	return fmt.Errorf("host key mismatch: %s shows %s, pinned is %s; another machine may have its address, or somebody "+
		"is in between", with.address, ssh.FingerprintSHA256(got), strings.Join(known, " or "))
}
