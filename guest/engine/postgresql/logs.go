package postgresql

import (
	"context"
	"os"
	"slices"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// logSettings are what each log that can be enabled comes to. The server writes one file for all of them.
var logSettings = map[string]map[string]string{
	"general": {"log_statement": "all"},
	"slow":    {"log_min_duration_statement": "1s"},
}

// ListLogs implements engine.Logged.
func (e *Engine) ListLogs(context.Context) ([]engine.Log, error) {
	set, err := readFile(e.paths.logs)
	if err != nil {
		return nil, guest.Errorf(guest.KindConflict, "reading which logs are enabled: %v", err)
	}
	logs := []engine.Log{{Name: "error", Path: e.paths.server, Enabled: true, Fixed: true}}
	for _, name := range e.catalog.Logs {
		enabled := true
		for option, value := range logSettings[name] {
			enabled = enabled && set[option] == value
		}
		logs = append(logs, engine.Log{Name: name, Path: e.paths.server, Enabled: enabled})
	}
	return logs, nil
}

// PutLogs implements engine.Logged. A config group's log_min_duration_statement is stronger than the second that slow
// stands for.
func (e *Engine) PutLogs(ctx context.Context, enabled []string) error {
	settings := map[string]string{}
	for _, name := range enabled {
		if name == "error" {
			continue
		}
		if !slices.Contains(e.catalog.Logs, name) {
			return guest.Errorf(guest.KindInvalid, "%s has no log %q; there are error and %v", Name, name, e.catalog.Logs)
		}
		for option, value := range logSettings[name] {
			settings[option] = value
		}
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	return e.putFile(ctx, e.paths.logs, formatOptions(settings))
}

// putFile replaces a file that the server includes, and has a running server follow it.
func (e *Engine) putFile(ctx context.Context, path string, content []byte) error {
	if !e.running() {
		if err := native.WriteFile(path, content, 0o644); err != nil {
			return internal("writing what is set", err)
		}
		return nil
	}
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return err
	}
	defer s.close()
	return e.apply(ctx, s, path, content)
}

// ReopenLog implements engine.Logged.
func (e *Engine) ReopenLog(ctx context.Context, name string) error {
	if name != "error" && !slices.Contains(e.catalog.Logs, name) {
		return guest.Errorf(guest.KindInvalid, "%s has no log %q; there are error and %v", Name, name, e.catalog.Logs)
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	if !e.running() {
		return nil // the next start opens it
	}
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err = s.value(ctx, "SELECT pg_rotate_logfile()::text"); err != nil {
		return fault("reopening the log", err)
	}
	ctx, cancel := context.WithTimeout(ctx, reloadsWithin)
	defer cancel()
	for !there(e.paths.server) {
		if err := native.Pause(ctx, reloadPoll); err != nil {
			return guest.Errorf(guest.KindEngine, "the server does not open its log anew: %v", err)
		}
	}
	return nil
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
