package ssh_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/ssh"
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

// A sshd is an SSH server on loopback. Whatever command is asked for, it runs the forced one.
type sshd struct {
	t        *testing.T
	address  string
	listener net.Listener
	allowed  xssh.PublicKey
	forced   func(stream io.ReadWriteCloser) (exit uint32)
	jumps    bool // serves as a bastion

	hostKey  atomic.Pointer[xssh.Signer]
	accepted atomic.Int32 // connections that proved their key
	mute     atomic.Bool  // answers no keep-alive

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	work  sync.WaitGroup
}

func startSSHD(t *testing.T, hostKey xssh.Signer, allowed xssh.PublicKey, forced func(io.ReadWriteCloser) uint32) *sshd {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshd{
		t: t, address: listener.Addr().String(), listener: listener, allowed: allowed, forced: forced,
		conns: map[net.Conn]struct{}{},
	}
	s.hostKey.Store(&hostKey)
	s.work.Go(s.accept)
	t.Cleanup(func() {
		s.stop()
		s.work.Wait()
	})
	return s
}

func (s *sshd) stop() {
	_ = s.listener.Close()
	s.dropAll()
}

// dropAll breaks the connections that are open; new ones are accepted.
func (s *sshd) dropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

func (s *sshd) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.work.Go(func() {
			s.serve(conn)
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

func (s *sshd) serve(conn net.Conn) {
	config := &xssh.ServerConfig{PublicKeyCallback: func(_ xssh.ConnMetadata, key xssh.PublicKey) (*xssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), s.allowed.Marshal()) {
			return nil, errors.New("not allowed")
		}
		return nil, nil
	}}
	config.AddHostKey(*s.hostKey.Load())
	server, channels, requests, err := xssh.NewServerConn(conn, config)
	if err != nil {
		_ = conn.Close()
		return
	}
	s.accepted.Add(1)
	s.work.Go(func() {
		for r := range requests {
			if r.WantReply && !s.mute.Load() {
				_ = r.Reply(false, nil)
			}
		}
	})
	for channel := range channels {
		s.work.Go(func() { s.open(channel) })
	}
	_ = server.Wait()
}

func (s *sshd) open(asked xssh.NewChannel) {
	if asked.ChannelType() == "direct-tcpip" && s.jumps {
		s.forward(asked)
		return
	}
	if asked.ChannelType() != "session" {
		_ = asked.Reject(xssh.UnknownChannelType, "no")
		return
	}
	channel, requests, err := asked.Accept()
	if err != nil {
		return
	}
	for r := range requests {
		_ = r.Reply(r.Type == "exec", nil)
		if r.Type == "exec" {
			s.work.Go(func() {
				code := s.forced(channel)
				_, _ = channel.SendRequest("exit-status", false, xssh.Marshal(struct{ Code uint32 }{code}))
				_ = channel.Close()
			})
		}
	}
}

func (s *sshd) forward(asked xssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if err := xssh.Unmarshal(asked.ExtraData(), &to); err != nil {
		_ = asked.Reject(xssh.ConnectionFailed, err.Error())
		return
	}
	conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.ParseIP(to.Host), Port: int(to.Port)})
	if err != nil {
		_ = asked.Reject(xssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := asked.Accept()
	if err != nil {
		_ = conn.Close()
		return
	}
	go xssh.DiscardRequests(requests)
	s.work.Go(func() {
		_, _ = io.Copy(conn, channel)
		_ = conn.Close()
	})
	s.work.Go(func() {
		_, _ = io.Copy(channel, conn)
		_ = channel.Close()
	})
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

func targetOf(s *sshd, client xssh.Signer, hostKeys ...xssh.PublicKey) ssh.Target {
	return ssh.Target{Address: s.address, User: "trovectl", HostKeys: hostKeys, Signers: []xssh.Signer{client}}
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
