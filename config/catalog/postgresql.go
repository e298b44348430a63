package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func init() {
	tables := []string{"DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"}
	database := append([]string{"CREATE", "TEMPORARY"}, tables...)
	slices.Sort(database)
	engines["postgresql"] = &Engine{
		Name:        "postgresql",
		Port:        5432,
		SystemUsers: []string{"none", "os_admin", "postgres", "public", "replicator", "rewind", "root", PostgreSQLTLSRole},
		SystemDBs:   []string{"postgres", "template0", "template1"},
		Privileges:  database,
		RefusedPrivileges: map[string]string{
			"EXECUTE":      "whoever may use a schema may run its functions, as PostgreSQL has it",
			"SUPERUSER":    "with it the agent's own account could be taken over",
			"CREATEROLE":   "with it the agent's own account could be taken over",
			"CREATEDB":     "databases are declared; the root account may make others",
			"REPLICATION":  "replication belongs to trovectl",
			"BYPASSRLS":    "it passes the row security of every database",
			"GRANT OPTION": "write grantable = true",
			"SET":          "settings of the server belong to a config_group",
			"ALTER SYSTEM": "settings of the server belong to a config_group",
		},
		PrivilegeAliases: map[string]string{"TEMP": "TEMPORARY"},
		RefusedRoles: map[string]string{
			"pg_database_owner": "it stands for the owner of each database: name an owner there", "pg_execute_server_program": "it runs programs in the guest",
			"pg_read_server_files": "it reads files of the guest", "pg_write_server_files": "it writes files of the guest",
			"pg_read_all_data":       "it reads the password hashes of all accounts, too: grant SELECT on each database",
			"pg_create_subscription": "replication belongs to trovectl", "pg_checkpoint": "the server's own work belongs to trovectl",
			"pg_maintain": "the server's own work belongs to trovectl",
		},
		Manual:           postgresqlManual,
		HasDatabases:     true,
		HasGrants:        true,
		HasRoles:         true,
		HasOwners:        true,
		RenamesDatabases: true,
		Logs:             []string{"general", "slow"},
		Versions:         map[string]Version{"15": postgresqlVersion(postgresql15())},
		Shares:           map[string]string{"16": "15", "17": "15", "18": "15"},
		names:            postgresqlRules{}, passwords: postgresqlRules{}, grants: postgresqlRules{tables},
	}
}

var postgresqlManual = []string{
	"**Versions.** Every change is tested against 15. 17.6 and 18.4 kept the same contract when they were tried; 16 was never run. They share " +
		"the table of parameters: what a later version dropped, the server refuses in its own words, and nothing is changed.",
	"**Grants are nested.** A privilege of tables that is granted on a database holds in every schema of it, for all tables and views and the sequences " +
		"that number their rows, and for those that anybody makes later; one that is granted on a schema (`schema = \"public\"`) holds for all tables of " +
		"that; one on a table (`schema` and `tables`) for that table. `CREATE` on a database is the right to make schemas, and tables in all schemas; on a " +
		"schema, to make tables there. `TEMPORARY` is the right to make temporary tables. Every grant brings what is needed to get there: `CONNECT` on " +
		"the database and `USAGE` of the schema; written alone, those give nothing but the way in. `\"ALL PRIVILEGES\"` on a database is what an application " +
		"needs that makes and uses its own tables. Grants on `\"*\"` do not exist: name each database.",
	"**Owners.** The `owner` of a database may everything in it without a grant. Owners of databases, and users who may make tables, own what " +
		"they make; when such a user is dropped, it becomes the property of the server's own account, and nothing is lost. A new `owner` does not own the tables of the former one.",
	"**Databases** are closed to everybody who has no grant on them. `encoding` and `collation` are decided when a database is made; a collation is a " +
		"locale of the guest's operating system (`C.UTF-8`, which is the default) or one of ICU's (`de-x-icu`). Extensions are installed into the schema " +
		"public and never dropped. A rename and a drop end the sessions in the database.",
	"**Root** may make databases, sees all sessions and ends them. It is no superuser and makes no users: up to version 15 whoever may make users can give " +
		"himself the roles that run programs in the guest.",
	"**Logs.** The server writes one file. `general` has every statement written into it, `slow` those that take a second or longer; " +
		"`log_min_duration_statement` of a config group is stronger than that.",
	"**Values** with a unit are compared as the server shows them: `131072kB` is `128MB`. Without a unit a number counts in the parameter's own.",
}

// PostgreSQLTLSRole is the role whose members must use TLS: the server's access file names it.
const PostgreSQLTLSRole = "trovectl_tls"

// postgresqlRules are what PostgreSQL allows, less what it allows and should not. Source: the server itself, and its
// manual's "Identifiers and Key Words", "GRANT" and "Privileges".
type postgresqlRules struct {
	tables []string // what may be granted on a table
}

// databaseName: the server takes any byte but NUL, and cuts names beyond 63 bytes in silence. What would turn a name into
// a connection string, a path or two lines of a manifest is refused here.
func (postgresqlRules) databaseName(e *Engine, name string) error {
	if err := postgresqlText("database", name); err != nil {
		return err
	}
	if i := strings.IndexAny(name, `=:/\`); i >= 0 {
		return fmt.Errorf("a database name may not contain %q: clients and backups would read it as something else than a name", name[i])
	}
	if slices.Contains(e.SystemDBs, strings.ToLower(name)) {
		return fmt.Errorf("%q is a database of the server itself", name)
	}
	if name == "*" {
		return errors.New(`"*" stands for all databases in a grant and cannot be the name of one`)
	}
	return nil
}

func (postgresqlRules) userName(e *Engine, name string) error {
	if err := postgresqlText("user", name); err != nil {
		return err
	}
	if lower := strings.ToLower(name); slices.Contains(e.SystemUsers, lower) || strings.HasPrefix(lower, "pg_") {
		return fmt.Errorf("%q is an account of the server or of the agent", name)
	}
	return nil
}

func postgresqlText(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a %s name may not be empty", what)
	case !utf8.ValidString(name):
		return fmt.Errorf("a %s name must be valid UTF-8", what)
	case len(name) > 63:
		return fmt.Errorf("a %s name has at most 63 bytes, this one has %d: the server would cut it", what, len(name))
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("a %s name may not begin or end with a space", what)
	}
	for _, r := range name {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return fmt.Errorf("a %s name may not contain the unprintable character %U", what, r)
		}
	}
	return nil
}

func (postgresqlRules) userHost(_ *Engine, host string) error {
	if host != "" {
		return errors.New("users of postgresql have no hosts: who may connect from where is said by the instance's access")
	}
	return nil
}

func (postgresqlRules) normalizeHost(host string) string { return host }

func (postgresqlRules) target(e *Engine, t Target) error {
	if t.Database == "*" {
		return errors.New(`postgresql grants on one database at a time: name each in place of "*"`)
	}
	if err := (postgresqlRules{}).databaseName(e, t.Database); err != nil {
		return err
	}
	if t.Schema == "" && t.Table != "" {
		return errors.New(`a table is of a schema: name that too ("public" is the one that every database begins with)`)
	}
	if t.Schema != "" {
		if err := postgresqlText("schema", t.Schema); err != nil {
			return err
		}
		if strings.HasPrefix(t.Schema, "pg_") || t.Schema == "information_schema" {
			return fmt.Errorf("%q is a schema of the server itself", t.Schema)
		}
	}
	if t.Table != "" {
		return postgresqlText("table", t.Table)
	}
	return nil
}

func (r postgresqlRules) privileges(e *Engine, t Target) []string {
	switch {
	case t.Table != "":
		return r.tables
	case t.Schema != "":
		return append([]string{"CREATE"}, r.tables...)
	case t.Database != "*":
		return e.Privileges
	}
	return nil
}

// entrance: whoever may do anything in a database may connect to it, and whoever may do anything in a schema may use it.
// These two are privileges that stand alone or not at all.
func (postgresqlRules) entrance(t Target) string {
	switch {
	case t.Table != "" || t.Database == "*":
		return ""
	case t.Schema != "":
		return "USAGE"
	}
	return "CONNECT"
}

// covers: a privilege on a database is one on all schemas and tables of it, now and later; one on a schema is one on all
// its tables. Whatever is granted further inside brings the way there.
func (r postgresqlRules) covers(wide Target, p string, narrow Target, q string) bool {
	if wide.Database != narrow.Database {
		return false
	}
	inside := func(outer, inner Target) bool {
		return (outer.Schema == "" || outer.Schema == inner.Schema) && (outer.Table == "" || outer.Table == inner.Table) && outer != inner
	}
	isTable := slices.Contains(r.tables, p)
	switch {
	case wide == narrow:
		return p != q && q == r.entrance(narrow)
	case inside(wide, narrow):
		return p == q && (isTable || p == "CREATE") || q == "USAGE" && (isTable || p == "CREATE")
	case inside(narrow, wide):
		return q == r.entrance(narrow)
	}
	return false
}

// checkCollation: collations are those of the operating system in the guest, which only
// the guest knows, or ICU's by their names ("de-x-icu").
func (postgresqlRules) checkCollation(charset, collation string) error {
	if charset != "" {
		return errors.New("postgresql has no charset of a database: write encoding")
	}
	for _, r := range collation {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_.@-", r) {
			return fmt.Errorf("collation %q is no name of a locale: it looks like C.UTF-8, de_DE.UTF-8 or de-x-icu", collation)
		}
	}
	if len(collation) > 63 {
		return errors.New("collation has at most 63 letters")
	}
	return nil
}
