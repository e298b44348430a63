package redis

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

const (
	errorLog = "error"
	slowLog  = "slow"
)

// ListLogs implements engine.Logged. The server keeps slow commands in memory only, the last slowlog_max_len of them: what
// is new is written to the file first.
func (e *Engine) ListLogs(ctx context.Context) ([]engine.Log, error) {
	e.changes.Lock()
	defer e.changes.Unlock()
	enabled, err := e.slowEnabled()
	if err != nil {
		return nil, err
	}
	if s, err := e.session(ctx); err == nil {
		defer s.Close()
		if err := e.collectSlow(ctx, s); err != nil {
			return nil, err
		}
	}
	return []engine.Log{
		{Name: errorLog, Path: e.paths.errors, Enabled: true, Fixed: true},
		{Name: slowLog, Path: e.paths.slow, Enabled: enabled},
	}, nil
}

func (e *Engine) slowEnabled() (bool, error) {
	text, err := os.ReadFile(e.paths.logs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, internal("reading which logs are enabled", err)
	}
	return strings.TrimSpace(string(text)) == slowLog, nil
}

// PutLogs implements engine.Logged. Which commands are slow says the parameter slowlog_log_slower_than.
func (e *Engine) PutLogs(_ context.Context, enabled []string) error {
	for _, name := range enabled {
		if name != errorLog && !slices.Contains(e.catalog.Logs, name) {
			return guest.Errorf(guest.KindInvalid, "%s has no log %q; it has error and %s", e.product.manager, name, strings.Join(e.catalog.Logs, ", "))
		}
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	content := ""
	if slices.Contains(enabled, slowLog) {
		content = slowLog + "\n"
	}
	if err := native.WriteFile(e.paths.logs, []byte(content), 0o644); err != nil {
		return internal("writing which logs are enabled", err)
	}
	return nil
}

// ReopenLog implements engine.Logged. The server opens its log for each line, so that the new file only has to be there.
func (e *Engine) ReopenLog(_ context.Context, name string) error {
	path, ok := map[string]string{errorLog: e.paths.errors, slowLog: e.paths.slow}[name]
	if !ok {
		return guest.Errorf(guest.KindInvalid, "%s has no log %q", e.product.manager, name)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return internal("making a new log", err)
	}
	if err := f.Close(); err != nil {
		return internal("making a new log", err)
	}
	runAs, err := e.runAs()
	if err != nil {
		return err
	}
	if err := runAs.Give(path, 0o640); err != nil {
		return internal("giving away a new log", err)
	}
	return nil
}

// collectSlow appends to the file what the server has logged since the last time. The server masks passwords itself. Its
// numbers begin anew with each process.
func (e *Engine) collectSlow(ctx context.Context, s *session) error {
	if enabled, err := e.slowEnabled(); err != nil || !enabled {
		return err
	}
	info, err := s.info(ctx, "server")
	if err != nil {
		return fault("reading the slow log", err)
	}
	entries, err := s.client.SlowLogGet(ctx, -1).Result()
	if err != nil {
		return fault("reading the slow log", err)
	}
	last, err := e.lastSlow(info["run_id"])
	if err != nil {
		return err
	}
	var lines strings.Builder
	newest := last
	for _, entry := range slices.Backward(entries) {
		if entry.ID > last {
			lines.WriteString(slowLine(entry))
			newest = max(newest, entry.ID)
		}
	}
	if newest == last {
		return nil
	}
	f, err := os.OpenFile(e.paths.slow, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return internal("writing the slow log", err)
	}
	_, err = f.WriteString(lines.String())
	if err := errors.Join(err, f.Close()); err != nil {
		return internal("writing the slow log", err)
	}
	if err := native.WriteFile(e.paths.slowRead, fmt.Appendf(nil, "%s %d\n", info["run_id"], newest), 0o644); err != nil {
		return internal("noting what was read of the slow log", err)
	}
	return nil
}

// lastSlow is the number of the last entry that was written of this process of the server; -1: none.
func (e *Engine) lastSlow(run string) (int64, error) {
	text, err := os.ReadFile(e.paths.slowRead)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, internal("reading what was read of the slow log", err)
	}
	number, ok := strings.CutPrefix(strings.TrimSpace(string(text)), run+" ")
	if !ok {
		return -1, nil
	}
	last, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return -1, nil
	}
	return last, nil
}

// slowLine is one line, whatever the command's arguments hold.
func slowLine(entry redis.SlowLog) string {
	arguments := make([]string, len(entry.Args))
	for i, a := range entry.Args {
		arguments[i] = strconv.Quote(a)
	}
	return fmt.Sprintf("%s duration=%s client=%s name=%q command=%s\n", entry.Time.UTC().Format(time.RFC3339), entry.Duration,
		entry.ClientAddr, entry.ClientName, strings.Join(arguments, " "))
}
