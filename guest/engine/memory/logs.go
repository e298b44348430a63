package memory

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// ListLogs implements engine.Logged. An engine that is kept nowhere has no files for them.
func (e *Engine) ListLogs(context.Context) ([]engine.Log, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := []engine.Log{{Name: "error", Path: e.logPath("error"), Enabled: true, Fixed: true}}
	for _, name := range e.catalog.Logs {
		out = append(out, engine.Log{Name: name, Path: e.logPath(name), Enabled: slices.Contains(e.logs, name)})
	}
	return out, nil
}

func (e *Engine) logPath(name string) string {
	if e.dir == "" {
		return ""
	}
	return filepath.Join(e.dir, name+".log")
}

// PutLogs implements engine.Logged.
func (e *Engine) PutLogs(_ context.Context, enabled []string) error {
	for _, name := range enabled {
		if err := e.knownLog(name); err != nil {
			return err
		}
	}
	leave, err := e.open()
	if err != nil {
		return err
	}
	defer leave()
	e.logs = slices.Compact(slices.Sorted(slices.Values(enabled)))
	for _, name := range e.logs {
		e.log(name, "begins")
	}
	return e.keep()
}

func (e *Engine) knownLog(name string) error {
	if slices.Contains(e.catalog.Logs, name) {
		return nil
	}
	return guest.Errorf(guest.KindInvalid, "%s has no log %q to enable; it has %v", e.catalog.Name, name, e.catalog.Logs)
}

// ReopenLog implements engine.Logged.
func (e *Engine) ReopenLog(_ context.Context, name string) error {
	if name != "error" {
		if err := e.knownLog(name); err != nil {
			return err
		}
	}
	leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	e.log(name, "begins again")
	return nil
}

// log writes a line; a log that cannot be written stops nothing.
func (e *Engine) log(name, text string) {
	if e.dir == "" {
		return
	}
	file, err := os.OpenFile(e.logPath(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(file, "%s %s\n", e.now().UTC().Format(time.RFC3339), text)
	_ = file.Close()
}
