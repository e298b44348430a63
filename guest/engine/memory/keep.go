package memory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// kept is what a file holds of an engine. Verifiers are in it, so it is 0600.
type kept struct {
	Prepared   bool             `json:"prepared"`
	Running    bool             `json:"running"`
	Crashed    bool             `json:"crashed,omitempty"`
	StartedAt  time.Time        `json:"started_at"`
	Databases  []guest.Database `json:"databases,omitempty"`
	Users      []keptUser       `json:"users,omitempty"`
	Configured engine.Settings  `json:"configured,omitempty"`
	InForce    engine.Settings  `json:"in_force,omitempty"`
	Root       string           `json:"root,omitempty"`
	Logs       []string         `json:"logs,omitempty"`
	TLS        tlsState         `json:"tls,omitzero"`
}

type keptUser struct {
	guest.UserName
	Verifier string        `json:"verifier"`
	Grants   []guest.Grant `json:"grants,omitempty"` // single privileges
	guest.Rights
}

// Open makes an engine that keeps itself in a file below dir: it is what an earlier life of it was, running or not, and
// without a file as New makes it. Every change is in the file before it is answered.
func Open(name string, now func() time.Time, dir string) (*Engine, error) {
	e := New(name, now)
	e.dir = dir
	text, err := os.ReadFile(e.file())
	if errors.Is(err, os.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the engine's file: %w", err)
	}
	var was kept
	if err := json.Unmarshal(text, &was); err != nil {
		return nil, fmt.Errorf("reading the engine's file %s: malformed JSON or a wrong type", e.file())
	}
	for _, d := range was.Databases {
		e.databases[d.Name] = d
	}
	for _, u := range was.Users {
		e.users[u.UserName] = &account{verifier: u.Verifier, grants: privilegeSets(u.Grants), Rights: u.Rights}
	}
	maps.Copy(e.configured, was.Configured)
	maps.Copy(e.inForce, was.InForce)
	e.prepared, e.running, e.crashed, e.startedAt = was.Prepared, was.Running, was.Crashed, was.StartedAt
	e.root, e.logs, e.tls = was.Root, was.Logs, was.TLS
	return e, nil
}

func (e *Engine) file() string { return filepath.Join(e.dir, "memory.json") }

func privilegeSets(grants []guest.Grant) map[engine.On]map[string]bool {
	sets := make(map[engine.On]map[string]bool, len(grants))
	for _, g := range grants {
		set := make(map[string]bool, len(g.Privileges))
		for _, p := range g.Privileges {
			set[p] = true
		}
		sets[engine.OnOf(g)] = set
	}
	return sets
}

// keep writes the file of an engine that has one; the caller holds e.mu.
func (e *Engine) keep() error {
	if e.dir == "" {
		return nil
	}
	now := kept{
		Prepared: e.prepared, Running: e.running, Crashed: e.crashed, StartedAt: e.startedAt,
		Configured: e.configured, InForce: e.inForce, Root: e.root, Logs: e.logs, TLS: e.tls,
	}
	for _, d := range e.databases {
		now.Databases = append(now.Databases, d)
	}
	for name, a := range e.users {
		u := keptUser{UserName: name, Verifier: a.verifier, Rights: a.Rights}
		for on, privileges := range a.grants {
			u.Grants = append(u.Grants, on.Grant(slices.Sorted(maps.Keys(privileges))))
		}
		now.Users = append(now.Users, u)
	}
	text, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("encoding the engine: %w", err)
	}
	fresh := e.file() + ".new"
	if err := errors.Join(os.WriteFile(fresh, text, 0o600), os.Rename(fresh, e.file())); err != nil {
		return fmt.Errorf("keeping the engine: %w", err)
	}
	return nil
}
