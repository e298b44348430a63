package engine

import (
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
)

// CanonicalUser checks a request against the catalog and returns it in the words the engine stores: hosts normalised,
// one grant a database, privileges canonical, sorted. What the catalog refuses is KindInvalid.
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
	merged := map[string][]string{}
	for _, g := range user.Grants {
		if g.Database != "*" {
			if err := c.CheckDatabaseName(g.Database); err != nil {
				return guest.PutUser{}, guest.Errorf(guest.KindInvalid, "%v", err)
			}
		}
		merged[g.Database] = append(merged[g.Database], g.Privileges...)
	}
	user.Grants = nil
	for database, privileges := range merged {
		canonical, err := c.CheckPrivileges(database, privileges)
		if err != nil {
			return guest.PutUser{}, guest.Errorf(guest.KindInvalid, "%v", err)
		}
		user.Grants = append(user.Grants, guest.Grant{Database: database, Privileges: canonical})
	}
	slices.SortFunc(user.Grants, func(a, b guest.Grant) int { return strings.Compare(a.Database, b.Database) })
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

// GrantsOf makes the canonical list of grants from sets of privileges by database, sorted.
func GrantsOf(c *catalog.Engine, sets map[string]map[string]bool) []guest.Grant {
	var out []guest.Grant
	for database, set := range sets {
		if len(set) > 0 {
			out = append(out, guest.Grant{Database: database, Privileges: c.JoinPrivileges(database, set)})
		}
	}
	slices.SortFunc(out, func(a, b guest.Grant) int { return strings.Compare(a.Database, b.Database) })
	return out
}
