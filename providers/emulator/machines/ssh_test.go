package machines

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/providers/emulator"
)

// sshData is user-data for a guest with its host key, an operator bound to the agent and a free user.
func sshData(hostKey string, operator, free ssh.Signer) string {
	return `#cloud-config
ssh_keys:
  ed25519_private: |
` + indent(hostKey) + `
users:
  - default
  - name: trovectl
    shell: /bin/sh
    ssh_authorized_keys:
      - restrict,command="/usr/bin/trove-guestagent rpc" ` + keyLine(operator) + `
ssh_authorized_keys: [` + keyLine(free) + `]
`
}

func sshWorld(t *testing.T) (w *world, operator, free ssh.Signer, hostKey ssh.PublicKey) {
	t.Helper()
	w = newWorld(t)
	host, hostText := newKey(t)
	operator, _ = newKey(t)
	free, _ = newKey(t)
	w.boot("m1", sshData(hostText, operator, free))
	return w, operator, free, host.PublicKey()
}

func TestForcedCommandRunsWhateverIsAsked(t *testing.T) {
	w, operator, _, _ := sshWorld(t)
	client := w.login("trovectl", operator)
	const sessions = 100
	var all sync.WaitGroup
	for n := range sessions {
		all.Go(func() {
			session, err := client.NewSession()
			if err != nil {
				t.Error(err)
				return
			}
			sent := bytes.Repeat([]byte(fmt.Sprintf("message %d\n", n)), 1000)
			var got, said bytes.Buffer
			session.Stdin, session.Stdout, session.Stderr = bytes.NewReader(sent), &got, &said
			var exit *ssh.ExitError
			if err := session.Run(fmt.Sprintf("rm -rf %d", n)); !errors.As(err, &exit) || exit.ExitStatus() != 7 {
				t.Errorf("session %d: want exit status 7, got %v", n, err)
			}
			if !bytes.Equal(sent, got.Bytes()) {
				t.Errorf("session %d: sent %d bytes, got %d back", n, len(sent), got.Len())
			}
			if want := fmt.Sprintf("asked:rm -rf %d\n", n); !strings.HasPrefix(said.String(), want) {
				t.Errorf("session %d: want %q, got %q", n, want, said.String())
			}
		})
	}
	all.Wait()
}

func TestAHundredConnectionsAtOnce(t *testing.T) {
	w, operator, _, hostKey := sshWorld(t)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			client, seen, err := w.dial("trovectl", operator)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = client.Close() }()
			if !bytes.Equal(seen.Marshal(), hostKey.Marshal()) {
				t.Error("a wrong host key")
			}
		})
	}
	all.Wait()
}

func TestAFreeKeyRunsCommandsAndShells(t *testing.T) {
	w, _, free, _ := sshWorld(t)
	client := w.login("debian", free)
	run := func(command, stdin string) (string, error) {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		session.Stdin = strings.NewReader(stdin)
		var out bytes.Buffer
		session.Stdout = &out
		if command == "" {
			if err = session.Shell(); err == nil {
				err = session.Wait()
			}
		} else {
			err = session.Run(command)
		}
		return out.String(), err
	}
	if got, err := run("echo one; echo $TROVE_GUEST_ROOT", ""); err != nil || got != "one\n"+w.path("m1", "")+"\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := run("", "echo from a shell\n"); err != nil || got != "from a shell\n" {
		t.Errorf("got %q, %v", got, err)
	}
	var exit *ssh.ExitError
	if _, err := run("kill -TERM $$", ""); !errors.As(err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("want the signal, got %v", err)
	}
	if _, err := run("exit 42", ""); !errors.As(err, &exit) || exit.ExitStatus() != 42 {
		t.Errorf("want status 42, got %v", err)
	}
	if got, err := run("head -c 3000000 /dev/zero", ""); err != nil || len(got) != 3000000 {
		t.Errorf("want 3000000 bytes, got %d, %v", len(got), err)
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start("sleep 1000"); err != nil {
		t.Fatal(err)
	}
	if err := session.Signal(ssh.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := session.Wait(); !errors.As(err, &exit) || exit.Signal() != "KILL" {
		t.Errorf("want the signal, got %v", err)
	}
}

func TestWhoIsNotAuthorizedStaysOut(t *testing.T) {
	w, operator, free, _ := sshWorld(t)
	stranger, _ := newKey(t)
	for name, try := range map[string]struct {
		user string
		key  ssh.Signer
	}{
		"a stranger":          {"trovectl", stranger},
		"another user's key":  {"trovectl", free},
		"an unknown user":     {"nobody", operator},
		"root":                {"root", operator},
		"a path for a user":   {"../home/trovectl", operator},
		"no user at all":      {"", operator},
		"the other way round": {"debian", operator},
	} {
		t.Run(name, func(t *testing.T) {
			if client, _, err := w.dial(try.user, try.key); err == nil {
				_ = client.Close()
				t.Error("came in")
			}
		})
	}
	if err := os.Chmod(w.path("m1", "home/debian/.ssh/authorized_keys"), 0o666); err != nil {
		t.Fatal(err)
	}
	if client, _, err := w.dial("debian", free); err == nil {
		_ = client.Close()
		t.Error("came in with keys that everybody may write")
	}
}

func TestHostKeyAndGrantsAreSwappedWithoutARestart(t *testing.T) {
	w, operator, _, _ := sshWorld(t)
	before := w.login("trovectl", operator)
	nextHost, nextHostText := newKey(t)
	nextOperator, _ := newKey(t)
	for name, text := range map[string]string{
		"etc/ssh/ssh_host_ed25519_key":       nextHostText,
		"home/trovectl/.ssh/authorized_keys": `restrict,command="echo \"second generation\"" ` + keyLine(nextOperator) + "\n",
	} {
		if err := os.WriteFile(w.path("m1", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	client, seen, err := w.dial("trovectl", nextOperator)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if !bytes.Equal(seen.Marshal(), nextHost.PublicKey().Marshal()) {
		t.Error("still the old host key")
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := session.Output("anything"); err != nil || string(out) != "second generation\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if _, _, err := w.dial("trovectl", operator); err == nil {
		t.Error("the old key still opens")
	}
	if _, _, err := before.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Errorf("the connection from before ended: %v", err)
	}
}

func TestForwardingUnlessRestricted(t *testing.T) {
	w, operator, free, _ := sshWorld(t)
	echo, err := net.Listen("tcp", net.JoinHostPort(w.address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	port := strconv.Itoa(echo.Addr().(*net.TCPAddr).Port)
	for _, host := range []string{w.address, "localhost"} {
		conn, err := w.login("debian", free).Dial("tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, "there and back")
		got := make([]byte, len("there and back"))
		_, readErr := io.ReadFull(conn, got)
		if err := errors.Join(err, readErr, conn.Close()); err != nil || string(got) != "there and back" {
			t.Errorf("by %s: got %q, %v", host, got, err)
		}
	}
	if conn, err := w.login("debian", free).Dial("tcp", net.JoinHostPort(w.address, "1")); err == nil {
		_ = conn.Close()
		t.Error("connected to a port where nobody listens")
	}
	if conn, err := w.login("trovectl", operator).Dial("tcp", net.JoinHostPort(w.address, port)); err == nil {
		_ = conn.Close()
		t.Error("a restricted key forwards")
	}
}

func TestStopEndsSessionsAndTheirProcesses(t *testing.T) {
	w, _, free, _ := sshWorld(t)
	client := w.login("debian", free)
	for range 5 {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Start("sleep 1000"); err != nil {
			t.Fatal(err)
		}
	}
	soon(t, "the sessions run", func() bool { return len(machineProcesses(w.path("m1", ""))) >= 5 })
	w.stop("m1")
	if left := machineProcesses(w.path("m1", "")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if err := client.Wait(); err == nil {
		t.Error("the connection ended in order, want it cut")
	}
	if _, _, err := w.dial("debian", free); err == nil {
		t.Error("a stopped machine answers")
	}
}

// A server that starts and stops while clients come must neither hang nor leave a command behind (the world checks).
func TestStopWhileClientsCome(t *testing.T) {
	w, _, free, _ := sshWorld(t)
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				client, _, err := w.dial("debian", free)
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				if session, err := client.NewSession(); err == nil {
					_ = session.Start("sleep 1000")
				}
				_ = client.Close()
			}
		})
	}
	for range 5 {
		w.stop("m1")
		if left := machineProcesses(w.path("m1", "")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if err := w.Boot(t.Context(), emulator.Machine{ID: "m1", Address: w.address}); err != nil {
			t.Error(err)
		}
		time.Sleep(30 * time.Millisecond)
	}
	close(done)
	clients.Wait()
}
