// Package enginetest is the contract of every engine, as tests: an engine that passes does what package engine says.
// What a clause needs beyond engine.Engine it finds by assertion; a power that an engine lacks has no clauses.
package enginetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Subject is an engine under test, new on an empty host of its own. The maker registers what cleans up after it.
type Subject struct {
	Engine engine.Engine
	// Again is the engine as an agent sees it that was restarted: the same host, nothing remembered in memory.
	Again func() engine.Engine
	// Crash ends the engine's process at once, without a chance to tidy up.
	Crash func()
	// Catalog is what the engine allows, and Version the version it runs.
	Catalog *catalog.Engine
	Version string
	Facts   Facts
	// Host is where it lives; empty for an engine without files.
	Host engine.Host
	// Connect logs in over the network, as a customer does; an engine that listens to nobody has none.
	Connect func(ctx context.Context, login Login) (Client, error)
	// ByHand has the engine's administrator run a statement behind the agent's back; nil where there is no such language.
	ByHand func(ctx context.Context, statement string) error
}

// Run checks the whole contract. make is called once for each group of clauses, and the
// groups run in parallel.
func Run(t *testing.T, make func(t *testing.T) Subject) {
	groups := []struct {
		name   string
		clause func(t *testing.T, s Subject)
	}{
		{"lifecycle", lifecycle},
		{"crash", crash},
		{"databases", databases},
		{"users", users},
		{"grants", grants},
		{"narrow grants", narrowGrants},
		{"rights", rights},
		{"root", root},
		{"hostile names", hostileNames},
		{"settings", settings},
		{"settings across restarts", settingsAcrossRestarts},
		{"refused settings", refusedSettings},
		{"killed while configured", killedWhileConfigured},
		{"logs", logs},
		{"no passwords", noPasswords},
		{"certificates", certificates},
		{"metrics", metrics},
		{"read only", readOnly},
		{"not running", notRunning},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.clause(t, make(t))
		})
	}
}

// Timeout bounds one group of clauses.
const Timeout = 5 * time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	t.Cleanup(cancel)
	return ctx
}

// started prepares and starts the engine.
func started(ctx context.Context, t *testing.T, s Subject, values engine.Settings) {
	t.Helper()
	ok(t, s.Engine.Prepare(ctx, values))
	ok(t, s.Engine.Start(ctx))
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that an error has a kind and says something.
func refused(t *testing.T, err error, kind guest.ErrorKind) {
	t.Helper()
	var known *guest.Error
	if !errors.As(err, &known) {
		t.Fatalf("got %v, want an error of kind %s", err, kind)
	}
	if known.Kind != kind || known.Message == "" {
		t.Fatalf("got kind %s (%s), want %s", known.Kind, known.Message, kind)
	}
}

func status(ctx context.Context, t *testing.T, e engine.Engine, want guest.Status) engine.State {
	t.Helper()
	state, err := e.State(ctx)
	ok(t, err)
	if state.Status != want {
		t.Fatalf("status is %s, want %s", state.Status, want)
	}
	return state
}
