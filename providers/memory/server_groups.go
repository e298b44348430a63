package memory

import (
	"context"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

var policies = []string{"affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"}

type serverGroup struct {
	providers.ServerGroup
	motion
}

// view has the members that are there: a server that is gone is none.
func (c *Cloud) serverGroupView(row *serverGroup) providers.ServerGroup {
	v := row.ServerGroup
	c.servers.each(func(s *server) {
		if s.group == v.ID {
			v.MemberIDs = append(v.MemberIDs, s.ID)
		}
	})
	slices.Sort(v.MemberIDs)
	return v
}

type serverGroupService struct{ c *Cloud }

func (s *serverGroupService) Create(ctx context.Context, spec providers.ServerGroupSpec) (made providers.ServerGroup, err error) {
	const call = "create server group"
	if err := marked(call, spec.Mark); err != nil {
		return made, err
	}
	err = s.c.do(ctx, call, spec.Name, func(f *Fault) error {
		if !slices.Contains(policies, spec.Policy) {
			return refuse(providers.KindInvalid, call, "Invalid input for field/attribute policy. Value: %s.", spec.Policy)
		}
		if err := room(call, "server_groups", s.c.options.Quota.ServerGroups, len(s.c.serverGroups.rows), 1); err != nil {
			return err
		}
		row := &serverGroup{ServerGroup: providers.ServerGroup{ID: s.c.newID(0x56), Policy: spec.Policy}}
		row.Name, row.Mark = providers.UnmarkName(providers.MarkedName(spec.Name, spec.Mark))
		if f != nil {
			row.hidden = f.Hidden
		}
		s.c.serverGroups.add(row.ID, row)
		made = row.ServerGroup
		return nil
	})
	if err != nil {
		return providers.ServerGroup{}, err
	}
	return made, nil
}

func (s *serverGroupService) Get(ctx context.Context, id string) (found providers.ServerGroup, err error) {
	const call = "get server group"
	err = s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.serverGroups.get(id)
		if row == nil || !row.seen() {
			return refuse(providers.KindNotFound, call, "Instance group %s could not be found.", id)
		}
		found = s.c.serverGroupView(row)
		return nil
	})
	return found, err
}

func (s *serverGroupService) List(ctx context.Context) (all []providers.ServerGroup, err error) {
	err = s.c.do(ctx, "list server groups", "", func(*Fault) error {
		s.c.serverGroups.each(func(row *serverGroup) {
			if row.seen() {
				all = append(all, s.c.serverGroupView(row))
			}
		})
		return nil
	})
	return all, err
}

func (s *serverGroupService) Delete(ctx context.Context, id string) error {
	return s.c.do(ctx, "delete server group", id, func(*Fault) error {
		s.c.serverGroups.remove(id)
		return nil
	})
}
