package memory

import (
	"context"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// ListUsers implements engine.Users.
func (e *Engine) ListUsers(context.Context) ([]engine.Account, error) {
	leave, err := e.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	out := make([]engine.Account, 0, len(e.users))
	for name, a := range e.users {
		out = append(out, engine.Account{Name: name.Name, Host: name.Host, Verifier: a.verifier, Grants: e.grants(a), Rights: a.Rights})
	}
	slices.SortFunc(out, func(a, b engine.Account) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Host, b.Host)
	})
	return out, nil
}

func (e *Engine) grants(a *account) []guest.Grant {
	return engine.GrantsOf(e.catalog, a.grants)
}

// PutUser implements engine.Users.
func (e *Engine) PutUser(_ context.Context, user guest.PutUser) (string, error) {
	user, err := engine.CanonicalUser(e.catalog, user)
	if err != nil {
		return "", err
	}
	leave, err := e.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	wanted := guest.UserName{Name: user.Name, Host: user.Host}
	for _, role := range user.Roles {
		if err := e.catalog.CheckRole(role); err != nil {
			return "", guest.Errorf(guest.KindInvalid, "%v", err)
		}
		if !e.hasRole(role) && !strings.HasPrefix(role, "pg_") { // those PostgreSQL has itself
			return "", guest.Errorf(guest.KindConflict, "there is no role %q to give to %q", role, user.Name)
		}
	}
	a, err := e.findOrRename(wanted, user.RenameFrom)
	if err != nil {
		return "", err
	}
	if a == nil {
		if user.Verifier == "" {
			return "", guest.Errorf(guest.KindInvalid, "the account %s@%s is not there and needs a password to be made", user.Name, user.Host)
		}
		a = &account{grants: map[engine.On]map[string]bool{}}
		e.users[wanted] = a
	}
	if user.Verifier != "" {
		a.verifier = user.Verifier
	}
	if user.Authoritative {
		a.grants, a.Roles = map[engine.On]map[string]bool{}, nil
	}
	roles := slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.Roles, user.Roles))))
	a.Rights = user.Rights
	a.Roles = roles
	for _, g := range user.Grants {
		on := engine.OnOf(g)
		if a.grants[on] == nil {
			a.grants[on] = map[string]bool{}
		}
		for _, p := range e.catalog.ExpandPrivileges(on.Target, g.Privileges) {
			a.grants[on][p] = true
		}
	}
	return a.verifier, e.keep()
}

// findOrRename returns nil when there is no such account.
func (e *Engine) findOrRename(wanted guest.UserName, from *guest.UserName) (*account, error) {
	a := e.users[wanted]
	if from == nil || *from == wanted || e.users[*from] == nil {
		return a, nil
	}
	if a != nil {
		return nil, guest.Errorf(guest.KindConflict, "%s@%s cannot be renamed to %s@%s: an account of that name is there already",
			from.Name, from.Host, wanted.Name, wanted.Host)
	}
	e.users[wanted] = e.users[*from]
	delete(e.users, *from)
	if !e.hasRole(from.Name) { // no other host has it
		e.renameRole(from.Name, wanted.Name)
	}
	return e.users[wanted], nil
}

// hasRole tells whether there is an account of this name, whatever its host.
func (e *Engine) hasRole(name string) bool {
	for user := range e.users {
		if user.Name == name {
			return true
		}
	}
	return false
}

// renameRole follows an account to its new name in what it owns and in those who have its rights.
func (e *Engine) renameRole(from, to string) {
	for _, a := range e.users {
		if i := slices.Index(a.Roles, from); i >= 0 {
			a.Roles[i] = to
			slices.Sort(a.Roles)
		}
	}
	for name, d := range e.databases {
		if d.Owner == from {
			d.Owner = to
			e.databases[name] = d
		}
	}
}

// DropUser implements engine.Users.
func (e *Engine) DropUser(_ context.Context, user guest.UserName) error {
	user.Host = e.catalog.NormalizeHost(user.Host)
	if slices.Contains(e.catalog.SystemUsers, strings.ToLower(user.Name)) {
		return guest.Errorf(guest.KindInvalid, "%s@%s is an account of the server or of the agent", user.Name, user.Host)
	}
	leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	delete(e.users, user)
	if !e.hasRole(user.Name) {
		e.renameRole(user.Name, e.standard().Owner)
		for _, a := range e.users {
			a.Roles = slices.DeleteFunc(a.Roles, func(role string) bool { return role == e.standard().Owner })
		}
	}
	return e.keep()
}
