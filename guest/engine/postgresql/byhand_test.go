package postgresql

import (
	"testing"

	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// TestWhatIsSetByHandGivesWay: ALTER SYSTEM is stronger than every file of ours, and what is declared is stronger than that.
func TestWhatIsSetByHandGivesWay(t *testing.T) {
	t.Parallel()
	ctx, e := t.Context(), newEngine(t, enginetest.NewHost(t, 0))
	must(t, e.Prepare(ctx, engine.Settings{"work_mem": "8MB", "max_connections": "50"}))
	must(t, e.Start(ctx))
	for _, statement := range []string{
		"ALTER SYSTEM SET work_mem = '1MB'", "ALTER SYSTEM SET max_connections = 33", "ALTER SYSTEM SET lock_timeout = 77", "SELECT pg_reload_conf()",
	} {
		must(t, e.within(ctx, maintenance, func(s *session) error { return s.exec(ctx, statement) }))
	}
	pending, err := e.Configure(ctx, engine.Settings{"work_mem": "8MB", "max_connections": "50"})
	must(t, err)
	if len(pending) > 0 {
		t.Errorf("waiting are %v", pending)
	}
	got, err := e.ReadSettings(ctx, []string{"work_mem", "max_connections", "lock_timeout"})
	must(t, err)
	for name, want := range map[string]string{"work_mem": "8MB", "max_connections": "50", "lock_timeout": "77ms"} {
		if got[name].Running != want {
			t.Errorf("%s is %s, want %s", name, got[name].Running, want)
		}
	}
	must(t, e.Stop(ctx))
	must(t, e.Start(ctx))
	if got, err = e.ReadSettings(ctx, []string{"max_connections"}); err != nil || got["max_connections"].Running != "50" {
		t.Errorf("after a restart it is %v, %v", got, err)
	}
}
