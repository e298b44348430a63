package executor_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

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
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range 12 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			dice := rand.New(rand.NewPCG(seed, uint64(round)))
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
