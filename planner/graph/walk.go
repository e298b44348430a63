package graph

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Outcome is what became of a node in a walk. The set is closed.
type Outcome string

// The outcomes.
const (
	Done      Outcome = "done"
	Failed    Outcome = "failed"    // its visit gave Result.Err
	Skipped   Outcome = "skipped"   // it rests on Result.Culprit, which failed
	Unstarted Outcome = "unstarted" // the walk was cancelled before its turn, or it stands in a cycle
)

// Result is what became of one node.
type Result[K comparable] struct {
	Key     K
	Outcome Outcome
	Err     error // of Failed
	Culprit K     // of Skipped: the node that failed first among those that it rests on, directly or not
}

// Walk visits every node after those it rests on have been visited, at most parallel at a time; less than one is one. A
// node whose visit fails takes along only those that rest on it, directly or not: they are Skipped. When ctx ends no
// further visit begins, and those that run are waited for; they have the same ctx. Among nodes that are ready, the one
// that was added first begins first. A visit that panics has failed. The results stand in the order in which the nodes
// were added. visit is called from several goroutines, all of which have ended when Walk returns.
func (g *Graph[K]) Walk(ctx context.Context, parallel int, visit func(context.Context, K) error) []Result[K] {
	w := &walk[K]{
		graph: g, needs: make([]int, len(g.nodes)), culprit: make([]int, len(g.nodes)),
		results: make([]Result[K], len(g.nodes)), ended: make(chan ending),
	}
	for i, n := range g.nodes {
		w.needs[i], w.culprit[i] = n.needs, none
		w.results[i] = Result[K]{Key: n.key, Outcome: Unstarted}
		if n.needs == 0 {
			heap.Push(&w.ready, i)
		}
	}
	w.run(ctx, max(parallel, 1), visit)
	return w.results
}

const none = -1

// walk is the state of a walk, which only the goroutine that called Walk changes.
type walk[K comparable] struct {
	graph   *Graph[K]
	needs   []int // how many nodes each still waits for
	culprit []int // the failed node that each rests on, or none
	results []Result[K]
	ready   lowest
	ended   chan ending
}

type ending struct {
	node int
	err  error
}

func (w *walk[K]) run(ctx context.Context, parallel int, visit func(context.Context, K) error) {
	running := 0
	for {
		for running < parallel && ctx.Err() == nil && w.ready.Len() > 0 {
			i := heap.Pop(&w.ready).(int)
			running++
			go func() { w.ended <- ending{i, guarded(ctx, w.graph.nodes[i].key, visit)} }()
		}
		if running == 0 {
			return
		}
		end := <-w.ended
		running--
		w.end(end)
	}
}

func guarded[K comparable](ctx context.Context, key K, visit func(context.Context, K) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("visiting %v: panic: %v\n%s", key, p, debug.Stack())
		}
	}()
	return visit(ctx, key)
}

func (w *walk[K]) end(end ending) {
	r := &w.results[end.node]
	r.Outcome = Done
	failed := none
	if end.err != nil {
		r.Outcome, r.Err = Failed, end.err
		failed = end.node
	}
	w.release(end.node, failed)
}

// release lets those that rest on a node go on, or skips them and, with a list instead of recursion, those that rest on
// them. A node is skipped when the last of those it rests on has ended, so that nothing of its branch runs any more.
func (w *walk[K]) release(node, failed int) {
	type step struct{ node, failed int }
	for list := []step{{node, failed}}; len(list) > 0; list = list[1:] {
		for _, next := range w.graph.nodes[list[0].node].after {
			if w.culprit[next] == none {
				w.culprit[next] = list[0].failed
			}
			if w.needs[next]--; w.needs[next] > 0 {
				continue
			}
			if at := w.culprit[next]; at != none {
				w.results[next].Outcome, w.results[next].Culprit = Skipped, w.graph.nodes[at].key
				list = append(list, step{next, at})
			} else {
				heap.Push(&w.ready, next)
			}
		}
	}
}

// Errors joins what the failed nodes gave, in the order of the results. nil: none failed.
func Errors[K comparable](results []Result[K]) error {
	var errs []error
	for _, r := range results {
		if r.Outcome == Failed {
			errs = append(errs, r.Err)
		}
	}
	return errors.Join(errs...)
}

// lowest gives the lowest of its numbers first.
type lowest []int

func (l lowest) Len() int           { return len(l) }
func (l lowest) Less(i, j int) bool { return l[i] < l[j] }
func (l lowest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lowest) Push(x any)        { *l = append(*l, x.(int)) }
func (l *lowest) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = (*l)[:last]
	return x
}
