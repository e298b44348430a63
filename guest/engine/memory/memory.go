// Package memory is an engine that keeps everything in memory: the same contract as a real one, without a server. It is
// what simulated guests run, thousands of them.
package memory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Name is the engine's own name. As a stand-in it answers with the name of the engine it stands in for.
const Name = "memory"

// Engine is a server that is not there. It is safe for concurrent use.
type Engine struct {
	name    string
	catalog *catalog.Engine
	series  string // the version it behaves as
	now     func() time.Time
	dir     string // where it keeps itself and its logs; empty: nowhere

	mu         sync.Mutex
	prepared   bool
	running    bool
	crashed    bool
	startedAt  time.Time
	databases  map[string]guest.Database
	users      map[guest.UserName]*account
	configured engine.Settings
	inForce    engine.Settings // what differs from the defaults in the running server
	root       string          // the verifier of the administrator who may log in from outside; empty: there is none
	logs       []string        // the enabled ones, sorted
	tls        tlsState
}

type account struct {
	verifier string
	grants   map[engine.On]map[string]bool // single privileges
	guest.Rights
}

// New makes an empty engine that calls itself name and behaves as what has this name, by the catalog; as MariaDB where
// nothing has. now is the clock.
func New(name string, now func() time.Time) *Engine {
	known, ok := catalog.Lookup(name)
	if !ok {
		known, _ = catalog.Lookup("mariadb")
	}
	return &Engine{
		name: name, catalog: known, series: slices.Min(slices.Collect(maps.Keys(known.Versions))), now: now, databases: map[string]guest.Database{}, users: map[guest.UserName]*account{},
		configured: engine.Settings{}, inForce: engine.Settings{},
	}
}

// Name is what New was given.
func (e *Engine) Name() string { return e.name }

// Prepare implements engine.Engine.
func (e *Engine) Prepare(_ context.Context, values engine.Settings) error {
	values, err := engine.CanonicalSettings(e.catalog, e.series, values)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.running {
		e.configured = values
	}
	e.prepared = true
	return e.keep()
}

// Start implements engine.Engine.
func (e *Engine) Start(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.prepared {
		return guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	if !e.running {
		e.running, e.crashed, e.startedAt, e.inForce = true, false, e.now(), maps.Clone(e.configured)
		e.log("error", "ready for connections")
		return e.keep()
	}
	return nil
}

// Stop implements engine.Engine.
func (e *Engine) Stop(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running, e.crashed = false, false
	return e.keep()
}

// Crash ends the engine as a kill of its process would.
func (e *Engine) Crash() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.crashed, e.running = e.crashed || e.running, false
	_ = e.keep() // whoever crashes has no time for errors
}

// State implements engine.Engine.
func (e *Engine) State(context.Context) (engine.State, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case !e.prepared:
		return engine.State{Status: guest.StatusNew}, nil
	case e.crashed:
		return engine.State{Status: guest.StatusCrashed}, nil
	case !e.running:
		return engine.State{Status: guest.StatusShutdown}, nil
	}
	state := engine.State{Status: guest.StatusHealthy, Version: e.series + ".0", StartedAt: e.startedAt.UTC().Format(time.RFC3339)}
	if len(e.pending()) > 0 {
		state.Status = guest.StatusRestartRequired
	}
	return state, nil
}

// enter locks the engine for a request that needs it to run.
func (e *Engine) enter() (leave func(), err error) {
	leave, err = e.open()
	if err == nil && !e.running {
		leave()
		err = guest.Errorf(guest.KindConflict, "the engine is not running")
	}
	return leave, err
}

// open locks the engine for a request that needs it prepared.
func (e *Engine) open() (leave func(), err error) {
	e.mu.Lock()
	if !e.prepared {
		e.mu.Unlock()
		return nil, guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	return e.mu.Unlock, nil
}

var (
	_ engine.Engine       = (*Engine)(nil)
	_ engine.Databases    = (*Engine)(nil)
	_ engine.Users        = (*Engine)(nil)
	_ engine.Configurable = (*Engine)(nil)
	_ engine.Rooted       = (*Engine)(nil)
	_ engine.Logged       = (*Engine)(nil)
	_ engine.Certified    = (*Engine)(nil)
	_ engine.Metered      = (*Engine)(nil)
)
