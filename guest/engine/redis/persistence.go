package redis

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// The server reads its data either from the append-only file or from the dump, as appendonly says, and begins empty where
// that one is not there. So what there is decides how it is started, and appendonly is changed in the running server only,
// which writes the other one. The append-only file is there exactly as long as it is the newer one.

// source are the settings that make the server read the data that there is.
func (e *Engine) source() engine.Settings {
	if e.appends() {
		return engine.Settings{"appendonly": "ON"}
	}
	if _, err := os.Stat(e.paths.dump); err == nil {
		return engine.Settings{"appendonly": "OFF"}
	}
	return nil
}

// appends tells whether the data is in the append-only file: its manifest is there from its first whole writing on.
func (e *Engine) appends() bool {
	_, err := os.Stat(filepath.Join(e.paths.append, "appendonly.aof.manifest"))
	return err == nil
}

// keepAsConfigured makes a server that was started from what there was keep its data as it is configured to.
func (e *Engine) keepAsConfigured(ctx context.Context, values engine.Settings) error {
	wanted, managed := values["appendonly"]
	if !managed {
		wanted = e.options()["appendonly"]
	}
	s, err := e.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	running, err := e.runningValues(ctx, s)
	if err != nil || running["appendonly"] == wanted {
		return err
	}
	if wanted == "OFF" {
		return e.stopAppending(ctx, s)
	}
	if err := s.do(ctx, "CONFIG", "SET", "appendonly", "yes"); err != nil {
		return fault("turning the append-only file on", err)
	}
	return nil
}

// waitForFirstAppend waits while the server writes its append-only file for the first time, when it refuses to end.
func (e *Engine) waitForFirstAppend(ctx context.Context, s *session) error {
	for !e.appends() {
		info, err := s.info(ctx, "persistence")
		if err != nil {
			return fault("looking at the append-only file", err)
		}
		if info["aof_enabled"] != "1" || info["aof_rewrite_in_progress"] != "1" && info["aof_rewrite_scheduled"] != "1" {
			return nil
		}
		if err := native.Pause(ctx, 20*time.Millisecond); err != nil {
			return guest.Errorf(guest.KindEngine, "waiting for the first append-only file: %v", err)
		}
	}
	return nil
}

// stopAppending writes everything into the dump before the append-only file is given up, and removes that one after it: a
// later start would read it although it is older.
func (e *Engine) stopAppending(ctx context.Context, s *session) error {
	if err := e.save(ctx, s); err != nil {
		return err
	}
	if err := s.do(ctx, "CONFIG", "SET", "appendonly", "no"); err != nil {
		return fault("turning the append-only file off", err)
	}
	if err := os.RemoveAll(e.paths.append); err != nil {
		return internal("removing the append-only file", err)
	}
	if err := native.SyncDir(e.paths.data); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return internal("removing the append-only file", err)
	}
	return nil
}

// save writes the dump and returns when it is whole.
func (e *Engine) save(ctx context.Context, s *session) error {
	logged, begun := size(e.paths.errors), false
	for {
		if !begun {
			// The server has one child at a time: one that is at work already began too early to hold everything.
			if err := s.do(ctx, "BGSAVE"); err == nil {
				begun = true
			} else if text := err.Error(); !strings.Contains(text, "in progress") && !strings.Contains(text, "child process") {
				return fault("writing a dump", err)
			}
		}
		now, err := s.info(ctx, "persistence")
		switch {
		case err != nil:
			return fault("waiting for the dump", err)
		case begun && now["rdb_bgsave_in_progress"] == "0" && now["rdb_last_bgsave_status"] == "ok":
			return nil
		case begun && now["rdb_bgsave_in_progress"] == "0":
			return guest.Errorf(guest.KindEngine, "the server cannot write a dump: %s", e.complaints(logged))
		}
		if err := native.Pause(ctx, 20*time.Millisecond); err != nil {
			return guest.Errorf(guest.KindEngine, "waiting for the dump: %v", err)
		}
	}
}
