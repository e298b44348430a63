package enginetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// refusedSettings: values that the catalog lets pass and the server does not take. An engine without files takes all.
func refusedSettings(t *testing.T, s Subject) {
	c, has := s.Engine.(engine.Configurable)
	if !has || s.Host.Data == "" {
		return
	}
	ctx := within(t)
	k := s.Facts.Dynamic
	started(ctx, t, s, engine.Settings{k.Name: k.One})
	before, err := c.ReadSettings(ctx, nil)
	ok(t, err)
	t.Run("refused while it runs, nothing is changed", func(t *testing.T) {
		if len(s.Facts.Refused) == 0 {
			return
		}
		values := engine.Settings{k.Name: k.Two}
		for name, value := range s.Facts.Refused {
			values[name] = value
		}
		for range 2 {
			_, err := c.Configure(ctx, values)
			refused(t, err, guest.KindEngine)
			after, err := c.ReadSettings(ctx, nil)
			ok(t, err)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("settings (-before +after):\n%s", diff)
			}
		}
		status(ctx, t, s.Engine, guest.StatusHealthy)
	})
	t.Run("refused at the start, it runs as before and says why", func(t *testing.T) {
		if len(s.Facts.Fatal) == 0 {
			return
		}
		ok(t, s.Engine.Stop(ctx))
		values := engine.Settings{k.Name: k.Two}
		for name, value := range s.Facts.Fatal {
			values[name] = value
		}
		_, err := c.Configure(ctx, values)
		ok(t, err)
		err = s.Engine.Start(ctx)
		refused(t, err, guest.KindEngine)
		var why *guest.Error
		if errors.As(err, &why) && !strings.Contains(why.Message, s.Facts.FatalWhy) {
			t.Errorf("the error does not hold the server's %q: %s", s.Facts.FatalWhy, why.Message)
		}
		status(ctx, t, s.Engine, guest.StatusHealthy)
		after, err := c.ReadSettings(ctx, nil)
		ok(t, err)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("settings (-before +after):\n%s", diff)
		}
	})
}

// killedWhileConfigured: whatever the moment at which the engine dies, the same request ends well after it was started.
func killedWhileConfigured(t *testing.T, s Subject) {
	c, has := s.Engine.(engine.Configurable)
	if !has {
		return
	}
	ctx := within(t)
	dynamic, static := s.Facts.Dynamic, s.Facts.Static
	started(ctx, t, s, nil)
	for _, values := range []engine.Settings{{dynamic.Name: dynamic.One, static.Name: static.One}, {dynamic.Name: dynamic.Two}} {
		done := make(chan error, 1)
		go func() {
			_, err := c.Configure(ctx, values)
			done <- err
		}()
		s.Crash()
		if err := <-done; err != nil {
			t.Logf("killed: %v", err)
		}
		status(ctx, t, s.Engine, guest.StatusCrashed)
		ok(t, s.Engine.Start(ctx))
		_, err := c.Configure(ctx, values)
		ok(t, err)
		want := dynamic.OneIs
		if values[dynamic.Name] == dynamic.Two {
			want = dynamic.TwoIs
		}
		if got := readSetting(ctx, t, c, dynamic.Name); got.Running != want || got.Configured != want {
			t.Errorf("%s is %+v, want %s", dynamic.Name, got, want)
		}
		ok(t, s.Engine.Stop(ctx))
		ok(t, s.Engine.Start(ctx))
		status(ctx, t, s.Engine, guest.StatusHealthy)
	}
}
