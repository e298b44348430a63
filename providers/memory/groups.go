package memory

import (
	"context"
	"net/netip"
	"slices"

	"github.com/trovectl/trovectl/providers"
)

// defaultGroup is the id of the group that every project has.
const defaultGroup = "000000de-0000-4000-8000-000000000000"

type group struct {
	providers.SecurityGroup
	motion
}

func (g *group) view() providers.SecurityGroup {
	v := g.SecurityGroup
	v.Rules = slices.Clone(g.Rules)
	return v
}

type groupService struct{ c *Cloud }

func (s *groupService) Create(ctx context.Context, spec providers.SecurityGroupSpec) (providers.SecurityGroup, error) {
	const call = "create security group"
	if err := marked(call, spec.Mark); err != nil {
		return providers.SecurityGroup{}, err
	}
	for _, rule := range spec.Rules {
		if err := checkRule(call, rule); err != nil {
			return providers.SecurityGroup{}, err
		}
	}
	var made providers.SecurityGroup
	err := s.c.do(ctx, call, spec.Name, func(f *Fault) error {
		if err := room(call, "security_group", s.c.options.Quota.SecurityGroups, len(s.c.groups.rows), 1); err != nil {
			return err
		}
		if err := s.c.ruleRoom(call, egressRules+len(spec.Rules)); err != nil {
			return err
		}
		row := &group{SecurityGroup: providers.SecurityGroup{
			ID: s.c.newID(0x5f), Name: spec.Name, Mark: spec.Mark, CreatedAt: s.c.timestamp(),
		}}
		if f != nil {
			row.hidden = f.Hidden
		}
		s.c.groups.add(row.ID, row)
		for _, rule := range spec.Rules {
			s.c.addRule(row, spec.Mark, rule)
		}
		made = row.view()
		return nil
	})
	if err != nil {
		return providers.SecurityGroup{}, err
	}
	return made, nil
}

func checkRule(call string, rule providers.Rule) error {
	if _, err := netip.ParsePrefix(rule.CIDR); err != nil || rule.Port < 1 || rule.Port > 65535 {
		return &providers.Error{Kind: providers.KindInvalid, Call: call, Err: err,
			Message: "a rule needs a port from 1 to 65535 and a CIDR"}
	}
	return nil
}

func (c *Cloud) ruleRoom(call string, more int) error {
	return room(call, "security_group_rule", c.options.Quota.SecurityGroupRules, c.rules(), more)
}

// addRule adds a rule, or finds the one that lets the same in.
func (c *Cloud) addRule(row *group, mark providers.Mark, rule providers.Rule) providers.Rule {
	for _, there := range row.Rules {
		if there.Port == rule.Port && there.CIDR == rule.CIDR {
			return there
		}
	}
	made := providers.Rule{ID: c.newID(0x70), Port: rule.Port, CIDR: rule.CIDR, Mark: mark}
	row.Rules = append(row.Rules, made)
	providers.SortRules(row.Rules)
	return made
}

func (s *groupService) Get(ctx context.Context, id string) (providers.SecurityGroup, error) {
	var found providers.SecurityGroup
	err := s.c.do(ctx, "get security group", id, func(*Fault) error {
		row := s.c.groups.get(id)
		if row == nil || !row.seen() {
			return refuse(providers.KindNotFound, "get security group", "Security group %s does not exist", id)
		}
		found = row.view()
		return nil
	})
	return found, err
}

func (s *groupService) List(ctx context.Context) ([]providers.SecurityGroup, error) {
	var all []providers.SecurityGroup
	err := s.c.do(ctx, "list security groups", "", func(*Fault) error {
		s.c.groups.each(func(row *group) {
			if row.seen() {
				all = append(all, row.view())
			}
		})
		return nil
	})
	return all, err
}

func (s *groupService) AddRule(ctx context.Context, id string, mark providers.Mark, rule providers.Rule) (providers.Rule, error) {
	const call = "add security group rule"
	if err := marked(call, mark); err != nil {
		return providers.Rule{}, err
	}
	if err := checkRule(call, rule); err != nil {
		return providers.Rule{}, err
	}
	var made providers.Rule
	err := s.c.do(ctx, call, id, func(*Fault) error {
		row := s.c.groups.get(id)
		if row == nil {
			return refuse(providers.KindNotFound, call, "Security group %s does not exist", id)
		}
		if err := s.c.ruleRoom(call, 1); err != nil {
			return err
		}
		made = s.c.addRule(row, mark, rule)
		return nil
	})
	if err != nil {
		return providers.Rule{}, err
	}
	return made, nil
}

func (s *groupService) DeleteRule(ctx context.Context, id string) error {
	return s.c.do(ctx, "delete security group rule", id, func(*Fault) error {
		s.c.groups.each(func(row *group) {
			row.Rules = slices.DeleteFunc(row.Rules, func(rule providers.Rule) bool { return rule.ID == id })
		})
		return nil
	})
}

func (s *groupService) Delete(ctx context.Context, id string) error {
	const call = "delete security group"
	return s.c.do(ctx, call, id, func(*Fault) error {
		used := false
		s.c.ports.each(func(p *port) { used = used || slices.Contains(p.SecurityGroups, id) })
		if used {
			return refuse(providers.KindConflict, call, "Security Group %s in use.", id)
		}
		s.c.groups.remove(id)
		return nil
	})
}
