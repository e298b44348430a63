package executor_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// many declares more instances beside the first, each with a database and a user.
func (f estate) many(n int) {
	for i := range n - 1 {
		where := address(fmt.Sprintf("instance.i%d", i))
		body := *f.inst
		body.Name = where.Name
		volume := *f.inst.Volume
		body.Volume = &volume
		f.add(where.String(), &body)
		f.add(fmt.Sprintf("database.d%d", i), &resource.Database{Instance: where, Name: "shop", Charset: "utf8mb4"})
		user := fmt.Sprintf("user.u%d", i)
		f.add(user, &resource.User{Instance: where, Name: "app", Host: "%", Grants: []resource.Grant{{Database: "shop", Privileges: []string{"SELECT"}}}})
		f.repassword(user, "p"+where.Name)
	}
}

// TestParallel_deathsAtRandom builds, changes and destroys five instances, eight steps at a time, and dies at random
// points of each on the way. It prints its seed.
func TestParallel_deathsAtRandom(t *testing.T) {
	for round := range 12 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			dice := dice(t, t.Name())
			w := newWorld(t)
			w.parallel = 8
			w.ask(shape{limit: "200", password: "one"})
			w.estate().many(5)
			w.struggle(dice, plan.ModeApply)
			w.ask(shape{limit: "300", size: 2, password: "two", cidrs: []string{"192.0.2.0/24"}})
			w.estate().many(5)
			w.struggle(dice, plan.ModeApply)
			w.struggle(dice, plan.ModeDestroy)
			if left := w.marked(); len(left) != 0 {
				t.Errorf("there is still %v", left)
			}
		})
	}
}

// struggle dies a few times at random and then goes on to the end.
func (w *world) struggle(dice *rand.Rand, mode plan.Mode) {
	w.t.Helper()
	var died []int
	for range dice.IntN(4) {
		at := 1 + dice.IntN(150)
		died = append(died, at)
		_, _, _ = w.run(at, mode)
	}
	var last error
	for range 3 {
		if _, _, last = w.run(0, mode); last == nil {
			break
		}
	}
	if last != nil {
		w.t.Fatalf("%s, died at %v: %v", mode, died, last)
	}
	if err := w.settled(mode); err != nil {
		w.t.Fatalf("%s, died at %v: %v", mode, died, err)
	}
}

// TestParallel_waitsTakeNoSeat: two seats, and eight servers of which none becomes active before all were asked for.
func TestParallel_waitsTakeNoSeat(t *testing.T) {
	const servers = 8
	w := newWorld(t)
	w.parallel = 2
	w.ask(shape{limit: "200", password: "one"})
	w.estate().many(servers)
	asked, all := 0, make(chan struct{})
	var mu sync.Mutex
	w.onCall = func(call string) {
		mu.Lock()
		defer mu.Unlock()
		if call != "create server" {
			return
		}
		if asked++; asked == servers {
			close(all)
		}
	}
	w.waits = func(ctx context.Context) error {
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if _, _, err := w.run(0, plan.ModeApply); err != nil {
		t.Fatal(err)
	}
}

// TestParallel_interrupted: of the steps that stood in line for a seat none begins, and what rests on them says so too. Those
// that had begun end well, or with the end of their wait.
func TestParallel_interrupted(t *testing.T) {
	w := newWorld(t)
	w.parallel = 2
	w.ask(shape{limit: "200", password: "one"})
	w.estate().many(8)
	soft, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.soft = soft
	w.onCall = func(call string) {
		if call == "create port" {
			cancel()
		}
	}
	_, p, err := w.run(0, plan.ModeApply)
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Fatalf("the error is %v", err)
	}
	begun := 0
	outcomes := w.outcomes()
	for id, what := range outcomes {
		because, skipped := strings.CutPrefix(what, "skipped because of ")
		switch {
		case !skipped:
			begun++
		case because != "interrupted" && outcomes[because] != "failed":
			t.Errorf("%s: %s", id, what)
		}
	}
	if begun == 0 || begun > 8 || begun == len(p.Steps) {
		t.Errorf("%d of %d steps were begun", begun, len(p.Steps))
	}
}

// TestParallel_interruptedWait: a server that takes for ever keeps no interrupted run from ending, and the next one adopts it.
func TestParallel_interruptedWait(t *testing.T) {
	w := newWorld(t)
	w.ask(shape{limit: "200", password: "one"})
	soft, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.soft = soft
	w.waits = func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	_, _, err := w.run(0, plan.ModeApply)
	if err == nil || !strings.Contains(err.Error(), "interrupted while it waited") {
		t.Fatalf("the error is %v", err)
	}
	w.soft, w.waits = nil, nil
	if _, _, err := w.run(0, plan.ModeApply); err != nil {
		t.Fatal(err)
	}
	if err := w.settled(plan.ModeApply); err != nil {
		t.Fatal(err)
	}
}
