package redis

import (
	"context"
	"os"
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
	if _, err := os.Stat(e.paths.mark); err != nil {
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
		// It serves so many others that there is no room for us.
		if strings.Contains(err.Error(), errNoRoom.Error()) {
			state.Status, state.Version = guest.StatusHealthy, e.version
		}
		return state, nil
	}
	defer s.Close()
	info, err := s.info(ctx, "server", "persistence", "replication")
	if err != nil {
		return state, nil
	}
	if state.Version = info["valkey_version"]; state.Version == "" {
		state.Version = info["redis_version"]
	}
	if info["loading"] != "0" || info["async_loading"] == "1" {
		return state, nil
	}
	state.Status = guest.StatusHealthy
	running, err := e.runningValues(ctx, s)
	if err != nil {
		return state, nil
	}
	if pending, err := e.pending(running); err == nil && len(pending) > 0 {
		state.Status = guest.StatusRestartRequired
	}
	if readOnly(info, running) {
		state.Status = guest.StatusReadOnly
	}
	return state, nil
}

// readOnly tells whether the server takes no writes: it follows another one, which nobody here asked for, or the disk
// failed it and it was told to care (redis.conf, "stop-writes-on-bgsave-error").
func readOnly(info map[string]string, running engine.Settings) bool {
	cares := running["stop_writes_on_bgsave_error"] == "ON" && running["save"] != "" && running["save"] != `""`
	switch {
	case info["role"] == "slave" && running["replica_read_only"] == "ON":
		return true
	case cares && info["rdb_last_bgsave_status"] == "err":
		return true
	}
	return info["aof_enabled"] == "1" && info["aof_last_write_status"] == "err"
}
