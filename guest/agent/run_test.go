package agent_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/agent"
	"github.com/trovectl/trovectl/guest/transport/pipe"
)

func (w *world) status(c *guest.Client) guest.Status {
	w.t.Helper()
	seen, err := c.Inspect(w.t.Context(), guest.Inspect{})
	if err != nil {
		w.t.Fatal(err)
	}
	return seen.Status
}

func TestACrashedEngineIsStartedAgain(t *testing.T) {
	w := newWorld(t)
	a := w.open()
	stop := w.run(a)
	c := w.client(a)
	w.prepare(c)
	for starts := 1; starts < 4; starts++ {
		if err := w.engine.Load().crash(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is started again", func() bool { return w.engine.Load().look().Starts == starts+1 })
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if w.engine.Load().look().Up {
		t.Error("the engine outlived its agent's end")
	}
	if _, err := c.Restart(t.Context(), w.id()); err == nil {
		t.Error("an agent that ended restarts engines")
	}
}

func TestACrashIsReported(t *testing.T) {
	w := newWorld(t)
	c := w.client(w.open()) // it does not run, so nobody repairs
	w.prepare(c)
	if err := w.engine.Load().Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.status(c); got != guest.StatusCrashed {
		t.Errorf("an engine that somebody else stopped is %s", got)
	}
	if err := w.engine.Load().crash(); err != nil {
		t.Fatal(err)
	}
	seen, err := c.Inspect(t.Context(), guest.Inspect{})
	if err != nil || seen.Status != guest.StatusCrashed || !seen.Prepared || seen.Volume == nil {
		t.Errorf("inspection: %+v, %v", seen, err)
	}
}

func TestBoot(t *testing.T) {
	w := newWorld(t)
	a := w.open()
	stop := w.run(a)
	w.prepare(w.client(a))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// At the next boot the volume comes late.
	link := w.path("dev/disk/by-id", "virtio-"+volumeID[:20])
	if err := os.Rename(link, link+".away"); err != nil {
		t.Fatal(err)
	}
	b := w.open()
	w.run(b)
	c := w.client(b)
	if got := w.status(c); got != guest.StatusCrashed {
		t.Errorf("without its volume a prepared guest is %s", got)
	}
	if err := os.Rename(link+".away", link); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine starts", func() bool { return w.status(c) == guest.StatusHealthy })
}

func TestRestartInWorkIsNotACrash(t *testing.T) {
	w := newWorld(t)
	w.ends = make(chan struct{})
	a := w.open()
	w.run(a)
	c := w.client(a)
	w.prepare(c)
	done := make(chan error, 1)
	go func() {
		_, err := c.PutDatabase(t.Context(), w.id(), guest.PutDatabase{Database: guest.Database{Name: "slow"}})
		done <- err
	}()
	eventually(t, "a change is in work", func() bool { return w.engine.Load().runs.Load() == 1 })
	if err := w.engine.Load().Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * w.config.Watch)
	if w.engine.Load().look().Up {
		t.Error("the engine was started while a request changes the guest")
	}
	close(w.ends)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is started afterwards", func() bool { return w.engine.Load().look().Up })
}

// channelClient calls the agent through its socket, as the forced command does.
func channelClient(t *testing.T, channel agent.Channel) *guest.Client {
	t.Helper()
	toAgent, in := io.Pipe()
	out, fromAgent := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = channel.Copy(context.Background(), toAgent, fromAgent)
		_ = fromAgent.Close()
	}()
	carrier := pipe.Dial(struct {
		io.Reader
		io.WriteCloser
	}{out, in})
	t.Cleanup(func() {
		_ = out.Close()
		_ = carrier.Close()
		<-ended
	})
	return guest.NewClient(carrier, nil)
}

func TestTheChannel(t *testing.T) {
	w := newWorld(t)
	t.Run("waits for a daemon that is starting", func(t *testing.T) {
		c := channelClient(t, agent.Channel{Root: w.root})
		a := w.open()
		time.AfterFunc(300*time.Millisecond, func() { w.run(a) })
		if _, err := c.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("only reads", func(t *testing.T) {
		c := channelClient(t, agent.Channel{Root: w.root, ReadOnly: true})
		if _, err := c.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := c.Restart(t.Context(), w.id())
		wantKind(t, err, guest.KindDenied)
	})
	t.Run("sockets are private", func(t *testing.T) {
		for _, name := range []string{"agent.sock", "readonly.sock"} {
			info, err := os.Stat(w.path("run/trove-guestagent", name))
			if err != nil || info.Mode().Perm()&0o007 != 0 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
	})
	t.Run("says that no daemon runs", func(t *testing.T) {
		c := channelClient(t, agent.Channel{Root: t.TempDir(), Wait: 50 * time.Millisecond})
		_, err := c.Ping(t.Context())
		wantKind(t, err, guest.KindUnreachable, "no agent runs")
	})
}

func hostKey(t *testing.T, seed byte) (private, public string) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	half, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(half)))
}

func TestRotate(t *testing.T) {
	w := newWorld(t)
	a := w.open()
	c := w.client(a)
	private, public := hostKey(t, 5)
	keys := w.path("home/trovectl/.ssh/authorized_keys")
	w.write(keys, "old")
	rotate := guest.Rotate{
		Generation: 2, HostKey: private, DigestKey: strings.Repeat("ef", 32),
		AuthorizedKeys: []string{`restrict,command="/usr/bin/trove-guestagent rpc" ` + public},
	}
	for range 2 {
		if got, err := c.Rotate(t.Context(), w.id(), rotate); err != nil || got.Generation != 2 {
			t.Fatalf("rotated to %+v, %v", got, err)
		}
	}
	for path, want := range map[string]string{
		keys:                                   rotate.AuthorizedKeys[0] + "\n",
		w.path("etc/ssh/ssh_host_ed25519_key"): private,
		w.path("etc/ssh/ssh_host_ed25519_key.pub"): public + "\n",
	} {
		if got := w.read(path); got != want {
			t.Errorf("%s holds %q", path, got)
		}
	}
	if info, err := os.Stat(w.path("etc/ssh/ssh_host_ed25519_key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the host key: %v, %v", info.Mode(), err)
	}
	if n := w.reloads.Load(); n != 2 {
		t.Errorf("the SSH server was reloaded %d times", n)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	c = w.client(w.open())
	if pong, err := c.Ping(t.Context()); err != nil || pong.Generation != 2 {
		t.Errorf("the next life: %+v, %v", pong, err)
	}
	back := rotate
	back.Generation = 1
	_, err := c.Rotate(t.Context(), w.id(), back)
	wantKind(t, err, guest.KindConflict, "generation 2 is in force")
}

func TestRotateRefusesWhatWouldLockOut(t *testing.T) {
	w := newWorld(t)
	c := w.client(w.open())
	private, public := hostKey(t, 5)
	good := guest.Rotate{Generation: 2, HostKey: private, DigestKey: strings.Repeat("ef", 32), AuthorizedKeys: []string{public}}
	for name, change := range map[string]func(*guest.Rotate){
		"no keys":        func(r *guest.Rotate) { r.AuthorizedKeys = nil },
		"a broken key":   func(r *guest.Rotate) { r.AuthorizedKeys = []string{"ssh-ed25519 AAAA"} },
		"two lines":      func(r *guest.Rotate) { r.AuthorizedKeys = []string{public + "\n" + public} },
		"a broken host":  func(r *guest.Rotate) { r.HostKey = "-----BEGIN OPENSSH PRIVATE KEY-----" },
		"a short digest": func(r *guest.Rotate) { r.DigestKey = "ef" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			change(&bad)
			_, err := c.Rotate(t.Context(), w.id(), bad)
			wantKind(t, err, guest.KindInvalid)
			if pong, err := c.Ping(t.Context()); err != nil || pong.Generation != 1 {
				t.Errorf("after the refusal: %+v, %v", pong, err)
			}
		})
	}
}

// TestRotateFollowsNoPlantedLink has the channel's account put a link where the agent, as root, will write.
func TestRotateFollowsNoPlantedLink(t *testing.T) {
	w := newWorld(t)
	outside := t.TempDir()
	if err := os.MkdirAll(w.path("home/trovectl"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, w.path("home/trovectl/.ssh")); err != nil {
		t.Fatal(err)
	}
	private, public := hostKey(t, 5)
	_, err := w.client(w.open()).Rotate(t.Context(), w.id(), guest.Rotate{
		Generation: 2, HostKey: private, DigestKey: strings.Repeat("ef", 32), AuthorizedKeys: []string{public},
	})
	if err == nil {
		t.Error("the agent followed the link")
	}
	if left, err := filepath.Glob(filepath.Join(outside, "*")); err != nil || len(left) > 0 {
		t.Errorf("outside: %v, %v", left, err)
	}
}
