package config

import (
	"fmt"
	"slices"
	"strings"
)

// order sorts the nodes so that each comes after those it refers to, and reports cycles with the place of every edge.
func (r *reader) order() {
	walk := &cycleWalk{r: r, state: map[string]int{}}
	for _, n := range r.nodeList() {
		walk.visit(n)
	}
}

// cycleWalk is a depth-first walk; state is 1 on the way down and 2 when done.
type cycleWalk struct {
	r     *reader
	state map[string]int
	path  []*node
	edges []reference // edges[i] leads from path[i] to path[i+1]
}

func (w *cycleWalk) visit(n *node) {
	if w.state[n.id] == 2 {
		return
	}
	w.state[n.id] = 1
	w.path = append(w.path, n)
	for _, ref := range slices.Concat(n.refs, n.extra) {
		to := w.r.nodes[ref.id]
		switch w.state[ref.id] {
		case 1:
			w.report(to, ref)
		case 0:
			w.edges = append(w.edges, ref)
			w.visit(to)
			w.edges = w.edges[:len(w.edges)-1]
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.state[n.id] = 2
	w.r.sorted = append(w.r.sorted, n)
}

// report tells the cycle that the last edge closes.
func (w *cycleWalk) report(to *node, closing reference) {
	start := slices.Index(w.path, to)
	members := w.path[start:]
	edges := append(slices.Clone(w.edges[start:]), closing)
	var lines []string
	for i, n := range members {
		n.failed = true
		lines = append(lines, fmt.Sprintf("%s names %s at %s", n.id, edges[i].id, edges[i].at.String()))
	}
	detail := "These refer to one another, so none can be evaluated first: " + strings.Join(lines, "; ") + "."
	if len(members) == 1 {
		detail = fmt.Sprintf("%s refers to itself at %s.", to.id, closing.at.String())
	}
	w.r.fail(closing.at, "Reference cycle", "Remove one of the references; a local value or a variable can hold what both need.", "%s", detail)
}
