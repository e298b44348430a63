package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// ListUsers implements engine.Users: one command, whatever the number of users.
func (e *Engine) ListUsers(ctx context.Context) ([]engine.Account, error) {
	s, err := e.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	accounts, err := s.accounts(ctx)
	if err != nil {
		return nil, err
	}
	var out []engine.Account
	for _, a := range accounts {
		if !e.systemAccount(a.name) {
			out = append(out, engine.Account{Name: a.name, Verifier: a.verifier(), Rights: guest.Rights{ACL: e.catalog.StoredACL(a.rules)}})
		}
	}
	slices.SortFunc(out, func(a, b engine.Account) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (e *Engine) systemAccount(name string) bool {
	return slices.Contains(e.catalog.SystemUsers, strings.ToLower(name))
}

// accounts are all accounts of the server.
func (s *session) accounts(ctx context.Context) ([]*stored, error) {
	lines, err := s.client.Do(ctx, "ACL", "LIST").StringSlice()
	if err != nil {
		return nil, fault("listing the accounts", err)
	}
	var out []*stored
	for _, line := range lines {
		a, err := parseAccount(line)
		if err != nil {
			return nil, internal("listing the accounts", err)
		}
		out = append(out, a)
	}
	return out, nil
}

// account returns nil when there is none of that name.
func (s *session) account(ctx context.Context, name string) (*stored, error) {
	accounts, err := s.accounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if a.name == name {
			return a, nil
		}
	}
	return nil, nil
}

// PutUser implements engine.Users.
func (e *Engine) PutUser(ctx context.Context, user guest.PutUser) (verifier string, err error) {
	user, err = engine.CanonicalUser(e.catalog, user)
	if err != nil {
		return "", err
	}
	if len(user.Roles) > 0 || user.ConnectionLimit > 0 || user.RequireTLS {
		return "", guest.Errorf(guest.KindInvalid, "%s has no roles, connection limits or TLS of single users", e.product.manager)
	}
	err = e.under(ctx, func(s *session) error {
		account, err := e.findOrRename(ctx, s, user)
		if err != nil {
			return err
		}
		verifier, err = e.put(ctx, s, account, user)
		return err
	})
	return verifier, err
}

// findOrRename returns the account, renamed first when it has to be, or nil when there is none. The server cannot rename:
// the new one is made as a copy before the old one is dropped.
func (e *Engine) findOrRename(ctx context.Context, s *session, user guest.PutUser) (*stored, error) {
	account, err := s.account(ctx, user.Name)
	if err != nil || user.RenameFrom == nil || user.RenameFrom.Name == user.Name {
		return account, err
	}
	if e.systemAccount(user.RenameFrom.Name) {
		return nil, guest.Errorf(guest.KindInvalid, "%q is an account of the server or of the agent", user.RenameFrom.Name)
	}
	former, err := s.account(ctx, user.RenameFrom.Name)
	if err != nil || former == nil {
		return account, err
	}
	// An earlier life may have died between copy and drop; then the two are the same.
	if account != nil && (!slices.Equal(account.hashes, former.hashes) || !slices.Equal(account.rules, former.rules)) {
		return nil, guest.Errorf(guest.KindConflict, "%s cannot be renamed to %s: an account of that name is there already", former.name, user.Name)
	}
	former.name = user.Name
	if err := s.copyOf(ctx, former); err != nil {
		return nil, err
	}
	return former, e.drop(ctx, s, user.RenameFrom.Name)
}

// copyOf makes an account as another one is, under the name that is set.
func (s *session) copyOf(ctx context.Context, a *stored) error {
	command := []any{"ACL", "SETUSER", a.name, "reset"}
	for _, hash := range a.hashes {
		command = append(command, "#"+hash)
	}
	for _, rule := range a.rules {
		command = append(command, rule)
	}
	if err := s.together(ctx, command, []any{"ACL", "SAVE"}); err != nil {
		return fault("renaming to "+a.name, err)
	}
	return nil
}

// put makes the account exist as it is asked for and returns its verifier.
func (e *Engine) put(ctx context.Context, s *session, account *stored, user guest.PutUser) (string, error) {
	if account == nil && user.Verifier == "" {
		return "", guest.Errorf(guest.KindInvalid, "the account %s is not there and needs a password to be made", user.Name)
	}
	hashes, acl := []string{user.Verifier}, user.ACL
	if account != nil && user.Verifier == "" {
		hashes = account.hashes
	}
	if account != nil && !user.Authoritative {
		// What is there already may hold rules that nobody can declare: those stay away all the same.
		var there []string
		for _, rule := range e.catalog.StoredACL(account.rules) {
			if _, err := e.catalog.CanonicalACL([]string{rule}); err == nil {
				there = append(there, rule)
			}
		}
		var err error
		if acl, err = e.catalog.CanonicalACL(append(there, acl...)); err != nil {
			return "", guest.Errorf(guest.KindInvalid, "%v", err)
		}
	}
	wanted := &stored{name: user.Name, hashes: hashes}
	if err := e.setAccount(ctx, s, wanted, acl, account != nil && !slices.Equal(hashes, account.hashes)); err != nil {
		return "", err
	}
	return wanted.verifier(), nil
}

// setAccount makes an account exactly as it is told, at once for all others, and ends its sessions when they came in with
// another password. It is written to the disk even when nothing changed: an earlier life may have died before.
func (e *Engine) setAccount(ctx context.Context, s *session, a *stored, acl []string, endSessions bool) error {
	command := []any{"ACL", "SETUSER", a.name, "reset", "on"}
	for _, hash := range a.hashes {
		command = append(command, "#"+hash)
	}
	for _, rule := range e.catalog.ServerACL(acl) {
		command = append(command, rule)
	}
	commands := [][]any{command}
	if endSessions {
		commands = append(commands, []any{"CLIENT", "KILL", "USER", a.name})
	}
	err := s.together(ctx, append(commands, []any{"ACL", "SAVE"})...)
	if err != nil && strings.HasPrefix(err.Error(), "ERR Error in ACL SETUSER") {
		return guest.Errorf(guest.KindInvalid, "the rules of %s: %s", a.name, said(err))
	}
	if err != nil {
		return fault(fmt.Sprintf("putting the account %s", a.name), err)
	}
	return nil
}

// DropUser implements engine.Users.
func (e *Engine) DropUser(ctx context.Context, user guest.UserName) error {
	if e.systemAccount(user.Name) {
		return guest.Errorf(guest.KindInvalid, "%q is an account of the server or of the agent", user.Name)
	}
	return e.under(ctx, func(s *session) error { return e.drop(ctx, s, user.Name) })
}

// drop removes an account, which ends its sessions. One that is not there is a success.
func (e *Engine) drop(ctx context.Context, s *session, name string) error {
	if err := s.together(ctx, []any{"ACL", "DELUSER", name}, []any{"ACL", "SAVE"}); err != nil {
		return fault("dropping the account "+name, err)
	}
	return nil
}
