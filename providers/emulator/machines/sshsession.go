package machines

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/pipe"
)

const (
	// After a command ended, its output may still be on its way to a slow client, or be held by a child that outlives it.
	drainGrace     = 30 * time.Second
	forwardTimeout = 10 * time.Second
)

// session serves one session channel (RFC 4254, section 6): at most one command, without a terminal.
func (s *sshServer) session(offer ssh.NewChannel, g grant) {
	channel, requests, err := offer.Accept()
	if err != nil {
		return
	}
	if s.guest != nil {
		s.agentSession(channel, requests, g)
		return
	}
	var running *exec.Cmd
	for request := range requests {
		switch request.Type {
		case "exec", "shell", "subsystem":
			if running != nil {
				reply(request, false)
				continue
			}
			cmd, ok := s.command(request, g)
			reply(request, ok) // before the command can say or end anything
			if !ok || !s.launch(channel, cmd) {
				_ = channel.Close()
				continue
			}
			running = cmd
		case "signal":
			forwardSignal(request, running)
			reply(request, true)
		default: // no terminals, no environment, no agent and no X11 forwarding
			reply(request, false)
		}
	}
	if running == nil {
		_ = channel.Close()
	}
}

// agentSession serves the agent's channel of a machine that runs no programs; whatever else is asked for is refused.
func (s *sshServer) agentSession(channel ssh.Channel, requests <-chan *ssh.Request, g grant) {
	readOnly, known := agentChannel(g.command)
	served := false
	for request := range requests {
		if request.Type != "exec" || !known || served {
			reply(request, false)
			continue
		}
		if err := s.guest.join(); err != nil {
			s.computer.log.Warn("no agent for an SSH session", "error", err)
			reply(request, false)
			continue
		}
		served = true
		reply(request, true)
		s.work.Go(func() { s.serveAgent(channel, readOnly) })
	}
	if !served {
		_ = channel.Close()
	}
}

func (s *sshServer) serveAgent(channel ssh.Channel, readOnly bool) {
	handler := guest.Handler(s.guest)
	if readOnly {
		handler = guest.ReadOnly(handler)
	}
	code := uint32(0)
	// It ends with the connection, and a machine that goes down ends that.
	if err := pipe.Serve(context.Background(), channel, handler); err != nil {
		code = 1
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
	_ = channel.Close()
	if err := s.guest.leave(); err != nil {
		s.computer.log.Warn("closing a simulated agent", "error", err)
	}
}

func reply(request *ssh.Request, ok bool) {
	if request.WantReply {
		_ = request.Reply(ok, nil) // a client that is gone does not need it
	}
}

// command builds what the request, or the key's forced command in its place, runs.
func (s *sshServer) command(request *ssh.Request, g grant) (*exec.Cmd, bool) {
	var asked struct{ Text string }
	if request.Type != "shell" && ssh.Unmarshal(request.Payload, &asked) != nil {
		return nil, false
	}
	env := s.computer.environment()
	run := asked.Text
	switch {
	case g.command != "":
		run = g.command
		if request.Type != "shell" {
			env = append(env, "SSH_ORIGINAL_COMMAND="+asked.Text)
		}
	case request.Type == "subsystem":
		return nil, false
	case request.Type == "shell":
		run = "exec /bin/sh"
	}
	cmd := exec.Command("/bin/sh", "-c", s.computer.shellCommand(run))
	cmd.Dir, cmd.Env = s.computer.root, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = drainGrace
	return cmd, true
}

// launch starts the command on the channel and sees to its end.
func (s *sshServer) launch(channel ssh.Channel, cmd *exec.Cmd) bool {
	// A pipe of our own: a command that ends without reading its input must not wait for the client to close it.
	input, err := cmd.StdinPipe()
	if err != nil {
		return false
	}
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	if err := s.begin(cmd); err != nil {
		s.computer.log.Warn("starting an SSH command", "error", err)
		_ = input.Close()
		return false
	}
	s.work.Go(func() {
		_, _ = io.Copy(input, channel) // ends with the client's input or with the command
		_ = input.Close()
	})
	s.work.Go(func() {
		err := cmd.Wait()
		_ = channel.CloseWrite()
		sendExit(channel, cmd, err)
		_ = channel.Close()
	})
	return true
}

// begin starts the command unless the machine is going down: whoever ends its processes must not miss one.
func (s *sshServer) begin(cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	return cmd.Start()
}

// sendExit reports how the command ended (RFC 4254, section 6.10).
func sendExit(channel ssh.Channel, cmd *exec.Cmd, err error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && cmd.ProcessState == nil {
		return
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		_, _ = channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name    string
			Core    bool
			Message string
			Lang    string
		}{Name: signalName(status.Signal())}))
		return
	}
	code := uint32(cmd.ProcessState.ExitCode())
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
}

var signals = map[string]syscall.Signal{
	"ABRT": syscall.SIGABRT, "HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL,
	"QUIT": syscall.SIGQUIT, "TERM": syscall.SIGTERM, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
}

func signalName(sig syscall.Signal) string {
	for name, number := range signals {
		if number == sig {
			return name
		}
	}
	return "KILL"
}

func forwardSignal(request *ssh.Request, cmd *exec.Cmd) {
	var asked struct{ Name string }
	if cmd == nil || ssh.Unmarshal(request.Payload, &asked) != nil {
		return
	}
	sig, known := signals[asked.Name]
	if known && cmd.Process.Signal(syscall.Signal(0)) == nil { // not reaped yet, so its group is still its own
		_ = syscall.Kill(-cmd.Process.Pid, sig)
	}
}

// forward connects a direct-tcpip channel (RFC 4254, section 7.2). The machine's localhost is the machine's address.
func (s *sshServer) forward(offer ssh.NewChannel, g grant) {
	var target struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if g.noForward || ssh.Unmarshal(offer.ExtraData(), &target) != nil {
		_ = offer.Reject(ssh.Prohibited, "port forwarding is not permitted")
		return
	}
	host := target.Host
	if host == "localhost" || host == "127.0.0.1" || host == "::1" {
		host, _, _ = net.SplitHostPort(s.listeners[0].Addr().String())
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(int(target.Port))), forwardTimeout)
	if err != nil {
		_ = offer.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	if !s.track(conn) {
		_ = offer.Reject(ssh.ConnectionFailed, "the machine stops")
		return
	}
	defer s.untrack(conn)
	channel, requests, err := offer.Accept()
	if err != nil {
		return
	}
	s.work.Go(func() { ssh.DiscardRequests(requests) })
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(conn, channel)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	})
	both.Go(func() {
		_, _ = io.Copy(channel, conn)
		_ = channel.CloseWrite()
	})
	both.Wait()
	_ = channel.Close()
}
