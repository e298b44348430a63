package machines

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers/emulator"
)

func TestUserDataIsAppliedInCloudInitsOrder(t *testing.T) {
	w := newWorld(t)
	w.boot("m1", `#cloud-config
hostname: db-one
runcmd:
  - WORD=kept
  - echo runcmd-line $WORD $(ls $TROVE_GUEST_ROOT/etc/written) >>$TROVE_GUEST_ROOT/order
  - [sh, -c, 'echo "$1" >>$TROVE_GUEST_ROOT/order', '-', 'runcmd list $NOT split']
  - false
  - echo after-a-failure >>$TROVE_GUEST_ROOT/order
bootcmd:
  - ls $TROVE_GUEST_ROOT/etc/written || echo bootcmd-first >>$TROVE_GUEST_ROOT/order
write_files:
  - {path: /etc/written, content: hello}
`)
	written := w.path("m1", "etc/written")
	want := "bootcmd-first\nruncmd-line kept " + written + "\nruncmd list $NOT split\nafter-a-failure"
	if diff := cmp.Diff(want, w.read("m1", "order")); diff != "" {
		t.Error(diff)
	}
	if got := w.read("m1", "etc/hostname"); got != "db-one" {
		t.Errorf("host name %q", got)
	}
}

func TestUserDataIsAppliedOnceAndUnitsStartAtEveryBoot(t *testing.T) {
	w := newWorld(t)
	data := startsAgent + "  - echo once >>$TROVE_GUEST_ROOT/runs\nbootcmd: ['echo boot >>$TROVE_GUEST_ROOT/boots']\n"
	w.boot("m1", data)
	first := w.agentPID("m1")
	w.boot("m1", data) // a running machine: harmless
	if got := w.agentPID("m1"); got != first {
		t.Errorf("a second boot replaced the agent %d by %d", first, got)
	}
	if err := os.WriteFile(w.path("m1", "etc/agent-mode"), []byte("engine, changed by hand"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.stop("m1")
	if w.Running("m1") {
		t.Error("a stopped machine runs")
	}
	w.boot("m1", data)
	if got := w.agentPID("m1"); got == first {
		t.Error("the agent is the old one")
	}
	if got := w.read("m1", "etc/agent-mode"); got != "engine, changed by hand" {
		t.Errorf("write_files ran again: %q", got)
	}
	if runs, boots := w.read("m1", "runs"), w.read("m1", "boots"); runs != "once" || boots != "boot\nboot" {
		t.Errorf("runcmd %q, bootcmd %q", runs, boots)
	}
}

func TestNothingOfTheCallersEnvironmentPasses(t *testing.T) {
	t.Setenv("OS_PASSWORD", "secret")
	t.Setenv("TROVE_KEY", "secret")
	w := newWorld(t)
	w.boot("m1", startsAgent+"  - env >$TROVE_GUEST_ROOT/runcmd-env\n")
	w.agentPID("m1")
	root := filepath.Join(w.dir, "m1", "root")
	agent := strings.Split(w.read("m1", "run/agent"), "\n")[1:]
	for _, variable := range append(agent, strings.Split(w.read("m1", "runcmd-env"), "\n")...) {
		name, value, _ := strings.Cut(variable, "=")
		switch name {
		case "PWD", "_", "SHLVL", "OLDPWD": // the shell's own
		case rootVariable:
			if value != root {
				t.Errorf("root %q", value)
			}
		case "HOME":
			if value != root+"/root" {
				t.Errorf("home %q", value)
			}
		case "PATH":
			if !strings.HasPrefix(value, root+"/usr/bin:") {
				t.Errorf("path %q", value)
			}
		default:
			t.Errorf("inherited %s", variable)
		}
	}
}

func TestBadUserDataLeavesAMachineThatAnswers(t *testing.T) {
	for name, data := range map[string]string{
		"not yaml":      "#cloud-config\nfoo: [",
		"wrong type":    "#cloud-config\nruncmd: {a: b}\nhostname: kept\n",
		"unknown kind":  "Content-Type: multipart/mixed",
		"bad host key":  "#cloud-config\nssh_keys: {ed25519_private: nonsense}\n",
		"bad encoding":  "#cloud-config\nwrite_files: [{path: /a, encoding: rot13, content: x}]\n",
		"bad base64":    "#cloud-config\nwrite_files: [{path: /a, encoding: b64, content: '%%'}]\n",
		"bad mode":      "#cloud-config\nwrite_files: [{path: /a, permissions: rw-, content: x}]\n",
		"failing runcm": "#cloud-config\nruncmd: ['exit 3']\n",
		"bad gzip":      "\x1f\x8bnonsense",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.boot("m1", data)
			console, err := w.Console("m1", 50)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(console, "FAILED") {
				t.Errorf("no error on the console:\n%s", console)
			}
			key, _ := newKey(t)
			_, seen, err := w.dial("debian", key)
			if seen == nil || err == nil {
				t.Errorf("want a host key and a refused login, got %v and %v", seen, err)
			}
			if !w.Running("m1") {
				t.Error("the machine does not run")
			}
		})
	}
}

func TestHostileUserDataStaysInsideTheRoot(t *testing.T) {
	w := newWorld(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.MkdirAll(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(w.path("m1", "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"etc/absolute": outside, "etc/relative": "../../../../" + filepath.Base(outside)} {
		if err := os.Symlink(target, w.path("m1", name)); err != nil {
			t.Fatal(err)
		}
	}
	agent, err := os.ReadFile(w.opts.AgentBinary)
	if err != nil {
		t.Fatal(err)
	}
	w.boot("m1", `#cloud-config
write_files:
  - {path: ../../../../escaped-by-dots, content: x}
  - {path: /etc/absolute/file, content: x}
  - {path: /etc/relative/file, content: x}
  - {path: /usr/bin/trove-guestagent, content: x}
  - {path: /, content: x}
  - {content: x}
users:
  - {name: ../../../evil, ssh_authorized_keys: [ssh-ed25519 AAAA]}
ssh_keys:
  ../../evil_private: x
hostname: ../../name
`)
	if got := w.read("m1", "escaped-by-dots"); got != "x" {
		t.Errorf("a path with dots went elsewhere: %q", got)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("written outside: %v, %v", entries, err)
	}
	if now, err := os.ReadFile(w.opts.AgentBinary); err != nil || !slices.Equal(now, agent) {
		t.Errorf("the agent's binary was changed (%v)", err)
	}
	if got := w.read("m1", "usr/bin/trove-guestagent"); got != "x" {
		t.Errorf("the machine's own agent is %q", got)
	}
	for _, path := range []string{filepath.Join(w.dir, "evil"), filepath.Join(w.dir, "m1", "evil")} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s exists (%v)", path, err)
		}
	}
	console, _ := w.Console("m1", 0)
	if got := strings.Count(console, "FAILED"); got != 6 {
		t.Errorf("want 6 failures on the console, got %d:\n%s", got, console)
	}
}

func TestIDsThatAreNoNamesAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"", ".", "..", "../x", "a/b", ".hidden", strings.Repeat("a", 200)} {
		if err := w.Boot(t.Context(), emulator.Machine{ID: id}); err == nil {
			t.Errorf("booted %q", id)
		}
		if err := w.Destroy(t.Context(), id); err == nil {
			t.Errorf("destroyed %q", id)
		}
	}
}

func TestAMachineOutlivesAKilledEmulator(t *testing.T) {
	w := newWorld(t)
	play := exec.Command(w.opts.AgentBinary, "play-emulator", w.opts.Dir, w.address, strconv.Itoa(w.opts.SSHPort))
	output, err := play.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := play.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(output).ReadString('\n')
	pid := w.agentPID("m1")
	if err := play.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = play.Wait()
	if line != "up\n" {
		t.Fatalf("the emulator said %q", line)
	}
	if !w.Running("m1") {
		t.Fatal("the machine does not run any more")
	}
	w.boot("m1", startsAgent)
	if got := w.agentPID("m1"); got != pid {
		t.Errorf("the agent was %d and is %d: not adopted", pid, got)
	}
	key, _ := newKey(t)
	if _, seen, _ := w.dial("debian", key); seen == nil {
		t.Error("SSH does not answer")
	}
	w.stop("m1")
	if got := w.read("m1", "var/lib/agent-ended"); got != "clean" {
		t.Errorf("the adopted agent was not ended cleanly: %q", got)
	}
}

func TestAnInterruptedFirstBootStartsOver(t *testing.T) {
	w := newWorld(t)
	data := startsAgent + "  - echo run >>$TROVE_GUEST_ROOT/runs\n  - test -e $TROVE_GUEST_ROOT/go || sleep 1000\n"
	booted := make(chan error, 1)
	go func() {
		booted <- w.Boot(t.Context(), emulator.Machine{ID: "m1", Address: w.address, UserData: []byte(data)})
	}()
	soon(t, "runcmd runs", func() bool { return w.read("m1", "runs") == "run" })
	w.stop("m1") // does not wait for the boot
	if err := <-booted; err == nil {
		t.Error("the interrupted boot returned no error")
	}
	if w.Running("m1") {
		t.Error("the machine runs")
	}
	for _, name := range []string{"go", "etc/agent-mode"} { // the guest may have changed what was written
		if err := os.WriteFile(w.path("m1", name), []byte("engine 2"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.boot("m1", data)
	if got := w.read("m1", "etc/agent-mode"); got != "engine 2" {
		t.Errorf("write_files ran again: %q", got)
	}
	if got := w.read("m1", "runs"); got != "run\nrun" {
		t.Errorf("runs %q", got)
	}
}

func TestATakenPortIsNamedWithItsProcess(t *testing.T) {
	w := newWorld(t)
	addr := net.JoinHostPort(w.address, strconv.Itoa(w.opts.SSHPort))
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	err = w.Boot(t.Context(), emulator.Machine{ID: "m1", Address: w.address, UserData: []byte(startsAgent)})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "pid "+strconv.Itoa(os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if w.Running("m1") || w.read("m1", "etc/agent-mode") != "" {
		t.Error("user-data was applied all the same")
	}
	if got := PortHolder("127.0.0.1:1"); got != "" {
		t.Errorf("nobody listens there, got %q", got)
	}
	if got := PortHolder("nonsense"); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestVolumesComeAndGo(t *testing.T) {
	w := newWorld(t)
	one := emulator.Disk{VolumeID: "11111111-2222-3333-4444-555555555555", Dir: t.TempDir()}
	two := emulator.Disk{VolumeID: "22222222-2222-3333-4444-555555555555", Dir: t.TempDir()}
	m := emulator.Machine{ID: "m1", Address: w.address, Volumes: []emulator.Disk{one}}
	check := func(want map[string]string) {
		t.Helper()
		got := map[string]string{}
		entries, err := os.ReadDir(w.path("m1", "dev/disk/by-id"))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			got[entry.Name()], _ = os.Readlink(w.path("m1", "dev/disk/by-id/"+entry.Name()))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if err := w.Attach("m1", m.Volumes); err == nil {
		t.Error("attached to a machine that was never booted")
	}
	if err := w.Boot(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	check(map[string]string{"virtio-11111111-2222-3333-4": one.Dir})
	m.Volumes = append(m.Volumes, two)
	if err := w.Boot(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	check(map[string]string{"virtio-11111111-2222-3333-4": one.Dir, "virtio-22222222-2222-3333-4": two.Dir})
	if err := w.Attach("m1", []emulator.Disk{two}); err != nil {
		t.Fatal(err)
	}
	check(map[string]string{"virtio-22222222-2222-3333-4": two.Dir})
	precious := filepath.Join(two.Dir, "precious")
	if err := os.WriteFile(precious, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := w.Destroy(t.Context(), "m1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("the volume's data is gone: %v", err)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "m1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the machine's directory is still there (%v)", err)
	}
}

func TestStopEndsEverything(t *testing.T) {
	w := newWorld(t)
	w.boot("m1", startsAgent+"  - sleep 1000 &\n")
	w.agentPID("m1")
	engine := func() string { return w.read("m1", "usr/bin/trove-guestagent.engine") }
	soon(t, "the engine runs", func() bool { return engine() != "" })
	if got := len(machineProcesses(w.path("m1", ""))); got < 3 {
		t.Errorf("want agent, engine and sleep, got %d processes", got)
	}
	w.stop("m1")
	w.stop("m1") // harmless
	if got := engine(); got != "clean" {
		t.Errorf("the engine was not stopped by its agent: %q", got)
	}
	if left := machineProcesses(w.path("m1", "")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestStopFindsTheEngineOfAnAgentThatDied(t *testing.T) {
	w := newWorld(t)
	w.boot("m1", startsAgent)
	pid := w.agentPID("m1")
	engine := func() string { return w.read("m1", "usr/bin/trove-guestagent.engine") }
	soon(t, "the engine runs", func() bool { return engine() != "" })
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	soon(t, "the agent is dead", func() bool { _, alive := readProcess(pid); return !alive })
	w.stop("m1")
	if got := engine(); got != "clean" {
		t.Errorf("the engine was not ended in order: %q", got)
	}
}

func TestStopKillsADeafAgentAfterItsGrace(t *testing.T) {
	w := newWorld(t)
	w.grace = 300 * time.Millisecond
	w.boot("m1", strings.Replace(startsAgent, "engine", "deaf", 1))
	w.agentPID("m1")
	soon(t, "the agent ignores TERM", func() bool {
		status, _ := os.ReadFile("/proc/" + strconv.Itoa(w.agentPID("m1")) + "/status")
		return strings.Contains(string(status), "SigIgn:") && !strings.Contains(string(status), "SigIgn:\t0000000000000000")
	})
	w.stop("m1")
	if w.Running("m1") {
		t.Error("it still runs")
	}
}
