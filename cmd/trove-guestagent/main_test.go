package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the client that a user of the database has
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/trovectl/trovectl/guest"
)

// TestLifeOfAGuest takes a real MariaDB server through what happens to a guest.
func TestLifeOfAGuest(t *testing.T) {
	g := newGuest(t, "mariadb")
	g.start()
	c := g.client() // while the daemon is still starting
	ctx, cancel := context.WithTimeout(t.Context(), 5*soon)
	defer cancel()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\nlog:\n%s", err, g.logged())
		}
	}
	must(c.Ping(ctx))
	must(c.Rotate(ctx, "rotate", rotation(t)))
	if !strings.Contains(readFile(t, filepath.Join(g.root, "systemctl.log")), "reload ssh") {
		t.Error("the SSH server was not reloaded")
	}
	must(c.Prepare(ctx, "prepare", guest.Prepare{VolumeID: volumeID, Values: map[string]string{"max_connections": "77"}}))
	must(c.PutDatabase(ctx, "shop", guest.PutDatabase{Database: guest.Database{Name: "shop", Charset: "utf8mb4"}}))
	// *2470... is what MariaDB stores for the password "password".
	user := guest.PutUser{
		Name: "app", Host: "%", Verifier: "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", Authoritative: true,
		Grants: []guest.Grant{{Database: "shop", Privileges: []string{"INSERT", "SELECT"}}},
	}
	must(c.PutUser(ctx, "app", user))
	g.query(ctx, "SELECT @@max_connections", "77")

	seen := g.inspect()
	if seen.Status != guest.StatusHealthy || len(seen.Databases) != 1 || len(seen.Users) != 1 || seen.Volume.SizeGiB != 2 {
		t.Fatalf("inspection: %+v", seen)
	}

	engine := g.engine()
	if err := g.end(unix.SIGKILL); err == nil {
		t.Error("a killed daemon ended well")
	}
	g.query(ctx, "SELECT 1", "1") // the engine goes on
	g.start()
	must(g.client().PutDatabase(ctx, "shop", guest.PutDatabase{Database: guest.Database{Name: "shop", Charset: "utf8mb4"}}))
	if g.inspect().Status != guest.StatusHealthy || g.engine() != engine {
		t.Errorf("the engine was not adopted: pid %d was %d", g.engine(), engine)
	}

	if err := unix.Kill(engine, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	g.eventually("the engine is started again", func() bool {
		return g.engine() != 0 && g.engine() != engine && g.inspect().Status == guest.StatusHealthy
	})

	if err := g.end(unix.SIGTERM); err != nil {
		t.Errorf("a daemon that was told to end: %v\nlog:\n%s", err, g.logged())
	}
	if pid := g.engine(); pid != 0 {
		t.Errorf("the engine %d outlived a daemon that was told to end", pid)
	}
	if err := os.RemoveAll(filepath.Join(g.root, "run")); err != nil { // as a boot does
		t.Fatal(err)
	}
	g.start()
	g.eventually("the engine is started at boot", func() bool { return g.inspect().Status == guest.StatusHealthy })
	g.query(ctx, "SELECT @@max_connections", "77")
	must(g.client().Restart(ctx, "restart"))
	if seen := g.inspect(); seen.Generation != 2 || len(seen.Databases) != 1 {
		t.Errorf("after the boot: %+v", seen)
	}
	if strings.Contains(g.logged(), "2470C0C0") || strings.Contains(g.logged(), "PRIVATE KEY") {
		t.Error("a secret is in the log")
	}
	if err := g.end(unix.SIGTERM); err != nil {
		t.Error(err)
	}
}

// query asks the database as its user does.
func (g *testGuest) query(ctx context.Context, statement, want string) {
	g.t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("app:password@tcp(127.0.0.1:%d)/shop", g.port))
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var got string
	if err := db.QueryRowContext(ctx, statement).Scan(&got); err != nil || got != want {
		g.t.Fatalf("%s: %q, %v, want %q", statement, got, err, want)
	}
}

func rotation(t *testing.T) guest.Rotate {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return guest.Rotate{
		Generation: 2, HostKey: string(pem.EncodeToMemory(block)), DigestKey: strings.Repeat("cd", 32),
		AuthorizedKeys: []string{`restrict,command="/usr/bin/trove-guestagent rpc" ` + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))},
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLongRoot has a root whose socket paths do not fit into an address.
func TestLongRoot(t *testing.T) {
	g := newGuest(t, "memory", strings.Repeat("d", 100), strings.Repeat("e", 100))
	g.start()
	if seen := g.inspect(); seen.Status != guest.StatusNew {
		t.Errorf("inspection: %+v", seen)
	}
	_, err := g.client("--read-only").Prepare(t.Context(), "p", guest.Prepare{VolumeID: volumeID})
	var denied *guest.Error
	if !errors.As(err, &denied) || denied.Kind != guest.KindDenied {
		t.Errorf("a read-only channel: %v", err)
	}
	if _, err := g.client("--read-only").Inspect(t.Context(), guest.Inspect{}); err != nil {
		t.Errorf("a read-only channel: %v", err)
	}
	if err := g.end(unix.SIGTERM); err != nil {
		t.Error(err)
	}
}

func TestNoDaemon(t *testing.T) {
	g := newGuest(t, "memory")
	_, err := g.client().Ping(t.Context())
	var unreachable *guest.Error
	if !errors.As(err, &unreachable) || unreachable.Kind != guest.KindUnreachable || !strings.Contains(err.Error(), "no agent runs") {
		t.Errorf("ping: %v", err)
	}
}

func TestArguments(t *testing.T) {
	g := newGuest(t, "memory")
	out, err := g.command("version").Output()
	if err != nil || string(out) != "trove-guestagent "+version+"\n" {
		t.Errorf("version: %q, %v", out, err)
	}
	for _, args := range [][]string{nil, {"shell"}, {"rpc", "--all"}, {"daemon", "x"}} {
		out, err := g.command(args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "usage:") {
			t.Errorf("%v: %q, %v", args, out, err)
		}
	}
}
