package observe

import (
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/state"
)

// user tells what the guest says of a recorded user.
func (l *look) user(record state.Record) planner.Subject {
	body, ok := record.Body.(*resource.User)
	if !ok {
		return planner.Subject{Presence: planner.Unknown, Why: "its record has no user"}
	}
	host, s := l.within(body.Instance)
	if s.Presence == planner.Unknown {
		return s
	}
	seen, there := host.users[account{body.Name, body.Host}]
	if !there {
		return planner.Subject{Presence: planner.Absent}
	}
	s.Body = userBody(body, seen)
	return s
}

// account is what a user is called inside of a guest; host is empty where the engine has none.
type account struct{ name, host string }

// String is how a user is written: the name alone where the engine has no hosts.
func (a account) String() string {
	if a.host == "" {
		return a.name
	}
	return a.name + "@" + a.host
}

// userBody is the recorded user with what it may and the password's verifier as seen.
func userBody(body *resource.User, seen guest.ObservedUser) *resource.User {
	out := &resource.User{
		Instance: body.Instance, Name: seen.Name, Host: seen.Host, Additive: body.Additive,
		ACL: seen.ACL, ConnectionLimit: seen.ConnectionLimit, RequireTLS: seen.RequireTLS,
	}
	if body.Password != nil {
		out.Password = &resource.Password{Digest: body.Password.Digest, Engine: seen.VerifierDigest}
	}
	of := map[string]resource.Address{}
	for _, g := range body.Grants {
		of[g.Database] = g.Of
	}
	for _, g := range seen.Grants {
		out.Grants = append(out.Grants, resource.Grant{
			Database: g.Database, Schema: g.Schema, Table: g.Table, Grantable: g.Grantable,
			Privileges: slices.Sorted(slices.Values(g.Privileges)), Of: of[g.Database],
		})
	}
	slices.SortFunc(out.Grants, resource.CompareGrants)
	roles := map[string]resource.Role{}
	for _, role := range body.Roles {
		roles[role.Name] = role
	}
	for _, name := range slices.Sorted(slices.Values(seen.Roles)) {
		out.Roles = append(out.Roles, resource.Role{Name: name, Of: roles[name].Of})
	}
	return out
}
