package redis

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// Start implements engine.Engine. An engine that does not start with settings that were changed since it last ran goes
// back to those it ran with: a database that serves is worth more than a setting. The error says so then.
func (e *Engine) Start(ctx context.Context) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	if _, err := os.Stat(e.paths.mark); err != nil {
		return guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	configured, err := e.readSettings(e.paths.settings)
	if err != nil {
		return err
	}
	if e.running() {
		if err := e.waitUntilReady(ctx, nil, size(e.paths.errors)); err != nil {
			return err
		}
		// An earlier life may have died before it came that far.
		return e.keepAsConfigured(ctx, configured)
	}
	why := e.launch(ctx, configured)
	if why == nil {
		return e.writeSettings(e.paths.started, configured)
	}
	former, err := e.readSettings(e.paths.started)
	if err != nil || e.running() || maps.Equal(former, configured) || !e.startedBefore() {
		return why
	}
	if err := e.writeSettings(e.paths.settings, former); err != nil {
		return errors.Join(why, err)
	}
	if e.launch(ctx, former) != nil {
		// The settings were not the reason.
		return errors.Join(why, e.writeSettings(e.paths.settings, configured))
	}
	return guest.Errorf(guest.KindEngine, "the engine does not start with the changed settings and runs with the former ones: %v", why)
}

func (e *Engine) startedBefore() bool {
	_, err := os.Stat(e.paths.started)
	return err == nil
}

// launch writes what the server reads, starts its process and waits until it answers and has read its data.
func (e *Engine) launch(ctx context.Context, values engine.Settings) error {
	runAs, err := e.runAs()
	if err != nil {
		return err
	}
	if err := e.makeDirectories(runAs); err != nil {
		return err
	}
	if err := e.writeAccounts(runAs); err != nil {
		return err
	}
	certificates, err := e.readSettings(e.paths.tls)
	if err != nil {
		return err
	}
	all := e.options()
	for _, more := range []engine.Settings{values, certificates, e.source()} {
		maps.Copy(all, more)
	}
	if err := native.WriteFile(e.paths.options, e.format(all), 0o644); err != nil {
		return internal("writing the server's options", err)
	}
	// What an earlier life left behind would make the wait below believe in a server that is not there.
	for _, stale := range []string{e.paths.pid, e.paths.socket} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return internal("removing what a crash left behind", err)
		}
	}
	logged := size(e.paths.errors)
	ended, err := e.process.Spawn(runAs)
	if err != nil {
		return guest.Errorf(guest.KindEngine, "starting the engine: %v", err)
	}
	if err := e.waitUntilReady(ctx, ended, logged); err != nil {
		return err
	}
	return e.keepAsConfigured(ctx, values)
}

// waitUntilReady returns when the server has read its data, or has ended: reading may take its time, an end is final. ended
// is nil for a server that somebody else started.
func (e *Engine) waitUntilReady(ctx context.Context, ended <-chan error, logged int64) error {
	for {
		ready, err := e.ready(ctx)
		if ready {
			return nil
		}
		if err != nil && (strings.HasPrefix(err.Error(), "WRONGPASS") || strings.HasPrefix(err.Error(), "NOAUTH") || strings.HasPrefix(err.Error(), "NOPERM")) {
			// It answers, and not to us: waiting does not help, the next start does (see writeAccounts).
			return fault("connecting as the agent", err)
		}
		timer := time.NewTimer(20 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return guest.Errorf(guest.KindEngine, "the engine runs and does not answer yet: %v (%v)", ctx.Err(), err)
		case how := <-ended:
			timer.Stop()
			return guest.Errorf(guest.KindEngine, "the engine ended while it started (%v): %s", how, e.complaints(logged))
		case <-timer.C:
		}
		if ended == nil && !e.running() {
			return guest.Errorf(guest.KindEngine, "the engine ended while it started: %s", e.complaints(logged))
		}
	}
}

// ready tells whether the server answers and has read its data.
func (e *Engine) ready(ctx context.Context) (bool, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return false, err
	}
	defer s.Close()
	info, err := s.info(ctx, "persistence")
	return err == nil && info["loading"] == "0" && info["async_loading"] != "1", err
}

// Stop implements engine.Engine. A server that cannot save what it only has in memory refuses to end: the error says why.
func (e *Engine) Stop(ctx context.Context) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	logged := size(e.paths.errors)
	if s, err := e.session(ctx); err == nil {
		// What the slow log holds ends with the process.
		_ = e.collectSlow(ctx, s)
		err = e.waitForFirstAppend(ctx, s)
		s.Close()
		if err != nil {
			return err
		}
	}
	if err := e.process.Stop(ctx); err != nil {
		return guest.Errorf(guest.KindEngine, "stopping the engine: %v: %s", err, e.complaints(logged))
	}
	// A stopped engine is shut down, also one that crashed before.
	if err := os.Remove(e.paths.pid); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return internal("removing the pid file", err)
	}
	return nil
}

// complaints are the last warnings that the server logged after an offset, or what it said before it had a log.
func (e *Engine) complaints(after int64) string {
	var warnings []string
	if text, err := os.ReadFile(e.paths.errors); err == nil && int64(len(text)) > after {
		for line := range strings.SplitSeq(string(text[after:]), "\n") {
			// "123:M 21 Nov 2026 20:00:00.000 # text", where # is a warning.
			if _, warning, ok := strings.Cut(line, " # "); ok {
				warnings = append(warnings, strings.TrimSpace(warning))
			}
		}
	}
	if len(warnings) == 0 {
		if text, err := os.ReadFile(e.paths.startOutput); err == nil {
			return lastLines(digests.ReplaceAllString(string(text), "(sensitive)"), 2)
		}
	}
	return lastLines(digests.ReplaceAllString(strings.Join(warnings, "\n"), "(sensitive)"), 3)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
