package ssh_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/ssh"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

// waiter is the forced command of a guest that waits for an agent: it says what it wants, and takes at most that much.
type waiter struct {
	wants string
	most  int64 // bytes until it ends; 0: it takes all
	got   strings.Builder
}

func (w *waiter) serve(stream io.ReadWriteCloser) uint32 {
	in := bufio.NewReader(stream)
	if _, err := fmt.Fprintln(stream, w.wants); err != nil {
		return 1
	}
	var size int64
	if _, err := fmt.Fscanf(in, "%d\n", &size); err != nil {
		return 1
	}
	take := size
	if w.most > 0 {
		take = min(w.most, size)
	}
	if _, err := io.CopyN(&w.got, in, take); err != nil || take < size {
		return 65
	}
	_, _ = fmt.Fprintln(stream, "taken")
	return 0
}

func parcel(content string) ssh.Parcel {
	return ssh.Parcel{SHA256: "5a5a", Machine: "x86_64", Size: int64(len(content)), Content: strings.NewReader(content)}
}

func deliverTo(t *testing.T, w *waiter, content string) error {
	t.Helper()
	host, client := newKey(t, 1), newKey(t, 2)
	server := startSSHD(t, host, client.PublicKey(), w.serve)
	return (&ssh.Dialer{}).Deliver(t.Context(), targetOf(server, client, host.PublicKey()), parcel(content))
}

func TestDeliver(t *testing.T) {
	w := &waiter{wants: "wants x86_64 5a5a"}
	content := strings.Repeat("agent", 1<<18) // more than the window of a channel
	if err := deliverTo(t, w, content); err != nil {
		t.Fatal(err)
	}
	if w.got.String() != content {
		t.Errorf("it got %d bytes, want %d", w.got.Len(), len(content))
	}
}

func TestDeliver_refused(t *testing.T) {
	for name, test := range map[string]struct {
		wants string
		says  []string
	}{
		"another architecture": {"wants aarch64 5a5a", []string{"aarch64", "x86_64"}},
		"another agent":        {"wants x86_64 b1b1", []string{"b1b1", "5a5a"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &waiter{wants: test.wants}
			err := deliverTo(t, w, "agent")
			var refused *guest.Error
			if !errors.As(err, &refused) || refused.Kind != guest.KindUnsupported {
				t.Fatalf("the error is %v", err)
			}
			for _, word := range test.says {
				if !strings.Contains(refused.Message, word) {
					t.Errorf("%q lacks %q", refused.Message, word)
				}
			}
			if w.got.Len() > 0 {
				t.Errorf("%d bytes were sent", w.got.Len())
			}
		})
	}
}

func TestDeliver_interrupted(t *testing.T) {
	content := strings.Repeat("agent", 1<<18)
	err := deliverTo(t, &waiter{wants: "wants x86_64 5a5a", most: 7}, content)
	wantUnreachable(t, err, "delivering the agent", "65")
	if guest.StageOf(err) != guest.StageAgent {
		t.Errorf("the stage is %d", guest.StageOf(err))
	}
	wantUnreachable(t, deliverTo(t, &waiter{wants: "Last login: yesterday"}, content), "Last login")
}

// TestNoAgent: a forced command that is not there is told apart from one that ends for another reason.
func TestNoAgent(t *testing.T) {
	host, client := newKey(t, 1), newKey(t, 2)
	for exit, missing := range map[uint32]bool{127: true, 69: true, 75: false, 1: false} {
		server := startSSHD(t, host, client.PublicKey(), func(io.ReadWriteCloser) uint32 { return exit })
		carrier, err := dialTo(t, &ssh.Dialer{}, targetOf(server, client, host.PublicKey()))
		if err != nil {
			t.Fatal(err)
		}
		err = ping(t.Context(), carrier, "a")
		wantUnreachable(t, err)
		if errors.Is(err, guest.ErrNoAgent) != missing || guest.StageOf(err) != guest.StageAgent {
			t.Errorf("exit status %d is %v, stage %d", exit, err, guest.StageOf(err))
		}
	}
}

// TestStages: an error says how far the way was gone.
func TestStages(t *testing.T) {
	host, client, stranger := newKey(t, 1), newKey(t, 2), newKey(t, 3)
	server := startSSHD(t, host, client.PublicKey(), serving(t, &transporttest.Recorder{}))
	gone := startSSHD(t, host, client.PublicKey(), nil)
	gone.Stop()
	for name, test := range map[string]struct {
		target ssh.Target
		want   guest.Stage
	}{
		"nobody listens":   {targetOf(gone, client, host.PublicKey()), guest.StageConnect},
		"another host key": {targetOf(server, client, stranger.PublicKey()), guest.StageGreet},
		"our key refused":  {targetOf(server, stranger, host.PublicKey()), guest.StageLogin},
	} {
		if _, err := dialTo(t, &ssh.Dialer{}, test.target); err == nil || guest.StageOf(err) != test.want {
			t.Errorf("%s: %v, stage %d, want %d", name, err, guest.StageOf(err), test.want)
		}
	}
}
