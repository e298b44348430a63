package graph_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/planner/graph"
)

var errVisit = errors.New("this one fails")

func TestWalkSkipsOnlyWhatRestsOnAFailure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, list := edges(t, true)
		parallel := rapid.IntRange(0, 8).Draw(t, "parallel")
		fails := rapid.SliceOfN(rapid.IntRange(0, 30), 0, 4).Draw(t, "fails")
		var mu sync.Mutex
		ended := map[int]bool{}
		var running, most atomic.Int64
		results := build(n, list).Walk(context.Background(), parallel, func(_ context.Context, k int) error {
			now := running.Add(1)
			defer running.Add(-1)
			mu.Lock()
			defer mu.Unlock()
			most.Store(max(most.Load(), now))
			for _, e := range list {
				if e[1] == k && !ended[e[0]] {
					return fmt.Errorf("%d began before %d had ended", k, e[0])
				}
			}
			ended[k] = true
			if slices.Contains(fails, k) {
				return errVisit
			}
			return nil
		})
		if most.Load() > int64(max(parallel, 1)) {
			t.Fatalf("%d ran at a time, at most %d may", most.Load(), parallel)
		}
		for i, r := range results {
			checkResult(t, r, i, list, fails)
		}
	})
}

func checkResult(t *rapid.T, r graph.Result[int], i int, list [][2]int, fails []int) {
	if r.Key != i {
		t.Fatalf("result %d is that of %d", i, r.Key)
	}
	culprits := below(i, list, fails)
	switch r.Outcome {
	case graph.Done:
		if len(culprits) > 0 || slices.Contains(fails, i) {
			t.Fatalf("%d is done, though %v failed", i, culprits)
		}
	case graph.Failed:
		if !errors.Is(r.Err, errVisit) || !slices.Contains(fails, i) || len(culprits) > 0 {
			t.Fatalf("%d failed: %v", i, r.Err)
		}
	case graph.Skipped:
		if !slices.Contains(culprits, r.Culprit) {
			t.Fatalf("%d was skipped because of %d, but it rests on the failures %v", i, r.Culprit, culprits)
		}
	default:
		t.Fatalf("%d is %s", i, r.Outcome)
	}
}

// below lists the failures that a node rests on, those that are skipped themselves left out.
func below(k int, list [][2]int, fails []int) []int {
	var found []int
	for _, e := range list {
		if e[1] != k {
			continue
		}
		deeper := below(e[0], list, fails)
		if len(deeper) == 0 && slices.Contains(fails, e[0]) {
			deeper = []int{e[0]}
		}
		found = append(found, deeper...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestWalkIsAsParallelAsItMay(t *testing.T) {
	g := build(6, nil)
	var together sync.WaitGroup
	together.Add(3)
	var first atomic.Int64
	g.Walk(t.Context(), 3, func(context.Context, int) error {
		if first.Add(1) <= 3 {
			together.Done()
			together.Wait() // hangs unless three run at a time
		}
		return nil
	})
}

func TestWalkStopsWhenCancelled(t *testing.T) {
	g := build(5, [][2]int{{0, 1}, {1, 2}})
	ctx, cancel := context.WithCancel(t.Context())
	var visited []int
	results := g.Walk(ctx, 1, func(ctx context.Context, k int) error {
		visited = append(visited, k)
		if k == 1 {
			cancel()
		}
		return nil
	})
	if diff := gocmp.Diff([]int{0, 1}, visited); diff != "" {
		t.Errorf("visited (-want +got):\n%s", diff)
	}
	var outcomes []graph.Outcome
	for _, r := range results {
		outcomes = append(outcomes, r.Outcome)
	}
	want := []graph.Outcome{graph.Done, graph.Done, graph.Unstarted, graph.Unstarted, graph.Unstarted}
	if diff := gocmp.Diff(want, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestWalkWaitsForWhatRunsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var ended atomic.Bool
	results := build(2, [][2]int{{0, 1}}).Walk(ctx, 4, func(ctx context.Context, _ int) error {
		cancel()
		<-ctx.Done()
		ended.Store(true)
		return ctx.Err()
	})
	if !ended.Load() || results[0].Outcome != graph.Failed || results[1].Outcome != graph.Skipped {
		t.Errorf("ended %t, results %+v", ended.Load(), results)
	}
}

func TestWalkLeavesCyclesAlone(t *testing.T) {
	results := build(4, [][2]int{{0, 1}, {1, 2}, {2, 1}, {2, 3}}).Walk(t.Context(), 2, func(context.Context, int) error { return nil })
	for i, want := range []graph.Outcome{graph.Done, graph.Unstarted, graph.Unstarted, graph.Unstarted} {
		if results[i].Outcome != want {
			t.Errorf("%d is %s, want %s", i, results[i].Outcome, want)
		}
	}
}

func TestWalkSurvivesAPanic(t *testing.T) {
	results := build(2, [][2]int{{0, 1}}).Walk(t.Context(), 1, func(context.Context, int) error { panic("lamp broke") })
	if results[0].Outcome != graph.Failed || !strings.Contains(results[0].Err.Error(), "lamp broke") {
		t.Errorf("a panic: %+v", results[0])
	}
	if results[1].Outcome != graph.Skipped || results[1].Culprit != 0 {
		t.Errorf("what rests on it: %+v", results[1])
	}
	if graph.Errors(results) == nil || graph.Errors(results[1:]) != nil {
		t.Error("Errors gives the errors of the failed, and of them alone")
	}
}

func TestWalkOfTenThousandVisitsEach(t *testing.T) {
	var visits atomic.Int64
	g := fleet(10000)
	for _, r := range g.Walk(t.Context(), 16, func(context.Context, string) error { visits.Add(1); return nil }) {
		if r.Outcome != graph.Done {
			t.Fatalf("%s is %s", r.Key, r.Outcome)
		}
	}
	if visits.Load() != int64(g.Len()) {
		t.Errorf("%d visits of %d", visits.Load(), g.Len())
	}
}
