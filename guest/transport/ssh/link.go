package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/pipe"
)

// A link is one SSH connection with the channel's command running in it.
type link struct {
	client *ssh.Client
	pipe   *pipe.Carrier
	seen   int // index of the host key
	ended  chan struct{}
	once   sync.Once
	work   sync.WaitGroup
}

// newLink starts the channel's command and owns the client from then on.
func newLink(ctx context.Context, client *ssh.Client, seen int, keepAlive time.Duration) (*link, error) {
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	streams, err := startCommand(client, command)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = client.Close() // what matters is why it failed
		return nil, fmt.Errorf("%w: %w", errNotStarted, err)
	}
	l := &link{client: client, seen: seen, pipe: pipe.Dial(streams), ended: make(chan struct{})}
	if keepAlive > 0 {
		l.work.Go(func() { stayAlive(client, keepAlive, l.ended) })
	}
	return l, nil
}

func (l *link) close() {
	l.once.Do(func() { close(l.ended) })
	_ = l.pipe.Close() // never fails; closes the client too
	l.work.Wait()
}

// stayAlive notices a peer that vanished without a word: a sign of life that takes as long as the pause ends the
// connection.
func stayAlive(client *ssh.Client, every time.Duration, ended <-chan struct{}) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
		}
		late := time.AfterFunc(every, func() { _ = client.Close() })
		_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			_ = client.Close() // wakes what waits for it
			return
		}
	}
}

// streams are a remote command's standard streams as one.
type streams struct {
	io.Writer // to its standard input
	out       io.Reader
	client    *ssh.Client
	session   *ssh.Session
	said      *tail
}

func startCommand(client *ssh.Client, command string) (*streams, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	s := &streams{client: client, session: session, said: &tail{}}
	session.Stderr = s.said
	if s.Writer, err = session.StdinPipe(); err != nil {
		return nil, err
	}
	if s.out, err = session.StdoutPipe(); err != nil {
		return nil, err
	}
	return s, session.Start(command)
}

// exitWait is how long an ended stream waits for the exit status that says why.
const exitWait = time.Second

// Read reads what the command writes. When that ends, the error says how the command ended.
func (s *streams) Read(p []byte) (int, error) {
	n, err := s.out.Read(p)
	if !errors.Is(err, io.EOF) || n > 0 {
		return n, err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.session.Wait() }() // ends at the latest when the client is closed
	select {
	case exit := <-ended:
		if exit != nil {
			err = fmt.Errorf("the guest's command ended: %w%s", exit, s.said)
		}
		if isMissing(exit) {
			err = fmt.Errorf("%w: %w", guest.ErrNoAgent, err)
		}
	case <-time.After(exitWait):
	}
	return n, err
}

// The exit statuses of a forced command that is not there: the shell's own, and that of the script which stands in the
// place of an agent that is still to be delivered (sysexits.h, EX_UNAVAILABLE).
const (
	exitNotFound    = 127
	exitUnavailable = 69
)

func isMissing(exit error) bool {
	var status *ssh.ExitError
	return errors.As(exit, &status) && (status.ExitStatus() == exitNotFound || status.ExitStatus() == exitUnavailable)
}

// Close ends the whole connection: it carries nothing else.
func (s *streams) Close() error { return s.client.Close() }

// tail keeps the last words of a command, for an error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 1 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > tailSize {
		t.text = bytes.Clone(t.text[len(t.text)-tailSize:])
	}
	return len(p), nil
}

// String is what was said, behind a colon, printable and on one line; empty for nothing.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	words := strings.Fields(strings.ToValidUTF8(string(t.text), "?"))
	if len(words) == 0 {
		return ""
	}
	return fmt.Sprintf(": %.300q", strings.Join(words, " "))
}
