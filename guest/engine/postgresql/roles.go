package postgresql

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// role is an account as the server has it.
type role struct {
	name, verifier string
	limit          int               // of connections; 0: none
	powers         []string          // SUPERUSER, CREATEDB, ...: never given by the agent to an account of a user
	member         map[string]member // of these roles
	login          bool
	account        bool // it logs in, or has a password: anything else is a role for others to be given
}

type member struct{ admin bool }

const rolesQuery = `SELECT rolname, coalesce(rolpassword, ''), rolconnlimit, rolcanlogin, coalesce(rolvaliduntil < 'infinity', false),
	array_remove(ARRAY[CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
		CASE WHEN rolreplication THEN 'REPLICATION' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL),
	(SELECT coalesce(array_agg(pg_get_userbyid(roleid)::text ORDER BY roleid), '{}') FROM pg_auth_members WHERE member = r.oid),
	(SELECT coalesce(array_agg(admin_option ORDER BY roleid), '{}') FROM pg_auth_members WHERE member = r.oid)
	FROM pg_authid AS r WHERE rolname !~ '^pg_'`

// readRoles reads all roles but those that the server makes for itself, by name.
func readRoles(ctx context.Context, s *session) (map[string]*role, error) {
	out := map[string]*role{}
	err := s.rows(ctx, rolesQuery, func(scan func(...any) error) error {
		r := &role{member: map[string]member{}}
		var expires bool
		var of []string
		var admin []bool
		if err := scan(&r.name, &r.verifier, &r.limit, &r.login, &expires, &r.powers, &of, &admin); err != nil {
			return err
		}
		r.account = r.login || r.verifier != ""
		for i, name := range of {
			r.member[name] = member{admin: r.member[name].admin || admin[i]}
		}
		// Whatever keeps somebody out who has the password is part of the text, so that it never equals one that trovectl set.
		if !r.login {
			r.verifier += " nologin"
		}
		if expires {
			r.verifier += " expires"
		}
		if r.limit == 0 {
			r.verifier += " no connections"
		}
		r.limit = max(r.limit, 0)
		out[r.name] = r
		return nil
	})
	if err != nil {
		return nil, fault("reading the accounts", err)
	}
	return out, nil
}

func (e *Engine) systemRole(name string) bool {
	return slices.Contains(e.catalog.SystemUsers, strings.ToLower(name)) || strings.HasPrefix(name, "pg_")
}

// rights are what the product has words for.
func (r *role) rights() guest.Rights {
	out := guest.Rights{ConnectionLimit: r.limit}
	for _, name := range slices.Sorted(maps.Keys(r.member)) {
		if name == catalog.PostgreSQLTLSRole {
			out.RequireTLS = true
		} else {
			out.Roles = append(out.Roles, name)
		}
	}
	return out
}

var everywhere = engine.On{Target: catalog.Target{Database: "*"}}

// beyond are powers that no declaration gives.
func (r *role) beyond() map[engine.On]map[string]bool {
	sets := map[engine.On]map[string]bool{}
	for _, power := range r.powers {
		add(sets, everywhere, power)
	}
	for name, m := range r.member {
		if m.admin {
			add(sets, everywhere, "ADMIN OPTION FOR ROLE "+name)
		}
	}
	return sets
}

// strange tells what a role holds in the server's own database, where nothing is ever granted to it.
func (w *world) strange(role string, sets map[engine.On]map[string]bool) {
	for f, h := range w.explicit[role] {
		add(sets, everywhere, f.words(h.grantable))
	}
}
