package ssh

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
)

// Link is the part of the way to a guest at which it ended. The set is closed.
type Link string

// The links, in the order in which they are gone.
const (
	LinkName       Link = "name"       // the host name has no address
	LinkNetwork    Link = "network"    // nobody answers, or there is no route: a security group, mostly
	LinkRefused    Link = "refused"    // the machine answers and refuses: nothing listens there
	LinkSSH        Link = "ssh"        // somebody listens, and does not speak SSH to the end of the handshake
	LinkHostKey    Link = "host-key"   // another host key than the pinned one
	LinkKeys       Link = "keys"       // none of our keys is accepted, or we have none
	LinkForwarding Link = "forwarding" // the bastion forbids connections from it
	LinkChannel    Link = "channel"    // the agent's channel is not started
)

// A WayError says at which link the way to a guest ended. It reads like, and is, a *guest.Error of KindUnreachable.
type WayError struct {
	Link      Link
	AtBastion bool // of the bastion, and not of the guest
	err       error
}

func (e *WayError) Error() string { return e.err.Error() }

// Unwrap gives the *guest.Error.
func (e *WayError) Unwrap() error { return e.err }

var (
	errHostKey    = errors.New("host key mismatch")
	errOurKeys    = errors.New("no key of ours is at hand")
	errNotStarted = errors.New("starting the agent's channel")
)

// linkOf judges why an attempt failed. connected: the network connection was there already.
func linkOf(ctx context.Context, err error, connected bool) Link {
	var name *net.DNSError
	var refused *ssh.OpenChannelError
	switch {
	case errors.As(err, &name):
		return LinkName
	case errors.Is(err, errHostKey):
		return LinkHostKey
	case errors.Is(err, errOurKeys), strings.Contains(err.Error(), "unable to authenticate"):
		return LinkKeys
	case errors.Is(err, errNotStarted):
		return LinkChannel
	case errors.As(err, &refused) && refused.Reason == ssh.Prohibited:
		return LinkForwarding
	case errors.Is(err, syscall.ECONNREFUSED), errors.As(err, &refused) && strings.Contains(strings.ToLower(refused.Message), "refused"):
		return LinkRefused
	case connected && ctx.Err() == nil, connected && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return LinkSSH
	default:
		return LinkNetwork
	}
}

// CheckBastion connects to the bastion, unless it is connected, and says as a *WayError why it cannot; without a bastion it
// is a success.
func (d *Dialer) CheckBastion(ctx context.Context) error {
	if d.Bastion == nil {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, d.timeout())
	defer cancel()
	if _, _, err := d.reachBastion(within); err != nil {
		return d.unreachable(within, guest.StageConnect, "the bastion "+d.Bastion.Address, &bastionError{err})
	}
	return nil
}

// wayError makes the error of a failed attempt, with what it says.
func wayError(ctx context.Context, err error, text *guest.Error) error {
	var away *bastionError
	var step *handshakeError
	return &WayError{Link: linkOf(ctx, err, errors.As(err, &step)), AtBastion: errors.As(err, &away), err: text}
}

// handshakeError is one of a connection that the network has made.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }
