package config

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/trovectl/trovectl/config/resource"
)

// fleetFiles is a configuration of n instances, each with a database and a user that name one another.
func fleetFiles(n int) map[string]string {
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, "    %q,\n", fmt.Sprintf("n%05d", i))
	}
	return map[string]string{"main.trove.hcl": base + "locals {\n  names = toset([\n" + list.String() + `  ])
}
variable "password" {
  sensitive = true
  default   = null
}
instance "fleet" {
  for_each  = local.names
  datastore = datastore.mariadb
  version   = "10.11"
  flavor    = instance.orders.flavor
  network   = "private"
  volume {
    size = 1
  }
  access {
    allowed_cidrs = ["10.0.0.0/8"]
  }
}
database "fleet" {
  for_each = local.names
  instance = instance.fleet[each.key]
  name     = "app"
}
user "fleet" {
  for_each = local.names
  instance = instance.fleet[each.key]
  name     = "app"
  password = var.password
  grant {
    database   = database.fleet[each.key]
    privileges = ["SELECT"]
  }
  depends_on = [instance.orders]
}
output "names" {
  value = [for i in instance.fleet : i.name]
}
`}
}

// TestLinear loads a thousand and ten thousand instances: what a load allocates grows with their number and not faster.
func TestLinear(t *testing.T) {
	const small, large = 1000, 10_000
	a, b := allocations(t, small), allocations(t, large)
	if ratio := b / a; ratio > 1.3*large/small {
		t.Errorf("ten times the instances allocate %.1f times as much (%.0f, then %.0f)", ratio, a, b)
	}
}

func allocations(t *testing.T, n int) float64 {
	t.Helper()
	dir := writeFiles(t, fleetFiles(n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, list := Load(dir, Input{})
	runtime.ReadMemStats(&after)
	if list.HasErrors() || len(c.Set.Resources) != 3*n+2 {
		t.Fatalf("%d resources, %s", len(c.Set.Resources), showList(list))
	}
	last := resource.Address{Kind: resource.KindUser, Name: "fleet", Key: resource.TextKey(fmt.Sprintf("n%05d", n-1))}
	if res := c.Set.Resources[last]; res == nil || len(res.DependsOn) != 1 {
		t.Errorf("%s: %+v", last, res)
	}
	return float64(after.Mallocs - before.Mallocs)
}

// BenchmarkLoad loads n instances out of one for_each, each with a database and a user. The time for each instance stays as
// it is.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := writeFiles(b, fleetFiles(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, list := Load(dir, Input{}); list.HasErrors() {
					b.Fatal(showList(list))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/instance")
		})
	}
}
