package graph_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trovectl/trovectl/planner/graph"
)

// edges draws a graph of n nodes; forward edges only when acyclic.
func edges(t *rapid.T, acyclic bool) (int, [][2]int) {
	n := rapid.IntRange(0, 30).Draw(t, "nodes")
	if n == 0 {
		return 0, nil
	}
	numbers := rapid.Permutation(numbersTo(n)).Draw(t, "numbers") // so that names and order are not related
	pair := rapid.Custom(func(t *rapid.T) [2]int {
		a, b := rapid.IntRange(0, n-1).Draw(t, "a"), rapid.IntRange(0, n-1).Draw(t, "b")
		if acyclic && a > b {
			a, b = b, a
		}
		return [2]int{numbers[a], numbers[b]}
	})
	list := rapid.SliceOfN(pair, 0, 60).Draw(t, "edges")
	if acyclic {
		list = slices.DeleteFunc(list, func(e [2]int) bool { return e[0] == e[1] })
	}
	return n, list
}

func numbersTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

func build(n int, list [][2]int) *graph.Graph[int] {
	g := graph.New[int]()
	for i := range n {
		g.Add(i)
	}
	for _, e := range list {
		g.Connect(e[0], e[1])
	}
	return g
}

func TestOrderPutsEachNodeAfterWhatItRestsOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, list := edges(t, true)
		order, whole := build(n, list).Order(cmp.Compare[int])
		if !whole || len(order) != n {
			t.Fatalf("the order has %d of %d nodes", len(order), n)
		}
		for _, e := range list {
			if slices.Index(order, e[0]) >= slices.Index(order, e[1]) {
				t.Fatalf("%d stands not before %d in %v", e[0], e[1], order)
			}
		}
		// However the same graph was told, the order is the same.
		other := graph.New[int]()
		for _, e := range slices.Backward(list) {
			other.Connect(e[0], e[1])
		}
		for i := range n {
			other.Add(n - 1 - i)
		}
		again, _ := other.Order(cmp.Compare[int])
		if diff := gocmp.Diff(order, again); diff != "" {
			t.Fatalf("told in another way (-first +second):\n%s", diff)
		}
	})
}

func TestOrderTakesTheLeastOfThoseThatAreReady(t *testing.T) {
	g := graph.New[string]()
	for _, k := range []string{"c", "b", "a"} {
		g.Add(k)
	}
	g.Connect("b", "a")
	order, _ := g.Order(cmp.Compare[string])
	if diff := gocmp.Diff([]string{"b", "a", "c"}, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCyclesAreWaysRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, list := edges(t, rapid.Bool().Draw(t, "acyclic"))
		g := build(n, list)
		cycles := g.Cycles()
		_, whole := g.Order(cmp.Compare[int])
		if whole != (len(cycles) == 0) {
			t.Fatalf("the order is whole: %t, but the cycles are %v", whole, cycles)
		}
		seen := map[int]bool{}
		for _, way := range cycles {
			for i, k := range way {
				next := way[(i+1)%len(way)]
				if !slices.Contains(list, [2]int{k, next}) {
					t.Fatalf("%v goes from %d to %d, where there is no edge", way, k, next)
				}
				if seen[k] {
					t.Fatalf("%d stands in two ways or twice: %v", k, cycles)
				}
				seen[k] = true
			}
		}
		for _, way := range cycles { // without the last edge of each way there may be others, but never this one
			list = slices.DeleteFunc(list, func(e [2]int) bool { return e[0] == way[len(way)-1] && e[1] == way[0] })
		}
		for _, way := range build(n, list).Cycles() {
			if slices.ContainsFunc(cycles, func(old []int) bool { return slices.Equal(old, way) }) {
				t.Fatalf("%v is still a way round", way)
			}
		}
	})
}

func TestCycles(t *testing.T) {
	g := graph.New[string]()
	for _, e := range []string{"ab", "bc", "ca", "cd", "de", "ed", "ff", "fg"} {
		g.Connect(e[:1], e[1:])
	}
	want := [][]string{{"a", "b", "c"}, {"d", "e"}, {"f"}}
	if diff := gocmp.Diff(want, g.Cycles()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	order, whole := g.Order(cmp.Compare[string])
	if whole || len(order) != 0 {
		t.Errorf("the order is %v, whole %t; every node is in a cycle or rests on one", order, whole)
	}
}

func TestNodesAndEdges(t *testing.T) {
	g := graph.New[string]()
	g.Add("a")
	g.Add("a")
	g.Connect("a", "b")
	g.Connect("a", "b")
	if g.Len() != 2 || !g.Has("b") || g.Has("c") {
		t.Errorf("%d nodes, b %t, c %t", g.Len(), g.Has("b"), g.Has("c"))
	}
	if diff := gocmp.Diff([]string{"b"}, g.After("a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := g.After("c"); got != nil {
		t.Errorf("after a node that is not there stand %v", got)
	}
}

// fleet is a graph as ours are: one hub, a chain of four for each of n, and a long chain.
func fleet(n int) *graph.Graph[string] {
	g := graph.New[string]()
	for i := range n {
		g.Connect("hub", fmt.Sprint("a", i))
		g.Connect(fmt.Sprint("a", i), fmt.Sprint("b", i))
		g.Connect(fmt.Sprint("a", i), fmt.Sprint("c", i))
		g.Connect(fmt.Sprint("b", i), fmt.Sprint("c", i))
		g.Connect(fmt.Sprint("chain", i), fmt.Sprint("chain", i+1))
	}
	return g
}

func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{1000, 10000, 40000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				g := fleet(n)
				if _, whole := g.Order(cmp.Compare[string]); !whole || g.Cycles() != nil {
					b.Fatal("there is no cycle")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/node")
		})
	}
}
