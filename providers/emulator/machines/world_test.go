package machines

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/providers/emulator"
)

const startsAgent = `#cloud-config
write_files:
  - {path: /etc/agent-mode, content: engine}
runcmd:
  - [systemctl, enable, --now, trove-guestagent]
`

var lastAddress atomic.Uint32

// A world is a Local of its own with one free address; when its test ends nothing of it may run.
type world struct {
	*Local
	t       *testing.T
	opts    Options
	address string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	agent, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t}
	w.address, w.opts.SSHPort = freeAddress(t)
	w.opts.Dir, w.opts.AgentBinary, w.opts.StopGrace = t.TempDir(), agent, 10*time.Second
	w.Local = w.again()
	t.Cleanup(func() {
		if err := w.StopAll(context.Background()); err != nil {
			t.Errorf("stopping all: %v", err)
		}
		for _, pid := range allPIDs() {
			environ, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
			if p, ok := readProcess(pid); ok && strings.Contains(string(environ), rootVariable+"="+w.dir) {
				t.Errorf("process %d (%s) is left", p.pid, processName(pid))
			}
		}
	})
	return w
}

// again is another life of the emulator over the same directory.
func (w *world) again() *Local {
	w.t.Helper()
	l, err := NewLocal(w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func freeAddress(t *testing.T) (string, int) {
	t.Helper()
	n := lastAddress.Add(1)
	address := fmt.Sprintf("127.%d.%d.%d", 100+os.Getpid()%100, n/200, 1+n%200)
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return address, listener.Addr().(*net.TCPAddr).Port
}

func (w *world) boot(id, userData string) {
	w.t.Helper()
	err := w.Boot(w.t.Context(), emulator.Machine{ID: id, Name: "host-" + id, Address: w.address, UserData: []byte(userData)})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stop(id string) {
	w.t.Helper()
	if err := w.Stop(w.t.Context(), id); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) path(id, name string) string { return filepath.Join(w.dir, id, "root", name) }

// read returns a file of the machine without the space around it, and "" when there is none.
func (w *world) read(id, name string) string {
	w.t.Helper()
	text, err := os.ReadFile(w.path(id, name))
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// soon waits until the condition holds.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

// agentPID waits for the stub daemon and returns its pid.
func (w *world) agentPID(id string) int {
	w.t.Helper()
	soon(w.t, "the agent runs", func() bool { return w.read(id, "run/agent") != "" })
	pid, _ := strconv.Atoi(strings.Split(w.read(id, "run/agent"), "\n")[0])
	return pid
}

func newKey(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(pem.EncodeToMemory(block))
}

func keyLine(key ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))
}

// dial logs in; the host key that was seen is returned.
func (w *world) dial(user string, key ssh.Signer) (*ssh.Client, ssh.PublicKey, error) {
	var seen ssh.PublicKey
	client, err := ssh.Dial("tcp", net.JoinHostPort(w.address, strconv.Itoa(w.opts.SSHPort)), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, Timeout: 10 * time.Second,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error { seen = key; return nil },
	})
	return client, seen, err
}

func (w *world) login(user string, key ssh.Signer) *ssh.Client {
	w.t.Helper()
	client, _, err := w.dial(user, key)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = client.Close() })
	return client
}

// indent makes text the content of a YAML block scalar.
func indent(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n      ")
}
