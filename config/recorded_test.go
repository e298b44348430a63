package config

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/config/resource"
)

func TestOutputsBefore(t *testing.T) {
	c := mustLoad(t, map[string]string{"a.trove.hcl": base + `
output "flavor" { value = instance.orders.flavor }
output "size" { value = instance.later.volume.size }
output "zone" { value = instance.orders.availability_zone }
output "address" { value = "${instance.orders.name}:${instance.orders.address}" }
output "inner" { value = database.d.instance.flavor }
output "number" { value = 7 }
output "new" { value = database.d.name }
instance "later" {
  datastore = datastore.mariadb
  version   = "10.11"
  flavor    = "db.large"
  network   = "private"
  volume { size = 10 }
}
output "volumes" { value = [for i in [instance.later, instance.other] : i.volume.size] }
instance "other" {
  datastore = datastore.mariadb
  version   = "10.11"
  flavor    = "db.large"
  network   = "private"
  volume { size = 10 }
}
database "d" { instance = instance.later }
`}, Input{})
	recorded := map[resource.Address]Recorded{}
	for name, size := range map[string]int{"orders": 3, "later": 4} {
		recorded[resource.Address{Kind: resource.KindInstance, Name: name}] = Recorded{
			Body:     &resource.Instance{Name: "was-" + name, Flavor: "db.tiny", Volume: &resource.Volume{Size: size}},
			Computed: map[string]any{"address": "10.0.0.9"},
		}
	}
	outs := c.OutputsBefore(recorded)
	got := map[string]any{}
	for _, o := range outs {
		if o.Known {
			got[o.Name] = o.Value
		}
	}
	want := map[string]any{
		"flavor": "db.tiny", "size": json.Number("4"), "zone": nil, "address": "was-orders:10.0.0.9", "number": json.Number("7"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("known outputs (-want +got):\n%s", diff)
	}
	after, _ := c.Outputs(nil, false)
	if len(after) != len(outs) {
		t.Errorf("%d outputs before, %d after", len(outs), len(after))
	}
}

// TestVariablesAndOutputsKeepSecrets: what is used as a password is a secret, also where nobody said so.
func TestVariablesAndOutputsKeepSecrets(t *testing.T) {
	c := mustLoad(t, map[string]string{"a.trove.hcl": base + `
variable "zones" { default = ["az1", 2] }
variable "pw" { type = string }
variable "hidden" {
  type      = string
  sensitive = true
}
user "u" {
  instance = instance.orders
  password = var.pw
}
output "leak" { value = "mysql://u:${var.pw}@${instance.orders.name}" }
output "fine" { value = var.zones }
`}, Input{Environ: []string{"TROVE_VAR_pw=hunter22", "TROVE_VAR_hidden=x"}})
	if diff := cmp.Diff(map[string]any{"zones": []any{"az1", json.Number("2")}}, c.Variables()); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	outs, _ := c.Outputs(nil, false)
	for _, o := range outs {
		if want := o.Name == "leak"; o.Sensitive != want {
			t.Errorf("the output %s is sensitive: %v", o.Name, o.Sensitive)
		}
	}
}
