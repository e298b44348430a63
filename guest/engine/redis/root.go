package redis

import (
	"context"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// rootRules are everything but what is reserved.
var rootRules = []string{"~*", "&*", "+@all"}

// Root implements engine.Rooted: it is the account of those who log in without a name.
func (e *Engine) Root(ctx context.Context) (engine.Account, error) {
	s, err := e.session(ctx)
	if err != nil {
		return engine.Account{}, err
	}
	defer s.Close()
	account, err := s.account(ctx, rootAccount)
	if err != nil {
		return engine.Account{}, err
	}
	root := engine.Account{Name: rootAccount}
	if account != nil && account.is("on") {
		root.Verifier, root.ACL = account.verifier(), e.catalog.StoredACL(account.rules)
	}
	return root, nil
}

// PutRoot implements engine.Rooted.
func (e *Engine) PutRoot(ctx context.Context, root guest.PutRoot) (verifier string, err error) {
	if root.Verifier != "" {
		if err := e.catalog.CheckVerifier(root.Verifier); err != nil {
			return "", guest.Errorf(guest.KindInvalid, "%v", err)
		}
	}
	err = e.under(ctx, func(s *session) error {
		if !root.Enabled {
			return s.disableRoot(ctx)
		}
		account, err := s.account(ctx, rootAccount)
		if err != nil {
			return err
		}
		if account != nil && !account.is("on") {
			account = nil
		}
		verifier, err = e.put(ctx, s, account, guest.PutUser{
			Name: rootAccount, Verifier: root.Verifier, Authoritative: true, Rights: guest.Rights{ACL: rootRules},
		})
		return err
	})
	return verifier, err
}

// disableRoot takes everything from the account: the server has it always.
func (s *session) disableRoot(ctx context.Context) error {
	err := s.together(ctx, []any{"ACL", "SETUSER", rootAccount, "reset", "off"}, []any{"CLIENT", "KILL", "USER", rootAccount}, []any{"ACL", "SAVE"})
	if err != nil {
		return fault("disabling the administrator's account", err)
	}
	return nil
}
