package redis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/enginetest"
)

// fill writes keys as a client does.
func fill(ctx context.Context, t *testing.T, e *Engine, keys int) {
	t.Helper()
	put(ctx, t, e, "app", "x", "~*", "+@all")
	client := connect(t, e, "app", "x")
	pipe := client.Pipeline()
	for i := range keys {
		pipe.Set(ctx, fmt.Sprintf("key:%d", i), strings.Repeat("v", 100), 0)
	}
	_, err := pipe.Exec(ctx)
	must(t, err)
	must(t, client.Close())
}

func expectKeys(ctx context.Context, t *testing.T, e *Engine, want int) {
	t.Helper()
	got, err := connect(t, e, "app", "x").DBSize(ctx).Result()
	must(t, err)
	if got != int64(want) {
		t.Errorf("there are %d keys, want %d", got, want)
	}
}

func configure(ctx context.Context, t *testing.T, e *Engine, values engine.Settings) {
	t.Helper()
	if pending, err := e.Configure(ctx, values); err != nil || len(pending) > 0 {
		t.Fatalf("configuring %v: pending %v, %v", values, pending, err)
	}
}

func appendOnly(ctx context.Context, t *testing.T, e *Engine, want string) {
	t.Helper()
	settings, err := e.ReadSettings(ctx, []string{"appendonly"})
	must(t, err)
	if settings["appendonly"].Running != want {
		t.Errorf("appendonly is %+v, want %s", settings["appendonly"], want)
	}
}

// The data outlives whatever way of keeping it is changed to, whether the server runs meanwhile or not, and a death after it.
func TestDataOutlivesEveryChangeOfPersistence(t *testing.T) {
	t.Parallel()
	off, none := engine.Settings{"appendonly": "no", "save": ""}, engine.Settings{"save": ""}
	for _, c := range []struct {
		name          string
		before, after engine.Settings
		stopped       bool
	}{
		{"off while it runs", none, off, false}, {"off while it is stopped", none, off, true},
		{"on while it runs", off, none, false}, {"on while it is stopped", off, none, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, e, s := start(t, enginetest.NewHost(t, 0))
			configure(ctx, t, e, c.before)
			fill(ctx, t, e, 500)
			if _, appends := c.before["appendonly"]; appends {
				// Without save points and without the append-only file, what is not saved is meant to be lost.
				must(t, e.save(ctx, s))
			}
			if c.stopped {
				must(t, e.Stop(ctx))
			}
			configure(ctx, t, e, c.after)
			must(t, e.Start(ctx))
			want := map[bool]string{true: "OFF", false: "ON"}[c.after["appendonly"] == "no"]
			appendOnly(ctx, t, e, want)
			expectKeys(ctx, t, e, 500)
			if want == "ON" {
				waitForAppends(ctx, t, e)
			}
			kill(t, e)
			must(t, e.Start(ctx))
			appendOnly(ctx, t, e, want)
			expectKeys(ctx, t, e, 500)
			configure(ctx, t, e, c.before)
			kill(t, e)
			must(t, e.Start(ctx))
			expectKeys(ctx, t, e, 500)
		})
	}
}

// waitForAppends waits until the server has written its append-only file for the first time.
func waitForAppends(ctx context.Context, t *testing.T, e *Engine) {
	t.Helper()
	for !e.appends() {
		if ctx.Err() != nil {
			t.Fatal("there is no append-only file")
		}
	}
}

// A restored dump is all there is: a server that is told to append would begin empty.
func TestADumpAloneIsRead(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	fill(ctx, t, e, 100)
	must(t, e.save(ctx, s))
	must(t, e.Stop(ctx))
	must(t, os.RemoveAll(e.paths.append))
	must(t, e.Start(ctx))
	expectKeys(ctx, t, e, 100)
	appendOnly(ctx, t, e, "ON")
	waitForAppends(ctx, t, e)
	kill(t, e)
	must(t, e.Start(ctx))
	expectKeys(ctx, t, e, 100)
}

// A file that ends in the middle of a command is what a crash leaves; one that is broken before is not touched.
func TestDamagedAppendOnlyFiles(t *testing.T) {
	t.Parallel()
	ctx, e, _ := start(t, enginetest.NewHost(t, 0))
	fill(ctx, t, e, 100)
	kill(t, e)
	path := filepath.Join(e.paths.append, "appendonly.aof.1.incr.aof")
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Truncate(path, int64(len(text)-30)))
	must(t, e.Start(ctx))
	expectKeys(ctx, t, e, 99)
	kill(t, e)
	text, err = os.ReadFile(path)
	must(t, err)
	broken := []byte(strings.Replace(string(text), "key:50", "key:5", 1))
	must(t, os.WriteFile(path, broken, 0o640))
	err = e.Start(ctx)
	if err == nil || !strings.Contains(err.Error(), "Bad file format") {
		t.Errorf("starting with a broken file: %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(broken) {
		t.Error("the broken file was changed")
	}
}

// The disk fails: the server takes no writes and the state says so; what is asked for meanwhile fails, and succeeds later.
func TestAFailingDisk(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	fill(ctx, t, e, 10)
	if ownerOf(t, e) == "root" {
		t.Fatal("root's disk never refuses")
	}
	must(t, os.Chmod(e.paths.data, 0o500))
	if err := e.save(ctx, s); err == nil {
		t.Error("a dump was written where nobody can write")
	}
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusReadOnly {
		t.Errorf("the state is %+v, %v", state, err)
	}
	client := connect(t, e, "app", "x")
	if err := client.Set(ctx, "more", "x", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "MISCONF") {
		t.Errorf("writing: %v", err)
	}
	new := guest.PutUser{Name: "new", Verifier: e.catalog.Verifier("x", nil)}
	_, err := e.PutUser(ctx, new)
	kind(t, err, guest.KindEngine)
	_, err = e.Configure(ctx, engine.Settings{"appendonly": "no", "hz": "20"})
	kind(t, err, guest.KindEngine)
	appendOnly(ctx, t, e, "ON")
	settings, err := e.ReadSettings(ctx, []string{"hz"})
	must(t, err)
	if settings["hz"].Running != "10" {
		t.Errorf("a refused change is half there: %+v", settings)
	}
	must(t, os.Chmod(e.paths.data, 0o700))
	must(t, e.save(ctx, s))
	_, err = e.PutUser(ctx, new)
	must(t, err)
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusHealthy {
		t.Errorf("afterwards the state is %+v, %v", state, err)
	}
	kill(t, e)
	must(t, e.Start(ctx))
	expectKeys(ctx, t, e, 10)
	if users, err := e.ListUsers(ctx); err != nil || len(users) != 2 {
		t.Errorf("users are %+v, %v", users, err)
	}
}

// Nobody asked for it to follow another server.
func TestAnUnaskedReplicaIsReadOnly(t *testing.T) {
	t.Parallel()
	ctx, e, s := start(t, enginetest.NewHost(t, 0))
	must(t, s.do(ctx, "REPLICAOF", "127.0.0.1", strconv.Itoa(e.host.Port+1)))
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusReadOnly {
		t.Errorf("the state is %+v, %v", state, err)
	}
	must(t, s.do(ctx, "REPLICAOF", "NO", "ONE"))
	if state, err := e.State(ctx); err != nil || state.Status != guest.StatusHealthy {
		t.Errorf("the state is %+v, %v", state, err)
	}
}
