package providertest

import (
	"github.com/google/go-cmp/cmp"

	"github.com/trovectl/trovectl/providers"
)

// plain leaves ids and marks out of rules.
func plain(rules []providers.Rule) []providers.Rule {
	var out []providers.Rule
	for _, r := range rules {
		out = append(out, providers.Rule{Port: r.Port, CIDR: r.CIDR, Other: r.Other})
	}
	return out
}

var groupClauses = []clause{
	{"a group has exactly the rules asked for, sorted", func(k *kit) {
		made := k.group(
			providers.Rule{Port: 3306, CIDR: "10.20.0.0/16"},
			providers.Rule{Port: 22, CIDR: "10.0.9.10/32"},
			providers.Rule{Port: 3306, CIDR: "10.10.0.0/16"},
		)
		want := []providers.Rule{{Port: 22, CIDR: "10.0.9.10/32"}, {Port: 3306, CIDR: "10.10.0.0/16"}, {Port: 3306, CIDR: "10.20.0.0/16"}}
		got := must(k.Cloud.SecurityGroups.Get(k.ctx, made.ID))(k)
		for _, rules := range [][]providers.Rule{made.Rules, got.Rules, k.listedGroup(made.ID).Rules} {
			if diff := cmp.Diff(want, plain(rules)); diff != "" {
				k.Errorf("rules (-want +got):\n%s", diff)
			}
		}
		for _, r := range got.Rules {
			if r.ID == "" || r.Mark != made.Mark {
				k.Errorf("rule %+v lacks its id or the mark %q", r, made.Mark)
			}
		}
		if empty := k.group(); len(must(k.Cloud.SecurityGroups.Get(k.ctx, empty.ID))(k).Rules) != 0 {
			k.Error("a group asked for without rules lets something in")
		}
	}},
	{"a rule added twice is one rule", func(k *kit) {
		g := k.group(providers.Rule{Port: 3306, CIDR: "10.20.0.0/16"})
		rule, mark := providers.Rule{Port: 3306, CIDR: "10.30.0.0/16"}, k.mark()
		first := must(k.Cloud.SecurityGroups.AddRule(k.ctx, g.ID, mark, rule))(k)
		again := must(k.Cloud.SecurityGroups.AddRule(k.ctx, g.ID, k.mark(), rule))(k)
		if first.ID == "" || first.ID != again.ID || first.Mark != mark || again.Mark != mark {
			k.Errorf("got %+v, then %+v, want the same rule", first, again)
		}
		if got := must(k.Cloud.SecurityGroups.Get(k.ctx, g.ID))(k); len(got.Rules) != 2 {
			k.Errorf("the group has %d rules, want 2: %+v", len(got.Rules), got.Rules)
		}
	}},
	{"a rule is deleted once or twice", func(k *kit) {
		g := k.group(providers.Rule{Port: 3306, CIDR: "10.20.0.0/16"}, providers.Rule{Port: 22, CIDR: "10.20.0.0/16"})
		k.ok(k.Cloud.SecurityGroups.DeleteRule(k.ctx, g.Rules[0].ID))
		k.ok(k.Cloud.SecurityGroups.DeleteRule(k.ctx, g.Rules[0].ID))
		got := must(k.Cloud.SecurityGroups.Get(k.ctx, g.ID))(k)
		if diff := cmp.Diff(g.Rules[1:], got.Rules); diff != "" {
			k.Errorf("rules (-want +got):\n%s", diff)
		}
	}},
	{"a group in use is not deleted", func(k *kit) {
		g := k.group()
		port := k.port(g.ID)
		k.wantKind(k.Cloud.SecurityGroups.Delete(k.ctx, g.ID), "delete security group", providers.KindConflict)
		k.ok(k.Cloud.Ports.Delete(k.ctx, port.ID))
		k.ok(k.Cloud.SecurityGroups.Delete(k.ctx, g.ID))
	}},
	{"a rule needs a port, a CIDR, a mark and a group", func(k *kit) {
		g := k.group()
		for _, rule := range []providers.Rule{{Port: 0, CIDR: "10.0.0.0/8"}, {Port: 70000, CIDR: "10.0.0.0/8"}, {Port: 22, CIDR: "anywhere"}, {Port: 22}} {
			_, err := k.Cloud.SecurityGroups.AddRule(k.ctx, g.ID, k.mark(), rule)
			k.wantKind(err, "add security group rule", providers.KindInvalid)
		}
		good := providers.Rule{Port: 22, CIDR: "10.0.0.0/8"}
		_, err := k.Cloud.SecurityGroups.AddRule(k.ctx, g.ID, providers.Mark{}, good)
		k.wantKind(err, "add security group rule", providers.KindInvalid)
		_, err = k.Cloud.SecurityGroups.AddRule(k.ctx, "ffffffff-ffff-4fff-8fff-ffffffffffff", k.mark(), good)
		k.wantKind(err, "add security group rule", providers.KindNotFound)
		_, err = k.Cloud.SecurityGroups.Create(k.ctx, providers.SecurityGroupSpec{Mark: k.mark(), Name: "bad", Rules: []providers.Rule{{Port: 22, CIDR: "anywhere"}}})
		k.wantKind(err, "create security group", providers.KindInvalid)
		if got := must(k.Cloud.SecurityGroups.Get(k.ctx, g.ID))(k); len(got.Rules) != 0 {
			k.Errorf("refused rules were made: %+v", got.Rules)
		}
	}},
	{"rules of IPv6 networks", func(k *kit) {
		g := k.group(providers.Rule{Port: 3306, CIDR: "2001:db8::/32"})
		if diff := cmp.Diff([]providers.Rule{{Port: 3306, CIDR: "2001:db8::/32"}}, plain(g.Rules)); diff != "" {
			k.Errorf("rules (-want +got):\n%s", diff)
		}
	}},
}

func (k *kit) listedGroup(id string) providers.SecurityGroup {
	k.Helper()
	all := must(k.Cloud.SecurityGroups.List(k.ctx))(k)
	return pick(k, all, func(g providers.SecurityGroup) bool { return g.ID == id })
}
