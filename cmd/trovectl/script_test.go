package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/bolt"
)

// binaries is where TestMain built trovectl and trove-guestagent: scripts run what users run.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "trovectl-bin-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		build := exec.Command("go", "build", "-o", dir+"/", ".", "../trove-guestagent")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building: %v\n%s", err, out)
			return 1
		}
		binaries = dir
		if err := openAcceptance(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		code := m.Run()
		if err := reportLeftOut(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

func TestScripts(t *testing.T) { testscript.Run(t, scripts(t, "testdata/script")) }

// scripts are those of a folder, with the commands that all of them have. What they start ends with the test.
func scripts(t *testing.T, dir string) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Values[brokerKey{}] = &aBroker{test: t}
			return setup(env)
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cloud":    cloudUp,
			"clouds":   cloudsYAML,
			"exits":    exits,
			"client":   client,
			"admin":    admin,
			"stays":    stays,
			"nosecret": noSecret,
			"killed":   killed,
			"cut":      cut,
			"counts":   counts,
			"twin":     twin,
			"await":    await,
			"power":    power,
			"hand":     hand,
			"troubled": troubled,
			"held":     held,
			"settles":  settles,
			"unseen":   unseen,
			"bastion":  bastionUp,
			"broker":   brokerUp,
			"golden":   golden,
			"network":  networkUp,
			"opens":    opens,
			"unplug":   unplug,
			"floating": floating,
		},
	}
}

// setup gives a script an environment of its own: nothing of the caller's reaches it.
func setup(env *testscript.Env) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	dir := filepath.Join(env.WorkDir, ".cloud")
	env.Setenv("PATH", binaries+":"+os.Getenv("PATH")+":/usr/sbin:/sbin")
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("CLOUD", dir)
	env.Setenv("LISTEN", "127.0.0.1:"+strconv.Itoa(port))
	for name, path := range map[string]string{"EXAMPLES": "../../examples", "COMMON": "testdata/common.trove.hcl"} {
		if path, err = filepath.Abs(path); err != nil {
			return err
		}
		env.Setenv(name, path)
	}
	env.Values[bastionKey{}] = &bastion{}
	p, err := settleIn(env)
	if err != nil {
		return err
	}
	env.Values[placeKey{}] = p
	env.Setenv("OS_CLIENT_CONFIG_FILE", p.entries)
	env.Setenv("OS_CLOUD", p.first)
	if err := describe(env, p); err != nil {
		return err
	}
	if onCloud != nil {
		return nil
	}
	env.Defer(func() {
		if _, err := os.Stat(filepath.Join(dir, "dev.json")); err != nil {
			return
		}
		if out, err := exec.Command(filepath.Join(binaries, "trovectl"), "dev", "down", "-dir", dir, "-purge").CombinedOutput(); err != nil {
			panic(fmt.Sprintf("ending the cloud of %s: %v\n%s", env.WorkDir, err, out))
		}
		if left := processesOf(env.WorkDir); len(left) > 0 {
			panic(fmt.Sprintf("processes of %s are left: %v", env.WorkDir, left))
		}
	})
	return nil
}

// describe gives the script the variables of its cloud.
func describe(env *testscript.Env, p *place) error {
	file := os.Getenv("TROVE_ACCEPTANCE_VARS")
	if file == "" {
		file = "testdata/emulator.trovevars.hcl"
	}
	values, err := variables(file)
	if err != nil {
		return err
	}
	values["cloud"] = p.first
	env.Setenv("LIGHT_IMAGES", cmp.Or(values["light_images"], values["images"]))
	for name, value := range values {
		env.Setenv("TROVE_VAR_"+name, value)
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// processesOf lists the processes that have a directory in their command line.
func processesOf(dir string) (left []string) {
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, entry := range entries {
		if data, err := os.ReadFile(entry); err == nil && strings.Contains(string(data), dir) {
			left = append(left, strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
	return left
}

// cloud up|down [options]: starts or stops the embedded OpenStack of this script.
func cloudUp(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 || neg {
		ts.Fatalf("usage: cloud up|down|status [options]")
	}
	if onCloud != nil {
		if len(args) > 1 || args[0] != "up" {
			ts.Fatalf("cloud %s: only the emulator does that", strings.Join(args, " "))
		}
		return // it is up
	}
	words := append([]string{"dev", args[0], "-dir", ts.Getenv("CLOUD")}, args[1:]...)
	if args[0] == "up" {
		words = append(words, "-listen", ts.Getenv("LISTEN"))
	}
	ts.Check(ts.Exec("trovectl", words...))
}

// exits N COMMAND...: the command ends with exactly this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if err != nil {
		exit, ok := err.(*exec.ExitError) //nolint:errorlint // testscript gives it unwrapped
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s\n%s\n%s", code, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// stays: the plan is empty.
func stays(ts *testscript.TestScript, neg bool, args []string) {
	exits(ts, neg, append([]string{"0", "trovectl", "plan", "-detailed-exitcode"}, args...))
}

// nosecret TEXT: no file below the script's directory holds the text, but for what the engine itself keeps in its data.
func noSecret(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nosecret TEXT")
	}
	searched := 0
	look := func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // what cannot be read now (a socket, a file that has just gone) holds nothing
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		searched++
		if strings.Contains(string(data), args[0]) {
			ts.Fatalf("%s holds the secret", path)
		}
		return nil
	}
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), look))
	if onCloud != nil && onCloud.guests != "" {
		ts.Check(filepath.WalkDir(onCloud.guests, look))
	}
	if searched < 4 {
		ts.Fatalf("only %d files were searched", searched)
	}
}

// killed TIMES COMMAND...: starts the command and kills it (SIGKILL) at seeded random moments until so many runs have died
// that way; then runs it to its end. A run that ended before its moment does not count.
func killed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: killed TIMES COMMAND...")
	}
	times, err := strconv.Atoi(args[0])
	ts.Check(err)
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("TROVECTL_TEST_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		ts.Check(err)
	}
	ts.Logf("TROVECTL_TEST_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	kills, runs := 0, 0
	for ; kills < times; runs++ {
		if runs == 10*times {
			ts.Fatalf("only %d of %d runs lived long enough to be killed", kills, runs)
		}
		if dies(ts, time.Duration(30+random.IntN(moments()))*time.Millisecond, args[1:]) {
			kills++
		}
	}
	ts.Logf("%d kills in %d runs", kills, runs)
	ts.Check(ts.Exec(args[1], args[2:]...))
}

// moments is how long, in milliseconds, a run may live: a real cloud takes its time, and all of it has to be hit.
func moments() int {
	if onCloud == nil {
		return 400
	}
	return 12_000
}

// dies tells whether the command was still running when it was killed.
func dies(ts *testscript.TestScript, after time.Duration, args []string) bool {
	cmd := exec.Command(filepath.Join(binaries, args[0]), args[1:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = scriptEnv(ts)
	ts.Check(cmd.Start())
	time.Sleep(after)
	_ = cmd.Process.Kill() // one that has ended is told by its status
	var exit *exec.ExitError
	if !errors.As(cmd.Wait(), &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// scriptEnv is the environment that the script has built up.
func scriptEnv(ts *testscript.TestScript) []string {
	ts.Check(ts.Exec("env", "-0"))
	return strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\x00"), "\x00")
}

// held COMMAND...: runs the command while somebody else holds the lock of trove.db.
func held(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("usage: [!] held COMMAND...")
	}
	session, err := bolt.New(ts.MkAbs("trove.db")).Lock(context.Background(), state.LockRequest{
		Holder: state.Holder{ID: "somebody", Operation: "apply", Who: "somebody@elsewhere", PID: os.Getpid(), Since: time.Now()},
	})
	ts.Check(err)
	defer func() { _ = session.Close() }()
	if err := ts.Exec(args[0], args[1:]...); neg != (err != nil) {
		ts.Fatalf("%v", err)
	}
}

// unseen TEXT COMMAND...: while the command runs, no process shows the text in its arguments, and none but the command
// itself (which was given it) in its environment.
func unseen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: unseen TEXT COMMAND...")
	}
	done, found, looks := make(chan struct{}), make(chan string, 1), make(chan int, 1)
	go func() {
		n := 0
		for {
			select {
			case <-done:
				looks <- n
				return
			default:
			}
			if where := shows(args[0]); where != "" {
				select {
				case found <- where:
				default:
				}
			}
			n++
		}
	}()
	err := ts.Exec(args[1], args[2:]...)
	close(done)
	n := <-looks
	ts.Check(err)
	select {
	case where := <-found:
		ts.Fatalf("%s shows the secret", where)
	default:
	}
	if n < 3 {
		ts.Fatalf("only %d looks at the processes", n)
	}
}

func shows(secret string) string {
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		arguments, _ := os.ReadFile(filepath.Join(entry, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(entry, "environ"))
		itself := strings.HasPrefix(string(arguments), "trovectl\x00") || strings.Contains(string(arguments), "/trovectl\x00")
		if strings.Contains(string(arguments), secret) || !itself && strings.Contains(string(environment), secret) {
			return strings.ReplaceAll(string(arguments), "\x00", " ")
		}
	}
	return ""
}

// settles: within minutes nothing is unknown and nothing has drifted; machines that boot take their time.
func settles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: settles")
	}
	deadline := time.Now().Add(2 * patience)
	for ts.Exec("trovectl", "drift") != nil {
		if time.Now().After(deadline) {
			ts.Fatalf("the fleet does not settle:\n%s", ts.ReadFile("stdout"))
		}
		time.Sleep(200 * time.Millisecond)
	}
}
