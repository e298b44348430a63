package memory

import (
	"cmp"
	"context"

	"github.com/trovectl/trovectl/providers"
)

// egressRules is how many rules a new security group has by itself: one lets out each family of addresses.
const egressRules = 2

type limitService struct{ c *Cloud }

// limit is a limit of the Quota, where zero is unlimited.
func limit(resource string, most, used int) providers.Limit {
	return providers.Limit{Resource: resource, Max: cmp.Or(most, providers.Unlimited), Used: used}
}

func (s *limitService) read(ctx context.Context, call string, read func(q Quota) []providers.Limit) ([]providers.Limit, error) {
	var all []providers.Limit
	err := s.c.do(ctx, call, "", func(*Fault) error {
		all = read(s.c.options.Quota)
		return nil
	})
	return all, err
}

func (s *limitService) Compute(ctx context.Context) ([]providers.Limit, error) {
	return s.read(ctx, "list compute limits", func(q Quota) []providers.Limit {
		cores, ram := s.c.computed()
		return []providers.Limit{
			limit(providers.LimitServers, q.Servers, len(s.c.servers.rows)), limit(providers.LimitCores, q.Cores, cores),
			limit(providers.LimitRAM, q.RAMMiB, ram), limit(providers.LimitServerGroups, q.ServerGroups, len(s.c.serverGroups.rows)),
		}
	})
}

func (s *limitService) Storage(ctx context.Context) ([]providers.Limit, error) {
	return s.read(ctx, "list volume limits", func(q Quota) []providers.Limit {
		return []providers.Limit{
			limit(providers.LimitVolumes, q.Volumes, len(s.c.volumes.rows)), limit(providers.LimitGigabytes, q.Gigabytes, s.c.gigabytes()),
		}
	})
}

func (s *limitService) Network(ctx context.Context) ([]providers.Limit, error) {
	return s.read(ctx, "list network limits", func(q Quota) []providers.Limit {
		return []providers.Limit{
			limit(providers.LimitPorts, q.Ports, len(s.c.ports.rows)),
			limit(providers.LimitGroups, q.SecurityGroups, len(s.c.groups.rows)),
			limit(providers.LimitRules, q.SecurityGroupRules, s.c.rules()),
			limit(providers.LimitFloatingIPs, q.FloatingIPs, len(s.c.floating.rows)),
		}
	})
}

// computed is the cores and the MiB of RAM that the servers have, gigabytes the GiB of the volumes, and rules what the
// security groups hold with those that they have by themselves; c.mu is held.
func (c *Cloud) computed() (cores, ram int) {
	c.servers.each(func(s *server) {
		f := c.world.flavor(s.FlavorID)
		cores, ram = cores+f.VCPUs, ram+f.RAMMiB
	})
	return cores, ram
}

func (c *Cloud) gigabytes() (all int) {
	c.volumes.each(func(v *volume) { all += max(v.SizeGiB, v.newSize) })
	return all
}

func (c *Cloud) rules() (all int) {
	c.groups.each(func(g *group) { all += len(g.Rules) + egressRules })
	return all
}

// room refuses what would exceed a limit of the Quota.
func room(call, resource string, most, used, more int) error {
	if most > 0 && used+more > most {
		return refuse(providers.KindQuota, call, "Quota exceeded for resources: ['%s']: %d are used of %d, %d are asked for.", resource, used, most, more)
	}
	return nil
}
