package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
)

// CanonicalUser checks a request against the catalog and returns it in the words the engine stores: hosts normalised,
// one grant a database, privileges and ACL rules canonical, sorted. What the catalog refuses is KindInvalid.
func CanonicalUser(c *catalog.Engine, user guest.PutUser) (guest.PutUser, error) {
	for _, err := range []error{c.CheckUserName(user.Name), c.CheckHost(user.Host)} {
		if err != nil {
			return guest.PutUser{}, guest.Errorf(guest.KindInvalid, "%v", err)
		}
	}
	if user.Verifier != "" {
		if err := c.CheckVerifier(user.Verifier); err != nil {
			return guest.PutUser{}, guest.Errorf(guest.KindInvalid, "%v", err)
		}
	}
	user.Host = c.NormalizeHost(user.Host)
	if user.RenameFrom != nil {
		former := guest.UserName{Name: user.RenameFrom.Name, Host: c.NormalizeHost(user.RenameFrom.Host)}
		user.RenameFrom = &former
	}
	merged := map[On][]string{}
	for _, g := range user.Grants {
		on := OnOf(g)
		if err := c.CheckTarget(on.Target); err != nil {
			return guest.PutUser{}, guest.Errorf(guest.KindInvalid, "%v", err)
		}
		merged[on] = append(merged[on], g.Privileges...)
	}
	sets, rights := map[On]map[string]bool{}, []catalog.Right(nil)
	for on, privileges := range merged {
		if _, both := merged[On{on.Target, !on.Grantable}]; both && c.OneGrantOption {
			return guest.PutUser{}, guest.Errorf(guest.KindInvalid,
				"the grants on %s are grantable or they are not: %s has one grant option for all of them", on.Target, c.Name)
		}
		canonical, err := c.CheckPrivileges(on.Target, privileges)
		if err != nil {
			return guest.PutUser{}, guest.Errorf(guest.KindInvalid, "%v", err)
		}
		sets[on] = map[string]bool{}
		for _, p := range c.ExpandPrivileges(on.Target, canonical) {
			sets[on][p] = true
			rights = append(rights, catalog.Right{Target: on.Target, Privilege: p, Grantable: on.Grantable})
		}
	}
	for _, r := range rights {
		if c.Covered(r, rights) {
			delete(sets[On{r.Target, r.Grantable}], r.Privilege)
		}
	}
	user.Grants = GrantsOf(c, sets)
	user.Roles = slices.Compact(slices.Sorted(slices.Values(user.Roles)))
	if len(user.ACL) > 0 {
		canonical, err := c.CanonicalACL(user.ACL)
		if err != nil {
			return guest.PutUser{}, guest.Errorf(guest.KindInvalid, "%v", err)
		}
		user.ACL = canonical
	}
	return user, nil
}

// CanonicalSettings checks values against the catalog and returns them in canonical text. What the catalog refuses, and
// what belongs to the agent, is KindInvalid.
func CanonicalSettings(c *catalog.Engine, version string, values Settings) (Settings, error) {
	out := make(Settings, len(values))
	for given, value := range values {
		name := catalog.ParameterName(given)
		p, ok := c.Parameter(version, name)
		if !ok {
			hint := ""
			if near := c.SuggestParameter(version, name); near != "" {
				hint = "; did you mean " + near + "?"
			}
			return nil, guest.Errorf(guest.KindInvalid, "%s %s has no parameter %q%s", c.Name, version, given, hint)
		}
		if p.Refused != "" {
			return nil, guest.Errorf(guest.KindInvalid, "the parameter %s cannot be set: %s", name, p.Refused)
		}
		canonical, err := p.Normalize(value)
		if err != nil {
			return nil, guest.Errorf(guest.KindInvalid, "%v", err)
		}
		out[name] = canonical
	}
	return out, nil
}

// On is what a grant is on, and how: grants that differ in it stand beside one another.
type On struct {
	catalog.Target
	Grantable bool
}

// OnOf is what this grant is on.
func OnOf(g guest.Grant) On {
	return On{catalog.Target{Database: g.Database, Schema: g.Schema, Table: g.Table}, g.Grantable}
}

// Grant is the grant of these privileges.
func (on On) Grant(privileges []string) guest.Grant {
	return guest.Grant{Database: on.Database, Schema: on.Schema, Table: on.Table, Grantable: on.Grantable, Privileges: privileges}
}

// CompareGrants orders grants by what they are on.
func CompareGrants(a, b guest.Grant) int {
	return cmp.Or(strings.Compare(a.Database, b.Database), strings.Compare(a.Schema, b.Schema), strings.Compare(a.Table, b.Table),
		compareBool(a.Grantable, b.Grantable))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// GrantsOf makes the canonical list of grants from sets of privileges, sorted.
func GrantsOf(c *catalog.Engine, sets map[On]map[string]bool) []guest.Grant {
	var out []guest.Grant
	for on, set := range sets {
		if len(set) > 0 {
			out = append(out, on.Grant(c.JoinPrivileges(on.Target, set)))
		}
	}
	slices.SortFunc(out, CompareGrants)
	return out
}
