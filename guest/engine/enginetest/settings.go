package enginetest

import (
	"context"
	"maps"
	"strings"
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

func settings(t *testing.T, s Subject) {
	c, has := s.Engine.(engine.Configurable)
	if !has {
		return
	}
	ctx := within(t)
	dynamic, second := s.Facts.Dynamic, s.Facts.Second
	// Names are read in any spelling.
	started(ctx, t, s, engine.Settings{strings.ToUpper(dynamic.Name): dynamic.One})
	expect := func(t *testing.T, k Knob, running, configured string) {
		t.Helper()
		want := guest.Setting{Running: running, Configured: configured, Default: k.Default}
		if got := readSetting(ctx, t, c, k.Name); got != want {
			t.Errorf("%s is %+v, want %+v", k.Name, got, want)
		}
	}
	t.Run("prepare's values are in force", func(t *testing.T) {
		expect(t, dynamic, dynamic.OneIs, dynamic.OneIs)
		expect(t, second, second.Default, "")
	})
	t.Run("dynamic ones are in force at once, in canonical text", func(t *testing.T) {
		configure(ctx, t, c, engine.Settings{dynamic.Name: dynamic.Two, second.Name: second.One})
		expect(t, dynamic, dynamic.TwoIs, dynamic.TwoIs)
		expect(t, second, second.OneIs, second.OneIs)
		status(ctx, t, s.Engine, guest.StatusHealthy)
	})
	t.Run("what is no longer named returns to its default", func(t *testing.T) {
		configure(ctx, t, c, engine.Settings{dynamic.Name: dynamic.Two})
		expect(t, second, second.Default, "")
		configure(ctx, t, c, nil)
		expect(t, dynamic, dynamic.Default, "")
	})
	t.Run("a refused value changes nothing", func(t *testing.T) {
		configure(ctx, t, c, engine.Settings{dynamic.Name: dynamic.One})
		for _, bad := range s.Facts.BadSettings {
			values := engine.Settings{dynamic.Name: dynamic.Two}
			maps.Copy(values, bad)
			_, err := c.Configure(ctx, values)
			refused(t, err, guest.KindInvalid)
			expect(t, dynamic, dynamic.OneIs, dynamic.OneIs)
		}
	})
	t.Run("managed ones are read without being named", func(t *testing.T) {
		all, err := c.ReadSettings(ctx, nil)
		ok(t, err)
		want := map[string]guest.Setting{dynamic.Name: {Running: dynamic.OneIs, Configured: dynamic.OneIs, Default: dynamic.Default}}
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
	static, dynamic, oneIs := s.Facts.Static.Name, s.Facts.Dynamic, s.Facts.Static.OneIs
	both := engine.Settings{static: s.Facts.Static.One, dynamic.Name: dynamic.One}
	before := readSetting(ctx, t, c, static).Running
	t.Run("static ones wait", func(t *testing.T) {
		configure(ctx, t, c, both, static)
		got := readSetting(ctx, t, c, static)
		if got.Running != before || got.Configured != oneIs || !got.Pending {
			t.Errorf("%s is %+v, want it to wait beside %s", static, got, before)
		}
		status(ctx, t, s.Engine, guest.StatusRestartRequired)
		status(ctx, t, s.Again(), guest.StatusRestartRequired)
		configure(ctx, t, c, engine.Settings{dynamic.Name: dynamic.One})
		status(ctx, t, s.Engine, guest.StatusHealthy)
		configure(ctx, t, c, both, static)
	})
	t.Run("and are in force after a restart, with the others", func(t *testing.T) {
		ok(t, s.Engine.Stop(ctx))
		if got := readSetting(ctx, t, c, static); got.Running != "" || got.Configured != oneIs || got.Pending {
			t.Errorf("stopped: %s is %+v", static, got)
		}
		ok(t, s.Engine.Start(ctx))
		status(ctx, t, s.Engine, guest.StatusHealthy)
		if got := readSetting(ctx, t, c, static); got.Running != oneIs || got.Pending {
			t.Errorf("%s is %+v, want %s in force", static, got, oneIs)
		}
		if got := readSetting(ctx, t, c, dynamic.Name); got.Running != dynamic.OneIs {
			t.Errorf("%s is %+v, want %s in force", dynamic.Name, got, dynamic.OneIs)
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
		configure(ctx, t, c, engine.Settings{dynamic.Name: dynamic.Two, static: s.Facts.Static.Two})
		ok(t, s.Engine.Start(ctx))
		status(ctx, t, s.Engine, guest.StatusHealthy)
		if got := readSetting(ctx, t, c, dynamic.Name); got.Running != dynamic.TwoIs {
			t.Errorf("%s is %+v, want %s", dynamic.Name, got, dynamic.TwoIs)
		}
	})
}
