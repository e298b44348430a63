package postgresql

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// answersWithin bounds how long State waits for an answer before it calls the server starting.
const answersWithin = 5 * time.Second

// State implements engine.Engine.
func (e *Engine) State(ctx context.Context) (engine.State, error) {
	if _, err := os.Stat(filepath.Join(e.paths.data, "PG_VERSION")); err != nil {
		return engine.State{Status: guest.StatusNew}, nil
	}
	pid, runs := e.process.Find()
	if !runs {
		// A clean end removes the pid file.
		if _, err := os.Stat(e.paths.pid); err == nil {
			return engine.State{Status: guest.StatusCrashed}, nil
		}
		return engine.State{Status: guest.StatusShutdown}, nil
	}
	state := engine.State{Status: guest.StatusStarting}
	if at, err := native.StartedAt(pid); err == nil {
		state.StartedAt = at.Format(time.RFC3339)
	}
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return state, nil
	}
	defer s.close()
	var readOnly bool
	err = s.conn.QueryRow(ctx, `SELECT current_setting('server_version'), pg_is_in_recovery() OR coalesce((SELECT f.setting::bool FROM pg_file_settings AS f
		WHERE f.name = 'default_transaction_read_only' AND f.applied ORDER BY f.seqno DESC LIMIT 1), false)`).Scan(&state.Version, &readOnly)
	if err != nil {
		return state, nil
	}
	// "15.18 (Debian 15.18-0+deb12u1)"
	state.Version, _, _ = strings.Cut(state.Version, " ")
	state.Status = guest.StatusHealthy
	if pending, err := e.pending(ctx, s); err == nil && len(pending) > 0 {
		state.Status = guest.StatusRestartRequired
	}
	if readOnly {
		state.Status = guest.StatusReadOnly
	}
	return state, nil
}
