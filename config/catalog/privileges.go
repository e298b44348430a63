package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// AllPrivileges stands alone for everything that may be granted at a level.
const AllPrivileges = "ALL PRIVILEGES"

// Target is what privileges are granted on. Schema and Table are empty where the grant is wider.
type Target struct {
	Database string // a name, or "*" for all
	Schema   string
	Table    string
}

func (t Target) String() string {
	out := t.Database
	for _, part := range []string{t.Schema, t.Table} {
		if part != "" {
			out += "." + part
		}
	}
	return out
}

// CheckTarget tells why privileges cannot be granted on the target; nil: they can. Names are checked too.
func (e *Engine) CheckTarget(t Target) error {
	if e.grants == nil {
		return fmt.Errorf("%s has no grants", e.Name)
	}
	return e.grants.target(e, t)
}

// CheckPrivileges returns the canonical form of privileges to be granted on a target: upper case, sorted, without
// repetition, aliases resolved, and a lone AllPrivileges when they are all that may be granted there. On "*"
// that is Engine.GlobalPrivileges, not what the engine itself calls ALL. Its error says which one is refused and why.
func (e *Engine) CheckPrivileges(t Target, privileges []string) ([]string, error) {
	allowed := e.levelPrivileges(t)
	set := map[string]bool{}
	for _, given := range privileges {
		p := e.canonicalPrivilege(given)
		if p == AllPrivileges {
			for _, a := range allowed {
				set[a] = true
			}
			continue
		}
		if !slices.Contains(allowed, p) && p != e.entrance(t) {
			return nil, e.refusedPrivilege(t, p, allowed)
		}
		set[p] = true
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("no privilege is named; allowed are ALL and %s", strings.Join(allowed, ", "))
	}
	return e.JoinPrivileges(t, set), nil
}

// JoinPrivileges is the canonical list of a set of canonical privileges on a target: sorted, and AllPrivileges in place
// of those it stands for when all of them are there. What a server holds beyond them stays visible beside it; what the
// others bring along anyway (CONNECT on a database of PostgreSQL) is left out.
func (e *Engine) JoinPrivileges(t Target, set map[string]bool) []string {
	allowed, entrance := e.levelPrivileges(t), e.entrance(t)
	all, others := len(allowed) > 0, false
	for _, p := range allowed {
		all, others = all && set[p], others || set[p]
	}
	var out []string
	for p, there := range set {
		if there && (!all || !slices.Contains(allowed, p)) && (!others || p != entrance) {
			out = append(out, p)
		}
	}
	if all {
		out = append(out, AllPrivileges)
	}
	slices.Sort(out)
	return out
}

// ExpandPrivileges is the opposite of JoinPrivileges: the single privileges that a canonical list stands for, sorted.
func (e *Engine) ExpandPrivileges(t Target, canonical []string) []string {
	var out []string
	for _, p := range canonical {
		if p == AllPrivileges {
			out = append(out, e.levelPrivileges(t)...)
		} else {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TargetPrivileges are all the privileges that may be granted on a target that passed CheckTarget: what "ALL PRIVILEGES"
// stands for, and last what the others bring along anyway.
func (e *Engine) TargetPrivileges(t Target) []string {
	out := slices.Clone(e.levelPrivileges(t))
	if entrance := e.entrance(t); entrance != "" {
		out = append(out, entrance)
	}
	return out
}

// A Right is one canonical privilege on a target.
type Right struct {
	Target
	Privilege string
	Grantable bool
}

// Covered tells whether one of the others gives this right already, so that it is not part of the canonical form of
// all of them. Most engines keep grants on a database and on its tables apart; PostgreSQL's are nested.
func (e *Engine) Covered(r Right, others []Right) bool {
	nested, ok := e.grants.(nestedGrants)
	if !ok {
		return false
	}
	for _, o := range others {
		if r.Grantable && !o.Grantable || o == r {
			continue
		}
		if o.Target == r.Target && o.Privilege == r.Privilege || nested.covers(o.Target, o.Privilege, r.Target, r.Privilege) {
			return true
		}
	}
	return false
}

func (e *Engine) entrance(t Target) string {
	if nested, ok := e.grants.(nestedGrants); ok {
		return nested.entrance(t)
	}
	return ""
}

func (e *Engine) levelPrivileges(t Target) []string {
	if e.grants == nil {
		return nil
	}
	return e.grants.privileges(e, t)
}

func (e *Engine) canonicalPrivilege(given string) string {
	p := strings.Join(strings.Fields(strings.ToUpper(given)), " ")
	if p == "ALL" || p == AllPrivileges {
		return AllPrivileges
	}
	if canonical, ok := e.PrivilegeAliases[p]; ok {
		return canonical
	}
	return p
}

func (e *Engine) refusedPrivilege(t Target, p string, allowed []string) error {
	if why, ok := e.RefusedPrivileges[p]; ok {
		return fmt.Errorf("the privilege %s is not granted: %s", p, why)
	}
	switch {
	case slices.Contains(e.GlobalPrivileges, p) && !slices.Contains(e.Privileges, p):
		return fmt.Errorf("the privilege %s exists only for all databases: grant it on \"*\", not on %q", p, t)
	case slices.Contains(e.Privileges, p):
		return fmt.Errorf("the privilege %s does not exist on %q: grant it on the whole database; allowed here are ALL and %s", p, t, strings.Join(allowed, ", "))
	}
	hint := ""
	if near := nearest(p, allowed); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	return fmt.Errorf("%q is no privilege that %s grants%s; allowed are ALL and %s", p, e.Name, hint, strings.Join(allowed, ", "))
}
