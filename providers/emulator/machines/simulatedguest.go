package machines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/agent"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/memory"
	"github.com/trovectl/trovectl/guest/transport/amqp"
)

// mostIdle is how many agents stay open that nobody talks to. Ten thousand machines and their open agents so fit into
// twenty thousand file descriptors.
const mostIdle = 4000

// A simulatedGuest is what runs in a machine without processes: an agent in this process, which is open while somebody
// talks to it and longer while there is room. One that is opened again goes on where it was.
type simulatedGuest struct {
	root  string
	fleet *guestSet

	mu     sync.Mutex
	agent  *agent.Agent
	users  int
	booted bool
	retire func() // from its broker, and returns when it has; nil: it serves at none
}

// A guestSet knows of all guests how many are open and what they were asked. The zero value is ready.
type guestSet struct {
	mu    sync.Mutex
	open  int
	asked map[string]int
}

// join opens the agent for one more connection; leave ends that.
func (g *simulatedGuest) join() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.agent == nil {
		a, err := agent.Open(agent.Config{
			Root: g.root, Version: "simulated", NewEngine: g.openEngine,
			ReloadSSH: func(context.Context) error { return nil }, // the host key is read at every connection
			Attend:    amqp.Attend,
		})
		if err != nil {
			return fmt.Errorf("opening the agent: %w", err)
		}
		g.agent, g.booted = a, true
		g.fleet.opened(1)
	}
	g.users++
	return nil
}

func (g *simulatedGuest) leave() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users--
	if g.users > 0 || !g.fleet.crowded() {
		return nil
	}
	return g.closeLocked()
}

// attend makes the agent serve at its broker from now on, if it has one. It stays open then.
func (g *simulatedGuest) attend() error {
	if !g.hasBroker() {
		return nil
	}
	if err := g.join(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retire != nil { // it does already
		g.users--
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, serving := make(chan struct{}), g.agent
	go func() {
		defer close(done)
		serving.Attend(ctx, g)
	}()
	g.retire = func() {
		cancel()
		<-done
	}
	return nil
}

// hasBroker tells whether the guest was born to serve at a broker, or was told to since.
func (g *simulatedGuest) hasBroker() bool {
	for _, file := range []string{guest.AgentConfigPath, "var/lib/trove-guestagent/identity.json"} {
		if text, err := os.ReadFile(filepath.Join(g.root, file)); err == nil && bytes.Contains(text, []byte(`"broker":`)) {
			return true
		}
	}
	return false
}

// close ends the agent of a machine that goes down; nobody is connected any more.
func (g *simulatedGuest) close() error {
	g.mu.Lock()
	retire := g.retire
	g.retire = nil
	g.mu.Unlock()
	if retire != nil {
		retire()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closeLocked()
}

func (g *simulatedGuest) closeLocked() error {
	if g.agent == nil {
		return nil
	}
	a := g.agent
	g.agent = nil
	g.fleet.opened(-1)
	return a.Close()
}

// openEngine opens the machine's engine as the agent finds it: running on, or just started if the machine was.
func (g *simulatedGuest) openEngine(name string, host engine.Host) (engine.Engine, error) {
	e, err := memory.Open(name, time.Now, host.Data)
	if err != nil || g.booted {
		return e, err
	}
	ctx := context.Background() // nothing in memory waits
	state, err := e.State(ctx)
	if err != nil || state.Status == guest.StatusNew {
		return e, err
	}
	return e, errors.Join(e.Stop(ctx), e.Start(ctx))
}

// Handle implements guest.Handler for who joined.
func (g *simulatedGuest) Handle(ctx context.Context, request guest.Request) guest.Reply {
	g.fleet.count(string(request.Method))
	reply := g.agent.Handle(ctx, request)
	if request.Method == guest.MethodRotate && reply.Error == nil {
		if err := g.attend(); err != nil {
			return guest.Answer(request.ID, nil, err)
		}
	}
	return reply
}

func (s *guestSet) opened(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
}

func (s *guestSet) crowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open > mostIdle
}

func (s *guestSet) count(method string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == nil {
		s.asked = map[string]int{}
	}
	s.asked[method]++
}

func (s *guestSet) requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.asked)
}

// agentChannel tells whether a forced command is the agent's channel, and whether it only reads.
func agentChannel(command string) (readOnly, ok bool) {
	words := strings.Fields(command)
	if len(words) < 2 || words[0] != "/usr/bin/"+agentName || words[1] != "rpc" {
		return false, false
	}
	return slices.Contains(words[2:], "--read-only"), true
}
