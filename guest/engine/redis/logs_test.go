package redis

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

func slowLines(ctx context.Context, t *testing.T, e *Engine) []string {
	t.Helper()
	_, err := e.ListLogs(ctx)
	must(t, err)
	text, err := os.ReadFile(e.paths.slow)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func count(lines []string, text string) (n int) {
	for _, line := range lines {
		n += strings.Count(line, text)
	}
	return n
}

// Each slow command is one line of the file, once, whatever happens in between, and no line tells a password.
func TestSlowLog(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	configure(ctx, t, e, engine.Settings{"slowlog_log_slower_than": "0", "slowlog_max_len": "1000"})
	put(ctx, t, e, "app", "planted-password", "~*", "+@all")
	app := connect(t, e, "app", "planted-password")
	must(t, app.Set(ctx, "before", "x", 0).Err())
	if lines := slowLines(ctx, t, e); count(lines, "before") != 0 {
		t.Errorf("it was not enabled, and holds %q", lines)
	}
	must(t, e.PutLogs(ctx, []string{slowLog}))
	must(t, app.Set(ctx, "first\n", "o\"ne", 0).Err())
	_ = app.Do(ctx, "AUTH", "app", "planted-wrong").Err()
	put(ctx, t, e, "other", "planted-other")
	for range 2 {
		lines := slowLines(ctx, t, e)
		if count(lines, `"set" "first\n" "o\"ne"`) != 1 || count(lines, "planted") != 0 || count(lines, e.catalog.Verifier("planted-other", nil)) != 0 {
			t.Errorf("it holds %q", lines)
		}
	}
	must(t, os.Rename(e.paths.slow, e.paths.slow+".1"))
	must(t, e.ReopenLog(ctx, slowLog))
	must(t, app.Set(ctx, "second", "two", 0).Err())
	must(t, e.Stop(ctx))
	must(t, e.Start(ctx))
	must(t, app.Set(ctx, "third", "three", 0).Err())
	lines := slowLines(ctx, t, e)
	if count(lines, `"first`) != 0 || count(lines, `"second"`) != 1 || count(lines, `"third"`) != 1 {
		t.Errorf("after a rotation and a restart it holds %q", lines)
	}
	kind(t, e.PutLogs(ctx, []string{"general"}), guest.KindInvalid)
}

// When customers have taken every connection the server serves: it is neither dead nor starting.
func TestNoRoomForTheAgent(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	configure(ctx, t, e, engine.Settings{"maxclients": "10"})
	put(ctx, t, e, "app", "x", "~*", "+@all")
	s.Close()
	for range 10 {
		must(t, connect(t, e, "app", "x").Ping(ctx).Err())
	}
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusHealthy || state.Version != e.version {
		t.Errorf("the state is %+v, %v", state, err)
	}
	_, err := e.ListUsers(ctx)
	kind(t, err, guest.KindEngine)
	if err == nil || !strings.Contains(err.Error(), errNoRoom.Error()) {
		t.Errorf("listing users: %v", err)
	}
}
