package enginetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func readSetting(ctx context.Context, t *testing.T, c engine.Configurable, name string) guest.Setting {
	t.Helper()
	all, err := c.ReadSettings(ctx, []string{name})
	ok(t, err)
	setting, there := all[name]
	if !there {
		t.Fatalf("%s was asked for and is not answered: %+v", name, all)
	}
	return setting
}

func configure(ctx context.Context, t *testing.T, c engine.Configurable, values engine.Settings, pending ...string) {
	t.Helper()
	for range 2 {
		got, err := c.Configure(ctx, values)
		ok(t, err)
		if diff := cmp.Diff(pending, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("pending (-want +got):\n%s", diff)
		}
	}
}

// settings speaks MariaDB's parameters: max_connections is dynamic, innodb_log_buffer_size is static.
func settings(t *testing.T, s Subject) {
	c, has := s.Engine.(engine.Configurable)
	if !has {
		return
	}
	ctx := within(t)
	started(ctx, t, s, engine.Settings{"max-connections": "201"})
	expect := func(t *testing.T, name string, want guest.Setting) {
		t.Helper()
		if got := readSetting(ctx, t, c, name); got != want {
			t.Errorf("%s is %+v, want %+v", name, got, want)
		}
	}
	t.Run("prepare's values are in force", func(t *testing.T) {
		expect(t, "max_connections", guest.Setting{Running: "201", Configured: "201", Default: "151"})
		expect(t, "wait_timeout", guest.Setting{Running: "28800", Default: "28800"})
	})
	t.Run("dynamic ones are in force at once, in canonical text", func(t *testing.T) {
		configure(ctx, t, c, engine.Settings{"max_connections": "300", "long_query_time": "1.50", "slow_query_log": "true", "max_allowed_packet": "32M"})
		expect(t, "max_connections", guest.Setting{Running: "300", Configured: "300", Default: "151"})
		expect(t, "long_query_time", guest.Setting{Running: "1.5", Configured: "1.5", Default: "10"})
		expect(t, "slow_query_log", guest.Setting{Running: "ON", Configured: "ON", Default: "OFF"})
		expect(t, "max_allowed_packet", guest.Setting{Running: "33554432", Configured: "33554432", Default: "16777216"})
		status(ctx, t, s.Engine, guest.StatusHealthy)
	})
	t.Run("what is no longer named returns to its default", func(t *testing.T) {
		configure(ctx, t, c, engine.Settings{"max_connections": "300"})
		expect(t, "long_query_time", guest.Setting{Running: "10", Default: "10"})
		configure(ctx, t, c, nil)
		expect(t, "max_connections", guest.Setting{Running: "151", Default: "151"})
	})
	t.Run("a refused value changes nothing", func(t *testing.T) {
		configure(ctx, t, c, engine.Settings{"max_connections": "150"})
		for _, bad := range []engine.Settings{
			{"max_connections": "1"}, {"max_connections": "160", "no_such_parameter": "1"}, {"max_connections": "160", "datadir": "/"},
			{"max_connections": "160", "slow_query_log": "perhaps"}, {"max_connections": "160", "binlog_row_image": "none"},
			{"max_connections": "160", "tmpdir": "/x"}, {"init_connect": "a\nb"},
		} {
			_, err := c.Configure(ctx, bad)
			refused(t, err, guest.KindInvalid)
			expect(t, "max_connections", guest.Setting{Running: "150", Configured: "150", Default: "151"})
		}
	})
	t.Run("managed ones are read without being named", func(t *testing.T) {
		all, err := c.ReadSettings(ctx, nil)
		ok(t, err)
		want := map[string]guest.Setting{"max_connections": {Running: "150", Configured: "150", Default: "151"}}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("settings (-want +got):\n%s", diff)
		}
	})
}

func settingsAcrossRestarts(t *testing.T, s Subject) {
	c, has := s.Engine.(engine.Configurable)
	if !has {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	const static = "innodb_log_buffer_size"
	before := readSetting(ctx, t, c, static).Running
	t.Run("static ones wait", func(t *testing.T) {
		configure(ctx, t, c, engine.Settings{static: "8M", "max_connections": "77"}, static)
		got := readSetting(ctx, t, c, static)
		if got.Running != before || got.Configured != "8388608" || !got.Pending {
			t.Errorf("%s is %+v, want it to wait beside %s", static, got, before)
		}
		status(ctx, t, s.Engine, guest.StatusRestartRequired)
		status(ctx, t, s.Again(), guest.StatusRestartRequired)
		configure(ctx, t, c, engine.Settings{"max_connections": "77"})
		status(ctx, t, s.Engine, guest.StatusHealthy)
		configure(ctx, t, c, engine.Settings{static: "8M", "max_connections": "77"}, static)
	})
	t.Run("and are in force after a restart, with the others", func(t *testing.T) {
		ok(t, s.Engine.Stop(ctx))
		if got := readSetting(ctx, t, c, static); got.Running != "" || got.Configured != "8388608" || got.Pending {
			t.Errorf("stopped: %s is %+v", static, got)
		}
		ok(t, s.Engine.Start(ctx))
		status(ctx, t, s.Engine, guest.StatusHealthy)
		if got := readSetting(ctx, t, c, static); got.Running != "8388608" || got.Pending {
			t.Errorf("%s is %+v, want 8388608 in force", static, got)
		}
		if got := readSetting(ctx, t, c, "max_connections"); got.Running != "77" {
			t.Errorf("max_connections is %+v, want 77 in force", got)
		}
	})
	t.Run("removed, they wait for their default", func(t *testing.T) {
		configure(ctx, t, c, nil, static)
		status(ctx, t, s.Engine, guest.StatusRestartRequired)
		ok(t, s.Engine.Stop(ctx))
		ok(t, s.Engine.Start(ctx))
		status(ctx, t, s.Engine, guest.StatusHealthy)
		if got := readSetting(ctx, t, c, static); got.Running != before {
			t.Errorf("%s is %+v, want %s again", static, got, before)
		}
	})
	t.Run("configured while stopped, in force when started", func(t *testing.T) {
		ok(t, s.Engine.Stop(ctx))
		configure(ctx, t, c, engine.Settings{"max_connections": "88", static: "6M"})
		ok(t, s.Engine.Start(ctx))
		status(ctx, t, s.Engine, guest.StatusHealthy)
		if got := readSetting(ctx, t, c, "max_connections"); got.Running != "88" {
			t.Errorf("max_connections is %+v, want 88", got)
		}
	})
}
