package machines

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/providers/emulator"
)

func TestWrittenFiles(t *testing.T) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = writer.Write([]byte("packed"))
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	armoured := base64.StdEncoding.EncodeToString(packed.Bytes())
	w := newWorld(t)
	w.boot("m1", `#cloud-config
write_files:
  - {path: /plain, content: plain, owner: 'nobody:nogroup'}
  - {path: /quoted, content: q, permissions: '0600'}
  - {path: /unquoted, content: u, permissions: 0750}
  - {path: /script, content: "#!/bin/sh\necho ran >$TROVE_GUEST_ROOT/ran\n", permissions: '0755'}
  - {path: /b64, content: aGVsbG8=, encoding: b64}
  - {path: /base64, content: "aGVs\n bG8=", encoding: base64}
  - {path: /gz, content: `+armoured+`, encoding: gz+b64}
  - {path: /binary, content: !!binary aGVsbG8=}
  - {path: /deep/er/file, content: one}
  - {path: /deep/er/file, content: two, append: true}
  - {path: /home/debian/late, content: late, defer: true}
ssh_authorized_keys: ssh-ed25519 AAAA one
runcmd:
  - [/script]
`)
	type file struct {
		Content string
		Mode    fs.FileMode
	}
	want := map[string]file{
		"plain": {"plain", 0o644}, "quoted": {"q", 0o600}, "unquoted": {"u", 0o750}, "b64": {"hello", 0o644},
		"base64": {"hello", 0o644}, "gz": {"packed", 0o644}, "binary": {"hello", 0o644}, "deep/er/file": {"onetwo", 0o644},
		"home/debian/late": {"late", 0o644}, "home/debian/.ssh/authorized_keys": {"ssh-ed25519 AAAA one", 0o600},
		"ran": {"ran", 0o644}, "etc/hostname": {"host-m1", 0o644},
	}
	got := map[string]file{}
	for name := range want {
		info, err := os.Stat(w.path("m1", name))
		if err != nil {
			t.Error(err)
			continue
		}
		got[name] = file{w.read("m1", name), info.Mode()}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUserDataInOtherForms(t *testing.T) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = writer.Write([]byte("#cloud-config\nhostname: unpacked\n"))
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	config, err := parseUserData(packed.Bytes())
	if err != nil || config.Hostname != "unpacked" {
		t.Errorf("got %q, %v", config.Hostname, err)
	}
	w := newWorld(t)
	w.boot("m1", "#!/bin/sh\necho a script >$TROVE_GUEST_ROOT/said\n")
	if got := w.read("m1", "said"); got != "a script" {
		t.Errorf("got %q", got)
	}
}

func TestAWrongPartDoesNotHideTheRest(t *testing.T) {
	config, err := parseUserData([]byte("#cloud-config\nruncmd:\n - [a, [b]]\n - fine\nusers: [joe, {name: default}]\nhostname: kept\n"))
	if err == nil {
		t.Error("no error")
	}
	if config.Hostname != "kept" || len(config.Users) != 2 || config.withoutDefaultUser {
		t.Errorf("got %+v", config)
	}
}

func TestKeysWithoutADefaultUserOpenNothing(t *testing.T) {
	w := newWorld(t)
	w.boot("m1", "#cloud-config\nusers: [{name: joe}]\nssh_authorized_keys: [ssh-ed25519 AAAA]\n")
	if got := w.read("m1", "home/debian/.ssh/authorized_keys"); got != "" {
		t.Errorf("got %q", got)
	}
	if console, _ := w.Console("m1", 0); !strings.Contains(console, "no default user") {
		t.Errorf("the console says:\n%s", console)
	}
}

// TestASystemUserGetsNoKeys, as cloud-init refuses it.
func TestASystemUserGetsNoKeys(t *testing.T) {
	w := newWorld(t)
	w.boot("m1", "#cloud-config\nusers: [{name: joe, system: true, ssh_authorized_keys: [ssh-ed25519 AAAA]}]\n")
	if got := w.read("m1", "home/joe/.ssh/authorized_keys"); got != "" {
		t.Errorf("got %q", got)
	}
	if console, _ := w.Console("m1", 0); !strings.Contains(console, "cannot be provided with system") {
		t.Errorf("the console says:\n%s", console)
	}
}

func TestQuoteIsOneWordForAShell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := strings.ReplaceAll(rapid.String().Draw(t, "word"), "\x00", "")
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+quote(word)).Output()
		if err != nil || string(out) != word {
			t.Fatalf("%q became %q, %v", word, out, err)
		}
	})
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"", 3, ""}, {"a\nb\nc\n", 2, "b\nc\n"}, {"a\nb\nc", 1, "c"}, {"a\nb\n", 5, "a\nb\n"}, {"a\nb\n", 0, "a\nb\n"}, {"\n\n", 1, "\n"},
	} {
		if got := lastLines([]byte(c.text), c.n); got != c.want {
			t.Errorf("last %d of %q: got %q, want %q", c.n, c.text, got, c.want)
		}
	}
}

func TestConsoleShowsCloudInitAndTheAgent(t *testing.T) {
	w := newWorld(t)
	if got, err := w.Console("never", 10); err != nil || got != "" {
		t.Errorf("a machine that never booted: %q, %v", got, err)
	}
	w.boot("m1", startsAgent+"  - echo said by runcmd\n")
	w.agentPID("m1")
	got, err := w.Console("m1", 0)
	if err != nil || !strings.Contains(got, "said by runcmd\n") || !strings.HasSuffix(got, "agent is up\n") {
		t.Errorf("got %v\n%s", err, got)
	}
	if got, err := w.Console("m1", 1); err != nil || got != "agent is up\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFromLists(t *testing.T) {
	client := &net.TCPAddr{IP: net.IPv4(127, 0, 3, 7), Port: 4000}
	for list, want := range map[string]bool{
		"127.0.3.7": true, "127.0.3.8": false, "127.0.3.0/24": true, "10.0.0.0/8": false, "127.*": true, "127.0.3.?": true,
		"10.0.0.0/8,127.0.0.0/8": true, "127.0.0.0/8,!127.0.3.7": false, "!127.0.3.7": false, "": false, "[": false,
	} {
		if got := matchesClient(list, client); got != want {
			t.Errorf("from=%q: got %v", list, got)
		}
	}
}

func TestGrantOptions(t *testing.T) {
	for line, want := range map[string]grant{
		``:                            {},
		`restrict`:                    {noForward: true},
		`restrict,port-forwarding`:    {},
		`no-port-forwarding,no-pty`:   {noForward: true},
		`command="a \"b\", c=d"`:      {command: `a "b", c=d`},
		`from="127.*",command="x"`:    {from: "127.*", command: "x"},
		`environment="A=b",novelty=1`: {},
	} {
		key, _ := newKey(t)
		_, _, options, _, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(line + " " + keyLine(key))))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, parseGrant(options), cmp.AllowUnexported(grant{})); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func TestSystemctl(t *testing.T) {
	w := newWorld(t)
	w.boot("m1", "")
	c, err := w.computer("m1")
	if err != nil {
		t.Fatal(err)
	}
	ctl := func(want string, args ...string) {
		t.Helper()
		cmd := exec.Command(w.path("m1", "usr/bin/systemctl"), args...)
		cmd.Env = c.environment()
		out, _ := cmd.Output()
		if got := fmt.Sprintf("%s%d", out, cmd.ProcessState.ExitCode()); got != want {
			t.Errorf("systemctl %v: got %q, want %q", args, got, want)
		}
	}
	const unit = "trove-guestagent.service"
	ctl("inactive\n3", "is-active", unit)
	ctl("3", "is-active", "--quiet", unit)
	ctl("disabled\n1", "is-enabled", unit)
	ctl("0", "start", unit)
	ctl("active\n0", "is-active", unit)
	first := w.agentPID("m1")
	ctl("0", "start", "trove-guestagent")
	if got := w.agentPID("m1"); got != first {
		t.Error("start is not idempotent")
	}
	ctl("0", "restart", unit)
	soon(t, "another agent runs", func() bool { return w.agentPID("m1") != first })
	ctl("0", "daemon-reload")
	ctl("0", "reload", "ssh")
	ctl("active\n0", "is-active", "sshd.service")
	ctl("0", "stop", unit)
	ctl("inactive\n3", "is-active", unit)
	ctl("0", "enable", "--now", unit)
	ctl("enabled\n0", "is-enabled", unit)
	ctl("0", "disable", "--now", unit)
	ctl("disabled\n1", "is-enabled", unit)
	ctl("inactive\n3", "is-active", unit)
	ctl("5", "start", "unheard-of")
	ctl("1", "dance", unit)
	ctl("1")
	var starts sync.WaitGroup
	for range 10 {
		starts.Go(func() { ctl("0", "start", unit) })
	}
	starts.Wait()
	if got := len(machineProcesses(c.root)); got != 1 {
		t.Errorf("ten starts at once gave %d agents", got)
	}
}

func TestManyMachinesBootAtOnce(t *testing.T) {
	w := newWorld(t)
	var boots sync.WaitGroup
	for n := range 20 {
		address, _ := freeAddress(t)
		boots.Go(func() {
			m := emulator.Machine{ID: fmt.Sprintf("m%d", n), Address: address}
			m.UserData = []byte("#cloud-config\nwrite_files: [{path: /script, content: \"#!/bin/sh\\necho ran >$TROVE_GUEST_ROOT/ran\", permissions: '0755'}]\n" +
				"runcmd: [[/script], [systemctl, enable, --now, trove-guestagent]]\n")
			if err := w.Boot(t.Context(), m); err != nil {
				t.Error(err)
			}
			if got := w.read(m.ID, "ran"); got != "ran" {
				t.Errorf("%s: the script did not run: %q", m.ID, got)
			}
		})
	}
	boots.Wait()
	if err := w.again().StopAll(t.Context()); err != nil { // another life, which booted none of them
		t.Error(err)
	}
	for n := range 20 {
		if left := machineProcesses(w.path(fmt.Sprintf("m%d", n), "")); len(left) > 0 {
			t.Errorf("machine %d: left %v", n, left)
		}
	}
}

func TestImagesAreThoseThatAreInstalled(t *testing.T) {
	dir := t.TempDir()
	for name, output := range map[string]string{
		"mariadbd":     "mariadbd  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)",
		"redis-server": "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1",
	} {
		script := "#!/bin/sh\necho '" + output + "'\n"
		syscall.ForkLock.RLock() // a process that is forked meanwhile would hold it open for writing, so that it could not be run
		err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755)
		syscall.ForkLock.RUnlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	got := installedEngines()
	for _, want := range []string{"mariadb-10.11", "redis-7.0"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %v", want, got)
		}
	}
	if !slices.IsSorted(got) {
		t.Errorf("not in order: %v", got)
	}
}

// TestAServerIsKnownByWhatItSays: one name may be that of several servers, so what a server calls itself decides.
func TestAServerIsKnownByWhatItSays(t *testing.T) {
	for said, want := range map[string]string{
		"mariadbd  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)":                  "mariadb-10.11",
		"/usr/sbin/mysqld  Ver 8.4.3 for Linux on x86_64 (MySQL Community Server - GPL)":                      "mysql-8.4",
		"/usr/sbin/mysqld  Ver 8.0.39-0ubuntu0.22.04.1 for Linux on x86_64 ((Ubuntu))":                        "mysql-8.0",
		"mysqld  Ver 8.0.36-28 for Linux on x86_64 (Percona Server (GPL), Release '28', Revision '47601f19')": "percona-8.0",
		"postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)":                                                "postgresql-15",
		"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1":                          "redis-7.0",
		"Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1":                          "valkey-8.0",
		"nobody knows": "",
	} {
		var got []string
		for _, p := range probes {
			if match := p.version.FindStringSubmatch(said); match != nil {
				got = append(got, p.engine+"-"+match[1])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is %v, want %q", said, got, want)
		}
	}
}

func TestNone(t *testing.T) {
	var none None
	if none.Running("m1") {
		t.Error("runs before its boot")
	}
	for range 2 {
		if err := none.Boot(t.Context(), emulator.Machine{ID: "m1"}); err != nil || !none.Running("m1") {
			t.Errorf("does not run: %v", err)
		}
	}
	if err := none.Stop(t.Context(), "m1"); err != nil || none.Running("m1") {
		t.Errorf("runs after its stop: %v", err)
	}
	if err := none.Destroy(t.Context(), "unknown"); err != nil {
		t.Error(err)
	}
	if len(none.Images()) == 0 || len((&None{Offers: []string{"x-1"}}).Images()) != 1 {
		t.Errorf("images %v", none.Images())
	}
}

func TestNewLocalNeedsADirectoryAndAnAgent(t *testing.T) {
	agent, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]Options{
		"no directory":       {AgentBinary: agent},
		"no agent":           {Dir: t.TempDir()},
		"an agent not there": {Dir: t.TempDir(), AgentBinary: "/nowhere/agent"},
		"a file in its way":  {Dir: agent, AgentBinary: agent},
	} {
		if _, err := NewLocal(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	l, err := NewLocal(Options{Dir: t.TempDir(), AgentBinary: agent, Engines: []string{"mariadb-10.11"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"mariadb-10.11"}, l.Images()); diff != "" {
		t.Error(diff)
	}
}

func FuzzUserData(f *testing.F) {
	f.Add([]byte(startsAgent))
	f.Add([]byte("#cloud-config\nwrite_files: [{path: a, encoding: gz+b64, content: '', permissions: 0o644}]\nusers: [a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := parseUserData(data)
		if err != nil && config.script != nil {
			t.Error("an error and a script")
		}
		for _, file := range config.Files {
			_, _ = file.bytes()
			if mode, err := file.mode(); err == nil && mode&^fs.ModePerm != 0 {
				t.Errorf("mode %v", mode)
			}
		}
	})
}
