package openstack_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/emulator"
	"github.com/trovectl/trovectl/providers/openstack"
)

// TestLimits_withoutQuotaDetails: where Neutron does not tell what is used, it is counted, and is the same.
func TestLimits_withoutQuotaDetails(t *testing.T) {
	w := newWorld(t)
	cloud, err := openstack.Open(t.Context(), w.options)
	if err != nil {
		t.Fatal(err)
	}
	spec := providers.SecurityGroupSpec{
		Mark: providers.Mark{Lineage: "abcd0123", Member: "m", Intent: "i"}, Name: "g",
		Rules: []providers.Rule{{Port: 22, CIDR: "10.0.0.0/8"}, {Port: 3306, CIDR: "10.0.0.0/8"}},
	}
	if _, err := cloud.SecurityGroups.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	told, err := cloud.Limits.Network(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fault := emulator.Fault{Method: "GET", PathRegexp: "details.json$", Kind: emulator.FaultStatus, Status: 404}
	if err := w.emulator.Inject(fault); err != nil {
		t.Fatal(err)
	}
	counted, err := cloud.Limits.Network(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []providers.Limit{
		{Resource: providers.LimitFloatingIPs, Max: 50}, {Resource: providers.LimitPorts, Max: 500},
		{Resource: providers.LimitGroups, Max: 10, Used: 2}, {Resource: providers.LimitRules, Max: 100, Used: 8},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, counted); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}
