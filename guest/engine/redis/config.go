package redis

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// Configure implements engine.Configurable. The order is: the server's own check of all values, then the running server
// with each value read back, then the file; whatever fails before the end is undone. The server's CONFIG REWRITE is not
// used: the files stay the agent's.
func (e *Engine) Configure(ctx context.Context, values engine.Settings) ([]string, error) {
	values, err := engine.CanonicalSettings(e.catalog, e.series, values)
	if err != nil {
		return nil, err
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	former, err := e.readSettings(e.paths.settings)
	if err != nil {
		return nil, err
	}
	if !maps.Equal(former, values) {
		if err := e.validate(ctx, values); err != nil {
			return nil, err
		}
	}
	if !e.running() {
		// What starts next starts with all of it.
		return nil, e.writeSettings(e.paths.settings, values)
	}
	s, err := e.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	changes, err := e.changesFor(ctx, s, former, values)
	if err != nil {
		return nil, err
	}
	if err := e.apply(ctx, s, changes); err != nil {
		return nil, err
	}
	if !maps.Equal(former, values) {
		if err := e.writeSettings(e.paths.settings, values); err != nil {
			return nil, e.undo(ctx, s, changes, err)
		}
	}
	running, err := e.runningValues(ctx, s)
	if err != nil {
		return nil, err
	}
	return e.pending(running)
}

// base is what a setting returns to: the agent's own value, or else the server's default.
func (e *Engine) base(p catalog.Parameter) string {
	if value, own := e.options()[p.Name]; own {
		return value
	}
	return canonical(p, p.Default)
}

// runningValues reads every value that the catalog knows, canonical.
func (e *Engine) runningValues(ctx context.Context, s *session) (engine.Settings, error) {
	reply, err := s.client.ConfigGet(ctx, "*").Result()
	if err != nil {
		return nil, fault("reading the settings", err)
	}
	out := make(engine.Settings, len(reply))
	for option, value := range reply {
		if p, ok := e.catalog.Parameter(e.series, option); ok {
			out[p.Name] = canonical(p, value)
		}
	}
	return out, nil
}

// ReadSettings implements engine.Configurable. On a server that is down the running values are empty.
func (e *Engine) ReadSettings(ctx context.Context, names []string) (map[string]guest.Setting, error) {
	configured, err := e.readSettings(e.paths.settings)
	if err != nil {
		return nil, err
	}
	running := engine.Settings{}
	if e.running() {
		s, err := e.session(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if running, err = e.runningValues(ctx, s); err != nil {
			return nil, err
		}
	}
	waiting, err := e.pending(running)
	if err != nil {
		return nil, err
	}
	out := map[string]guest.Setting{}
	for _, given := range append(slices.Collect(maps.Keys(configured)), names...) {
		p, ok := e.catalog.Parameter(e.series, given)
		if !ok {
			continue
		}
		setting := guest.Setting{Running: running[p.Name], Configured: configured[p.Name], Default: e.base(p)}
		setting.Pending = setting.Configured != "" && len(running) > 0 && slices.Contains(waiting, p.Name)
		out[given] = setting
	}
	return out, nil
}

// pending lists the static settings whose running value is not the one that the next start brings, also those that are
// managed no longer. A value that the server was started with and made something else of does not wait: another start
// would not change it.
func (e *Engine) pending(running engine.Settings) ([]string, error) {
	configured, err := e.readSettings(e.paths.settings)
	if err != nil {
		return nil, err
	}
	started, err := e.readSettings(e.paths.started)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(configured)
	maps.Copy(names, started)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p, ok := e.catalog.Parameter(e.series, name)
		next, managed := configured[name]
		before, wasManaged := started[name]
		if !ok || p.Dynamic || managed == wasManaged && next == before {
			continue
		}
		if !managed {
			next = e.base(p)
		}
		if running[name] != next {
			out = append(out, name)
		}
	}
	return out, nil
}

// set changes settings in the running server: all of them or none.
func (e *Engine) set(ctx context.Context, s *session, values engine.Settings) error {
	if len(values) == 0 {
		return nil
	}
	command := []any{"CONFIG", "SET"}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p, _ := e.catalog.Parameter(e.series, name)
		command = append(command, p.Option, told(p, values[name]))
	}
	return s.do(ctx, command...)
}

// readSettings reads a file that writeSettings wrote; none is an empty one.
func (e *Engine) readSettings(path string) (engine.Settings, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return engine.Settings{}, nil
	}
	if err != nil {
		return nil, internal("reading the managed settings", err)
	}
	settings, err := e.parse(text)
	if err != nil {
		return nil, guest.Errorf(guest.KindConflict, "the file of managed settings was changed by somebody else: %v", err)
	}
	return settings, nil
}

func (e *Engine) writeSettings(path string, values engine.Settings) error {
	if err := native.WriteFile(path, e.format(values), 0o644); err != nil {
		return internal("writing the managed settings", err)
	}
	return nil
}
