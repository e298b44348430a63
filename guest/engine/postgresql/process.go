package postgresql

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

const (
	// endsWithin bounds a clean end, which writes everything out; after it the server is made to end without.
	endsWithin = 60 * time.Second
	// orphansEndWithin bounds how long processes of a dead server may end by themselves.
	orphansEndWithin = 2 * time.Second
	orphanPoll       = 10 * time.Millisecond
)

func (e *Engine) running() bool {
	_, ok := e.process.Find()
	return ok
}

// Start implements engine.Engine. An engine that does not start with settings that were changed since it last ran goes
// back to those it ran with: a database that serves is worth more than a setting. The error says so then.
func (e *Engine) Start(ctx context.Context) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	if _, err := os.Stat(e.paths.data); err != nil {
		return guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	if e.running() {
		if err := e.waitUntilReady(ctx, nil, size(e.paths.server)); err != nil {
			return err
		}
		return e.secure(ctx)
	}
	configured, err := e.readSettings(e.paths.overrides)
	if err != nil {
		return err
	}
	why := e.launch(ctx)
	if why == nil {
		return e.writeSettings(e.paths.started, configured)
	}
	former, err := e.readSettings(e.paths.started)
	if err != nil || e.running() || maps.Equal(former, configured) || !there(e.paths.started) {
		return why
	}
	if err := e.writeSettings(e.paths.overrides, former); err != nil {
		return errors.Join(why, err)
	}
	if e.launch(ctx) != nil {
		// The settings were not the reason.
		return errors.Join(why, e.writeSettings(e.paths.overrides, configured))
	}
	return guest.Errorf(guest.KindEngine, "the engine does not start with the changed settings and runs with the former ones: %v", why)
}

// launch starts the server's process and waits until it answers.
func (e *Engine) launch(ctx context.Context) error {
	runAs, err := native.RunAsOrdinary(e.host, superuser)
	if err != nil {
		return err
	}
	// The memory of the flavor may be another one than at the last start.
	if err := e.writeOptions(runAs); err != nil {
		return err
	}
	if err := e.endOrphans(ctx); err != nil {
		return err
	}
	// What an earlier life left behind would make the wait below believe in a server that is not there. The lock file in the
	// data directory names a process id that may be anybody's by now; nobody of ours is left.
	for _, stale := range []string{e.paths.pid, e.paths.socket, e.paths.socket + ".lock", filepath.Join(e.paths.data, "postmaster.pid")} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return internal("removing what a crash left behind", err)
		}
	}
	logged := size(e.paths.server)
	if err := os.Remove(e.process.Output); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return internal("removing the output of the last start", err)
	}
	ended, err := e.process.Spawn(runAs)
	if err != nil {
		return guest.Errorf(guest.KindEngine, "starting the engine: %v", err)
	}
	if err := e.waitUntilReady(ctx, ended, logged); err != nil {
		return err
	}
	return e.secure(ctx)
}

// secure closes what is open in a new server and may have been opened in an old one: in the databases of the server itself
// nobody makes anything, its own account has no password, and there is the role whose members must use TLS. Everybody may
// enter one of them: that is where clients go that name none, such as those that only watch the server.
func (e *Engine) secure(ctx context.Context) error {
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return err
	}
	defer s.close()
	statements := "REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC; REVOKE CONNECT, TEMPORARY ON DATABASE template1 FROM PUBLIC; ALTER ROLE postgres PASSWORD NULL"
	todo, err := s.value(ctx, `SELECT CASE WHEN pg_is_in_recovery() THEN 'none' WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1) THEN 'some' ELSE 'all' END`, catalog.PostgreSQLTLSRole)
	switch {
	case err != nil:
		return fault("looking at the roles", err)
	case todo == "none":
		return nil
	case todo == "all":
		statements += "; CREATE ROLE " + identifier(catalog.PostgreSQLTLSRole)
	}
	return fault("closing the server's own databases", s.exec(ctx, statements))
}

// waitUntilReady returns when the server answers a query, or has ended: recovery may take its time, an end is final. ended
// is nil for a server that somebody else started.
func (e *Engine) waitUntilReady(ctx context.Context, ended <-chan error, logged int64) error {
	for {
		s, err := open(ctx, e.paths.socket, maintenance)
		if err == nil {
			s.close()
			return nil
		}
		// It answers, and not to us: waiting does not help.
		const invalidAuthorization = "28000"
		if code(err) == invalidAuthorization {
			return fault("connecting as the agent", err)
		}
		timer := time.NewTimer(20 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return guest.Errorf(guest.KindEngine, "the engine runs and does not answer yet: %v (%v)", ctx.Err(), err)
		case how := <-ended:
			timer.Stop()
			if err := e.endOrphans(ctx); err != nil {
				return err
			}
			return guest.Errorf(guest.KindEngine, "the engine ended while it started (%v): %s", how, e.complaints(logged))
		case <-timer.C:
		}
		if ended == nil && !e.running() {
			return guest.Errorf(guest.KindEngine, "the engine ended while it started: %s", e.complaints(logged))
		}
	}
}

// Stop implements engine.Engine. It does not wait for clients: they would keep new ones out for as long as they like.
func (e *Engine) Stop(ctx context.Context) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	clean, cancel := context.WithTimeout(ctx, endsWithin)
	defer cancel()
	err := e.process.Stop(clean)
	if err != nil && ctx.Err() == nil {
		immediate := e.process
		immediate.End = syscall.SIGQUIT
		err = immediate.Stop(ctx)
	}
	if err != nil {
		return guest.Errorf(guest.KindEngine, "stopping the engine: %v", err)
	}
	if err := e.endOrphans(ctx); err != nil {
		return err
	}
	// A stopped engine is shut down, also one that crashed before.
	if err := os.Remove(e.paths.pid); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return internal("removing the pid file", err)
	}
	return nil
}

// endOrphans ends what a dead server left behind: its processes each have a session of their own, work on in the shared
// memory of the dead, and keep a new server from starting for as long as they do. Most end by themselves, the one that
// writes the log when it has written it.
func (e *Engine) endOrphans(ctx context.Context) error {
	for patience := orphansEndWithin; ; patience -= orphanPoll {
		left := e.orphans()
		if len(left) == 0 {
			return nil
		}
		for _, pid := range left {
			if patience > 0 {
				break
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return guest.Errorf(guest.KindEngine, "ending process %d of a server that is dead: %v", pid, err)
			}
		}
		if err := native.Pause(ctx, orphanPoll); err != nil {
			return guest.Errorf(guest.KindEngine, "waiting for the processes of a server that is dead: %v", err)
		}
	}
}

// orphans are the processes of our binary that work in our data directory. A zombie has neither.
func (e *Engine) orphans() []int {
	data, err := filepath.EvalSymlinks(e.paths.data)
	if err != nil {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		where, errWhere := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		what, errWhat := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if errWhere == nil && errWhat == nil && where == data && filepath.Base(strings.TrimSuffix(what, " (deleted)")) == filepath.Base(e.process.Binary) {
			out = append(out, pid)
		}
	}
	return out
}

// complaints are the last errors that the server logged after an offset, or what it said before it had a log.
func (e *Engine) complaints(after int64) string {
	said := ""
	if text, err := os.ReadFile(e.process.Output); err == nil {
		said = string(text)
	}
	if text, err := os.ReadFile(e.paths.server); err == nil && int64(len(text)) > after {
		said += string(text[after:])
	}
	if found := complaintsIn(said); found != "" {
		return found
	}
	return lastLines(said, 2)
}

// complaintsIn picks what went wrong from what the server says.
func complaintsIn(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		level, complaint, ok := strings.Cut(line, ":  ")
		words := strings.Fields(level)
		switch {
		case strings.HasPrefix(line, "postgres: "):
			out = append(out, strings.TrimPrefix(line, "postgres: "))
		case !ok || len(words) == 0:
		case slices.Contains([]string{"FATAL", "PANIC", "ERROR", "DETAIL"}, words[len(words)-1]), strings.HasPrefix(complaint, "could not "), strings.HasPrefix(complaint, "invalid "):
			out = append(out, complaint)
		}
	}
	return lastLines(strings.Join(out, "\n"), 3)
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
