package mariadb

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

const agentOf = "TEST_AGENT_OF_HOST"

// TestAgent is no test by itself: it is the agent's process in TestEngineOutlivesItsAgent, and dies as soon as the
// engine answers, without a chance to tidy up.
func TestAgent(t *testing.T) {
	text := os.Getenv(agentOf)
	if text == "" {
		return
	}
	var h engine.Host
	must(t, json.Unmarshal([]byte(text), &h))
	e, err := New(h)
	must(t, err)
	must(t, e.Prepare(context.Background(), engine.Settings{"max_connections": "123"}))
	must(t, e.Start(context.Background()))
	self, err := os.FindProcess(os.Getpid())
	must(t, err)
	must(t, self.Kill())
	select {}
}

func TestEngineOutlivesItsAgent(t *testing.T) {
	t.Parallel()
	h := newHost(t, 256)
	e := newEngine(t, h)
	text, err := json.Marshal(h)
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	agent := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^TestAgent$")
	agent.Env = append(os.Environ(), agentOf+"="+string(text))
	out, err := agent.CombinedOutput()
	if err == nil || agent.ProcessState.ExitCode() != -1 {
		t.Fatalf("the agent was not killed: %v\n%s", err, out)
	}
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusHealthy {
		t.Fatalf("after its agent the engine is %+v, %v", state, err)
	}
	settings, err := e.ReadSettings(ctx, nil)
	must(t, err)
	if settings["max_connections"].Running != "123" {
		t.Errorf("settings are %+v", settings)
	}
	must(t, e.Stop(ctx))
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusShutdown {
		t.Errorf("stopped by another agent the engine is %+v, %v", state, err)
	}
}
