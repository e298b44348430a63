package mysqlfamily

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// putGrants adds what is missing first and takes away what is too much then, so that nobody who keeps a right is without
// it for a moment.
func (e *Server) putGrants(ctx context.Context, s *Session, account *Account, user guest.PutUser) error {
	wanted := map[catalog.Target]map[string]bool{}
	for _, g := range user.Grants {
		on := engine.OnOf(g)
		if wanted[on.Target] == nil {
			wanted[on.Target] = map[string]bool{}
		}
		for _, p := range e.Catalog.ExpandPrivileges(on.Target, g.Privileges) {
			wanted[on.Target][p] = true
		}
		if g.Grantable {
			wanted[on.Target][grantOption] = true
		}
	}
	held := map[catalog.Target]map[string]bool{}
	for _, r := range account.Rights {
		if target, known := r.target(); known {
			held[target] = r.Privileges
		}
	}
	for _, target := range slices.SortedFunc(maps.Keys(wanted), compareTargets) {
		statement := grantStatement(target, without(wanted[target], held[target]), account.quoted())
		if statement == "" {
			continue
		}
		if err := s.Exec(ctx, statement); err != nil {
			return noSuchTable(target, Fault(fmt.Sprintf("granting to %s@%s on %s", user.Name, user.Host, target), err), err)
		}
	}
	if !user.Authoritative {
		return nil
	}
	for _, r := range account.Rights {
		var keep map[string]bool
		if target, known := r.target(); known {
			keep = wanted[target]
		}
		if err := e.revoke(ctx, s, account, r, keep); err != nil {
			return err
		}
	}
	return nil
}

func compareTargets(a, b catalog.Target) int {
	if c := strings.Compare(a.Database, b.Database); c != 0 {
		return c
	}
	return strings.Compare(a.Table, b.Table)
}

// noSuchTable says what to do about a table that is not there yet.
func noSuchTable(target catalog.Target, fault, err error) error {
	if ErrorNumber(err) == 1146 {
		return guest.Errorf(guest.KindConflict, "there is no table %s to grant on: make it first, then apply again", target)
	}
	return fault
}

// grantStatement is empty when nothing is missing.
func grantStatement(target catalog.Target, missing []string, account string) string {
	if len(missing) == 0 {
		return ""
	}
	option := ""
	if i := slices.Index(missing, grantOption); i >= 0 {
		missing, option = slices.Delete(missing, i, i+1), " WITH GRANT OPTION"
	}
	if len(missing) == 0 {
		missing = []string{"USAGE"}
	}
	return "GRANT " + strings.Join(missing, ", ") + " ON " + place(target) + " TO " + account + option
}

func place(t catalog.Target) string {
	switch {
	case t.Table != "":
		// Here names are literal and no patterns.
		return "TABLE " + Identifier(t.Database) + "." + Identifier(t.Table)
	case t.Database == "*":
		return "*.*"
	}
	return Identifier(Pattern(t.Database)) + ".*"
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
func (e *Server) revoke(ctx context.Context, s *Session, a *Account, r Right, keep map[string]bool) error {
	extra := without(r.Privileges, keep)
	if len(extra) == 0 {
		return nil
	}
	from := " FROM " + a.quoted()
	var statements []string
	switch r.Level {
	case OnAll, OnDatabase, OnTable:
		target, _ := r.target()
		for i, p := range extra {
			extra[i] = quoteColumn(p)
		}
		statements = []string{"REVOKE " + strings.Join(extra, ", ") + " ON " + place(target) + from}
	case OnPattern:
		statements = []string{"REVOKE " + strings.Join(extra, ", ") + " ON " + Identifier(r.Database) + ".*" + from}
	case OnRoutine:
		object := Identifier(r.Database) + "." + Identifier(r.Object)
		statements = []string{"REVOKE ALL PRIVILEGES ON " + r.Kind + " " + object + from}
		if r.Privileges[grantOption] {
			statements = append(statements, "REVOKE GRANT OPTION ON "+r.Kind+" "+object+from)
		}
	}
	for _, statement := range statements {
		if err := s.Exec(ctx, statement); err != nil && !notGranted(err) {
			return Fault(fmt.Sprintf("revoking from %s@%s on %s", a.Name, a.Host, r.Database), err)
		}
	}
	return nil
}

// quoteColumn quotes the column in "SELECT (n)".
func quoteColumn(privilege string) string {
	name, column, ok := strings.Cut(privilege, " (")
	if !ok {
		return privilege
	}
	return name + " (" + Identifier(strings.TrimSuffix(column, ")")) + ")"
}

// notGranted: the server's ways to say that there is nothing to revoke.
func notGranted(err error) bool {
	switch ErrorNumber(err) {
	case 1141, 1147, 1403:
		return true
	}
	return false
}

// missingRole is an error when a wanted role is not there.
func missingRole(accounts []*Account, wanted []string) error {
	for _, name := range wanted {
		if !slices.ContainsFunc(accounts, func(a *Account) bool { return a.IsRole && a.Name == name }) {
			return guest.Errorf(guest.KindConflict, "there is no role %q: make it in the server first (CREATE ROLE), then apply again", name)
		}
	}
	return nil
}

// putRoles gives the account its roles and has them switched on when it logs in. A role that it may give to others is
// taken away and given again: there is no other way that all of the family know.
func (e *Server) putRoles(ctx context.Context, s *Session, account *Account, user guest.PutUser) error {
	held := map[string]bool{}
	for _, role := range account.Roles {
		wanted := slices.Contains(user.Roles, role.String())
		if !user.Authoritative || wanted && !role.Admin {
			held[role.String()] = true
			continue
		}
		if err := s.Exec(ctx, "REVOKE "+role.quoted()+" FROM "+account.quoted()); err != nil && !notGranted(err) {
			return Fault(fmt.Sprintf("taking roles from %s@%s", user.Name, user.Host), err)
		}
	}
	doing := fmt.Sprintf("giving roles to %s@%s", user.Name, user.Host)
	for _, name := range user.Roles {
		if held[name] {
			continue
		}
		if err := s.Exec(ctx, "GRANT "+Identifier(name)+" TO "+account.quoted()); err != nil {
			return Fault(doing, err)
		}
	}
	if statement := e.DefaultRoles(account.quoted(), user.Roles); statement != "" {
		return Fault(doing, s.Exec(ctx, statement))
	}
	return nil
}
