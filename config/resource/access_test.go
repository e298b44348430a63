package resource

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInstance_AccessKey(t *testing.T) {
	of := func(change func(*Instance)) *Instance {
		i := &Instance{
			Name: "a", Manager: "mariadb", Access: Access{AllowedCIDRs: []string{"10.0.0.0/8", "192.0.2.0/24"}},
			Guest: Guest{SourceCIDRs: []string{"10.9.0.1/32"}},
		}
		change(i)
		return i
	}
	base := of(func(*Instance) {})
	want := []Opening{{22, "10.9.0.1/32"}, {3306, "10.0.0.0/8"}, {3306, "192.0.2.0/24"}}
	if diff := cmp.Diff(want, base.Openings()); diff != "" {
		t.Errorf("openings (-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct {
		same   bool
		change func(*Instance)
	}{
		"another name and flavor": {true, func(i *Instance) { i.Name, i.Flavor = "b", "db.large" }},
		"another order, twice":    {true, func(i *Instance) { i.Access.AllowedCIDRs = []string{"192.0.2.0/24", "10.0.0.0/8", "192.0.2.0/24"} }},
		"port 22 said aloud":      {true, func(i *Instance) { i.Guest.Port = 22 }},
		"another SSH port":        {false, func(i *Instance) { i.Guest.Port = 2222 }},
		"one network less":        {false, func(i *Instance) { i.Access.AllowedCIDRs = i.Access.AllowedCIDRs[:1] }},
		"the agent for all":       {false, func(i *Instance) { i.Guest.SourceCIDRs = nil }},
		"another cloud":           {false, func(i *Instance) { i.Provider = "west" }},
	} {
		if got := of(c.change).AccessKey() == base.AccessKey(); got != c.same {
			t.Errorf("%s: shares the group: %t, want %t", name, got, c.same)
		}
	}
	if key := base.AccessKey(); len(key) != 24 {
		t.Errorf("the key is %q", key)
	}
}

func TestInstance_ManagementOpenings(t *testing.T) {
	i := &Instance{
		Manager: "mariadb", Network: "private", Access: Access{AllowedCIDRs: []string{"10.0.0.0/8"}},
		Guest: Guest{SourceCIDRs: []string{"10.9.0.1/32"}, Network: "private"},
	}
	if i.Managed() || len(i.ManagementOpenings()) > 0 || len(i.Openings()) != 2 {
		t.Errorf("its own network is no management network: %v, %v", i.Openings(), i.ManagementOpenings())
	}
	i.Guest.Network = "db-mgmt"
	if diff := cmp.Diff([]Opening{{3306, "10.0.0.0/8"}}, i.Openings()); diff != "" {
		t.Errorf("openings of its port (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Opening{{22, "10.9.0.1/32"}}, i.ManagementOpenings()); diff != "" {
		t.Errorf("openings of the port in the management network (-want +got):\n%s", diff)
	}
	if i.AccessKey() == i.ManagementKey() {
		t.Error("both ports have one group")
	}
}
