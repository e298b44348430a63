package enginetest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// agentOf names the environment variable with the host of an agent that is about to die.
const agentOf = "TEST_AGENT_OF_HOST"

// DieAsAgent is all of the test TestAgent of an engine, which is no test by itself: it is the agent's process in
// OutlivesItsAgent, and dies as soon as the engine answers, without a chance to tidy up.
func DieAsAgent(t *testing.T, open func(engine.Host) (engine.Engine, error), values engine.Settings) {
	t.Helper()
	text := os.Getenv(agentOf)
	if text == "" {
		return
	}
	var h engine.Host
	ok(t, json.Unmarshal([]byte(text), &h))
	e, err := open(h)
	ok(t, err)
	ok(t, e.Prepare(context.Background(), values))
	ok(t, e.Start(context.Background()))
	self, err := os.FindProcess(os.Getpid())
	ok(t, err)
	ok(t, self.Kill())
	select {}
}

// OutlivesItsAgent checks that an engine goes on when the agent that started it is killed, and that another agent has it
// then. The values are those of DieAsAgent in the same package's TestAgent.
func OutlivesItsAgent(t *testing.T, h engine.Host, e engine.Engine, values engine.Settings) {
	t.Helper()
	ctx := within(t)
	text, err := json.Marshal(h)
	ok(t, err)
	agent := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^TestAgent$")
	agent.Env = append(os.Environ(), agentOf+"="+string(text))
	out, err := agent.CombinedOutput()
	if err == nil || agent.ProcessState.ExitCode() != -1 {
		t.Fatalf("the agent was not killed: %v\n%s", err, out)
	}
	status(ctx, t, e, guest.StatusHealthy)
	settings, err := e.(engine.Configurable).ReadSettings(ctx, nil)
	ok(t, err)
	for name, value := range values {
		if settings[name].Running != value {
			t.Errorf("%s is %+v, want %s", name, settings[name], value)
		}
	}
	ok(t, e.Stop(ctx))
	status(ctx, t, e, guest.StatusShutdown)
}

// AsNobody runs tests of the same binary again, those that the pattern names, as an ordinary user of the operating system;
// proof is one that must have passed. A run that is an ordinary user's already is as good.
func AsNobody(t *testing.T, pattern, proof string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Log("the whole run is an ordinary user's")
		return
	}
	nobody, err := user.Lookup("nobody")
	ok(t, err)
	uid, err := strconv.Atoi(nobody.Uid)
	ok(t, err)
	gid, err := strconv.Atoi(nobody.Gid)
	ok(t, err)
	directory, err := os.MkdirTemp("", "engine-*")
	ok(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(directory) }) // what another user left in it may resist
	ok(t, os.Chown(directory, uid, gid))
	binary := filepath.Join(directory, "test")
	CopyOfThisTest(t, binary)
	ctx, cancel := context.WithTimeout(context.Background(), 2*Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.run="+pattern, "-test.v")
	cmd.Dir = directory
	cmd.Env = append(os.Environ(), "TMPDIR="+directory, "HOME="+directory)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+proof) {
		t.Errorf("as %s: %v\n%s", nobody.Username, err, out)
	}
}

// CopyOfThisTest writes the running test's binary to a path, where everybody may run it.
func CopyOfThisTest(t *testing.T, path string) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	ok(t, err)
	// A process that is forked meanwhile would hold the file open for writing, and the file could not be run.
	syscall.ForkLock.RLock()
	err = os.WriteFile(path, self, 0o755)
	syscall.ForkLock.RUnlock()
	ok(t, err)
	ok(t, os.Chmod(path, 0o755))
}
