package ssh_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"sync"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/ssh"
	"github.com/trovectl/trovectl/guest/transport/ssh/sshtest"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

// newKey makes an ed25519 key from one byte, so that tests can name generations.
func newKey(t *testing.T, seed byte) xssh.Signer {
	t.Helper()
	signer, err := xssh.NewSignerFromKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// startSSHD is a guest's SSH server: whatever command is asked for, it runs the forced one.
func startSSHD(t *testing.T, hostKey xssh.Signer, allowed xssh.PublicKey, forced func(io.ReadWriteCloser) uint32) *sshtest.Server {
	return start(t, sshtest.Options{HostKey: hostKey, Allowed: allowed, Forced: forced})
}

func start(t *testing.T, options sshtest.Options) *sshtest.Server {
	t.Helper()
	server, err := sshtest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Stop()
		server.Wait()
	})
	return server
}

// serving is the forced command that serves a handler.
func serving(t *testing.T, handler guest.Handler) func(io.ReadWriteCloser) uint32 {
	return servedBy(transporttest.NewStreamServer(t, handler))
}

func servedBy(server *transporttest.StreamServer) func(io.ReadWriteCloser) uint32 {
	return func(stream io.ReadWriteCloser) uint32 {
		server.Serve(&output{channel: stream.(xssh.Channel)})
		return 0
	}
}

// output closes only the direction to the client: the SSH server sends the exit status before it closes the rest.
type output struct {
	channel xssh.Channel
	mu      sync.Mutex // a channel's Write and CloseWrite exclude one another
}

func (o *output) Read(p []byte) (int, error) { return o.channel.Read(p) }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.channel.Write(p)
}

func (o *output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.channel.CloseWrite()
}

func targetOf(s *sshtest.Server, client xssh.Signer, hostKeys ...xssh.PublicKey) ssh.Target {
	return ssh.Target{Address: s.Address, User: "trovectl", Keys: func() ssh.Keys {
		return ssh.Keys{Host: hostKeys, Signers: []xssh.Signer{client}}
	}}
}

func dialTo(t *testing.T, d *ssh.Dialer, target ssh.Target) (*ssh.Carrier, error) {
	t.Helper()
	carrier, err := d.Dial(t.Context(), target)
	if err == nil {
		t.Cleanup(func() { _ = carrier.Close() })
	}
	return carrier, err
}

func ping(ctx context.Context, carrier guest.Carrier, id string) error {
	_, err := carrier.Call(ctx, guest.Request{Version: guest.Version, ID: id, Method: guest.MethodPing, Body: []byte(`1`)})
	return err
}
