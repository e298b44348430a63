// Package graph orders things that rest on one another, and walks them in that order, several at a time.
package graph

import (
	"container/heap"
	"slices"
)

// Graph is a set of nodes with edges from a node to those that rest on it. It remembers the order in which nodes were
// added, and everything it returns depends on that order alone. It is not safe for changes during a Walk.
type Graph[K comparable] struct {
	index map[K]int
	nodes []node[K]
}

type node[K comparable] struct {
	key   K
	after []int // nodes that rest on this one, each once
	needs int   // how many nodes it rests on
	seen  map[int]bool
}

// New is a graph without nodes.
func New[K comparable]() *Graph[K] { return &Graph[K]{index: map[K]int{}} }

// Add adds a node; one that is there already stays as it is.
func (g *Graph[K]) Add(key K) { g.add(key) }

func (g *Graph[K]) add(key K) int {
	if i, there := g.index[key]; there {
		return i
	}
	g.index[key] = len(g.nodes)
	g.nodes = append(g.nodes, node[K]{key: key})
	return len(g.nodes) - 1
}

// Connect says that a node comes before another one, which rests on it. Nodes that are not there are added. Twice is
// harmless. A node that rests on itself is a cycle.
func (g *Graph[K]) Connect(before, after K) {
	from, to := g.add(before), g.add(after)
	if g.nodes[from].seen[to] {
		return
	}
	if g.nodes[from].seen == nil {
		g.nodes[from].seen = map[int]bool{}
	}
	g.nodes[from].seen[to] = true
	g.nodes[from].after = append(g.nodes[from].after, to)
	g.nodes[to].needs++
}

// Has tells whether there is such a node.
func (g *Graph[K]) Has(key K) bool {
	_, there := g.index[key]
	return there
}

// Len is the number of nodes.
func (g *Graph[K]) Len() int { return len(g.nodes) }

// After lists the nodes that rest directly on a node, in the order in which they were connected.
func (g *Graph[K]) After(key K) []K {
	i, there := g.index[key]
	if !there {
		return nil
	}
	return g.keys(g.nodes[i].after)
}

func (g *Graph[K]) keys(indices []int) []K {
	keys := make([]K, len(indices))
	for i, n := range indices {
		keys[i] = g.nodes[n].key
	}
	return keys
}

// Order lists every node after those it rests on; where that leaves a choice, the least by compare comes first. It is
// false when there is a cycle: then the list holds the nodes that neither are in one nor rest on one. Its cost is
// n log n + edges.
func (g *Graph[K]) Order(compare func(a, b K) int) ([]K, bool) {
	needs := make([]int, len(g.nodes))
	ready := &queue[K]{graph: g, compare: compare}
	for i, n := range g.nodes {
		needs[i] = n.needs
		if n.needs == 0 {
			ready.indices = append(ready.indices, i)
		}
	}
	heap.Init(ready)
	order := make([]K, 0, len(g.nodes))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		order = append(order, g.nodes[i].key)
		for _, next := range g.nodes[i].after {
			if needs[next]--; needs[next] == 0 {
				heap.Push(ready, next)
			}
		}
	}
	return order, len(order) == len(g.nodes)
}

// queue gives the least of the nodes that are ready.
type queue[K comparable] struct {
	graph   *Graph[K]
	compare func(a, b K) int
	indices []int
}

func (q *queue[K]) Len() int { return len(q.indices) }
func (q *queue[K]) Less(i, j int) bool {
	a, b := q.indices[i], q.indices[j]
	if c := q.compare(q.graph.nodes[a].key, q.graph.nodes[b].key); c != 0 {
		return c < 0
	}
	return a < b
}
func (q *queue[K]) Swap(i, j int) { q.indices[i], q.indices[j] = q.indices[j], q.indices[i] }
func (q *queue[K]) Push(x any)    { q.indices = append(q.indices, x.(int)) }
func (q *queue[K]) Pop() any {
	last := len(q.indices) - 1
	x := q.indices[last]
	q.indices = q.indices[:last]
	return x
}

// Cycles lists one way round for every knot of nodes that rest on one another: each node comes before the next, and the
// last before the first. nil: there is none. Its cost is linear.
func (g *Graph[K]) Cycles() [][]K {
	var cycles [][]K
	for _, knot := range g.knots() {
		cycles = append(cycles, g.keys(g.wayRound(knot)))
	}
	return cycles
}

// knots finds the strongly connected components that hold a cycle, by Tarjan's algorithm with a stack of its own, since a
// chain may be longer than what a call stack is good for.
func (g *Graph[K]) knots() [][]int {
	t := &tarjan{number: make([]int, len(g.nodes)), low: make([]int, len(g.nodes)), on: make([]bool, len(g.nodes))}
	var knots [][]int
	for i := range g.nodes {
		if t.number[i] == 0 {
			knots = append(knots, g.knotsFrom(t, i)...)
		}
	}
	slices.SortFunc(knots, func(a, b []int) int { return a[0] - b[0] })
	return knots
}

type tarjan struct {
	number, low []int // counted from 1; 0: not visited
	on          []bool
	stack       []int
	count       int
}

func (t *tarjan) visit(i int) frame {
	t.count++
	t.number[i], t.low[i] = t.count, t.count
	t.stack, t.on[i] = append(t.stack, i), true
	return frame{node: i}
}

type frame struct{ node, next int }

func (g *Graph[K]) knotsFrom(t *tarjan, root int) (knots [][]int) {
	for work := []frame{t.visit(root)}; len(work) > 0; {
		top := &work[len(work)-1]
		if i := top.node; top.next < len(g.nodes[i].after) {
			next := g.nodes[i].after[top.next]
			top.next++
			if t.number[next] == 0 {
				work = append(work, t.visit(next))
			} else if t.on[next] {
				t.low[i] = min(t.low[i], t.number[next])
			}
			continue
		}
		i := top.node
		work = work[:len(work)-1]
		if len(work) > 0 {
			below := work[len(work)-1].node
			t.low[below] = min(t.low[below], t.low[i])
		}
		if t.low[i] != t.number[i] {
			continue
		}
		at := len(t.stack) - 1
		for t.stack[at] != i {
			at--
		}
		knot := slices.Clone(t.stack[at:])
		t.stack = t.stack[:at]
		for _, n := range knot {
			t.on[n] = false
		}
		if len(knot) > 1 || g.nodes[i].seen[i] {
			slices.Sort(knot)
			knots = append(knots, knot)
		}
	}
	return knots
}

// wayRound is a shortest way from the first node of a knot back to it, found breadth first.
func (g *Graph[K]) wayRound(knot []int) []int {
	inside := make(map[int]bool, len(knot))
	for _, n := range knot {
		inside[n] = true
	}
	start := knot[0]
	from := map[int]int{}
	for line := []int{start}; len(line) > 0; line = line[1:] {
		for _, next := range g.nodes[line[0]].after {
			if next == start {
				way := []int{line[0]}
				for way[len(way)-1] != start {
					way = append(way, from[way[len(way)-1]])
				}
				slices.Reverse(way)
				return way
			}
			if _, found := from[next]; inside[next] && !found {
				from[next] = line[0]
				line = append(line, next)
			}
		}
	}
	return nil // a knot always has a way round
}
