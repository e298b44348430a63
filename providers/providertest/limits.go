package providertest

import (
	"context"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
)

// limits reads what every service tells, by resource, and checks that it is told once and makes sense.
func (k *kit) limits() map[string]providers.Limit {
	k.Helper()
	all := map[string]providers.Limit{}
	for _, read := range []func(context.Context) ([]providers.Limit, error){k.Cloud.Limits.Compute, k.Cloud.Limits.Storage, k.Cloud.Limits.Network} {
		for _, l := range must(read(k.ctx))(k) {
			if _, twice := all[l.Resource]; twice || l.Max < providers.Unlimited || l.Used < 0 {
				k.Errorf("limit %+v, told twice: %t", l, twice)
			}
			all[l.Resource] = l
		}
	}
	return all
}

var limitClauses = []clause{
	{"limits count what there is", func(k *kit) {
		before := k.limits()
		group := k.group(providers.Rule{Port: 3306, CIDR: "10.20.0.0/16"})
		port := k.port(group.ID)
		volume := k.volume(2)
		made := must(k.Cloud.Servers.Create(k.ctx, k.spec(port.ID, volume.ID)))(k)
		k.waitServer(made.ID, "ACTIVE")
		after, more := k.limits(), map[string]int{}
		for resource, l := range after {
			if n := l.Used - before[resource].Used; n != 0 && slices.Contains(counted, resource) {
				more[resource] = n
			}
			if l.Max != before[resource].Max {
				k.Errorf("the limit of %s was %d and is %d", resource, before[resource].Max, l.Max)
			}
		}
		want := map[string]int{ // a new group has two rules by itself: one lets out each family of addresses
			providers.LimitServers: 1, providers.LimitCores: k.flavor.VCPUs, providers.LimitRAM: k.flavor.RAMMiB, providers.LimitVolumes: 1,
			providers.LimitGigabytes: 2, providers.LimitPorts: 1, providers.LimitGroups: 1, providers.LimitRules: 3,
		}
		if diff := cmp.Diff(want, more); diff != "" {
			k.Errorf("what was made counts as (-want +got):\n%s", diff)
		}
	}},
	{"a limit is where the cloud refuses", func(k *kit) {
		if k.LimitServers == nil {
			return
		}
		most := k.LimitServers(k.T)
		if got := k.limits()[providers.LimitServers]; got.Max != most || got.Used != 0 {
			k.Errorf("told is %+v, want at most %d and none used", got, most)
		}
	}},
	{"limits are not read after their context ended", func(k *kit) {
		ended, cancel := context.WithCancel(k.ctx)
		cancel()
		_, err := k.Cloud.Limits.Compute(ended)
		k.wantKind(err, "list compute limits", providers.KindTransient)
	}},
}

// counted are the resources that every cloud counts.
var counted = []string{
	providers.LimitServers, providers.LimitCores, providers.LimitRAM, providers.LimitVolumes, providers.LimitGigabytes, providers.LimitPorts,
	providers.LimitGroups, providers.LimitRules,
}
