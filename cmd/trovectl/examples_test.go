package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest/transport/ssh/sshtest"
)

// golden EXAMPLE: the command before printed the plan that the example shows. With UPDATE_SCRIPTS set the example shows
// what was printed.
func golden(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: golden EXAMPLE")
	}
	file, got := filepath.Join(ts.Getenv("EXAMPLES"), args[0], "plan.golden.txt"), ts.ReadFile("stdout")
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		ts.Check(os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	ts.Check(err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		ts.Fatalf("the plan of examples/%s (-shown +printed); UPDATE_SCRIPTS=1 shows the new one:\n%s", args[0], diff)
	}
}

// bastion is the SSH server that a script jumps over.
type bastion struct{ server *sshtest.Server }

type bastionKey struct{}

// bastionUp: bastion up|down|carried.
// up starts a bastion on loopback, writes the key that may log in to bastion.key, and sets BASTION_PORT and
// BASTION_HOST_KEY. down ends it. carried: one connection to it since the last time, and one or more over it.
func bastionUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bastion up|down|carried")
	}
	b := ts.Value(bastionKey{}).(*bastion)
	switch args[0] {
	case "up":
		b.start(ts)
	case "down":
		b.server.Stop()
		b.server.Wait()
	case "carried":
		if made, over := b.server.Counted(); made != 1 || over == 0 {
			ts.Fatalf("%d connections to the bastion carried %d, want 1 that carried some", made, over)
		}
	default:
		ts.Fatalf("unknown: bastion %s", args[0])
	}
}

func (b *bastion) start(ts *testscript.TestScript) {
	ours, text := newKey(ts)
	theirs, _ := newKey(ts)
	ts.Check(os.WriteFile(ts.MkAbs("bastion.key"), text, 0o600))
	server, err := sshtest.Start(sshtest.Options{HostKey: theirs, Allowed: ours.PublicKey(), Jumps: true})
	ts.Check(err)
	ts.Defer(server.Stop)
	b.server = server
	_, port, err := net.SplitHostPort(server.Address)
	ts.Check(err)
	ts.Setenv("BASTION_PORT", port)
	ts.Setenv("BASTION_HOST_KEY", strings.TrimSpace(string(ssh.MarshalAuthorizedKey(theirs.PublicKey()))))
}

// newKey makes a key, and its text as ssh-keygen writes it.
func newKey(ts *testscript.TestScript) (ssh.Signer, []byte) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	signer, err := ssh.NewSignerFromKey(key)
	ts.Check(err)
	block, err := ssh.MarshalPrivateKey(key, "")
	ts.Check(err)
	return signer, pem.EncodeToMemory(block)
}
