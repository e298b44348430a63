package agent_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// tiny is an engine of a few maps, kept in one file, so that it outlives an agent. Its server is a flag.
type tiny struct {
	host engine.Host
	ends chan struct{} // closed lets the methods that wait go on; nil: they do not wait
	runs atomic.Int32  // how often a database was put

	mu    sync.Mutex
	state tinyState
}

type tinyState struct {
	Up        bool
	Crashed   bool
	Starts    int
	Databases map[string]guest.Database
	Users     map[guest.UserName]string `json:"-"`
	Values    map[string]string
	Pending   []string
}

func newTiny(host engine.Host) (*tiny, error) {
	e := &tiny{host: host, state: tinyState{
		Databases: map[string]guest.Database{}, Users: map[guest.UserName]string{}, Values: map[string]string{},
	}}
	text, err := os.ReadFile(e.path())
	if err != nil {
		return e, nil // not prepared yet
	}
	return e, json.Unmarshal(text, &e.state)
}

func (e *tiny) path() string { return filepath.Join(e.host.Data, "tiny.json") }

func (e *tiny) change(do func(*tinyState)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	do(&e.state)
	text, err := json.Marshal(e.state)
	if err != nil {
		return err
	}
	return os.WriteFile(e.path(), text, 0o600)
}

func (e *tiny) look() tinyState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

func (e *tiny) Name() string { return "tiny" }

func (e *tiny) Prepare(_ context.Context, values engine.Settings) error {
	return e.change(func(s *tinyState) { s.Values = values })
}

func (e *tiny) Start(context.Context) error {
	return e.change(func(s *tinyState) {
		if !s.Up {
			s.Starts++
		}
		s.Up, s.Crashed, s.Pending = true, false, nil
	})
}

func (e *tiny) Stop(context.Context) error {
	return e.change(func(s *tinyState) { s.Up = false })
}

func (e *tiny) crash() error {
	return e.change(func(s *tinyState) { s.Up, s.Crashed = false, true })
}

func (e *tiny) State(context.Context) (engine.State, error) {
	switch s := e.look(); {
	case s.Up:
		return engine.State{Status: guest.StatusHealthy, Version: "1.2.3"}, nil
	case s.Crashed:
		return engine.State{Status: guest.StatusCrashed}, nil
	}
	return engine.State{Status: guest.StatusShutdown}, nil
}

func (e *tiny) ListDatabases(context.Context) ([]guest.ObservedDatabase, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []guest.ObservedDatabase
	for _, database := range e.state.Databases {
		list = append(list, guest.ObservedDatabase{Database: database, SizeBytes: 1})
	}
	return list, nil
}

func (e *tiny) PutDatabase(ctx context.Context, put guest.PutDatabase) error {
	database := put.Database
	e.runs.Add(1)
	if database.Name == "panic" {
		panic("a defect")
	}
	if database.Name == "refused" {
		return guest.Errorf(guest.KindInvalid, "a reserved name")
	}
	if e.ends != nil {
		select {
		case <-e.ends:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return e.change(func(s *tinyState) { s.Databases[database.Name] = database })
}

func (e *tiny) DropDatabase(_ context.Context, name string) error {
	return e.change(func(s *tinyState) { delete(s.Databases, name) })
}

func (e *tiny) ListUsers(context.Context) ([]engine.Account, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []engine.Account
	for name, verifier := range e.state.Users {
		list = append(list, engine.Account{Name: name.Name, Host: name.Host, Verifier: verifier})
	}
	return list, nil
}

func (e *tiny) PutUser(_ context.Context, user guest.PutUser) (string, error) {
	return user.Verifier, e.change(func(s *tinyState) { s.Users[guest.UserName{Name: user.Name, Host: user.Host}] = user.Verifier })
}

func (e *tiny) DropUser(_ context.Context, user guest.UserName) error {
	return e.change(func(s *tinyState) { delete(s.Users, user) })
}

func (e *tiny) Configure(_ context.Context, values engine.Settings) ([]string, error) {
	err := e.change(func(s *tinyState) { s.Values, s.Pending = values, []string{"static"} })
	return []string{"static"}, err
}

func (e *tiny) ReadSettings(_ context.Context, names []string) (map[string]guest.Setting, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	read := map[string]guest.Setting{}
	for _, name := range names {
		read[name] = guest.Setting{Running: "asked"}
	}
	for name, value := range e.state.Values {
		read[name] = guest.Setting{Running: value, Configured: value}
	}
	for _, name := range e.state.Pending {
		read[name] = guest.Setting{Configured: "new", Running: "old", Pending: true}
	}
	return read, nil
}

// plain hides every optional power.
type plain struct{ engine.Engine }
