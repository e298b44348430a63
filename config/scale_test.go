package config

import (
	"fmt"
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

// TestLinear loads fleets of growing size: what a load allocates grows with the number of instances and not faster.
func TestLinear(t *testing.T) {
	const small, large = 500, 5000
	each := func(n int) float64 {
		dir := writeFiles(t, fleetFiles(n))
		return testing.AllocsPerRun(1, func() {
			c, list := Load(dir, Input{})
			if list.HasErrors() || len(c.Set.Resources) != 3*n+2 {
				t.Fatalf("%d resources, %s", len(c.Set.Resources), showList(list))
			}
		})
	}
	a, b := each(small), each(large)
	if ratio := b / a; ratio > 1.3*large/small {
		t.Errorf("ten times the instances allocate %.1f times as much (%.0f, then %.0f)", ratio, a, b)
	}
}

func TestTenThousand(t *testing.T) {
	c := mustLoad(t, fleetFiles(10_000), Input{})
	addr := resource.Address{Kind: resource.KindUser, Name: "fleet", Key: resource.TextKey("n09999")}
	if res := c.Set.Resources[addr]; res == nil || len(res.DependsOn) != 1 {
		t.Errorf("%s: %+v", addr, res)
	}
}

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
		})
	}
}
