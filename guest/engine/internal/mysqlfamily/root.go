package mysqlfamily

import (
	"context"
	"slices"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// root is the administrator's account that may log in from outside.
var root = guest.UserName{Name: "root", Host: "%"}

// rootAccounts are all accounts of that name but those at localhost, of which one is the agent's.
func rootAccounts(accounts []*Account) (out []*Account) {
	for _, a := range accounts {
		if a.Name == root.Name && a.Host != "localhost" && !a.IsRole {
			out = append(out, a)
		}
	}
	return out
}

// Root implements engine.Rooted. An account that somebody made for another host counts too.
func (e *Server) Root(ctx context.Context) (engine.Account, error) {
	s, err := e.Session(ctx)
	if err != nil {
		return engine.Account{}, err
	}
	defer s.Close()
	accounts, err := e.readAccounts(ctx, s)
	if err != nil {
		return engine.Account{}, err
	}
	account := engine.Account{Name: root.Name, Host: root.Host}
	for _, a := range rootAccounts(accounts) {
		if a.Host == root.Host || account.Verifier == "" {
			account = e.account(a)
		}
	}
	return account, nil
}

// PutRoot implements engine.Rooted. Root may do what users may be granted on all databases, manage users, and hand on
// what it has; it does not get what reaches into the guest. It can still write to the server's own tables and so harm the
// agent's account, which heals at the next start (Dialect.InitSQL).
func (e *Server) PutRoot(ctx context.Context, put guest.PutRoot) (string, error) {
	if put.Enabled && put.Verifier != "" {
		if err := e.Catalog.CheckVerifier(put.Verifier); err != nil {
			return "", guest.Errorf(guest.KindInvalid, "%v", err)
		}
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.Session(ctx)
	if err != nil {
		return "", err
	}
	defer s.Close()
	accounts, err := e.readAccounts(ctx, s)
	if err != nil {
		return "", err
	}
	if put.Enabled {
		account, err := find(accounts, root)
		if err != nil {
			return "", err
		}
		return e.putAccount(ctx, s, account, guest.PutUser{
			Name: root.Name, Host: root.Host, Verifier: put.Verifier, Authoritative: true,
			Grants: []guest.Grant{{Database: "*", Privileges: slices.Concat(e.RootMay, e.Catalog.GlobalPrivileges), Grantable: true}},
		})
	}
	for _, a := range rootAccounts(accounts) {
		if err := e.dropAccount(ctx, s, guest.UserName{Name: a.Name, Host: a.Host}, true); err != nil {
			return "", err
		}
	}
	// An earlier life may have died between the account's end and that of its sessions.
	return "", e.endSessions(ctx, s, root.Name, root.Host)
}
