package machines

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	loginGrace   = 30 * time.Second
	acceptPause  = 50 * time.Millisecond // after an error that may pass, such as too many open files
	serverBanner = "SSH-2.0-trovectl_emulator"
)

// An sshServer is the machine's sshd. Host key and authorized keys are read from the machine's files at every
// connection, so a key that the guest replaced counts from the next one.
type sshServer struct {
	computer  *computer
	listeners []net.Listener  // one for each address
	guest     *simulatedGuest // answers in this process; nil: the machine runs programs

	work   sync.WaitGroup
	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

func newSSHServer(c *computer, listeners []net.Listener) *sshServer {
	return &sshServer{computer: c, listeners: listeners, conns: map[net.Conn]struct{}{}}
}

// serve begins to answer; close ends it.
func (s *sshServer) serve() {
	for _, listener := range s.listeners {
		s.work.Go(func() { s.accept(listener) })
	}
}

func (s *sshServer) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.computer.log.Warn("accepting an SSH connection", "error", err)
			time.Sleep(acceptPause)
		case s.track(conn):
			s.work.Go(func() {
				defer s.untrack(conn)
				s.handle(conn)
			})
		}
	}
}

// close ends the listeners and every connection. Processes of sessions see their input end; ending them is the
// machine's business. wait returns when nothing of the server runs.
func (s *sshServer) close() {
	for _, listener := range s.listeners {
		_ = listener.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
}

func (s *sshServer) wait() { s.work.Wait() }

func (s *sshServer) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *sshServer) untrack(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// grantKey is where the handshake leaves what the key may do.
type grantKey struct{}

func (s *sshServer) handle(conn net.Conn) {
	root, err := os.OpenRoot(s.computer.root)
	if err != nil {
		s.computer.log.Warn("opening the machine for SSH", "error", err)
		return
	}
	defer func() { _ = root.Close() }()
	hostKey, err := readHostKey(root)
	if err != nil {
		s.computer.log.Warn("no host key for SSH", "error", err)
		return
	}
	config := &ssh.ServerConfig{
		ServerVersion: serverBanner,
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			g, err := authorize(root, meta.User(), key, meta.RemoteAddr())
			if err != nil {
				s.computer.log.Debug("SSH login refused", "user", meta.User(), "error", err)
				return nil, err
			}
			return &ssh.Permissions{ExtraData: map[any]any{grantKey{}: g}}, nil
		},
	}
	config.AddHostKey(hostKey)
	_ = conn.SetDeadline(time.Now().Add(loginGrace)) // fails only on a closed connection, which the handshake notices
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		s.computer.log.Debug("SSH handshake failed", "from", conn.RemoteAddr().String(), "error", err)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	s.serveConn(server, channels, requests)
}

func (s *sshServer) serveConn(conn *ssh.ServerConn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	g, _ := conn.Permissions.ExtraData[grantKey{}].(grant)
	s.work.Go(func() { ssh.DiscardRequests(requests) })
	for channel := range channels {
		switch channel.ChannelType() {
		case "session":
			s.work.Go(func() { s.session(channel, g) })
		case "direct-tcpip":
			s.work.Go(func() { s.forward(channel, g) })
		default:
			_ = channel.Reject(ssh.UnknownChannelType, "unknown channel type")
		}
	}
}
