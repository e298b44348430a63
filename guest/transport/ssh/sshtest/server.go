// Package sshtest is an SSH server on loopback for tests: a guest's, which runs one command, or a bastion.
package sshtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// Options say what a server is and whom it serves.
type Options struct {
	HostKey ssh.Signer
	Allowed ssh.PublicKey // the one key that may log in
	// Forced runs in place of every command; its result is the exit status. nil: no command is run.
	Forced func(stream io.ReadWriteCloser) (exit uint32)
	// Jumps lets clients connect to other addresses from here, as a bastion does.
	Jumps bool
}

// A Server listens until Stop.
type Server struct {
	Address string // "127.0.0.1:port"

	options  Options
	listener net.Listener
	hostKey  atomic.Pointer[ssh.Signer]
	accepted atomic.Int32
	jumped   atomic.Int32
	mute     atomic.Bool

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	work  sync.WaitGroup
}

// Start opens a server. The caller stops it.
func Start(options Options) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening an SSH server for a test: %w", err)
	}
	s := &Server{Address: listener.Addr().String(), options: options, listener: listener, conns: map[net.Conn]struct{}{}}
	s.hostKey.Store(&options.HostKey)
	s.work.Go(s.accept)
	return s, nil
}

// HostKey is what the server shows to new connections.
func (s *Server) HostKey() ssh.Signer { return *s.hostKey.Load() }

// SetHostKey rotates the host key; connections that are open stay.
func (s *Server) SetHostKey(key ssh.Signer) { s.hostKey.Store(&key) }

// Accepted counts the connections that proved their key.
func (s *Server) Accepted() int { return int(s.accepted.Load()) }

// Counted tells how many connections proved their key since the last time, and how many were made from here.
func (s *Server) Counted() (accepted, jumped int) {
	return int(s.accepted.Swap(0)), int(s.jumped.Swap(0))
}

// Mute leaves every sign of life unanswered from now on.
func (s *Server) Mute() { s.mute.Store(true) }

// StopListening takes no new connections; those that are open stay.
func (s *Server) StopListening() { _ = s.listener.Close() }

// Stop ends the server and every connection, and does not wait for commands that still run.
func (s *Server) Stop() {
	s.StopListening()
	s.DropAll()
}

// Wait returns when everything that ran in a stopped server has ended.
func (s *Server) Wait() { s.work.Wait() }

// DropAll breaks the connections that are open; new ones are accepted.
func (s *Server) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

func (s *Server) accept() {
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

func (s *Server) serve(conn net.Conn) {
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), s.options.Allowed.Marshal()) {
			return nil, errors.New("not allowed")
		}
		return nil, nil
	}}
	config.AddHostKey(s.HostKey())
	server, channels, requests, err := ssh.NewServerConn(conn, config)
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

func (s *Server) open(asked ssh.NewChannel) {
	if asked.ChannelType() == "direct-tcpip" && s.options.Jumps {
		s.forward(asked)
		return
	}
	if asked.ChannelType() == "direct-tcpip" {
		_ = asked.Reject(ssh.Prohibited, "open failed") // as OpenSSH says it
		return
	}
	if asked.ChannelType() != "session" || s.options.Forced == nil {
		_ = asked.Reject(ssh.UnknownChannelType, "no")
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
				code := s.options.Forced(channel)
				_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
				_ = channel.Close()
			})
		}
	}
}

func (s *Server) forward(asked ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if err := ssh.Unmarshal(asked.ExtraData(), &to); err != nil {
		_ = asked.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.ParseIP(to.Host), Port: int(to.Port)})
	if err != nil {
		_ = asked.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := asked.Accept()
	if err != nil {
		_ = conn.Close()
		return
	}
	s.jumped.Add(1)
	go ssh.DiscardRequests(requests)
	s.work.Go(func() {
		_, _ = io.Copy(conn, channel)
		_ = conn.Close()
	})
	s.work.Go(func() {
		_, _ = io.Copy(channel, conn)
		_ = channel.Close()
	})
}
