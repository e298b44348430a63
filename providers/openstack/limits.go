package openstack

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

// limitService asks for the limits of the project. A service that is nil is not there.
type limitService struct {
	*client
	nova, cinder, neutron *gophercloud.ServiceClient
}

// Compute rests on https://docs.openstack.org/api-ref/compute/#limits-limits.
func (s *limitService) Compute(ctx context.Context) ([]providers.Limit, error) {
	if s.nova == nil {
		return nil, nil
	}
	var reply struct {
		Limits struct {
			Absolute map[string]int `json:"absolute"`
		} `json:"limits"`
	}
	if err := s.send(ctx, s.nova, "list compute limits", http.MethodGet, "limits", nil, &reply); err != nil {
		return nil, err
	}
	var all []providers.Limit
	for _, l := range []struct{ resource, most, used string }{
		{providers.LimitServers, "maxTotalInstances", "totalInstancesUsed"},
		{providers.LimitCores, "maxTotalCores", "totalCoresUsed"},
		{providers.LimitRAM, "maxTotalRAMSize", "totalRAMUsed"},
		{providers.LimitServerGroups, "maxServerGroups", "totalServerGroupsUsed"},
	} {
		most, told := reply.Limits.Absolute[l.most]
		used, counted := reply.Limits.Absolute[l.used]
		if told && counted {
			all = append(all, providers.Limit{Resource: l.resource, Max: max(most, providers.Unlimited), Used: used})
		}
	}
	return all, nil
}

// quota is one entry of a quota set with its use. Cinder says in_use, Neutron used.
type quota struct {
	Limit    *int `json:"limit"`
	InUse    int  `json:"in_use"`
	Used     int  `json:"used"`
	Reserved int  `json:"reserved"`
}

// limits reads the quotas that have a name of ours. What is none, such as the project's id, is left out.
func limits(set map[string]json.RawMessage, name func(string) string) []providers.Limit {
	var all []providers.Limit
	for _, key := range slices.Sorted(maps.Keys(set)) {
		var q quota
		if resource := name(key); resource != "" && json.Unmarshal(set[key], &q) == nil && q.Limit != nil {
			all = append(all, providers.Limit{Resource: resource, Max: max(*q.Limit, providers.Unlimited), Used: q.InUse + q.Used + q.Reserved})
		}
	}
	return all
}

// Storage rests on https://docs.openstack.org/api-ref/block-storage/v3/#quota-sets-extension-os-quota-sets, which tells of
// each type of volume as well.
func (s *limitService) Storage(ctx context.Context) ([]providers.Limit, error) {
	if s.cinder == nil {
		return nil, nil
	}
	const call = "list volume limits"
	p, err := path(call, "os-quota-sets", s.projectID)
	if err != nil {
		return nil, err
	}
	var reply struct {
		Set map[string]json.RawMessage `json:"quota_set"`
	}
	if err := s.send(ctx, s.cinder, call, http.MethodGet, p+"?usage=true", nil, &reply); err != nil {
		return nil, err
	}
	return limits(reply.Set, func(key string) string {
		resource, _, _ := strings.Cut(key, "_")
		if resource == providers.LimitVolumes || resource == providers.LimitGigabytes {
			return key
		}
		return ""
	}), nil
}

// networkQuotas are Neutron's names of resources, with ours and that of the collection.
var networkQuotas = map[string]struct{ resource, collection string }{
	"port":                {providers.LimitPorts, "ports"},
	"security_group":      {providers.LimitGroups, "security-groups"},
	"security_group_rule": {providers.LimitRules, "security-group-rules"},
	"floatingip":          {providers.LimitFloatingIPs, "floatingips"},
}

// Network rests on https://docs.openstack.org/api-ref/network/v2/#quotas-details-extension-quota-details. Where Neutron does
// not have that extension it counts what there is, which costs a list of each resource.
func (s *limitService) Network(ctx context.Context) ([]providers.Limit, error) {
	if s.neutron == nil {
		return nil, nil
	}
	const call = "list network limits"
	p, err := path(call, "quotas", s.projectID)
	if err != nil {
		return nil, err
	}
	var reply struct {
		Set map[string]json.RawMessage `json:"quota"`
	}
	err = s.send(ctx, s.neutron, call, http.MethodGet, p+"/details.json", nil, &reply)
	if providers.IsKind(err, providers.KindNotFound) {
		return s.countNetwork(ctx, call, p)
	}
	if err != nil {
		return nil, err
	}
	return limits(reply.Set, func(key string) string { return networkQuotas[key].resource }), nil
}

// bare is an object of which nothing but its being there matters.
type bare struct {
	ID string `json:"id"`
}

func (b bare) identifier() string { return b.ID }

func (s *limitService) countNetwork(ctx context.Context, call, p string) ([]providers.Limit, error) {
	var reply struct {
		Set map[string]json.RawMessage `json:"quota"`
	}
	if err := s.send(ctx, s.neutron, call, http.MethodGet, p, nil, &reply); err != nil {
		return nil, err
	}
	var all []providers.Limit
	for _, key := range slices.Sorted(maps.Keys(networkQuotas)) {
		var most int
		if raw, told := reply.Set[key]; !told || json.Unmarshal(raw, &most) != nil {
			continue
		}
		limit := providers.Limit{Resource: networkQuotas[key].resource, Max: max(most, providers.Unlimited)}
		if limit.Max != providers.Unlimited {
			collection := networkQuotas[key].collection
			there, err := list[bare](ctx, s.client, s.neutron, call, collection, strings.ReplaceAll(collection, "-", "_"),
				url.Values{"project_id": {s.projectID}, "fields": {"id"}})
			if err != nil {
				return nil, err
			}
			limit.Used = len(there)
		}
		all = append(all, limit)
	}
	return all, nil
}
