package mysqlfamily

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
func (e *Server) State(ctx context.Context) (engine.State, error) {
	if _, err := os.Stat(filepath.Join(e.Paths.Data, "mysql")); err != nil {
		return engine.State{Status: guest.StatusNew}, nil
	}
	pid, runs := e.Process.Find()
	if !runs {
		// A clean end removes the pid file.
		if _, err := os.Stat(e.Paths.PID); err == nil {
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
	s, err := e.Session(ctx)
	if err != nil {
		return state, nil
	}
	defer s.Close()
	text, err := s.Value(ctx, "SELECT VERSION()")
	if err != nil {
		return state, nil
	}
	// "10.11.19-MariaDB-deb12u1", "8.0.36-28": what follows the number is the packager's.
	state.Version, _, _ = strings.Cut(text, "-")
	state.Status = e.health(ctx, s)
	return state, nil
}

// health tells how a server is that answers.
func (e *Server) health(ctx context.Context, s *Session) guest.Status {
	if readOnly, err := s.Value(ctx, "SELECT @@GLOBAL.read_only"); err == nil && readOnly == "1" {
		return guest.StatusReadOnly
	}
	if pending, err := e.pending(ctx, s); err == nil && len(pending) > 0 {
		return guest.StatusRestartRequired
	}
	if pending, err := e.tlsPending(ctx, s); err == nil && pending {
		return guest.StatusRestartRequired
	}
	return guest.StatusHealthy
}
