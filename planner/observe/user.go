package observe

import (
	"cmp"
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
	seen, there := findUser(host.Users, body.Name, body.Host)
	if !there {
		return planner.Subject{Presence: planner.Absent}
	}
	s.Body = userBody(body, seen)
	return s
}

func findUser(all []guest.ObservedUser, name, host string) (guest.ObservedUser, bool) {
	i := slices.IndexFunc(all, func(u guest.ObservedUser) bool { return u.Name == name && u.Host == host })
	if i < 0 {
		return guest.ObservedUser{}, false
	}
	return all[i], true
}

// account is how a user is written: the name alone where the engine has no hosts.
func account(name, host string) string {
	if host == "" {
		return name
	}
	return name + "@" + host
}

// userBody is the recorded user with the grants and the password's verifier as seen.
func userBody(body *resource.User, seen guest.ObservedUser) *resource.User {
	out := &resource.User{Instance: body.Instance, Name: seen.Name, Host: seen.Host, Additive: body.Additive}
	if body.Password != nil {
		out.Password = &resource.Password{Digest: body.Password.Digest, Engine: seen.VerifierDigest}
	}
	of := map[string]resource.Address{}
	for _, g := range body.Grants {
		of[g.Database] = g.Of
	}
	for _, g := range seen.Grants {
		out.Grants = append(out.Grants, resource.Grant{
			Database: g.Database, Privileges: slices.Sorted(slices.Values(g.Privileges)), Of: of[g.Database],
		})
	}
	slices.SortFunc(out.Grants, func(a, b resource.Grant) int { return cmp.Compare(a.Database, b.Database) })
	return out
}
