package postgresql

import (
	"context"

	"github.com/trovectl/trovectl/config/catalog"
)

// A place is what a privilege is on, in the server's own words.
type place struct {
	clause string // "TABLE public.t", "DATABASE shop"; of what is yet to be made "TABLES", "SEQUENCES", "SCHEMAS"
	maker  string // of what is yet to be made: by whom; else empty
	schema string // of what is yet to be made: where; empty: everywhere
}

// A fact is one privilege at one place.
type fact struct {
	place
	privilege string // "SELECT"; of columns `SELECT (n)`
}

// held is how somebody holds a fact.
type held struct {
	grantable bool
	grantors  []string
}

// object is a database, a schema, a table or a sequence, with who owns it.
type object struct {
	place
	kind  string
	name  string // of a table or sequence
	in    string // of a schema, table or sequence: the schema's name
	owner string
	table string // of a sequence: the table whose column it counts for; empty: none
}

// world is what grants in one database rest on: what there is, who may make more, and who holds what.
type world struct {
	database object
	schemas  []object
	tables   []object
	inside   map[catalog.Target][]object // tables and sequences by whatever they are in, and tables by themselves
	makers   []string                    // the roles that can make something here, and the agent's own
	explicit map[string]map[fact]*held   // by role; everybody is ""
}

const objectsQuery = `
SELECT 'database', '', datname, pg_get_userbyid(datdba), format('DATABASE %I', datname), '' FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'schema', nspname, '', pg_get_userbyid(nspowner), format('SCHEMA %I', nspname), '' FROM pg_namespace WHERE ` + usersSchema + `
UNION ALL SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, nspname, relname, pg_get_userbyid(relowner), ` + relationClause + `,
	coalesce((SELECT t.relname FROM pg_depend AS d JOIN pg_class AS t ON t.oid = d.refobjid
		WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND c.relkind = 'S' LIMIT 1), '')
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relkind IN ('r', 'v', 'm', 'S', 'f', 'p') AND ` + usersSchema + `
UNION ALL SELECT 'maker', '', rolname, '', '', '' FROM pg_roles AS r WHERE rolname = '` + superuser + `' OR rolname !~ '^pg_' AND NOT rolsuper
	AND (has_database_privilege(r.oid, current_database(), 'CREATE')
		OR EXISTS (SELECT FROM pg_namespace AS n WHERE has_schema_privilege(r.oid, n.oid, 'CREATE') AND ` + usersSchema + `))
ORDER BY 1, 2, 3`

const (
	usersSchema    = `nspname !~ '^pg_' AND nspname <> 'information_schema'`
	relationClause = `format('%s %I.%I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname)`
)

// rightsQuery lists what roles hold that are not the server's, and everybody's way into the database and its schemas, but for
// what owners hold of their own. Rows: clause, maker, schema, privilege, grantee, grantor, grantable.
const rightsQuery = `
WITH placed (clause, maker, inside, owner, acl, everybody) AS (
	SELECT format('DATABASE %I', datname), '', '', datdba, coalesce(datacl, acldefault('d', datdba)), true FROM pg_database WHERE datname = current_database()
	UNION ALL SELECT format('SCHEMA %I', nspname), '', '', nspowner, nspacl, true FROM pg_namespace
	UNION ALL SELECT ` + relationClause + `, '', '', relowner, relacl, false FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relacl IS NOT NULL
	UNION ALL SELECT 'ROUTINE ' || oid::regprocedure, '', '', proowner, proacl, false FROM pg_proc WHERE proacl IS NOT NULL
	UNION ALL SELECT 'TYPE ' || format_type(oid, NULL), '', '', typowner, typacl, false FROM pg_type WHERE typacl IS NOT NULL
	UNION ALL SELECT format('LANGUAGE %I', lanname), '', '', lanowner, lanacl, false FROM pg_language WHERE lanacl IS NOT NULL
	UNION ALL SELECT format('FOREIGN DATA WRAPPER %I', fdwname), '', '', fdwowner, fdwacl, false FROM pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL
	UNION ALL SELECT format('FOREIGN SERVER %I', srvname), '', '', srvowner, srvacl, false FROM pg_foreign_server WHERE srvacl IS NOT NULL
	UNION ALL SELECT format('LARGE OBJECT %s', oid), '', '', lomowner, lomacl, false FROM pg_largeobject_metadata WHERE lomacl IS NOT NULL
	UNION ALL SELECT CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END,
		pg_get_userbyid(defaclrole), coalesce(nspname, ''), defaclrole, defaclacl, false
		FROM pg_default_acl LEFT JOIN pg_namespace AS n ON n.oid = defaclnamespace
	UNION ALL SELECT 'PARAMETER ' || parname, '', '', 10, paracl, false FROM pg_parameter_acl WHERE current_database() = '` + maintenance + `'
	UNION ALL SELECT format('TABLESPACE %I', spcname), '', '', spcowner, spcacl, false FROM pg_tablespace
		WHERE spcacl IS NOT NULL AND current_database() = '` + maintenance + `')
SELECT clause, maker, inside, a.privilege_type, CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, pg_get_userbyid(a.grantor), a.is_grantable
	FROM placed, aclexplode(acl) AS a
	WHERE a.grantee <> owner AND CASE a.grantee WHEN 0 THEN everybody ELSE pg_get_userbyid(a.grantee) !~ '^pg_' END
UNION ALL SELECT ` + relationClause + `, '', '', format('%s (%I)', a.privilege_type, attname), CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END,
	pg_get_userbyid(a.grantor), a.is_grantable
	FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid JOIN pg_namespace AS n ON n.oid = relnamespace, aclexplode(attacl) AS a
	WHERE attacl IS NOT NULL AND a.grantee <> relowner AND a.grantee <> 0 AND pg_get_userbyid(a.grantee) !~ '^pg_'`

// readWorld reads a database in two queries, whatever is in it.
func readWorld(ctx context.Context, s *session, database string) (*world, error) {
	w := &world{inside: map[catalog.Target][]object{}, explicit: map[string]map[fact]*held{}}
	err := s.rows(ctx, objectsQuery, func(scan func(...any) error) error {
		var o object
		if err := scan(&o.kind, &o.in, &o.name, &o.owner, &o.clause, &o.table); err != nil {
			return err
		}
		switch o.kind {
		case "database":
			w.database = o
		case "schema":
			w.schemas = append(w.schemas, o)
		case "maker":
			w.makers = append(w.makers, o.name)
		default:
			w.place(database, o)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = s.rows(ctx, rightsQuery, func(scan func(...any) error) error {
		var f fact
		var who, grantor string
		var grantable bool
		if err := scan(&f.clause, &f.maker, &f.schema, &f.privilege, &who, &grantor, &grantable); err != nil {
			return err
		}
		w.hold(who, f, grantable, grantor)
		return nil
	})
	return w, err
}

// place files a table or a sequence under everything that it is in.
func (w *world) place(database string, o object) {
	around := []catalog.Target{{Database: database}, {Database: database, Schema: o.in}}
	switch {
	case o.kind == "table":
		w.tables = append(w.tables, o)
		around = append(around, catalog.Target{Database: database, Schema: o.in, Table: o.name})
	case o.table != "":
		around = append(around, catalog.Target{Database: database, Schema: o.in, Table: o.table})
	}
	for _, t := range around {
		w.inside[t] = append(w.inside[t], o)
	}
}

func (w *world) hold(who string, f fact, grantable bool, grantor string) {
	if w.explicit[who] == nil {
		w.explicit[who] = map[fact]*held{}
	}
	h := w.explicit[who][f]
	if h == nil {
		h = &held{}
		w.explicit[who][f] = h
	}
	h.grantable = h.grantable || grantable
	h.grantors = append(h.grantors, grantor)
}

// targets are those on which a role may hold a privilege, the widest first.
func (w *world) targets(role string) []catalog.Target {
	touched := map[place]bool{}
	for f := range w.explicit[role] {
		touched[f.place] = true
	}
	out := []catalog.Target{{Database: w.database.name}}
	for _, s := range w.schemas {
		out = append(out, catalog.Target{Database: w.database.name, Schema: s.in})
	}
	for _, t := range w.tables {
		if touched[t.place] {
			out = append(out, catalog.Target{Database: w.database.name, Schema: t.in, Table: t.name})
		}
	}
	return out
}
