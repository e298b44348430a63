package enginetest

import (
	"strings"
	"testing"
	"time"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func lifecycle(t *testing.T, s Subject) {
	ctx := within(t)
	if s.Engine.Name() == "" {
		t.Error("an engine has a name")
	}
	status(ctx, t, s.Engine, guest.StatusNew)
	refused(t, s.Engine.Start(ctx), guest.KindConflict)
	ok(t, s.Engine.Stop(ctx))

	ok(t, s.Engine.Prepare(ctx, nil))
	status(ctx, t, s.Engine, guest.StatusShutdown)
	ok(t, s.Engine.Prepare(ctx, nil))

	ok(t, s.Engine.Start(ctx))
	first := status(ctx, t, s.Engine, guest.StatusHealthy)
	if !strings.HasPrefix(first.Version, s.Version) {
		t.Errorf("version %q does not begin with %q", first.Version, s.Version)
	}
	if _, err := time.Parse(time.RFC3339, first.StartedAt); err != nil {
		t.Errorf("started at: %v", err)
	}
	ok(t, s.Engine.Start(ctx))
	if again := status(ctx, t, s.Engine, guest.StatusHealthy); again != first {
		t.Errorf("starting a running engine changed it: %+v, was %+v", again, first)
	}

	t.Run("outlives the agent", func(t *testing.T) {
		other := s.Again()
		if seen := status(ctx, t, other, guest.StatusHealthy); seen != first {
			t.Errorf("the restarted agent sees %+v, want %+v", seen, first)
		}
		ok(t, other.Prepare(ctx, nil))
		ok(t, other.Start(ctx))
		if seen := status(ctx, t, other, guest.StatusHealthy); seen != first {
			t.Errorf("preparing a running engine changed it: %+v, was %+v", seen, first)
		}
		ok(t, other.Stop(ctx))
		status(ctx, t, s.Engine, guest.StatusShutdown)
	})
	ok(t, s.Engine.Stop(ctx))
	ok(t, s.Engine.Start(ctx))
	status(ctx, t, s.Engine, guest.StatusHealthy)
}

func crash(t *testing.T, s Subject) {
	ctx := within(t)
	started(ctx, t, s, nil)
	kept, verifier := s.anywhere("kept"), s.verifier("kept")
	if d, has := s.Engine.(engine.Databases); has {
		putDatabase(ctx, t, d, "kept")
	}
	if u, has := s.Engine.(engine.Users); has {
		_, err := u.PutUser(ctx, putUser(kept, verifier))
		ok(t, err)
	}
	s.Crash()
	status(ctx, t, s.Engine, guest.StatusCrashed)
	status(ctx, t, s.Again(), guest.StatusCrashed)
	ok(t, s.Engine.Prepare(ctx, nil))
	ok(t, s.Engine.Start(ctx))
	status(ctx, t, s.Engine, guest.StatusHealthy)
	if d, has := s.Engine.(engine.Databases); has {
		list, err := d.ListDatabases(ctx)
		ok(t, err)
		if len(list) != 1 || list[0].Name != "kept" {
			t.Errorf("after a crash there are %+v, want the one that was made before", list)
		}
	}
	if u, has := s.Engine.(engine.Users); has {
		expectUsers(ctx, t, u, listed(kept, verifier))
	}
	s.Crash()
	ok(t, s.Engine.Stop(ctx))
	status(ctx, t, s.Engine, guest.StatusShutdown)
}

// notRunning: what needs the engine says that it is down; it does not wait.
func notRunning(t *testing.T, s Subject) {
	ctx := within(t)
	ok(t, s.Engine.Prepare(ctx, nil))
	if d, has := s.Engine.(engine.Databases); has {
		_, err := d.ListDatabases(ctx)
		refused(t, err, guest.KindConflict)
		refused(t, d.PutDatabase(ctx, guest.PutDatabase{Database: guest.Database{Name: "shop"}}), guest.KindConflict)
		refused(t, d.DropDatabase(ctx, "shop"), guest.KindConflict)
	}
	if u, has := s.Engine.(engine.Users); has {
		_, err := u.ListUsers(ctx)
		refused(t, err, guest.KindConflict)
		_, err = u.PutUser(ctx, putUser(s.anywhere("app"), s.verifier("x")))
		refused(t, err, guest.KindConflict)
		refused(t, u.DropUser(ctx, s.anywhere("app")), guest.KindConflict)
	}
}
