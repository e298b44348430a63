package postgresql

import (
	"context"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// root is the account of the administrator that may log in from outside. It makes databases, sees everything that goes on
// and ends sessions. It makes no roles: up to version 15 whoever may do that may give himself those that run programs in
// the guest.
const root = "root"

// Root implements engine.Rooted.
func (e *Engine) Root(ctx context.Context) (engine.Account, error) {
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return engine.Account{}, err
	}
	defer s.close()
	roles, err := readRoles(ctx, s)
	if err != nil || roles[root] == nil || !roles[root].login {
		return engine.Account{Name: root}, err
	}
	return engine.Account{Name: root, Verifier: roles[root].verifier}, nil
}

// PutRoot implements engine.Rooted. An account that is taken away loses its login and its rights, and stays the owner of
// the databases that it made.
func (e *Engine) PutRoot(ctx context.Context, put guest.PutRoot) (string, error) {
	if put.Verifier != "" {
		if err := e.catalog.CheckVerifier(put.Verifier); err != nil {
			return "", guest.Errorf(guest.KindInvalid, "%v", err)
		}
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return "", err
	}
	defer s.close()
	roles, err := readRoles(ctx, s)
	if err != nil {
		return "", err
	}
	there := roles[root]
	if !put.Enabled {
		if there == nil {
			return "", nil
		}
		if err := s.exec(ctx, "ALTER ROLE root NOLOGIN PASSWORD NULL NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"); err != nil {
			return "", fault("disabling root", err)
		}
		return "", fault("ending the sessions of root", endSessions(ctx, s, "usename", root))
	}
	hadLogin := there != nil && there.login
	if put.Verifier == "" && !hadLogin {
		return "", guest.Errorf(guest.KindInvalid, "root is not enabled and needs a password to be")
	}
	statements := ""
	if there == nil {
		statements = "CREATE ROLE root; "
	}
	statements += "ALTER ROLE root LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS VALID UNTIL 'infinity'"
	if put.Verifier != "" {
		statements += " PASSWORD " + literal(put.Verifier)
	}
	statements += "; GRANT pg_monitor, pg_signal_backend TO root"
	if err := s.exec(ctx, statements); err != nil {
		return "", fault("enabling root", err)
	}
	if hadLogin && put.Verifier != "" && put.Verifier != there.verifier {
		if err := endSessions(ctx, s, "usename", root); err != nil {
			return "", fault("ending the sessions of root", err)
		}
	}
	if roles, err = readRoles(ctx, s); err != nil || roles[root] == nil {
		return "", err
	}
	return roles[root].verifier, nil
}
