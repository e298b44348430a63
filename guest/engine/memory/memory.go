// Package memory is an engine that keeps everything in memory: the same contract as a real one, without a server. It is
// what simulated guests run, thousands of them.
package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Name is the engine's own name. As a stand-in it answers with the name of the engine it stands in for.
const Name = "memory"

// series is the version it behaves as, and version the one it says it runs.
const (
	series  = "10.11"
	version = "10.11.0"
)

// Engine is a server that is not there. It is safe for concurrent use.
type Engine struct {
	name    string
	catalog *catalog.Engine
	now     func() time.Time
	file    string // where it keeps itself; empty: nowhere

	mu         sync.Mutex
	prepared   bool
	running    bool
	crashed    bool
	startedAt  time.Time
	databases  map[string]guest.Database
	users      map[guest.UserName]*account
	configured engine.Settings
	inForce    engine.Settings // what differs from the defaults in the running server
}

type account struct {
	verifier string
	grants   map[engine.On]map[string]bool // single privileges
}

// New makes an empty engine that calls itself name and behaves as MariaDB. now is the clock.
func New(name string, now func() time.Time) *Engine {
	known, _ := catalog.Lookup("mariadb")
	return &Engine{
		name: name, catalog: known, now: now, databases: map[string]guest.Database{}, users: map[guest.UserName]*account{},
		configured: engine.Settings{}, inForce: engine.Settings{},
	}
}

// Name is what New was given.
func (e *Engine) Name() string { return e.name }

// Prepare implements engine.Engine.
func (e *Engine) Prepare(_ context.Context, values engine.Settings) error {
	values, err := engine.CanonicalSettings(e.catalog, series, values)
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
	state := engine.State{Status: guest.StatusHealthy, Version: version, StartedAt: e.startedAt.UTC().Format(time.RFC3339)}
	if len(e.pending()) > 0 {
		state.Status = guest.StatusRestartRequired
	}
	return state, nil
}

// enter locks the engine for a request that needs it to run.
func (e *Engine) enter() (leave func(), err error) {
	e.mu.Lock()
	switch {
	case !e.prepared:
		err = guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	case !e.running:
		err = guest.Errorf(guest.KindConflict, "the engine is not running")
	}
	if err != nil {
		e.mu.Unlock()
		return nil, err
	}
	return e.mu.Unlock, nil
}

// ListDatabases implements engine.Databases.
func (e *Engine) ListDatabases(context.Context) ([]guest.ObservedDatabase, error) {
	leave, err := e.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	out := make([]guest.ObservedDatabase, 0, len(e.databases))
	for _, name := range slices.Sorted(maps.Keys(e.databases)) {
		out = append(out, guest.ObservedDatabase{Database: e.databases[name]})
	}
	return out, nil
}

// PutDatabase implements engine.Databases.
func (e *Engine) PutDatabase(_ context.Context, put guest.PutDatabase) error {
	database := put.Database
	if err := e.catalog.CheckDatabaseName(database.Name); err != nil {
		return guest.Errorf(guest.KindInvalid, "%v", err)
	}
	charset, collation := strings.ToLower(database.Charset), strings.ToLower(database.Collation)
	if err := e.catalog.CheckCharset(series, charset, collation); err != nil {
		return guest.Errorf(guest.KindInvalid, "%v", err)
	}
	leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	known, _ := e.catalog.Version(series)
	if charset == "" && collation != "" {
		for name, collations := range known.Charsets {
			if slices.Contains(collations, collation) {
				charset = name
			}
		}
	}
	now, there := e.databases[database.Name]
	if !there {
		now = guest.Database{Name: database.Name, Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
	}
	if charset != "" && (charset != now.Charset || !there) {
		now.Charset, now.Collation = charset, known.Charsets[charset][0]
	}
	if collation != "" {
		now.Collation = collation
	}
	e.databases[database.Name] = now
	return e.keep()
}

// DropDatabase implements engine.Databases.
func (e *Engine) DropDatabase(_ context.Context, name string) error {
	if err := e.catalog.CheckDatabaseName(name); err != nil {
		return guest.Errorf(guest.KindInvalid, "%v", err)
	}
	leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	delete(e.databases, name)
	for _, a := range e.users {
		maps.DeleteFunc(a.grants, func(on engine.On, _ map[string]bool) bool { return on.Database == name })
	}
	return e.keep()
}

var (
	_ engine.Engine       = (*Engine)(nil)
	_ engine.Databases    = (*Engine)(nil)
	_ engine.Users        = (*Engine)(nil)
	_ engine.Configurable = (*Engine)(nil)
)
