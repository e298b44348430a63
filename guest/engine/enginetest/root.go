package enginetest

import (
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func root(t *testing.T, s Subject) {
	r, has := s.Engine.(engine.Rooted)
	if !has {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	one, two := s.verifier("one"), s.verifier("two")
	enable := func(t *testing.T, verifier, want string) {
		t.Helper()
		for range 2 {
			got, err := r.PutRoot(ctx, guest.PutRoot{Enabled: true, Verifier: verifier})
			ok(t, err)
			account, err := r.Root(ctx)
			ok(t, err)
			if got != want || account.Verifier != want {
				t.Error("the verifier is not the one that is to be stored")
			}
		}
	}
	disable := func(t *testing.T) {
		t.Helper()
		for range 2 {
			_, err := r.PutRoot(ctx, guest.PutRoot{})
			ok(t, err)
			account, err := r.Root(ctx)
			ok(t, err)
			if account.Verifier != "" {
				t.Error("disabled, it still has a password")
			}
		}
	}
	t.Run("is off, and needs a verifier", func(t *testing.T) {
		disable(t)
		_, err := r.PutRoot(ctx, guest.PutRoot{Enabled: true})
		refused(t, err, guest.KindInvalid)
		_, err = r.PutRoot(ctx, guest.PutRoot{Enabled: true, Verifier: "plain"})
		refused(t, err, guest.KindInvalid)
	})
	t.Run("is enabled, and is no user", func(t *testing.T) {
		enable(t, one, one)
		enable(t, "", one)
		enable(t, two, two)
		if u, has := s.Engine.(engine.Users); has {
			expectUsers(ctx, t, u)
		}
	})
	login := Login{Name: s.Facts.Root, Password: "two", Database: s.Facts.Landing}
	t.Run("logs in, and is out when it is disabled", func(t *testing.T) {
		if s.Connect == nil {
			return
		}
		c := s.login(ctx, t, login)
		ok(t, c.Exec(ctx, s.Facts.Ping))
		for _, statement := range s.Facts.Forbidden {
			if err := c.Exec(ctx, statement); err == nil {
				t.Errorf("root may %s", statement)
			}
		}
		ok(t, c.Close())
		c = s.login(ctx, t, login)
		disable(t)
		if err := c.Exec(ctx, s.Facts.Ping); err == nil {
			t.Error("a session of root outlives it")
		}
		s.keptOut(ctx, t, login)
		enable(t, two, two)
	})
	t.Run("does not lock the agent out", func(t *testing.T) {
		if s.Connect == nil || len(s.Facts.Sabotage) == 0 {
			return
		}
		c := s.login(ctx, t, login)
		for _, statement := range s.Facts.Sabotage {
			if err := c.Exec(ctx, statement); err != nil {
				t.Logf("root may not %s: %v", statement, err)
			}
		}
		ok(t, s.Engine.Stop(ctx))
		ok(t, s.Engine.Start(ctx))
		status(ctx, t, s.Engine, guest.StatusHealthy)
		disable(t)
	})
	t.Run("survives a restart as it is", func(t *testing.T) {
		enable(t, one, one)
		ok(t, s.Engine.Stop(ctx))
		ok(t, s.Engine.Start(ctx))
		account, err := r.Root(ctx)
		ok(t, err)
		if account.Verifier != one {
			t.Error("after a restart it has another password")
		}
	})
}
