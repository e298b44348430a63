package openstack

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/trovectl/trovectl/providers"
)

type serverGroupService struct {
	*client
	nova *gophercloud.ServiceClient
}

// serverGroup is what we read of a server group, as of compute 2.64.
// https://docs.openstack.org/api-ref/compute/#server-groups-os-server-groups
type serverGroup struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Policy  string   `json:"policy"`
	Members []string `json:"members"`
}

func (g serverGroup) view() providers.ServerGroup {
	v := providers.ServerGroup{ID: g.ID, Policy: g.Policy, MemberIDs: slices.Sorted(slices.Values(g.Members))}
	v.Name, v.Mark = providers.UnmarkName(g.Name)
	return v
}

type serverGroupReply struct {
	Group serverGroup `json:"server_group"`
}

func (s *serverGroupService) Create(ctx context.Context, spec providers.ServerGroupSpec) (providers.ServerGroup, error) {
	const call = "create server group"
	if err := unmarked(call, spec.Mark); err != nil {
		return providers.ServerGroup{}, err
	}
	body := map[string]any{"server_group": map[string]any{"name": providers.MarkedName(spec.Name, spec.Mark), "policy": spec.Policy}}
	var reply serverGroupReply
	if err := s.send(ctx, s.nova, call, http.MethodPost, "os-server-groups", body, &reply); err != nil {
		return providers.ServerGroup{}, err
	}
	if err := nameless(call, reply.Group.ID); err != nil {
		return providers.ServerGroup{}, err
	}
	return reply.Group.view(), nil
}

func (s *serverGroupService) Get(ctx context.Context, id string) (providers.ServerGroup, error) {
	const call = "get server group"
	p, err := path(call, "os-server-groups", id)
	if err != nil {
		return providers.ServerGroup{}, err
	}
	var reply serverGroupReply
	if err := s.send(ctx, s.nova, call, http.MethodGet, p, nil, &reply); err != nil {
		return providers.ServerGroup{}, err
	}
	return reply.Group.view(), nil
}

// List asks by offset, for server groups have no markers, until a page brings nothing new: how many Nova puts on one is its own.
func (s *serverGroupService) List(ctx context.Context) ([]providers.ServerGroup, error) {
	var all []providers.ServerGroup
	for seen := map[string]bool{}; ; {
		var reply struct {
			Groups []serverGroup `json:"server_groups"`
		}
		p := fmt.Sprintf("os-server-groups?limit=%d&offset=%d", s.pageSize, len(all))
		if err := s.send(ctx, s.nova, "list server groups", http.MethodGet, p, nil, &reply); err != nil {
			return nil, err
		}
		before := len(all)
		for _, g := range reply.Groups {
			if !seen[g.ID] {
				seen[g.ID] = true
				all = append(all, g.view())
			}
		}
		if len(all) == before {
			return all, nil
		}
	}
}

func (s *serverGroupService) Delete(ctx context.Context, id string) error {
	return s.remove(ctx, s.nova, "delete server group", "os-server-groups", id)
}
