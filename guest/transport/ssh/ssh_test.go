package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/ssh"
	"github.com/trovectl/trovectl/guest/transport/ssh/sshtest"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

func TestContract(t *testing.T) {
	transporttest.Run(t, reachedBy(func(*testing.T) *ssh.Dialer { return &ssh.Dialer{} }))
}

func TestContractThroughBastion(t *testing.T) {
	transporttest.Run(t, reachedBy(func(t *testing.T) *ssh.Dialer { return startBastion(t).dialer(t) }))
}

// reachedBy starts guests of the contract that are reached by a dialer of their own.
func reachedBy(newDialer func(*testing.T) *ssh.Dialer) transporttest.Start {
	return func(t *testing.T, handler guest.Handler) transporttest.Guest {
		host, client := newKey(t, 1), newKey(t, 2)
		stream := transporttest.NewStreamServer(t, handler)
		server := startSSHD(t, host, client.PublicKey(), servedBy(stream))
		dialer := newDialer(t)
		return transporttest.Guest{
			Dial: func(ctx context.Context) (guest.Carrier, error) {
				carrier, err := dialer.Dial(ctx, targetOf(server, client, host.PublicKey()))
				if err != nil {
					return nil, err
				}
				return carrier, nil
			},
			Kill: func() {
				server.Stop()
				stream.Kill()
			},
			Garble: stream.Garble,
		}
	}
}

func wantUnreachable(t *testing.T, err error, words ...string) {
	t.Helper()
	var got *guest.Error
	if !errors.As(err, &got) || got.Kind != guest.KindUnreachable {
		t.Fatalf("error is %v, want unreachable", err)
	}
	for _, word := range words {
		if !strings.Contains(got.Message, word) {
			t.Errorf("error says %q, which lacks %q", got.Message, word)
		}
	}
}

func TestHostKeyGenerations(t *testing.T) {
	first, second, client := newKey(t, 1), newKey(t, 2), newKey(t, 3)
	server := startSSHD(t, first, client.PublicKey(), serving(t, &transporttest.Recorder{}))
	target := targetOf(server, client, second.PublicKey(), first.PublicKey())
	carrier, err := dialTo(t, &ssh.Dialer{}, target)
	if err != nil {
		t.Fatal(err)
	}
	if got := carrier.HostKey(); got != 1 {
		t.Errorf("host key %d was seen, want 1", got)
	}
	server.SetHostKey(second)
	if err := ping(t.Context(), carrier, "a"); err != nil {
		t.Errorf("the old connection ended with the rotation: %v", err)
	}
	again, err := dialTo(t, &ssh.Dialer{}, target)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.HostKey(); got != 0 {
		t.Errorf("host key %d was seen, want 0", got)
	}
}

func TestUnreachable(t *testing.T) {
	host, client, stranger := newKey(t, 1), newKey(t, 2), newKey(t, 3)
	server := startSSHD(t, host, client.PublicKey(), serving(t, &transporttest.Recorder{}))
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	gone := startSSHD(t, host, client.PublicKey(), nil)
	gone.Stop()

	good := targetOf(server, client, host.PublicKey())
	for name, test := range map[string]struct {
		change func(*ssh.Target, *ssh.Keys)
		words  []string
	}{
		"another host key": {
			func(_ *ssh.Target, k *ssh.Keys) { k.Host = []xssh.PublicKey{stranger.PublicKey()} },
			[]string{server.Address, "host key mismatch", xssh.FingerprintSHA256(host.PublicKey()),
				xssh.FingerprintSHA256(stranger.PublicKey())},
		},
		"our key is refused": {
			func(_ *ssh.Target, k *ssh.Keys) { k.Signers = []xssh.Signer{stranger} },
			[]string{server.Address, "refuses every key"},
		},
		"no host key is known": {func(_ *ssh.Target, k *ssh.Keys) { k.Host = nil }, []string{server.Address, "no host key"}},
		"nobody listens":       {func(g *ssh.Target, _ *ssh.Keys) { g.Address = gone.Address }, []string{gone.Address, "refused"}},
		"no greeting": {
			func(g *ssh.Target, _ *ssh.Keys) { g.Address = silent.Addr().String() },
			[]string{silent.Addr().String(), "no answer in time", "900ms"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			target, keys := good, good.Keys()
			target.Keys = func() ssh.Keys { return keys }
			test.change(&target, &keys)
			began := time.Now()
			_, err := dialTo(t, &ssh.Dialer{Timeout: 300 * time.Millisecond}, target)
			wantUnreachable(t, err, test.words...)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestDroppedCallIsSentAgainOnce(t *testing.T) {
	host, client := newKey(t, 1), newKey(t, 2)
	var server *sshtest.Server
	var drops atomic.Int32
	recorder := &transporttest.Recorder{}
	recorder.Do = func(_ context.Context, r guest.Request) (any, error) {
		if drops.Add(-1) >= 0 {
			server.DropAll() // after the effect, before the reply
		}
		return r.ID, nil
	}
	server = startSSHD(t, host, client.PublicKey(), serving(t, recorder))
	carrier, err := dialTo(t, &ssh.Dialer{}, targetOf(server, client, host.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	drops.Store(1)
	if err := ping(t.Context(), carrier, "once"); err != nil {
		t.Fatalf("the call was not sent again: %v", err)
	}
	if n := recorder.Effects("once"); n != 1 {
		t.Errorf("%d effects, want 1", n)
	}
	if n := server.Accepted(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	server.Stop()
	wantUnreachable(t, ping(t.Context(), carrier, "late"), server.Address, "dropped")
}

func TestCallsThatDropTogetherShareOneConnection(t *testing.T) {
	host, client := newKey(t, 1), newKey(t, 2)
	const calls = 20
	var together sync.WaitGroup
	together.Add(calls)
	recorder := &transporttest.Recorder{}
	var server *sshtest.Server
	var once sync.Once
	recorder.Do = func(context.Context, guest.Request) (any, error) {
		together.Done()
		together.Wait()
		once.Do(server.DropAll)
		return 1, nil
	}
	server = startSSHD(t, host, client.PublicKey(), serving(t, recorder))
	carrier, err := dialTo(t, &ssh.Dialer{}, targetOf(server, client, host.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for i := range calls {
		work.Go(func() {
			if err := ping(t.Context(), carrier, fmt.Sprint(i)); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	work.Wait()
	if n := server.Accepted(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestCommandThatFailsSaysWhy(t *testing.T) {
	host, client := newKey(t, 1), newKey(t, 2)
	server := startSSHD(t, host, client.PublicKey(), func(s io.ReadWriteCloser) uint32 {
		_, _ = io.WriteString(s.(xssh.Channel).Stderr(), "sh: 1: trove-guestagent:\n not found\n")
		return 127
	})
	carrier, err := dialTo(t, &ssh.Dialer{}, targetOf(server, client, host.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	wantUnreachable(t, ping(t.Context(), carrier, "a"), server.Address, "127", "trove-guestagent: not found")
}

func TestKeepAliveNoticesASilentPeer(t *testing.T) {
	host, client := newKey(t, 1), newKey(t, 2)
	release := make(chan struct{})
	defer close(release)
	server := startSSHD(t, host, client.PublicKey(), serving(t, &transporttest.Recorder{
		Do: func(context.Context, guest.Request) (any, error) {
			<-release
			return 1, nil
		},
	}))
	carrier, err := dialTo(t, &ssh.Dialer{KeepAlive: 50 * time.Millisecond}, targetOf(server, client, host.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() {
		server.Mute()
		server.StopListening()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	wantUnreachable(t, ping(ctx, carrier, "a"), "dropped")
}
