package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// A Bastion is a host to jump over: the connection to the guest is made from there.
type Bastion struct {
	Address string // "host:port"
	User    string
	HostKey ssh.PublicKey // pinned, of any type
	// Signers gives the keys to try, in this order, whenever a connection is made.
	Signers func() ([]ssh.Signer, error)
}

// A jump is the one connection to the bastion, which carries those to all guests.
type jump struct {
	client *ssh.Client
	ended  chan struct{}
	once   sync.Once
	work   sync.WaitGroup
}

// close ends the connection. Close twice is harmless.
func (j *jump) close() {
	j.once.Do(func() { close(j.ended) })
	_ = j.client.Close() // it may be dead already
	j.work.Wait()
}

// bastionError says that the way ended at the bastion.
type bastionError struct{ err error }

func (e *bastionError) Error() string { return e.err.Error() }
func (e *bastionError) Unwrap() error { return e.err }

// Close ends the connection to the bastion, if there is one. A Dial after that makes a new one.
func (d *Dialer) Close() error {
	if err := d.lock(context.Background()); err != nil {
		return err
	}
	defer d.unlock()
	if d.jump != nil {
		d.jump.close()
		d.jump = nil
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

// dialOver makes a connection from the bastion. Where the shared connection to it has died, one new one is tried.
func (d *Dialer) dialOver(ctx context.Context, address string) (net.Conn, error) {
	for again := false; ; again = true {
		j, fresh, err := d.reachBastion(ctx)
		if err != nil {
			return nil, &bastionError{err}
		}
		conn, err := j.client.DialContext(ctx, "tcp", address)
		var refused *ssh.OpenChannelError
		switch {
		case err == nil, errors.As(err, &refused), ctx.Err() != nil:
			return conn, err
		case fresh || again:
			return nil, &bastionError{fmt.Errorf("the connection was dropped: %w", err)}
		}
		if err := d.forget(ctx, j); err != nil {
			return nil, &bastionError{err}
		}
	}
}

// reachBastion returns the shared connection, and whether it was made just now.
func (d *Dialer) reachBastion(ctx context.Context) (j *jump, fresh bool, err error) {
	if err := d.lock(ctx); err != nil {
		return nil, false, fmt.Errorf("waiting for another connection to it: %w", err)
	}
	defer d.unlock()
	if d.jump != nil {
		return d.jump, false, nil
	}
	b := d.Bastion
	if b.HostKey == nil {
		return nil, false, errors.New("no host key is pinned for it")
	}
	conn, err := d.dialNet(ctx, b.Address)
	if err != nil {
		return nil, false, err
	}
	client, _, err := handshake(ctx, conn, host{b.Address, b.User, []ssh.PublicKey{b.HostKey}, b.Signers})
	if err != nil {
		return nil, false, err
	}
	j = &jump{client: client, ended: make(chan struct{})}
	if every := d.keepAlive(); every > 0 {
		j.work.Go(func() { stayAlive(client, every, j.ended) })
	}
	d.jump = j
	return j, true, nil
}

func (d *Dialer) forget(ctx context.Context, j *jump) error {
	if err := d.lock(ctx); err != nil {
		return err
	}
	defer d.unlock()
	if d.jump == j {
		d.jump = nil
	}
	j.close()
	return nil
}
