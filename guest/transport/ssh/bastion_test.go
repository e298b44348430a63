package ssh_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/ssh"
	"github.com/trovectl/trovectl/guest/transport/ssh/sshtest"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

// A bastion forwards connections for the holder of one key.
type bastion struct {
	*sshtest.Server
	key xssh.Signer
}

func startBastion(t *testing.T) *bastion {
	t.Helper()
	key := newKey(t, 4)
	return &bastion{start(t, sshtest.Options{HostKey: newKey(t, 3), Allowed: key.PublicKey(), Jumps: true}), key}
}

// dialer reaches guests over the bastion.
func (b *bastion) dialer(t *testing.T) *ssh.Dialer {
	t.Helper()
	d := &ssh.Dialer{Timeout: 2 * time.Second, Bastion: &ssh.Bastion{
		Address: b.Address, User: "ci", HostKey: b.HostKey().PublicKey(),
		Signers: func() ([]xssh.Signer, error) { return []xssh.Signer{b.key}, nil },
	}}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// startGuest is a guest that answers, and how to reach it.
func startGuest(t *testing.T) ssh.Target {
	t.Helper()
	host, client := newKey(t, 1), newKey(t, 2)
	server := startSSHD(t, host, client.PublicKey(), serving(t, &transporttest.Recorder{}))
	return targetOf(server, client, host.PublicKey())
}

func TestBastionIsSharedByGuests(t *testing.T) {
	jump, target := startBastion(t), startGuest(t)
	dialer := jump.dialer(t)
	for i := range 3 {
		carrier, err := dialTo(t, dialer, target)
		if err != nil {
			t.Fatal(err)
		}
		if err := ping(t.Context(), carrier, fmt.Sprint("a", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := jump.Accepted(); n != 1 {
		t.Errorf("%d connections to the bastion, want 1", n)
	}
}

func TestBastionThatWasLostIsFoundAgain(t *testing.T) {
	jump, target := startBastion(t), startGuest(t)
	dialer := jump.dialer(t)
	var carriers []*ssh.Carrier
	for range 5 {
		carrier, err := dialTo(t, dialer, target)
		if err != nil {
			t.Fatal(err)
		}
		carriers = append(carriers, carrier)
	}
	jump.DropAll()
	done := make(chan error, len(carriers))
	for i, carrier := range carriers {
		go func() { done <- ping(t.Context(), carrier, fmt.Sprint("b", i)) }()
	}
	for range carriers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := jump.Accepted(); n != 2 {
		t.Errorf("%d connections to the bastion, want 2", n)
	}
	if err := dialer.Close(); err != nil {
		t.Fatal(err)
	}
	for i, carrier := range carriers {
		_ = carrier.Close()
		wantUnreachable(t, ping(t.Context(), carrier, fmt.Sprint("c", i)), "closed")
	}
}

func TestBastionHostKeysOfEveryType(t *testing.T) {
	target := startGuest(t)
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"ecdsa": elliptic, "rsa": old} {
		t.Run(name, func(t *testing.T) {
			signer, err := xssh.NewSignerFromKey(key)
			if err != nil {
				t.Fatal(err)
			}
			jump := startBastion(t)
			jump.SetHostKey(signer)
			carrier, err := dialTo(t, jump.dialer(t), target)
			if err != nil {
				t.Fatal(err)
			}
			if err := ping(t.Context(), carrier, "a"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBastionThatCannotBeReached(t *testing.T) {
	jump, target := startBastion(t), startGuest(t)
	stage := "connecting to the bastion " + jump.Address + ", which is on the way to the guest at " + target.Address
	gone := startBastion(t)
	gone.Stop()
	for name, test := range map[string]struct {
		change func(*ssh.Bastion)
		words  []string
	}{
		"another host key": {
			func(b *ssh.Bastion) { b.HostKey = newKey(t, 9).PublicKey() },
			[]string{stage, "host key mismatch"},
		},
		"no host key": {func(b *ssh.Bastion) { b.HostKey = nil }, []string{stage, "no host key is pinned"}},
		"another key of ours": {
			func(b *ssh.Bastion) {
				b.Signers = func() ([]xssh.Signer, error) { return []xssh.Signer{newKey(t, 9)}, nil }
			},
			[]string{stage, "refuses every key"},
		},
		"an agent that fails": {
			func(b *ssh.Bastion) {
				b.Signers = func() ([]xssh.Signer, error) { return nil, errors.New("the ssh agent went home") }
			},
			[]string{stage, "the ssh agent went home"},
		},
		"nobody there": {func(b *ssh.Bastion) { b.Address = gone.Address }, []string{"bastion " + gone.Address, "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			dialer := jump.dialer(t)
			test.change(dialer.Bastion)
			_, err := dialTo(t, dialer, target)
			wantUnreachable(t, err, append(test.words, target.Address)...)
		})
	}
}

func TestGuestBehindBastionThatIsAway(t *testing.T) {
	jump, target := startBastion(t), startGuest(t)
	target.Address = "127.0.0.1:1"
	_, err := dialTo(t, jump.dialer(t), target)
	wantUnreachable(t, err, "connecting to the guest at 127.0.0.1:1 by way of the bastion "+jump.Address, "refused")
}

func TestSilentBastionIsNoticed(t *testing.T) {
	jump, target := startBastion(t), startGuest(t)
	dialer := jump.dialer(t)
	dialer.KeepAlive = 50 * time.Millisecond
	carrier, err := dialTo(t, dialer, target)
	if err != nil {
		t.Fatal(err)
	}
	jump.Mute()
	// The bastion answers no sign of life any more: its connection is given up, and made again.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for call := 0; jump.Accepted() < 2; call++ {
		var unreachable *guest.Error
		if err := ping(ctx, carrier, fmt.Sprint(call)); err != nil && !errors.As(err, &unreachable) {
			t.Fatal(err)
		}
		if ctx.Err() != nil {
			t.Fatal("the silent connection was never given up")
		}
	}
}
