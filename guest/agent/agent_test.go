package agent_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/agent"
)

func TestANewGuestSaysSo(t *testing.T) {
	w := newWorld(t)
	c := w.client(w.open())
	got, err := c.Inspect(t.Context(), guest.Inspect{Settings: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	pong := guest.Pong{Member: "m-1", AgentVersion: "9.9", Engine: "tiny", Generation: 1}
	if diff := cmp.Diff(guest.Inspection{Pong: pong, Status: guest.StatusNew}, got); diff != "" {
		t.Error(diff)
	}
	_, err = c.PutDatabase(t.Context(), w.id(), guest.PutDatabase{Database: guest.Database{Name: "shop"}})
	wantKind(t, err, guest.KindConflict, "not prepared")
	_, err = c.Restart(t.Context(), w.id())
	wantKind(t, err, guest.KindConflict, "not prepared")
	_, err = c.ResizeVolume(t.Context(), w.id(), guest.ResizeVolume{SizeGiB: 1})
	wantKind(t, err, guest.KindConflict, "not prepared")
}

func TestTheWholeTruthInOneReply(t *testing.T) {
	w := newWorld(t)
	c := w.client(w.open())
	w.prepare(c)
	for _, name := range []string{"shop", "billing"} {
		if _, err := c.PutDatabase(t.Context(), w.id(), guest.PutDatabase{Database: guest.Database{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	const verifier = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
	put, err := c.PutUser(t.Context(), w.id(), guest.PutUser{Name: "app", Host: "%", Verifier: verifier})
	if err != nil {
		t.Fatal(err)
	}
	key, _ := hex.DecodeString(strings.Repeat("ab", 32))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(verifier))
	digest := hex.EncodeToString(mac.Sum(nil))
	if put.VerifierDigest != digest {
		t.Errorf("digest %s, want %s", put.VerifierDigest, digest)
	}
	if _, err := c.Configure(t.Context(), w.id(), guest.Configure{Values: map[string]string{"b": "2"}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.Inspect(t.Context(), guest.Inspect{Settings: []string{"c"}})
	if err != nil {
		t.Fatal(err)
	}
	want := guest.Inspection{
		Pong:   guest.Pong{Member: "m-1", AgentVersion: "9.9", Engine: "tiny", Generation: 1, Prepared: true},
		Status: guest.StatusRestartRequired, RunningVersion: "1.2.3",
		Databases: []guest.ObservedDatabase{
			{Database: guest.Database{Name: "billing"}, SizeBytes: 1}, {Database: guest.Database{Name: "shop"}, SizeBytes: 1},
		},
		Users: []guest.ObservedUser{{Name: "app", Host: "%", VerifierDigest: digest}},
		Settings: map[string]guest.Setting{
			"b": {Running: "2", Configured: "2"}, "c": {Running: "asked"},
			"static": {Configured: "new", Running: "old", Pending: true},
		},
		Volume:         &guest.ObservedVolume{VolumeID: volumeID, SizeGiB: 3, UsedBytes: got.Volume.UsedBytes, FreeBytes: 3<<30 - got.Volume.UsedBytes},
		PendingRestart: []string{"static"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Volume.UsedBytes <= 0 {
		t.Error("the volume holds nothing")
	}
	if _, err := c.Restart(t.Context(), w.id()); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Inspect(t.Context(), guest.Inspect{}); err != nil || got.Status != guest.StatusHealthy {
		t.Errorf("after the restart: %s, %v", got.Status, err)
	}
}

func TestAnEngineWithoutAPower(t *testing.T) {
	w := newWorld(t)
	w.hidden = true
	c := w.client(w.open())
	w.prepare(c)
	_, err := c.PutDatabase(t.Context(), w.id(), guest.PutDatabase{})
	wantKind(t, err, guest.KindUnsupported, "tiny has no databases")
	_, err = c.DropDatabase(t.Context(), w.id(), guest.DropDatabase{})
	wantKind(t, err, guest.KindUnsupported)
	_, err = c.PutUser(t.Context(), w.id(), guest.PutUser{})
	wantKind(t, err, guest.KindUnsupported)
	_, err = c.DropUser(t.Context(), w.id(), guest.DropUser{})
	wantKind(t, err, guest.KindUnsupported)
	_, err = c.Configure(t.Context(), w.id(), guest.Configure{})
	wantKind(t, err, guest.KindUnsupported)
	if got, err := c.Inspect(t.Context(), guest.Inspect{}); err != nil || got.Status != guest.StatusHealthy {
		t.Errorf("inspect: %s, %v", got.Status, err)
	}
}

func TestBadRequests(t *testing.T) {
	w := newWorld(t)
	a := w.open()
	c := w.client(a)
	w.prepare(c)
	handle := func(r guest.Request) error {
		if r.Version == 0 {
			r.Version = guest.Version
		}
		if reply := a.Handle(t.Context(), r); reply.Error != nil {
			return reply.Error
		}
		return nil
	}
	wantKind(t, handle(guest.Request{ID: "x", Method: guest.MethodPutDatabase, Body: []byte(`{"database":7}`)}), guest.KindInvalid)
	wantKind(t, handle(guest.Request{ID: "y", Method: guest.MethodInspect, Body: []byte(`[]`)}), guest.KindInvalid)
	wantKind(t, handle(guest.Request{ID: "", Method: guest.MethodPing}), guest.KindInvalid, "id")
	wantKind(t, handle(guest.Request{ID: "z", Method: "shell"}), guest.KindUnsupported)
	wantKind(t, handle(guest.Request{Version: 2, ID: "z", Method: guest.MethodPing}), guest.KindVersion, "older")
	_, err := c.PutDatabase(t.Context(), w.id(), guest.PutDatabase{Database: guest.Database{Name: "refused"}})
	wantKind(t, err, guest.KindInvalid, `putting database "refused": a reserved name`)
	_, err = c.PutDatabase(t.Context(), w.id(), guest.PutDatabase{Database: guest.Database{Name: "panic"}})
	wantKind(t, err, guest.KindInternal, "defect")
	if _, err := c.Ping(t.Context()); err != nil {
		t.Errorf("the agent did not survive a defect: %v", err)
	}
}

func TestAReadOnlyChannel(t *testing.T) {
	w := newWorld(t)
	a := w.open()
	w.prepare(w.client(a))
	c := w.client(guest.ReadOnly(a))
	_, err := c.PutDatabase(t.Context(), w.id(), guest.PutDatabase{Database: guest.Database{Name: "shop"}})
	wantKind(t, err, guest.KindDenied)
	if n := w.engine.Load().runs.Load(); n != 0 {
		t.Errorf("it acted %d times", n)
	}
	if _, err := c.Inspect(t.Context(), guest.Inspect{}); err != nil {
		t.Error(err)
	}
}

func TestOneIDOneEffect(t *testing.T) {
	w := newWorld(t)
	a := w.open()
	c := w.client(a)
	w.prepare(c)
	put := func(c *guest.Client, id, name string) error {
		_, err := c.PutDatabase(t.Context(), id, guest.PutDatabase{Database: guest.Database{Name: name}})
		return err
	}
	for range 3 {
		if err := put(c, "same", "shop"); err != nil {
			t.Fatal(err)
		}
		wantKind(t, put(c, "bad", "refused"), guest.KindInvalid, "a reserved name")
	}
	_, err := c.DropDatabase(t.Context(), "same", guest.DropDatabase{Name: "shop"})
	wantKind(t, err, guest.KindInvalid, "already belongs to put_database")
	if n := w.engine.Load().runs.Load(); n != 2 {
		t.Errorf("%d effects, want 2", n)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// The next life answers from the record.
	c = w.client(w.open())
	if err := put(c, "same", "shop"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, put(c, "bad", "refused"), guest.KindInvalid, "a reserved name")
	if n := w.engine.Load().runs.Load(); n != 0 {
		t.Errorf("%d effects in the second life, want 0", n)
	}
}

func TestRequestsInWork(t *testing.T) {
	w := newWorld(t)
	w.ends = make(chan struct{})
	a := w.open()
	c := w.client(a)
	w.prepare(c)
	body := guest.PutDatabase{Database: guest.Database{Name: "shop"}}

	// A caller that gives up does not end the work; one that comes back joins it.
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := c.PutDatabase(ctx, "slow", body)
		first <- err
	}()
	eventually(t, "the work began", func() bool { return w.engine.Load().runs.Load() == 1 })
	cancel()
	wantKind(t, <-first, guest.KindTimeout)
	// Inspect does not wait for it.
	if _, err := c.Inspect(t.Context(), guest.Inspect{}); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for range 5 {
		work.Go(func() {
			if _, err := c.PutDatabase(t.Context(), "slow", body); err != nil {
				t.Errorf("joining: %v", err)
			}
		})
	}
	// Another change waits for its turn.
	work.Go(func() {
		if _, err := c.DropDatabase(t.Context(), w.id(), guest.DropDatabase{Name: "shop"}); err != nil {
			t.Errorf("the next change: %v", err)
		}
	})
	close(w.ends)
	work.Wait()
	if n := w.engine.Load().runs.Load(); n != 1 {
		t.Errorf("%d effects, want 1", n)
	}
}

func TestInterruptedWorkRunsAgain(t *testing.T) {
	w := newWorld(t)
	w.ends = make(chan struct{})
	a := w.open()
	c := w.client(a)
	w.prepare(c)
	body := guest.PutDatabase{Database: guest.Database{Name: "shop"}}
	ended := make(chan error, 1)
	go func() {
		_, err := c.PutDatabase(t.Context(), "cut", body)
		ended <- err
	}()
	eventually(t, "the work began", func() bool { return w.engine.Load().runs.Load() == 1 })
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, <-ended, guest.KindUnreachable, "stopping")
	close(w.ends)
	if _, err := w.client(w.open()).PutDatabase(t.Context(), "cut", body); err != nil {
		t.Fatal(err)
	}
	if n := w.engine.Load().runs.Load(); n != 1 {
		t.Errorf("%d effects in the second life, want 1", n)
	}
}

func TestOneAgentPerGuest(t *testing.T) {
	w := newWorld(t)
	w.open()
	if _, err := agent.Open(w.config); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("a second agent: %v", err)
	}
}

func TestABadConfigurationIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"malformed":  `{`,
		"wrong type": `{"member":1}`,
		"no member":  `{"engine":"tiny"}`,
		"digest key": `{"member":"m","engine":"tiny","digest_key":"secret"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write(w.path(guest.AgentConfigPath), text)
			_, err := agent.Open(w.config)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error quotes a key: %v", err)
			}
		})
	}
}

// TestNoSecretIsWrittenDown looks through everything the agent wrote.
func TestNoSecretIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	c := w.client(w.open())
	w.prepare(c)
	const verifier = "*0123456789ABCDEF0123456789ABCDEF01234567"
	if _, err := c.PutUser(t.Context(), w.id(), guest.PutUser{Name: "app", Host: "%", Verifier: verifier}); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{w.root, w.disk} {
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			if strings.Contains(w.read(path), verifier) {
				t.Errorf("%s holds a verifier", path)
			}
			if info, err := entry.Info(); err == nil && strings.Contains(path, "trove") && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %s", path, info.Mode())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
