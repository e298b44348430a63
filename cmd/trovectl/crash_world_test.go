package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest/engine/memory"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/emulator/machines"
	"github.com/trovectl/trovectl/providers/openstack"
)

// mortalBinary is trovectl built with kill points.
var mortalBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries, "mortal", "trovectl")
	build := exec.Command("go", "build", "-tags", "killpoints", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building with killpoints: %w\n%s", err, out)
	}
	return path, nil
})

// world is a cloud with its guests in this process, and a directory in which the real trovectl runs.
type world struct {
	t       *testing.T
	binary  string
	dir     string
	cloud   *emulator.Server
	gateway net.Listener // holds the subnet
	secret  string       // the password that the configuration asks for
	state   string       // the address of a shared state; empty: trove.db
}

// base is where worlds live: thousands of them sync their files.
func base() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	binary, err := mortalBinary()
	check(t, err)
	dir, err := os.MkdirTemp(base(), "trovectl-crash-")
	check(t, err)
	w := &world{t: t, binary: binary, dir: dir}
	guests, err := machines.NewSimulated(filepath.Join(dir, "machines"), 0, nil)
	check(t, err)
	gateway, subnet, err := ownSubnet()
	check(t, err)
	w.gateway = gateway
	w.cloud, err = emulator.Open(emulator.Options{
		Dir: filepath.Join(dir, "cloud"), Listen: "127.0.0.1:0", Machines: guests, Subnet: subnet,
	})
	check(t, err)
	check(t, w.cloud.WriteCloudsYAML(filepath.Join(dir, "clouds.yaml")))
	return w
}

// end removes everything; worlds are many, so each ends as soon as it was judged.
func (w *world) end() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := errors.Join(w.cloud.Close(ctx), w.gateway.Close(), os.RemoveAll(w.dir)); err != nil {
		w.t.Errorf("ending a world: %v", err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ownSubnet takes a loopback network that nobody has: its first address is held as the embedded OpenStack holds it.
func ownSubnet() (net.Listener, string, error) {
	var err error
	for range 100 {
		prefix := fmt.Sprintf("127.%d.%d", 10+rand.IntN(50), rand.IntN(256))
		var held net.Listener
		if held, err = net.Listen("tcp", prefix+".1:35051"); err == nil {
			return held, prefix + ".0/24", nil
		}
	}
	return nil, "", err
}

// write puts the configuration into the world's directory.
func (w *world) write(f fleet) {
	w.t.Helper()
	w.secret = f.password()
	check(w.t, os.WriteFile(filepath.Join(w.dir, "main.trove.hcl"), []byte(f.hcl()), 0o600))
}

// outcome is how one run ended.
type outcome struct {
	code   int
	killed bool
	out    string // both streams
}

func (o outcome) String() string {
	return fmt.Sprintf("exit code %d, killed %v:\n%s", o.code, o.killed, o.out)
}

// ended bounds a run: what takes longer is stuck.
const ended = 2 * time.Minute

// life is how a run may end before its time.
type life struct {
	serial bool             // one step at a time, so that points and requests come in one order
	point  int              // that it dies at; 0: points are not even counted
	moment <-chan time.Time // at which it dies; nil: never
}

// never is a point that no run reaches.
const never = 1 << 30

// run runs trovectl to its end, however that comes.
func (w *world) run(how life, args ...string) outcome {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), ended)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, w.binary, w.named(args)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env(how), &out, &out
	check(w.t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	select {
	case err = <-done:
	case <-how.moment:
		_ = cmd.Process.Kill() // one that has ended is told by its status
		err = <-done
	}
	if ctx.Err() != nil {
		return outcome{code: -1, out: "it did not end within " + ended.String() + "\n" + out.String()}
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return outcome{cmd.ProcessState.ExitCode(), status.Signaled() && status.Signal() == syscall.SIGKILL, out.String()}
}

// must runs what has to end well.
func (w *world) must(args ...string) {
	w.t.Helper()
	if o := w.run(life{}, args...); o.code != 0 {
		w.t.Fatalf("trovectl %s: %s", strings.Join(args, " "), o)
	}
}

// named puts the ids of servers in the place of their names.
func (w *world) named(args []string) []string {
	args = slices.Clone(args)
	for _, s := range w.cloud.Summary().Servers {
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "@"+s.Name, s.ID)
		}
	}
	return args
}

// env is all that a run knows of its caller.
func (w *world) env(how life) []string {
	env := []string{
		"HOME=" + w.dir, "OS_CLIENT_CONFIG_FILE=" + filepath.Join(w.dir, "clouds.yaml"), "TROVE_VAR_password=" + w.secret,
		"TROVE_KILL_REQUEST=1500ms", "TROVE_KILL_LEASE=" + sharedLease.String(),
	}
	var flags string
	if w.state != "" {
		env = append(env, "TROVE_STATE="+w.state, "TROVE_KEY="+strings.Repeat("7e", 32))
		flags += " -lock-timeout=30s" // the lock of one who died lasts as long as its lease
	}
	if how.serial {
		flags += " -parallelism=1"
	}
	if how.point > 0 {
		env = append(env, "TROVE_KILL_TRACE="+w.trace(), fmt.Sprintf("TROVE_KILL_POINT=%d", how.point))
	}
	return append(env, "TROVE_CLI_ARGS_apply="+flags, "TROVE_CLI_ARGS_destroy="+flags)
}

// trace is the file that names the points which a run passed.
func (w *world) trace() string { return filepath.Join(w.dir, "trace") }

// requests counts what a service, or with "" the whole cloud, was asked so far.
func (w *world) requests(service string) (n int) {
	for _, r := range w.cloud.Summary().Requests {
		if service == "" || r.Service == service {
			n += r.Count
		}
	}
	return n
}

// census is everything that is there, one line each: what the cloud holds, and what the guests do. Two worlds in which the
// same was asked for have the same census, whatever happened on the way.
func (w *world) census() []string {
	w.t.Helper()
	ctx := context.Background()
	cloud, err := openstack.Open(ctx, openstack.Options{Cloud: "dev", Dir: w.dir, Getenv: func(string) string { return "" }})
	check(w.t, err)
	var lines []string
	servers, err := cloud.Servers.List(ctx)
	check(w.t, err)
	for _, s := range servers {
		lines = append(lines, fmt.Sprintf("server %s %s of %d volumes", s.Name, s.Status, len(s.VolumeIDs)))
	}
	volumes, err := cloud.Volumes.List(ctx)
	check(w.t, err)
	for _, v := range volumes {
		lines = append(lines, fmt.Sprintf("volume %s %s %d GiB", v.Name, v.Status, v.SizeGiB))
		for _, held := range w.holds(v.ID) {
			lines = append(lines, v.Name+" holds "+held)
		}
	}
	ports, err := cloud.Ports.List(ctx)
	check(w.t, err)
	for _, p := range ports {
		lines = append(lines, fmt.Sprintf("port %s bound %v, %d groups", p.Name, p.DeviceID != "", len(p.SecurityGroups)))
	}
	groups, err := cloud.SecurityGroups.List(ctx)
	check(w.t, err)
	for _, g := range groups {
		lines = append(lines, fmt.Sprintf("group %s %s", g.Name, rules(g)))
	}
	slices.Sort(lines)
	return lines
}

// holds says what the engine on a volume holds and how it is set.
func (w *world) holds(volume string) []string {
	w.t.Helper()
	e, err := memory.Open("mariadb", time.Now, filepath.Join(w.dir, "cloud/volumes", volume, "disk/db"))
	check(w.t, err)
	ctx := context.Background()
	databases, err := e.ListDatabases(ctx)
	check(w.t, err)
	users, err := e.ListUsers(ctx)
	check(w.t, err)
	settings, err := e.ReadSettings(ctx, nil)
	check(w.t, err)
	lines := []string{fmt.Sprintf("settings %v", settings)}
	for _, d := range databases {
		lines = append(lines, fmt.Sprintf("database %+v", d))
	}
	for _, u := range users {
		lines = append(lines, fmt.Sprintf("user %+v", u))
	}
	return lines
}

func rules(g providers.SecurityGroup) string {
	var all []string
	for _, r := range g.Rules {
		if r.Port != 0 { // the others are the cloud's own
			all = append(all, fmt.Sprintf("%s:%d", r.CIDR, r.Port))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// judge checks what must hold after every story: nothing is open or held, the state holds together, the census is that of
// a world in which nobody died, and there is nothing left to do.
func (s story) judge(w *world, want []string) (faults []fault) {
	w.t.Helper()
	blame := func(kind faultKind, format string, args ...any) {
		faults = append(faults, fault{kind, fmt.Sprintf(format, args...)})
	}
	if o := w.run(life{}, "state", "check"); o.code != 0 || !strings.Contains(o.out, " 0 open intents") {
		blame(other, "the state: %s", o)
	}
	if !w.unlocked() {
		blame(stuckLock, "somebody holds the lock: %s", w.run(life{}, "unlock"))
	}
	got := w.census()
	for _, line := range surplus(got, want) {
		kind := orphan
		if slices.Contains(want, line) {
			kind = duplicate
		}
		blame(kind, "nobody asked for %s", line)
	}
	for _, line := range surplus(want, got) {
		blame(other, "there is no %s", line)
	}
	if file := w.holding(w.secret); file != "" {
		blame(other, "%s holds the password", file)
	}
	empty := []string{"plan", "-detailed-exitcode"}
	if s.command[0] == destroying[0] {
		empty = append(empty, "-destroy")
	}
	if o := w.run(life{}, empty...); o.code != 0 {
		blame(other, "there is something left to do: %s", o)
	}
	if len(faults) > 0 {
		faults[0].text += "\n" + cmp.Diff(want, got)
	}
	return faults
}

// unlocked tells whether nobody holds the lock. That of a shared state ends with the lease of a holder which did not give it
// back.
func (w *world) unlocked() bool {
	w.t.Helper()
	for deadline := time.Now().Add(w.lease()); ; time.Sleep(lookAgain) {
		if o := w.run(life{}, "unlock"); o.code == 0 && strings.Contains(o.out, "Nobody holds the lock") {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// lookAgain is the pause between two looks at a lock.
const lookAgain = 100 * time.Millisecond

// lease is how long the lock of a dead holder lasts: in a file not at all.
func (w *world) lease() time.Duration {
	if w.state == "" {
		return 0
	}
	return sharedLease
}

// sharedLease is long enough for a busy machine.
const sharedLease = 4 * time.Second

// holding names a file of the world, the guests' included, that holds a text.
func (w *world) holding(text string) (found string) {
	w.t.Helper()
	check(w.t, filepath.WalkDir(w.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = path
		}
		return err
	}))
	return found
}

// surplus lists what is in a more often than in b.
func surplus(a, b []string) (more []string) {
	left := map[string]int{}
	for _, line := range b {
		left[line]++
	}
	for _, line := range a {
		if left[line]--; left[line] < 0 {
			more = append(more, line)
		}
	}
	return more
}
