package mariadb

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// answersWithin bounds how long State waits for an answer before it calls the server starting.
const answersWithin = 5 * time.Second

// State implements engine.Engine.
func (e *Engine) State(ctx context.Context) (engine.State, error) {
	if _, err := os.Stat(filepath.Join(e.paths.data, "mysql")); err != nil {
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
	s, err := e.session(ctx)
	if err != nil {
		return state, nil
	}
	defer s.Close()
	text, err := s.Value(ctx, "SELECT VERSION()")
	if err != nil {
		return state, nil
	}
	state.Version = text
	if match := versionText.FindStringSubmatch(text); match != nil {
		state.Version = match[1]
	}
	state.Status = guest.StatusHealthy
	if pending, err := e.pending(ctx, s); err == nil && len(pending) > 0 {
		state.Status = guest.StatusRestartRequired
	}
	return state, nil
}
