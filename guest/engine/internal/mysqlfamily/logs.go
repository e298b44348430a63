package mysqlfamily

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// logSwitches are the settings that switch the logs on that can be switched.
var logSwitches = map[string]string{"general": "general_log", "slow": "slow_query_log"}

const errorLog = "error"

// ListLogs implements engine.Logged.
func (e *Server) ListLogs(ctx context.Context) ([]engine.Log, error) {
	values, err := e.readSettings(e.Paths.Logs)
	if err != nil {
		return nil, err
	}
	if e.Running() {
		s, err := e.Session(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if values, err = e.RunningValues(ctx, s); err != nil {
			return nil, err
		}
	}
	logs := []engine.Log{{Name: errorLog, Path: e.Paths.Errors, Enabled: true, Fixed: true}}
	for _, name := range e.Catalog.Logs {
		logs = append(logs, engine.Log{Name: name, Path: filepath.Join(e.Paths.Log, name+".log"), Enabled: values[logSwitches[name]] == "ON"})
	}
	return logs, nil
}

// PutLogs implements engine.Logged.
func (e *Server) PutLogs(ctx context.Context, enabled []string) error {
	values := engine.Settings{}
	for _, name := range e.Catalog.Logs {
		if values[logSwitches[name]] = "OFF"; slices.Contains(enabled, name) {
			values[logSwitches[name]] = "ON"
		}
	}
	for _, name := range enabled {
		if err := e.knownLog(name); err != nil {
			return err
		}
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	if err := e.writeSettings(e.Paths.Logs, values); err != nil {
		return err
	}
	if !e.Running() {
		return nil
	}
	s, err := e.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, name := range e.Catalog.Logs {
		variable := logSwitches[name]
		if err := s.Exec(ctx, "SET GLOBAL "+variable+" = "+values[variable]); err != nil {
			return Fault("switching the "+name+" log", err)
		}
	}
	return nil
}

// ReopenLog implements engine.Logged.
func (e *Server) ReopenLog(ctx context.Context, name string) error {
	if err := e.knownLog(name); err != nil {
		return err
	}
	s, err := e.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return Fault("opening the "+name+" log again", s.Exec(ctx, "FLUSH "+map[string]string{
		errorLog: "ERROR", "general": "GENERAL", "slow": "SLOW",
	}[name]+" LOGS"))
}

func (e *Server) knownLog(name string) error {
	if name == errorLog || slices.Contains(e.Catalog.Logs, name) {
		return nil
	}
	return guest.Errorf(guest.KindInvalid, "%s has no log %q; it has %v beside the error log", e.Product, name, e.Catalog.Logs)
}
