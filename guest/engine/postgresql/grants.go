package postgresql

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
)

// statements bring what a role holds in a database to what is asked: first what is missing, then, unless what is more may
// stay, what is too much, so that nobody who keeps a right is without it for a moment.
func (w *world) statements(role string, asked map[fact]bool, keepMore bool) []string {
	holds := w.explicit[role]
	var out []string
	for _, handed := range []bool{false, true} {
		missing := map[place][]string{}
		for f, grantable := range asked {
			if h := holds[f]; grantable == handed && (h == nil || grantable && !h.grantable) {
				missing[f.place] = append(missing[f.place], f.privilege)
			}
		}
		suffix := ""
		if handed {
			suffix = " WITH GRANT OPTION"
		}
		out = append(out, each(missing, func(p place, privileges string) string {
			return p.prefix() + "GRANT " + privileges + " ON " + p.clause + " TO " + identifier(role) + suffix
		})...)
	}
	if keepMore {
		return out
	}
	return append(out, w.revocations(role, asked)...)
}

// revocations take away what is not asked. Each is made in the name of whoever granted it: nobody else's word takes it back.
func (w *world) revocations(role string, asked map[fact]bool) []string {
	type way struct {
		grantor string
		option  bool // only the right to hand it on
	}
	extra := map[way]map[place][]string{}
	for f, h := range w.explicit[role] {
		grantable, wanted := asked[f]
		if wanted && (grantable || !h.grantable) {
			continue
		}
		for _, grantor := range h.grantors {
			by := way{grantor, wanted}
			if extra[by] == nil {
				extra[by] = map[place][]string{}
			}
			extra[by][f.place] = append(extra[by][f.place], f.privilege)
		}
	}
	ways := slices.SortedFunc(maps.Keys(extra), func(a, b way) int {
		return cmp.Or(strings.Compare(a.grantor, b.grantor), boolean(a.option)-boolean(b.option))
	})
	var out []string
	for _, by := range ways {
		option := ""
		if by.option {
			option = "GRANT OPTION FOR "
		}
		out = append(out, "SET LOCAL ROLE "+identifier(by.grantor))
		out = append(out, each(extra[by], func(p place, privileges string) string {
			return p.prefix() + "REVOKE " + option + privileges + " ON " + p.clause + " FROM " + identifier(role) + " CASCADE"
		})...)
	}
	if len(ways) > 0 {
		out = append(out, "RESET ROLE")
	}
	return out
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// each makes a statement for every place, in a fixed order.
func each(places map[place][]string, statement func(p place, privileges string) string) []string {
	var out []string
	for p, privileges := range places {
		slices.Sort(privileges)
		out = append(out, statement(p, strings.Join(privileges, ", ")))
	}
	slices.Sort(out)
	return out
}

// prefix begins a statement about what is yet to be made.
func (p place) prefix() string {
	if p.maker == "" {
		return ""
	}
	out := "ALTER DEFAULT PRIVILEGES FOR ROLE " + identifier(p.maker)
	if p.schema != "" {
		out += " IN SCHEMA " + identifier(p.schema)
	}
	return out + " "
}

// putGrants brings a role's rights in one database to what is asked, all or nothing.
func (w *world) putGrants(ctx context.Context, s *session, role string, asked map[fact]bool, keepMore bool) error {
	statements := w.statements(role, asked, keepMore)
	if len(statements) == 0 {
		return nil
	}
	return s.exec(ctx, "BEGIN; "+strings.Join(statements, ";\n")+"; COMMIT")
}

// spread gives everybody whose grants hold for what is yet to be made the same on what roles make that can do so only now:
// the agent's own role says what that is.
func (w *world) spread(ctx context.Context, s *session) error {
	var statements []string
	for _, role := range slices.Sorted(maps.Keys(w.explicit)) {
		asked := map[fact]bool{}
		for f, h := range w.explicit[role] {
			if f.maker != superuser {
				continue
			}
			for _, maker := range w.makers {
				if maker != role {
					asked[fact{place{f.clause, maker, f.schema}, f.privilege}] = h.grantable
				}
			}
		}
		statements = append(statements, w.statements(role, asked, true)...)
	}
	if len(statements) == 0 {
		return nil
	}
	return s.exec(ctx, "BEGIN; "+strings.Join(statements, ";\n")+"; COMMIT")
}
