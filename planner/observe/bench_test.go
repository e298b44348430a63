package observe_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/observe"
)

// BenchmarkLook looks at a fleet of n instances, each with a database and a user. The time for each instance stays as it
// is, and so does the number of calls.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b)
			desired := &resource.Set{Resources: map[resource.Address]*resource.Resource{}}
			for i := range n {
				w.build(fmt.Sprintf("o%d", i))
			}
			for address, record := range w.prior.Records {
				desired.Resources[address] = &resource.Resource{Address: address, Body: record.Body}
			}
			before := calls(w)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := observe.Look(context.Background(), w.look, w.prior, desired); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/instance")
			b.ReportMetric(float64(calls(w)-before)/float64(b.N), "calls/op")
		})
	}
}

func calls(w *world) (sum int) {
	for _, n := range w.cloud.Calls() {
		sum += n
	}
	return sum
}
