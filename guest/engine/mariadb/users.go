package mariadb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
)

// ListUsers implements engine.Users: six queries, whatever the number of users.
func (e *Engine) ListUsers(ctx context.Context) ([]engine.Account, error) {
	s, err := e.session(ctx)
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
		if a.role || e.systemAccount(a.name, a.host) {
			continue
		}
		out = append(out, engine.Account{Name: a.name, Host: a.host, Verifier: a.verifier, Grants: e.grants(a)})
	}
	slices.SortFunc(out, func(a, b engine.Account) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Host, b.Host)
	})
	return out, nil
}

func (e *Engine) systemAccount(name, host string) bool {
	return slices.Contains(e.catalog.SystemUsers, strings.ToLower(name)) || name == e.admin && host == "localhost"
}

// PutUser implements engine.Users.
func (e *Engine) PutUser(ctx context.Context, user guest.PutUser) (string, error) {
	user, err := engine.CanonicalUser(e.catalog, user)
	if err != nil {
		return "", err
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.session(ctx)
	if err != nil {
		return "", err
	}
	defer s.Close()
	account, err := e.findOrRename(ctx, s, user)
	if err != nil {
		return "", err
	}
	if account, err = e.putPassword(ctx, s, account, user); err != nil {
		return "", err
	}
	if err := e.putGrants(ctx, s, account, user); err != nil {
		return "", err
	}
	after, err := e.findAccount(ctx, s, guest.UserName{Name: user.Name, Host: user.Host})
	if err != nil {
		return "", err
	}
	if after == nil {
		return "", guest.Errorf(guest.KindConflict, "the account %s@%s was dropped by somebody else meanwhile", user.Name, user.Host)
	}
	return after.verifier, nil
}

// findOrRename returns the account, renamed first when it has to be, or nil when there is none.
func (e *Engine) findOrRename(ctx context.Context, s *mysqlfamily.Session, user guest.PutUser) (*stored, error) {
	wanted := guest.UserName{Name: user.Name, Host: user.Host}
	if e.systemAccount(wanted.Name, wanted.Host) {
		return nil, guest.Errorf(guest.KindInvalid, "%s@%s is the account of the agent", wanted.Name, wanted.Host)
	}
	account, err := e.findAccount(ctx, s, wanted)
	if err != nil || user.RenameFrom == nil || *user.RenameFrom == wanted {
		return account, err
	}
	former, err := e.findAccount(ctx, s, *user.RenameFrom)
	if err != nil || former == nil {
		return account, err
	}
	if account != nil {
		return nil, guest.Errorf(guest.KindConflict, "%s@%s cannot be renamed to %s@%s: an account of that name is there already",
			former.name, former.host, user.Name, user.Host)
	}
	if e.systemAccount(former.name, former.host) {
		return nil, guest.Errorf(guest.KindInvalid, "%s@%s is the account of the agent", former.name, former.host)
	}
	if err := s.Exec(ctx, "RENAME USER "+former.quoted()+" TO "+mysqlfamily.Account(user.Name, user.Host)); err != nil {
		return nil, mysqlfamily.Fault(fmt.Sprintf("renaming %s@%s", former.name, former.host), err)
	}
	if err := e.endSessions(ctx, s, former.name, former.host); err != nil {
		return nil, err
	}
	return e.findAccount(ctx, s, wanted)
}

// findAccount returns nil when there is none.
func (e *Engine) findAccount(ctx context.Context, s *mysqlfamily.Session, name guest.UserName) (*stored, error) {
	accounts, err := e.readAccounts(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if a.name == name.Name && a.host == name.Host {
			if a.role {
				return nil, guest.Errorf(guest.KindConflict, "%s is a role, made by somebody else", a.name)
			}
			return a, nil
		}
	}
	return nil, nil
}

// putPassword makes the account exist with the verifier. Only hashes are sent: the server writes statements into logs.
func (e *Engine) putPassword(ctx context.Context, s *mysqlfamily.Session, account *stored, user guest.PutUser) (*stored, error) {
	quoted := mysqlfamily.Account(user.Name, user.Host)
	by := " IDENTIFIED VIA mysql_native_password USING " + mysqlfamily.Literal(user.Verifier)
	if account == nil {
		if user.Verifier == "" {
			return nil, guest.Errorf(guest.KindInvalid, "the account %s@%s is not there and needs a password to be made", user.Name, user.Host)
		}
		if err := s.Exec(ctx, "CREATE USER "+quoted+by); err != nil {
			return nil, mysqlfamily.Fault(fmt.Sprintf("creating the account %s@%s", user.Name, user.Host), err)
		}
		return &stored{name: user.Name, host: user.Host, verifier: user.Verifier}, nil
	}
	if user.Verifier == "" || user.Verifier == account.verifier {
		return account, nil
	}
	if err := s.Exec(ctx, "ALTER USER "+quoted+by+" ACCOUNT UNLOCK"); err != nil {
		return nil, mysqlfamily.Fault(fmt.Sprintf("changing the password of %s@%s", user.Name, user.Host), err)
	}
	return account, e.endSessions(ctx, s, user.Name, user.Host)
}

// putGrants adds what is missing first and takes away what is too much then, so that nobody who keeps a right is without
// it for a moment.
func (e *Engine) putGrants(ctx context.Context, s *mysqlfamily.Session, account *stored, user guest.PutUser) error {
	wanted := map[string]map[string]bool{}
	for _, g := range user.Grants {
		if wanted[g.Database] == nil {
			wanted[g.Database] = map[string]bool{}
		}
		for _, p := range e.catalog.ExpandPrivileges(engine.OnOf(g).Target, g.Privileges) {
			wanted[g.Database][p] = true
		}
	}
	held := map[string]map[string]bool{}
	for _, r := range account.rights {
		if r.level == onAll || r.level == onDatabase {
			held[r.database] = r.privileges
		}
	}
	for _, database := range slices.Sorted(maps.Keys(wanted)) {
		missing := without(wanted[database], held[database])
		if len(missing) == 0 {
			continue
		}
		if err := s.Exec(ctx, "GRANT "+strings.Join(missing, ", ")+" ON "+place(database)+" TO "+account.quoted()); err != nil {
			return mysqlfamily.Fault(fmt.Sprintf("granting to %s@%s on %s", user.Name, user.Host, database), err)
		}
	}
	if !user.Authoritative {
		return nil
	}
	for _, r := range account.rights {
		var keep map[string]bool
		if r.level == onAll || r.level == onDatabase {
			keep = wanted[r.database]
		}
		if err := e.revoke(ctx, s, account, r, keep); err != nil {
			return err
		}
	}
	return nil
}

func place(database string) string {
	if database == "*" {
		return "*.*"
	}
	return mysqlfamily.Identifier(mysqlfamily.Pattern(database)) + ".*"
}

// without lists, sorted, what is in a and not in b.
func without(a, b map[string]bool) []string {
	var out []string
	for _, p := range slices.Sorted(maps.Keys(a)) {
		if !b[p] {
			out = append(out, p)
		}
	}
	return out
}

// revoke takes a right away but for what is to be kept. A right that somebody took away meanwhile is a success.
func (e *Engine) revoke(ctx context.Context, s *mysqlfamily.Session, a *stored, r right, keep map[string]bool) error {
	extra := without(r.privileges, keep)
	if len(extra) == 0 {
		return nil
	}
	from := " FROM " + a.quoted()
	var statements []string
	switch r.level {
	case onAll, onDatabase:
		statements = []string{"REVOKE " + strings.Join(extra, ", ") + " ON " + place(r.database) + from}
	case onPattern:
		statements = []string{"REVOKE " + strings.Join(extra, ", ") + " ON " + mysqlfamily.Identifier(r.database) + ".*" + from}
	case onTable, onRoutine:
		object := mysqlfamily.Identifier(r.database) + "." + mysqlfamily.Identifier(r.object)
		statements = []string{"REVOKE ALL PRIVILEGES ON " + r.kind + " " + object + from}
		if r.privileges["GRANT OPTION"] {
			statements = append(statements, "REVOKE GRANT OPTION ON "+r.kind+" "+object+from)
		}
	case byRole:
		statements = []string{"REVOKE " + mysqlfamily.Identifier(r.object) + from}
	}
	for _, statement := range statements {
		if err := s.Exec(ctx, statement); err != nil && !notGranted(err) {
			return mysqlfamily.Fault(fmt.Sprintf("revoking from %s@%s on %s", a.name, a.host, r.database), err)
		}
	}
	return nil
}

// notGranted: the server's ways to say that there is nothing to revoke.
func notGranted(err error) bool {
	switch mysqlfamily.ErrorNumber(err) {
	case 1141, 1147, 1403:
		return true
	}
	return false
}

// DropUser implements engine.Users.
func (e *Engine) DropUser(ctx context.Context, user guest.UserName) error {
	user.Host = e.catalog.NormalizeHost(user.Host)
	if e.systemAccount(user.Name, user.Host) {
		return guest.Errorf(guest.KindInvalid, "%s@%s is an account of the server or of the agent", user.Name, user.Host)
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	account, err := e.findAccount(ctx, s, user)
	if err != nil {
		return err
	}
	if account != nil {
		if err := s.Exec(ctx, "DROP USER "+account.quoted()); err != nil {
			return mysqlfamily.Fault(fmt.Sprintf("dropping the account %s@%s", user.Name, user.Host), err)
		}
	}
	// Also when it was gone already: an earlier life may have died in between.
	return e.endSessions(ctx, s, user.Name, user.Host)
}
