package mariadb

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
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

func (e *Engine) normalize(values engine.Settings) (engine.Settings, error) {
	return engine.CanonicalSettings(e.catalog, e.series, values)
}

// Configure implements engine.Configurable. The order is: the server's own check of the option file, then the running
// server with each value read back, then the file; whatever fails before the end is undone.
func (e *Engine) Configure(ctx context.Context, values engine.Settings) ([]string, error) {
	values, err := e.normalize(values)
	if err != nil {
		return nil, err
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	former, err := e.readSettings(e.paths.overrides)
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
		return nil, e.writeSettings(e.paths.overrides, values)
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
		if err := e.writeSettings(e.paths.overrides, values); err != nil {
			return nil, e.refuse(ctx, s, changes, err)
		}
	}
	return e.pending(ctx, s)
}

// base is what a setting returns to: the agent's own value, or else the server's default.
func (e *Engine) base(p catalog.Parameter) (value string, own bool) {
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
func (e *Engine) runningValues(ctx context.Context, s *mysqlfamily.Session) (engine.Settings, error) {
	rows, err := s.Rows(ctx, "SHOW GLOBAL VARIABLES")
	if err != nil {
		return nil, mysqlfamily.Fault("reading the settings", err)
	}
	out := make(engine.Settings, len(rows))
	for _, row := range rows {
		name := catalog.ParameterName(row["Variable_name"])
		out[name] = row["Value"]
		if p, ok := e.catalog.Parameter(e.series, name); ok {
			out[name] = canonical(p, row["Value"])
		}
	}
	return out, nil
}

// ReadSettings implements engine.Configurable. On a server that is down the running values are empty.
func (e *Engine) ReadSettings(ctx context.Context, names []string) (map[string]guest.Setting, error) {
	configured, err := e.readSettings(e.paths.overrides)
	if err != nil {
		return nil, err
	}
	started, err := e.readSettings(e.paths.started)
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
	waiting := e.waiting(configured, started, running)
	out := map[string]guest.Setting{}
	for _, given := range append(slices.Collect(maps.Keys(configured)), names...) {
		name := catalog.ParameterName(given)
		p, ok := e.catalog.Parameter(e.series, name)
		if !ok {
			continue
		}
		setting := guest.Setting{Running: running[name], Configured: configured[name]}
		setting.Default, _ = e.base(p)
		setting.Pending = setting.Configured != "" && len(running) > 0 && slices.Contains(waiting, name)
		out[given] = setting
	}
	return out, nil
}

// pending lists the static settings whose running value is not the one that the next start brings, also those that are
// managed no longer.
func (e *Engine) pending(ctx context.Context, s *mysqlfamily.Session) ([]string, error) {
	configured, err := e.readSettings(e.paths.overrides)
	if err != nil {
		return nil, err
	}
	started, err := e.readSettings(e.paths.started)
	if err != nil {
		return nil, err
	}
	running, err := e.runningValues(ctx, s)
	if err != nil {
		return nil, err
	}
	return e.waiting(configured, started, running), nil
}

// waiting compares what the next start brings with what the last one brought. A value that the server was started with
// and made something else of does not wait: another start would not change it.
func (e *Engine) waiting(configured, started, running engine.Settings) []string {
	names := map[string]bool{}
	for name := range configured {
		names[name] = true
	}
	for name := range started {
		names[name] = true
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p, ok := e.catalog.Parameter(e.series, name)
		next, managed := configured[name]
		before, wasManaged := started[name]
		if !ok || p.Dynamic || managed == wasManaged && next == before {
			continue
		}
		if !managed {
			next, _ = e.base(p)
		}
		if running[name] != next {
			out = append(out, name)
		}
	}
	return out
}

// readSettings reads an option file that writeSettings wrote; none is an empty one.
func (e *Engine) readSettings(path string) (engine.Settings, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return engine.Settings{}, nil
	}
	if err != nil {
		return nil, internal("reading the managed settings", err)
	}
	options, err := mysqlfamily.ParseOptions(text)
	if err != nil {
		return nil, guest.Errorf(guest.KindConflict, "the file of managed settings was changed by somebody else: %v", err)
	}
	known, _ := e.catalog.Version(e.series)
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
func (e *Engine) format(values engine.Settings) []byte {
	options := make(map[string]string, len(values))
	for name, value := range values {
		if p, ok := e.catalog.Parameter(e.series, name); ok && p.Option != "" {
			name = p.Option
		}
		options[name] = value
	}
	return mysqlfamily.FormatOptions("mysqld", options)
}

func (e *Engine) writeSettings(path string, values engine.Settings) error {
	if err := native.WriteFile(path, e.format(values), 0o644); err != nil {
		return internal("writing the managed settings", err)
	}
	return nil
}
