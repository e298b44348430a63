package mysqlfamily

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// ListUsers implements engine.Users: as many queries, whatever the number of users.
func (e *Server) ListUsers(ctx context.Context) ([]engine.Account, error) {
	s, err := e.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	accounts, err := e.readAccounts(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []engine.Account
	for _, a := range accounts {
		if a.IsRole || e.systemAccount(a.Name, a.Host) {
			continue
		}
		out = append(out, e.account(a))
	}
	slices.SortFunc(out, func(a, b engine.Account) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Host, b.Host)
	})
	return out, nil
}

// account is an account in the product's words.
func (e *Server) account(a *Account) engine.Account {
	out := engine.Account{Name: a.Name, Host: a.Host, Verifier: a.Verifier, Grants: e.grants(a)}
	out.ConnectionLimit, out.RequireTLS = a.Limit, a.TLS != ""
	for _, role := range a.Roles {
		out.Roles = append(out.Roles, role.String())
	}
	slices.Sort(out.Roles)
	return out
}

func (e *Server) systemAccount(name, host string) bool {
	return slices.Contains(e.Catalog.SystemUsers, strings.ToLower(name)) || e.agents(name, host)
}

// agents tells whether the account is the one that the agent comes in with.
func (e *Server) agents(name, host string) bool { return name == e.Admin && host == "localhost" }

// PutUser implements engine.Users.
func (e *Server) PutUser(ctx context.Context, user guest.PutUser) (string, error) {
	user, err := engine.CanonicalUser(e.Catalog, user)
	if err != nil {
		return "", err
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.Session(ctx)
	if err != nil {
		return "", err
	}
	defer s.Close()
	account, err := e.findOrRename(ctx, s, user)
	if err != nil {
		return "", err
	}
	return e.putAccount(ctx, s, account, user)
}

// putAccount makes the account what the request says; account is nil when there is none yet.
func (e *Server) putAccount(ctx context.Context, s *Session, account *Account, user guest.PutUser) (string, error) {
	account, err := e.putLogin(ctx, s, account, user)
	if err != nil {
		return "", err
	}
	if err := e.putGrants(ctx, s, account, user); err != nil {
		return "", err
	}
	if err := e.putRoles(ctx, s, account, user); err != nil {
		return "", err
	}
	after, err := e.findAccount(ctx, s, guest.UserName{Name: user.Name, Host: user.Host})
	if err != nil {
		return "", err
	}
	if after == nil {
		return "", guest.Errorf(guest.KindConflict, "the account %s@%s was dropped by somebody else meanwhile", user.Name, user.Host)
	}
	return after.Verifier, nil
}

// findOrRename returns the account, renamed first when it has to be, or nil when there is none. What cannot be done shows
// here, before anything is changed.
func (e *Server) findOrRename(ctx context.Context, s *Session, user guest.PutUser) (*Account, error) {
	wanted := guest.UserName{Name: user.Name, Host: user.Host}
	if e.systemAccount(wanted.Name, wanted.Host) {
		return nil, guest.Errorf(guest.KindInvalid, "%s@%s is the account of the agent", wanted.Name, wanted.Host)
	}
	accounts, err := e.readAccounts(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := missingRole(accounts, user.Roles); err != nil {
		return nil, err
	}
	account, err := find(accounts, wanted)
	if err != nil || user.RenameFrom == nil || *user.RenameFrom == wanted {
		return account, err
	}
	former, err := find(accounts, *user.RenameFrom)
	if err != nil || former == nil {
		return account, err
	}
	if account != nil {
		return nil, guest.Errorf(guest.KindConflict, "%s@%s cannot be renamed to %s@%s: an account of that name is there already",
			former.Name, former.Host, user.Name, user.Host)
	}
	if e.systemAccount(former.Name, former.Host) {
		return nil, guest.Errorf(guest.KindInvalid, "%s@%s is the account of the agent", former.Name, former.Host)
	}
	if err := s.Exec(ctx, "RENAME USER "+former.quoted()+" TO "+AccountName(user.Name, user.Host)); err != nil {
		return nil, Fault(fmt.Sprintf("renaming %s@%s", former.Name, former.Host), err)
	}
	if err := e.endSessions(ctx, s, former.Name, former.Host); err != nil {
		return nil, err
	}
	return e.findAccount(ctx, s, wanted)
}

// findAccount returns nil when there is none.
func (e *Server) findAccount(ctx context.Context, s *Session, name guest.UserName) (*Account, error) {
	accounts, err := e.readAccounts(ctx, s)
	if err != nil {
		return nil, err
	}
	return find(accounts, name)
}

func find(accounts []*Account, name guest.UserName) (*Account, error) {
	for _, a := range accounts {
		if a.Name == name.Name && a.Host == name.Host {
			if a.IsRole {
				return nil, guest.Errorf(guest.KindConflict, "%s is a role, made by somebody else", a.Name)
			}
			return a, nil
		}
	}
	return nil, nil
}

// putLogin makes the account exist with the verifier and the rules of its logins. Only hashes are sent: the server writes
// statements into logs.
func (e *Server) putLogin(ctx context.Context, s *Session, account *Account, user guest.PutUser) (*Account, error) {
	quoted := AccountName(user.Name, user.Host)
	by := " " + e.IdentifiedBy(user.Verifier)
	rules := " REQUIRE NONE"
	if user.RequireTLS {
		rules = " REQUIRE SSL"
	}
	rules += fmt.Sprintf(" WITH MAX_USER_CONNECTIONS %d", user.ConnectionLimit)
	if account == nil {
		if user.Verifier == "" {
			return nil, guest.Errorf(guest.KindInvalid, "the account %s@%s is not there and needs a password to be made", user.Name, user.Host)
		}
		if err := s.Exec(ctx, "CREATE USER "+quoted+by+rules); err != nil {
			return nil, Fault(fmt.Sprintf("creating the account %s@%s", user.Name, user.Host), err)
		}
		return &Account{Name: user.Name, Host: user.Host, Verifier: user.Verifier}, nil
	}
	password := user.Verifier != "" && user.Verifier != account.Verifier
	if !password {
		by = ""
	}
	if account.Limit == user.ConnectionLimit && (account.TLS == AnyTLS) == user.RequireTLS && (account.TLS != "") == user.RequireTLS {
		rules = ""
	}
	if by+rules == "" {
		return account, nil
	}
	statement := "ALTER USER " + quoted + by + rules
	if password {
		statement += " ACCOUNT UNLOCK"
	}
	if err := s.Exec(ctx, statement); err != nil {
		return nil, Fault(fmt.Sprintf("changing the login of %s@%s", user.Name, user.Host), err)
	}
	if !password {
		return account, nil
	}
	return account, e.endSessions(ctx, s, user.Name, user.Host)
}

// DropUser implements engine.Users.
func (e *Server) DropUser(ctx context.Context, user guest.UserName) error {
	user.Host = e.Catalog.NormalizeHost(user.Host)
	if e.systemAccount(user.Name, user.Host) {
		return guest.Errorf(guest.KindInvalid, "%s@%s is an account of the server or of the agent", user.Name, user.Host)
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.Session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	account, err := e.findAccount(ctx, s, user)
	if err != nil {
		return err
	}
	return e.dropAccount(ctx, s, user, account != nil)
}

// dropAccount ends the sessions also when the account was gone already: an earlier life may have died in between.
func (e *Server) dropAccount(ctx context.Context, s *Session, user guest.UserName, there bool) error {
	if there {
		if err := s.Exec(ctx, "DROP USER "+AccountName(user.Name, user.Host)); err != nil {
			return Fault(fmt.Sprintf("dropping the account %s@%s", user.Name, user.Host), err)
		}
	}
	return e.endSessions(ctx, s, user.Name, user.Host)
}
