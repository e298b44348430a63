package enginetest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

func logs(t *testing.T, s Subject) {
	l, has := s.Engine.(engine.Logged)
	if !has {
		return
	}
	ctx := within(t)
	ok(t, s.Engine.Prepare(ctx, nil))
	expect := func(t *testing.T, enabled ...string) {
		t.Helper()
		list, err := l.ListLogs(ctx)
		ok(t, err)
		var names, got []string
		for _, log := range list {
			names = append(names, log.Name)
			if inside, err := filepath.Rel(s.Host.Log, log.Path); s.Host.Log != "" && (err != nil || strings.HasPrefix(inside, "..")) {
				t.Errorf("the log %s is at %s, outside of %s", log.Name, log.Path, s.Host.Log)
			}
			if log.Enabled && !log.Fixed {
				got = append(got, log.Name)
			}
			if log.Fixed && !log.Enabled {
				t.Errorf("%s is always on and is off", log.Name)
			}
		}
		if diff := cmp.Diff(sorted(append([]string{"error"}, s.Catalog.Logs...)...), names); diff != "" {
			t.Errorf("logs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(enabled, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("enabled logs (-want +got):\n%s", diff)
		}
	}
	put := func(t *testing.T, enabled ...string) {
		t.Helper()
		for range 2 {
			ok(t, l.PutLogs(ctx, enabled))
			expect(t, enabled...)
		}
	}
	t.Run("are told and switched while it is down", func(t *testing.T) {
		expect(t)
		put(t, s.Catalog.Logs...)
		ok(t, s.Engine.Start(ctx))
		expect(t, s.Catalog.Logs...)
	})
	t.Run("are switched while it runs, and stay so", func(t *testing.T) {
		put(t)
		put(t, s.Catalog.Logs...)
		ok(t, s.Engine.Stop(ctx))
		ok(t, s.Engine.Start(ctx))
		expect(t, s.Catalog.Logs...)
	})
	t.Run("unknown ones are refused", func(t *testing.T) {
		refused(t, l.PutLogs(ctx, []string{"../etc/passwd"}), guest.KindInvalid)
		refused(t, l.ReopenLog(ctx, "nope"), guest.KindInvalid)
		expect(t, s.Catalog.Logs...)
	})
	t.Run("go on in a new file after the old one was renamed", func(t *testing.T) {
		if s.Host.Log == "" {
			return
		}
		list, err := l.ListLogs(ctx)
		ok(t, err)
		for _, log := range list {
			if err := os.Rename(log.Path, log.Path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			ok(t, l.ReopenLog(ctx, log.Name))
		}
		if u, has := s.Engine.(engine.Users); has && slices.Contains(s.Catalog.Logs, "general") && s.Connect != nil {
			_, err := u.PutUser(ctx, putUser(s.anywhere("app"), s.verifier("x")))
			ok(t, err)
			c := s.login(ctx, t, Login{Name: s.anywhere("app").Name, Password: "x", Database: s.Facts.Landing})
			ok(t, c.Exec(ctx, s.Facts.Ping))
			i := slices.IndexFunc(list, func(log engine.Log) bool { return log.Name == "general" })
			// A server may leave the writing to another process of its own.
			for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				text, err := os.ReadFile(list[i].Path)
				if err == nil && bytes.Contains(text, []byte(s.Facts.Ping)) {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the general log does not hold %q: %v\n%s", s.Facts.Ping, err, text)
				}
			}
		}
	})
	t.Run("nothing is left of them when they are off", func(t *testing.T) {
		put(t)
		ok(t, s.Engine.Stop(ctx))
		ok(t, s.Engine.Start(ctx))
		expect(t)
	})
}

// noPasswords: with every log on, no file of the engine holds a password, and no log holds what the agent sent.
func noPasswords(t *testing.T, s Subject) {
	u, has := s.Engine.(engine.Users)
	if !has || s.Host.Data == "" {
		return
	}
	ctx := within(t)
	started(ctx, t, s, nil)
	if l, has := s.Engine.(engine.Logged); has {
		ok(t, l.PutLogs(ctx, s.Catalog.Logs))
	}
	const first, second, ofRoot = "planted-first-3f9a", "planted-second-77b1", "planted-root-c20e"
	var verifiers []string
	for _, password := range []string{first, second, first} {
		verifier := s.verifier(password)
		verifiers = append(verifiers, verifier)
		_, err := u.PutUser(ctx, putUser(s.anywhere("app"), verifier))
		ok(t, err)
	}
	if r, has := s.Engine.(engine.Rooted); has {
		_, err := r.PutRoot(ctx, guest.PutRoot{Enabled: true, Verifier: s.verifier(ofRoot)})
		ok(t, err)
		verifiers = append(verifiers, s.verifier(ofRoot))
	}
	if s.Connect != nil {
		ok(t, s.login(ctx, t, Login{Name: s.anywhere("app").Name, Password: first, Database: s.Facts.Landing}).Close())
		s.keptOut(ctx, t, Login{Name: s.anywhere("app").Name, Password: second, Database: s.Facts.Landing})
	}
	ok(t, s.Engine.Stop(ctx))
	look := func(directory string, secrets ...string) {
		err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, secret := range secrets {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%s holds the secret %.16s...", path, secret)
				}
			}
			return err
		})
		ok(t, err)
	}
	for _, directory := range []string{s.Host.Data, s.Host.Conf, s.Host.Run, s.Host.Log} {
		look(directory, first, second, ofRoot)
	}
	look(s.Host.Log, verifiers...)
}
