package postgresql

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// ListUsers implements engine.Users: two queries, and two in each database that somebody has to do with.
func (e *Engine) ListUsers(ctx context.Context) ([]engine.Account, error) {
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return nil, err
	}
	defer s.close()
	roles, err := readRoles(ctx, s)
	if err != nil {
		return nil, err
	}
	sets := map[string]map[engine.On]map[string]bool{}
	for name, r := range roles {
		if e.systemRole(name) || !r.account {
			delete(roles, name)
			continue
		}
		sets[name] = r.beyond()
	}
	err = e.eachWorld(ctx, s, "", nil, func(_ *session, w *world) error {
		for name := range roles {
			if w.database.name == maintenance {
				w.strange(name, sets[name])
			} else {
				w.rightsOf(e.catalog, name, sets[name])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []engine.Account
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		r := roles[name]
		out = append(out, engine.Account{Name: name, Verifier: r.verifier, Grants: engine.GrantsOf(e.catalog, sets[name]), Rights: r.rights()})
	}
	return out, nil
}

// concernQuery lists the databases in which a role holds or owns something, or any role does: the server keeps count of
// that for all databases, so that the others need not be entered.
const concernQuery = `SELECT DISTINCT b.datname::text FROM pg_shdepend AS d JOIN pg_authid AS r ON r.oid = d.refobjid
	JOIN pg_database AS b ON b.oid = CASE d.classid WHEN 'pg_database'::regclass THEN d.objid ELSE d.dbid END
	WHERE d.refclassid = 'pg_authid'::regclass AND b.datallowconn AND NOT b.datistemplate AND b.datname <> '` + maintenance + `' AND ($1 = '' OR r.rolname = $1)`

func concerned(ctx context.Context, s *session, role string) ([]string, error) {
	rows, err := s.conn.Query(ctx, concernQuery, role)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// eachWorld reads the databases that concern a role, or any role when it is empty, with the named ones, and hands them over
// one after another; the server's own is the last.
func (e *Engine) eachWorld(ctx context.Context, s *session, role string, also []string, do func(s *session, w *world) error) error {
	databases, err := concerned(ctx, s, role)
	if err != nil {
		return fault("looking for the databases that hold rights", err)
	}
	databases = append(databases, also...)
	slices.Sort(databases)
	for _, database := range append(slices.Compact(databases), maintenance) {
		err := e.within(ctx, database, func(in *session) error {
			w, err := readWorld(ctx, in, database)
			if err != nil {
				return err
			}
			return do(in, w)
		})
		if err != nil && code(err) != noSuchDatabase {
			return fault("reading the rights in the database "+database, err)
		}
	}
	return nil
}

// PutUser implements engine.Users.
func (e *Engine) PutUser(ctx context.Context, user guest.PutUser) (string, error) {
	user, err := engine.CanonicalUser(e.catalog, user)
	if err != nil {
		return "", err
	}
	for _, name := range user.Roles {
		if err := e.catalog.CheckRole(name); err != nil {
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
	if err := e.placesOf(ctx, s, user, roles); err != nil {
		return "", err
	}
	account, err := e.findOrRename(ctx, s, roles, user)
	if err != nil {
		return "", err
	}
	if err := e.putRole(ctx, s, account, user); err != nil {
		return "", err
	}
	var granted []string
	for _, g := range user.Grants {
		granted = append(granted, g.Database)
	}
	err = e.eachWorld(ctx, s, user.Name, granted, func(in *session, w *world) error { return e.grantIn(ctx, in, w, user) })
	if err != nil {
		return "", err
	}
	if roles, err = readRoles(ctx, s); err != nil {
		return "", err
	}
	after := roles[user.Name]
	if after == nil {
		return "", guest.Errorf(guest.KindConflict, "the account %s was dropped by somebody else meanwhile", user.Name)
	}
	return after.verifier, nil
}

// grantIn brings the grants in one database to what is asked, and lets them hold for what this user may make only now.
func (e *Engine) grantIn(ctx context.Context, in *session, w *world, user guest.PutUser) error {
	asked, err := w.asked(e.catalog, user.Name, user.Grants)
	if err != nil {
		return err
	}
	if err := w.putGrants(ctx, in, user.Name, asked, !user.Authoritative); err != nil {
		return fault(fmt.Sprintf("granting to %s in the database %s", user.Name, w.database.name), err)
	}
	if w.database.name == maintenance {
		return nil
	}
	if w, err = readWorld(ctx, in, w.database.name); err != nil {
		return err
	}
	return w.spread(ctx, in)
}

// placesOf checks, before anything is changed, that the roles and databases are there that are to be granted.
func (e *Engine) placesOf(ctx context.Context, s *session, user guest.PutUser, roles map[string]*role) error {
	for _, name := range user.Roles {
		there, err := s.value(ctx, "SELECT count(*)::text FROM pg_roles WHERE rolname = $1", name)
		if err != nil {
			return fault("looking for the role "+name, err)
		}
		if there == "0" {
			return guest.Errorf(guest.KindConflict, "there is no role %s to give to %s", name, user.Name)
		}
		if name == user.Name || user.RenameFrom != nil && name == user.RenameFrom.Name && roles[user.Name] == nil {
			return guest.Errorf(guest.KindInvalid, "%s cannot be given itself as a role", user.Name)
		}
	}
	databases, err := e.readDatabases(ctx, s)
	if err != nil {
		return err
	}
	for _, g := range user.Grants {
		if !slices.ContainsFunc(databases, func(d stored) bool { return d.Name == g.Database && d.entered }) {
			return guest.Errorf(guest.KindConflict, "there is no database %s to grant on", g.Database)
		}
	}
	return nil
}

// findOrRename returns the account, renamed first when it has to be, or nil when there is none.
func (e *Engine) findOrRename(ctx context.Context, s *session, roles map[string]*role, user guest.PutUser) (*role, error) {
	account := roles[user.Name]
	if account != nil && !account.account {
		return nil, guest.Errorf(guest.KindConflict, "%s is a role that nobody logs in as, made by somebody else", user.Name)
	}
	if user.RenameFrom == nil || user.RenameFrom.Name == user.Name {
		return account, nil
	}
	former := roles[user.RenameFrom.Name]
	switch {
	case former == nil:
		return account, nil
	case e.systemRole(former.name):
		return nil, guest.Errorf(guest.KindInvalid, "%s is an account of the server or of the agent", former.name)
	case account != nil:
		return nil, guest.Errorf(guest.KindConflict, "%s cannot be renamed to %s: an account of that name is there already", former.name, user.Name)
	}
	if err := s.exec(ctx, "ALTER ROLE "+identifier(former.name)+" RENAME TO "+identifier(user.Name)); err != nil {
		return nil, fault("renaming "+former.name, err)
	}
	if err := endSessions(ctx, s, "usename", former.name); err != nil {
		return nil, fault("ending the sessions of "+former.name, err)
	}
	former.name = user.Name
	return former, nil
}

// putRole makes the account exist with its password, limit and roles, in one transaction. Only verifiers are sent: the server
// writes statements into logs.
func (e *Engine) putRole(ctx context.Context, s *session, account *role, user guest.PutUser) error {
	name := identifier(user.Name)
	verb, statements := "ALTER", []string(nil)
	if account == nil {
		if user.Verifier == "" {
			return guest.Errorf(guest.KindInvalid, "the account %s is not there and needs a password to be made", user.Name)
		}
		verb, account = "CREATE", &role{name: user.Name}
	}
	clauses := fmt.Sprintf(" CONNECTION LIMIT %d", limitOf(user.ConnectionLimit))
	if user.Verifier != "" && user.Verifier != account.verifier {
		clauses += " LOGIN VALID UNTIL 'infinity' PASSWORD " + literal(user.Verifier)
	}
	if user.Authoritative && len(account.powers) > 0 {
		clauses += " NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
	}
	statements = append(statements, verb+" ROLE "+name+clauses)
	statements = append(statements, memberships(account, user)...)
	if err := s.exec(ctx, strings.Join(statements, "; ")); err != nil {
		return fault("putting the account "+user.Name, err)
	}
	if verb == "CREATE" || user.Verifier == "" || user.Verifier == account.verifier {
		return nil
	}
	return fault("ending the sessions of "+user.Name, endSessions(ctx, s, "usename", user.Name))
}

// limitOf is the server's word for it: no limit is -1, and 0 lets nobody in.
func limitOf(limit int) int {
	if limit <= 0 {
		return -1
	}
	return limit
}

// memberships are the statements that bring those of an account to what is asked.
func memberships(account *role, user guest.PutUser) []string {
	name, wanted := identifier(user.Name), map[string]bool{}
	for _, r := range user.Roles {
		wanted[r] = true
	}
	var out []string
	for _, r := range slices.Sorted(maps.Keys(wanted)) {
		if _, there := account.member[r]; !there {
			out = append(out, "GRANT "+identifier(r)+" TO "+name)
		}
	}
	tls := catalog.PostgreSQLTLSRole
	if _, there := account.member[tls]; user.RequireTLS && !there {
		out = append(out, "GRANT "+identifier(tls)+" TO "+name)
	}
	for _, r := range slices.Sorted(maps.Keys(account.member)) {
		switch {
		case r == tls && !user.RequireTLS, r != tls && user.Authoritative && !wanted[r]:
			out = append(out, "REVOKE "+identifier(r)+" FROM "+name+" CASCADE")
		case user.Authoritative && account.member[r].admin:
			out = append(out, "REVOKE ADMIN OPTION FOR "+identifier(r)+" FROM "+name+" CASCADE")
		}
	}
	return out
}

// mustExist tells whether there is a role to own something.
func (e *Engine) mustExist(ctx context.Context, s *session, name string) error {
	there, err := s.value(ctx, "SELECT count(*)::text FROM pg_roles WHERE rolname = $1", name)
	if err != nil {
		return fault("looking for the user "+name, err)
	}
	if there == "0" {
		return guest.Errorf(guest.KindConflict, "there is no user %s to own the database", name)
	}
	return nil
}

// DropUser implements engine.Users. What the account owns becomes the server's own account's, in every database.
func (e *Engine) DropUser(ctx context.Context, user guest.UserName) error {
	if e.systemRole(user.Name) {
		return guest.Errorf(guest.KindInvalid, "%s is an account of the server or of the agent", user.Name)
	}
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.session(ctx, maintenance)
	if err != nil {
		return err
	}
	defer s.close()
	return fault("dropping the account "+user.Name, e.dropRole(ctx, s, user.Name))
}

// dropRole ends a role with its sessions. One that is not there is a success.
func (e *Engine) dropRole(ctx context.Context, s *session, name string) error {
	roles, err := readRoles(ctx, s)
	if err != nil || roles[name] == nil {
		return err
	}
	// First nobody comes in any more: a session could make something else that stands in the way.
	if err := s.exec(ctx, "ALTER ROLE "+identifier(name)+" NOLOGIN"); err != nil {
		return err
	}
	if err := endSessions(ctx, s, "usename", name); err != nil {
		return err
	}
	databases, err := concerned(ctx, s, name)
	if err != nil {
		return err
	}
	disown := fmt.Sprintf("REASSIGN OWNED BY %s TO %s; DROP OWNED BY %s", identifier(name), superuser, identifier(name))
	for _, database := range append(databases, maintenance) {
		err := e.within(ctx, database, func(in *session) error { return in.exec(ctx, disown) })
		if err != nil && code(err) != noSuchDatabase {
			return err
		}
	}
	return s.exec(ctx, "DROP ROLE IF EXISTS "+identifier(name))
}
