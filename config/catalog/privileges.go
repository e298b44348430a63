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
		if !slices.Contains(allowed, p) {
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
// of those it stands for when all of them are there. What a server holds beyond them stays visible beside it.
func (e *Engine) JoinPrivileges(t Target, set map[string]bool) []string {
	allowed := e.levelPrivileges(t)
	all := true
	for _, p := range allowed {
		all = all && set[p]
	}
	var out []string
	for p, there := range set {
		if there && (!all || !slices.Contains(allowed, p)) {
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
