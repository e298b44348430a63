package postgresql

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// A reload is a signal: the server takes a moment to follow it.
const (
	reloadsWithin = 15 * time.Second
	reloadPoll    = 10 * time.Millisecond
)

func (e *Engine) normalize(values engine.Settings) (engine.Settings, error) {
	return engine.CanonicalSettings(e.catalog, e.series, values)
}

// Configure implements engine.Configurable. The order is: a server of the same binary reads the files, then they are put in
// place and the running server says what it thinks of them, then it reloads them; whatever fails before the end is undone.
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
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := e.takeBack(ctx, s, former, values); err != nil {
		return nil, err
	}
	if err := e.apply(ctx, s, e.paths.overrides, e.format(values)); err != nil {
		return nil, err
	}
	return e.pending(ctx, s)
}

// takeBack forgets what somebody set by hand with ALTER SYSTEM, where it is or was managed: it would win over our file.
func (e *Engine) takeBack(ctx context.Context, s *session, former, values engine.Settings) error {
	var byHand []string
	err := s.rows(ctx, "SELECT name FROM pg_file_settings WHERE sourcefile LIKE '%/postgresql.auto.conf'", func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		if key := catalog.ParameterName(name); values[key] != "" || former[key] != "" {
			byHand = append(byHand, name)
		}
		return err
	})
	for _, name := range byHand {
		if err == nil {
			err = s.exec(ctx, "ALTER SYSTEM RESET "+identifier(name))
		}
	}
	return fault("forgetting what was set by hand", err)
}

// apply puts a file that the server includes in its place and has the running server follow it. A file that it does not
// follow goes back to what it was.
func (e *Engine) apply(ctx context.Context, s *session, path string, content []byte) error {
	former, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return internal("reading what is set", err)
	}
	if !bytes.Equal(former, content) {
		if err := native.WriteFile(path, content, 0o644); err != nil {
			return internal("writing what is set", err)
		}
	}
	why := e.refusals(ctx, s)
	if why == nil {
		why = e.reload(ctx, s)
	}
	if why == nil {
		return nil
	}
	// Whoever asked may have given up; what was begun is undone all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*reloadsWithin)
	defer cancel()
	if err := errors.Join(native.WriteFile(path, former, 0o644), e.reload(ctx, s)); err != nil {
		return guest.Errorf(guest.KindEngine, "%v; and going back failed: %v", why, err)
	}
	var known *guest.Error
	if errors.As(why, &known) {
		return guest.Errorf(known.Kind, "%s; nothing was changed", known.Message)
	}
	return guest.Errorf(guest.KindEngine, "%v; nothing was changed", why)
}

// refusals asks the running server to read its files without following them. What only another start can change it calls
// an error too, which it is not.
func (e *Engine) refusals(ctx context.Context, s *session) error {
	text, err := s.value(ctx, `SELECT string_agg(coalesce(f.name || ': ', '') || f.error, '; ' ORDER BY f.name)
		FROM pg_file_settings AS f LEFT JOIN pg_settings AS p ON p.name = f.name WHERE f.error IS NOT NULL AND p.context IS DISTINCT FROM 'postmaster' AND f.error NOT LIKE '%cannot be changed without restarting the server'`)
	if err != nil {
		return fault("having the server read its files", err)
	}
	if text != "" {
		return guest.Errorf(guest.KindEngine, "the server refuses these settings: %s", text)
	}
	return nil
}

// reload has the server follow its files and waits until it does: until the time of its last reload is a new one, and what
// the files say is in force.
func (e *Engine) reload(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, reloadsWithin)
	defer cancel()
	before, err := s.value(ctx, "SELECT pg_conf_load_time()::text")
	if err != nil {
		return fault("asking for the last reload", err)
	}
	if _, err := s.value(ctx, "SELECT pg_reload_conf()::text"); err != nil {
		return fault("reloading the settings", err)
	}
	for {
		// A session tells what it has itself followed; a new one begins with what the server has.
		fresh, err := e.session(ctx, maintenance)
		if err != nil {
			return err
		}
		after, err := fresh.value(ctx, "SELECT pg_conf_load_time()::text")
		fresh.close()
		if err != nil {
			return fault("asking for the last reload", err)
		}
		if after != before {
			return nil
		}
		if err := native.Pause(ctx, reloadPoll); err != nil {
			return guest.Errorf(guest.KindEngine, "the server does not reload its settings: %v", err)
		}
	}
}

// base is what a setting returns to: the agent's own value, or else the server's default.
func (e *Engine) base(p catalog.Parameter) string {
	if own, ok := e.options()[p.Name]; ok {
		return canonical(p, own)
	}
	if own, err := readFile(e.paths.logs); err == nil && own[p.Name] != "" {
		return canonical(p, own[p.Name])
	}
	return p.Default
}

// canonical is Normalize, or the text itself where the server says what the catalog would refuse.
func canonical(p catalog.Parameter, value string) string {
	if text, err := p.Normalize(value); err == nil {
		return text
	}
	return value
}

// runningQuery tells of each setting what everybody's sessions begin with, and what the server read about it in its files last.
// What this session set for itself the server tells in the place of the former: there it is the default.
const runningQuery = `WITH file AS MATERIALIZED (SELECT DISTINCT ON (lower(name)) lower(name) AS name, setting FROM pg_file_settings WHERE applied
		ORDER BY lower(name), seqno DESC)
	SELECT lower(s.name), coalesce(CASE s.source WHEN 'client' THEN s.boot_val ELSE s.reset_val END, ''), f.setting, s.source
	FROM pg_settings AS s LEFT JOIN file AS f ON f.name = lower(s.name)`

// runningValues reads what holds for everybody, canonical for what the catalog knows. Texts that come from our own file
// are told as they stand there: the server spells some of them otherwise.
func (e *Engine) runningValues(ctx context.Context, s *session, configured engine.Settings) (engine.Settings, error) {
	out := engine.Settings{}
	err := s.rows(ctx, runningQuery, func(scan func(...any) error) error {
		var name, value, client string
		var fromFile *string
		if err := scan(&name, &value, &fromFile, &client); err != nil {
			return err
		}
		p, ok := e.catalog.Parameter(e.series, name)
		asked := configured[name]
		switch {
		case ok && p.Type == catalog.TypeString && asked != "" && fromFile != nil && *fromFile == asked:
			value = asked
		case client == "client" && fromFile != nil:
			value = *fromFile
		}
		if out[name] = value; ok {
			out[name] = canonical(p, value)
		}
		return nil
	})
	if err != nil {
		return nil, fault("reading the settings", err)
	}
	return out, nil
}

// ReadSettings implements engine.Configurable. On a server that is down the running values are empty.
func (e *Engine) ReadSettings(ctx context.Context, names []string) (map[string]guest.Setting, error) {
	configured, err := e.readSettings(e.paths.overrides)
	if err != nil {
		return nil, err
	}
	running, waiting := engine.Settings{}, []string(nil)
	if e.running() {
		s, err := e.session(ctx, maintenance)
		if err != nil {
			return nil, err
		}
		defer s.close()
		if running, err = e.runningValues(ctx, s, configured); err != nil {
			return nil, err
		}
		if waiting, err = e.waiting(configured, running); err != nil {
			return nil, err
		}
	}
	out := map[string]guest.Setting{}
	for _, given := range append(slices.Collect(maps.Keys(configured)), names...) {
		name := catalog.ParameterName(given)
		p, ok := e.catalog.Parameter(e.series, name)
		if !ok {
			continue
		}
		setting := guest.Setting{Running: running[name], Configured: configured[name], Default: e.base(p)}
		setting.Pending = setting.Configured != "" && slices.Contains(waiting, name)
		out[given] = setting
	}
	return out, nil
}

// pending lists the static settings whose value at the next start will be another one, also those that are managed no
// longer.
func (e *Engine) pending(ctx context.Context, s *session) ([]string, error) {
	configured, err := e.readSettings(e.paths.overrides)
	if err != nil {
		return nil, err
	}
	running, err := e.runningValues(ctx, s, configured)
	if err != nil {
		return nil, err
	}
	return e.waiting(configured, running)
}

func (e *Engine) waiting(configured, running engine.Settings) ([]string, error) {
	started, err := e.readSettings(e.paths.started)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(started)
	maps.Copy(names, configured)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p, ok := e.catalog.Parameter(e.series, name)
		next, managed := configured[name]
		before, wasManaged := started[name]
		// A value that the server was started with and made something else of does not wait: another start would not change it.
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

// readSettings reads a file that writeSettings wrote; none is an empty one.
func (e *Engine) readSettings(path string) (engine.Settings, error) {
	options, err := readFile(path)
	if err != nil {
		return nil, guest.Errorf(guest.KindConflict, "reading the managed settings: %v", err)
	}
	out := engine.Settings{}
	for name, value := range options {
		if p, ok := e.catalog.Parameter(e.series, name); ok && p.Type == catalog.TypeBoolean {
			value = canonical(p, value)
		}
		out[name] = value
	}
	return out, nil
}

func readFile(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseOptions(text)
}

func (e *Engine) format(values engine.Settings) []byte { return formatOptions(values) }

func (e *Engine) writeSettings(path string, values engine.Settings) error {
	if err := native.WriteFile(path, e.format(values), 0o644); err != nil {
		return internal("writing the managed settings", err)
	}
	return nil
}

// validate has a server of the same binary read the option files with these values, without starting it.
func (e *Engine) validate(ctx context.Context, values engine.Settings) error {
	if len(values) == 0 {
		return nil
	}
	directory, err := os.MkdirTemp(e.host.Conf, ".check-*")
	if err != nil {
		return internal("making a place to check the settings", err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	if err := os.Chmod(directory, 0o755); err != nil {
		return internal("making a place to check the settings", err)
	}
	path := directory + "/postgresql.conf"
	if err := native.WriteFile(path, append(formatOptions(e.options()), e.format(values)...), 0o644); err != nil {
		return internal("writing the settings to check", err)
	}
	runAs, err := native.RunAsOrdinary(e.host, superuser)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, e.process.Binary, "-D", directory, "-c", "config_file="+path, "-C", "port")
	e.asServer(cmd, runAs)
	if out, err := cmd.CombinedOutput(); err != nil {
		return guest.Errorf(guest.KindEngine, "the server refuses these settings: %s; nothing was changed", cmp.Or(complaintsIn(string(out)), lastLines(string(out), 2)))
	}
	return nil
}
