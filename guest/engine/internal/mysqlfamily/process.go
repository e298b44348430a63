package mysqlfamily

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// Start implements engine.Engine. An engine that does not start with settings that were changed since it last ran goes
// back to those it ran with: a database that serves is worth more than a setting. The error says so then.
func (e *Server) Start(ctx context.Context) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	if _, err := os.Stat(e.Paths.Data); err != nil {
		return guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	if e.Running() {
		return e.waitUntilReady(ctx, nil, size(e.Paths.Errors))
	}
	runAs, err := native.RunAs(e.Host, "mysql")
	if err != nil {
		return err
	}
	// Again at each start: the machine may have more memory than at the last one.
	if err := e.writeOptions(runAs); err != nil {
		return err
	}
	configured, err := e.readSettings(e.Paths.Overrides)
	if err != nil {
		return err
	}
	why := e.launch(ctx)
	if why == nil {
		return e.writeSettings(e.Paths.Started, configured)
	}
	former, err := e.readSettings(e.Paths.Started)
	if err != nil || e.Running() || maps.Equal(former, configured) || !e.startedBefore() {
		return why
	}
	if err := e.writeSettings(e.Paths.Overrides, former); err != nil {
		return errors.Join(why, err)
	}
	if e.launch(ctx) != nil {
		// The settings were not the reason.
		return errors.Join(why, e.writeSettings(e.Paths.Overrides, configured))
	}
	return guest.Errorf(guest.KindEngine, "the engine does not start with the changed settings and runs with the former ones: %v", why)
}

func (e *Server) startedBefore() bool {
	_, err := os.Stat(e.Paths.Started)
	return err == nil
}

// launch starts the server's process and waits until it answers.
func (e *Server) launch(ctx context.Context) error {
	// What an earlier life left behind would make the wait below believe in a server that is not there.
	for _, stale := range []string{e.Paths.PID, e.Paths.Socket} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return internal("removing what a crash left behind", err)
		}
	}
	logged := size(e.Paths.Errors)
	ended, err := e.Process.Spawn(native.Account{})
	if err != nil {
		return guest.Errorf(guest.KindEngine, "starting the engine: %v", err)
	}
	return e.waitUntilReady(ctx, ended, logged)
}

// waitUntilReady returns when the server answers a query, or has ended: recovery may take its time, an end is final. ended
// is nil for a server that somebody else started.
func (e *Server) waitUntilReady(ctx context.Context, ended <-chan error, logged int64) error {
	for {
		s, err := e.Connect(ctx)
		if err == nil {
			_, err = s.Value(ctx, "SELECT 1")
			s.Close()
			if err == nil {
				return nil
			}
		}
		if lockedOut(err) {
			return Fault("connecting as the agent", err)
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
		if ended == nil && !e.Running() {
			return guest.Errorf(guest.KindEngine, "the engine ended while it started: %s", e.complaints(logged))
		}
	}
}

// Stop implements engine.Engine.
func (e *Server) Stop(ctx context.Context) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	if err := e.Process.Stop(ctx); err != nil {
		return guest.Errorf(guest.KindEngine, "stopping the engine: %v", err)
	}
	// A stopped engine is shut down, also one that crashed before.
	if err := os.Remove(e.Paths.PID); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return internal("removing the pid file", err)
	}
	return nil
}

// complaints are the first errors that the server logged after an offset, which the others follow from, or what it said
// before it had a log.
func (e *Server) complaints(after int64) string {
	var errorsOf []string
	if text, err := os.ReadFile(e.Paths.Errors); err == nil && int64(len(text)) > after {
		for line := range strings.SplitSeq(string(text[after:]), "\n") {
			if _, complaint, ok := strings.Cut(line, "[ERROR] "); ok && complaint != "Aborting" {
				errorsOf = append(errorsOf, strings.TrimSpace(complaint))
			}
		}
	}
	if len(errorsOf) == 0 {
		if text, err := os.ReadFile(e.Process.Output); err == nil {
			return lastLines(string(text), 2)
		}
	}
	return strings.Join(errorsOf[:min(3, len(errorsOf))], "; ")
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
