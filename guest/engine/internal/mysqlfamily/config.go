package mysqlfamily

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

func (e *Server) normalize(values engine.Settings) (engine.Settings, error) {
	return engine.CanonicalSettings(e.Catalog, e.Series, values)
}

// Configure implements engine.Configurable. The order is: the server's own check of the option file, then the running
// server with each value read back, then the file; whatever fails before the end is undone.
func (e *Server) Configure(ctx context.Context, values engine.Settings) ([]string, error) {
	values, err := e.normalize(values)
	if err != nil {
		return nil, err
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	former, err := e.readSettings(e.Paths.Overrides)
	if err != nil {
		return nil, err
	}
	if !maps.Equal(former, values) {
		if err := e.validate(ctx, values); err != nil {
			return nil, err
		}
	}
	if !e.Running() {
		// What starts next starts with all of it.
		return nil, e.writeSettings(e.Paths.Overrides, values)
	}
	s, err := e.Session(ctx)
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
		if err := e.writeSettings(e.Paths.Overrides, values); err != nil {
			return nil, e.refuse(ctx, s, changes, err)
		}
	}
	return e.pending(ctx, s)
}

// Base is what a setting returns to: the agent's own value, or else the server's default.
func (e *Server) Base(p catalog.Parameter) (value string, own bool) {
	value, own = e.options(native.Account{})[p.Name]
	if own {
		return canonical(p, value), true
	}
	// It follows character_set_server, which is the agent's; the server's own default does not.
	return p.Default, p.Name == "collation_server"
}

// canonical is Normalize, or the text itself where the server says what the catalog would refuse.
func canonical(p catalog.Parameter, value string) string {
	if text, err := p.Normalize(value); err == nil {
		return text
	}
	return value
}

// runningValues reads every global value, canonical for those that the catalog knows.
func (e *Server) RunningValues(ctx context.Context, s *Session) (engine.Settings, error) {
	rows, err := s.Rows(ctx, "SHOW GLOBAL VARIABLES")
	if err != nil {
		return nil, Fault("reading the settings", err)
	}
	out := make(engine.Settings, len(rows))
	for _, row := range rows {
		name := catalog.ParameterName(row["Variable_name"])
		out[name] = row["Value"]
		if p, ok := e.Catalog.Parameter(e.Series, name); ok {
			out[name] = canonical(p, row["Value"])
		}
	}
	return out, nil
}

// ReadSettings implements engine.Configurable. On a server that is down the running values are empty.
func (e *Server) ReadSettings(ctx context.Context, names []string) (map[string]guest.Setting, error) {
	configured, err := e.readSettings(e.Paths.Overrides)
	if err != nil {
		return nil, err
	}
	started, err := e.readSettings(e.Paths.Started)
	if err != nil {
		return nil, err
	}
	running := engine.Settings{}
	if e.Running() {
		s, err := e.Session(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if running, err = e.RunningValues(ctx, s); err != nil {
			return nil, err
		}
	}
	waiting := e.waiting(configured, started, running)
	out := map[string]guest.Setting{}
	for _, given := range append(slices.Collect(maps.Keys(configured)), names...) {
		name := catalog.ParameterName(given)
		p, ok := e.Catalog.Parameter(e.Series, name)
		if !ok {
			continue
		}
		setting := guest.Setting{Running: running[name], Configured: configured[name]}
		setting.Default, _ = e.Base(p)
		setting.Pending = setting.Configured != "" && len(running) > 0 && slices.Contains(waiting, name)
		out[given] = setting
	}
	return out, nil
}

// pending lists the static settings whose running value is not the one that the next start brings, also those that are
// managed no longer.
func (e *Server) pending(ctx context.Context, s *Session) ([]string, error) {
	configured, err := e.readSettings(e.Paths.Overrides)
	if err != nil {
		return nil, err
	}
	started, err := e.readSettings(e.Paths.Started)
	if err != nil {
		return nil, err
	}
	running, err := e.RunningValues(ctx, s)
	if err != nil {
		return nil, err
	}
	return e.waiting(configured, started, running), nil
}

// waiting compares what the next start brings with what the last one brought. A value that the server was started with
// and made something else of does not wait: another start would not change it.
func (e *Server) waiting(configured, started, running engine.Settings) []string {
	names := map[string]bool{}
	for name := range configured {
		names[name] = true
	}
	for name := range started {
		names[name] = true
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p, ok := e.Catalog.Parameter(e.Series, name)
		next, managed := configured[name]
		before, wasManaged := started[name]
		if !ok || p.Dynamic || managed == wasManaged && next == before {
			continue
		}
		if !managed {
			next, _ = e.Base(p)
		}
		if running[name] != next {
			out = append(out, name)
		}
	}
	return out
}

// readSettings reads an option file that writeSettings wrote; none is an empty one.
func (e *Server) readSettings(path string) (engine.Settings, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return engine.Settings{}, nil
	}
	if err != nil {
		return nil, internal("reading the managed settings", err)
	}
	options, err := ParseOptions(text)
	if err != nil {
		return nil, guest.Errorf(guest.KindConflict, "the file of managed settings was changed by somebody else: %v", err)
	}
	known, _ := e.Catalog.Version(e.Series)
	settings := engine.Settings{}
	for option, value := range options {
		settings[option] = value
	}
	for name, p := range known.Parameters {
		if value, ok := options[p.Option]; ok && p.Option != "" {
			delete(settings, p.Option)
			settings[name] = value
		}
	}
	return settings, nil
}

// format writes settings as an option file, in its words.
func (e *Server) format(values engine.Settings) []byte {
	options := make(map[string]string, len(values))
	for name, value := range values {
		if p, ok := e.Catalog.Parameter(e.Series, name); ok && p.Option != "" {
			name = p.Option
		}
		options[name] = value
	}
	return FormatOptions("mysqld", options)
}

func (e *Server) writeSettings(path string, values engine.Settings) error {
	if err := native.WriteFile(path, e.format(values), 0o644); err != nil {
		return internal("writing the managed settings", err)
	}
	return nil
}
