package mysqlfamily

import (
	"context"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// Level is what a right reaches.
type Level int

// The levels of rights. Patterns and routines are never made by the agent.
const (
	OnAll      Level = iota // *.*
	OnDatabase              // one database, by its literal name
	OnPattern               // databases by a pattern with wildcards
	OnTable                 // a table or columns of it
	OnRoutine               // a function or procedure
)

// Right is what one account may do at one place.
type Right struct {
	Level      Level
	Database   string // "*", a name, or for OnPattern the pattern
	Kind       string // of the object: TABLE, FUNCTION, PROCEDURE, ...
	Object     string
	Privileges map[string]bool // in the catalog's words; what the catalog does not know in the server's
}

// Role is a role that an account has.
type Role struct {
	Name, Host string // Host is empty where roles have none
	Admin      bool   // the account may give it to others: never made by the agent
}

// String is the role's name in a declaration.
func (r Role) String() string {
	if r.Host == "" || r.Host == "%" {
		return r.Name
	}
	return r.Name + "@" + r.Host
}

func (r Role) quoted() string {
	if r.Host == "" {
		return Identifier(r.Name)
	}
	return AccountName(r.Name, r.Host)
}

// Account is an account as the server has it.
type Account struct {
	Name, Host string
	Verifier   string
	IsRole     bool
	Limit      int    // of connections at once; 0: none
	TLS        string // empty, anyTLS, or what else the server demands
	Rights     []Right
	Roles      []Role
}

// AnyTLS is TLS with whatever certificate, or none, of the client.
const AnyTLS = "ANY"

func (a Account) quoted() string { return AccountName(a.Name, a.Host) }

const grantOption = "GRANT OPTION"

// privilegeNames are the names that the grant tables have for what is called otherwise in SQL.
var privilegeNames = map[string]string{
	"GRANT": grantOption, "SHOW DB": "SHOW DATABASES", "REPL SLAVE": "REPLICATION SLAVE", "REPL CLIENT": "REPLICATION CLIENT", "CREATE TMP TABLE": "CREATE TEMPORARY TABLES", "DELETE VERSIONING ROWS": "DELETE HISTORY",
}

// PrivilegeName is the catalog's word for a privilege in a grant table.
func PrivilegeName(text string) string {
	text = strings.ToUpper(strings.ReplaceAll(text, "_", " "))
	if name, ok := privilegeNames[text]; ok {
		return name
	}
	return text
}

// readAccounts reads every account and right, in as many queries whatever their number.
func (e *Server) readAccounts(ctx context.Context, s *Session) ([]*Account, error) {
	accounts, err := e.Accounts(ctx, s)
	if err != nil {
		return nil, err
	}
	byName := map[guest.UserName]*Account{}
	for _, a := range accounts {
		byName[guest.UserName{Name: a.Name, Host: a.Host}] = a
	}
	tables, err := ReadTables(ctx, s, "db", "tables_priv", "columns_priv", "procs_priv")
	if err != nil {
		return nil, err
	}
	add := func(row map[string]string, r Right) {
		if a := byName[guest.UserName{Name: row["User"], Host: row["Host"]}]; a != nil && len(r.Privileges) > 0 {
			a.Rights = append(a.Rights, r)
		}
	}
	for _, row := range tables["db"] {
		add(row, databaseRight(row))
	}
	columns := columnRights(tables["columns_priv"])
	for _, row := range tables["tables_priv"] {
		r := Right{Level: OnTable, Database: row["Db"], Kind: "TABLE", Object: row["Table_name"], Privileges: privilegeSet(row["Table_priv"])}
		for p := range columns[[4]string{row["Host"], row["User"], row["Db"], row["Table_name"]}] {
			r.Privileges[p] = true
		}
		add(row, r)
	}
	for _, row := range tables["procs_priv"] {
		add(row, Right{Level: OnRoutine, Database: row["Db"], Kind: row["Routine_type"], Object: row["Routine_name"], Privileges: privilegeSet(row["Proc_priv"])})
	}
	return accounts, nil
}

// ReadTables reads tables of the database mysql as a whole.
func ReadTables(ctx context.Context, s *Session, names ...string) (map[string][]map[string]string, error) {
	tables := make(map[string][]map[string]string, len(names))
	for _, table := range names {
		rows, err := s.Rows(ctx, "SELECT * FROM mysql."+table)
		if err != nil {
			return nil, Fault("reading the accounts", err)
		}
		tables[table] = rows
	}
	return tables, nil
}

func databaseRight(row map[string]string) Right {
	name, exact := FromPattern(row["Db"])
	r := Right{Level: OnDatabase, Database: name, Privileges: ColumnPrivileges(row)}
	if !exact {
		r.Level = OnPattern
	}
	return r
}

// ColumnPrivileges are the privileges of a grant table that has a column for each.
func ColumnPrivileges(row map[string]string) map[string]bool {
	set := map[string]bool{}
	for column, value := range row {
		if name, ok := strings.CutSuffix(column, "_priv"); ok && value == "Y" {
			set[PrivilegeName(name)] = true
		}
	}
	return set
}

// columnRights are privileges on columns, "SELECT (n)", by host, user, database and table.
func columnRights(rows []map[string]string) map[[4]string]map[string]bool {
	out := map[[4]string]map[string]bool{}
	for _, row := range rows {
		key := [4]string{row["Host"], row["User"], row["Db"], row["Table_name"]}
		if out[key] == nil {
			out[key] = map[string]bool{}
		}
		for p := range privilegeSet(row["Column_priv"]) {
			out[key][p+" ("+row["Column_name"]+")"] = true
		}
	}
	return out
}

func privilegeSet(members string) map[string]bool {
	set := map[string]bool{}
	for member := range strings.SplitSeq(members, ",") {
		if member != "" {
			set[PrivilegeName(member)] = true
		}
	}
	return set
}

// target is what a right is on in the product's words; ok is false where it has none.
func (r Right) target() (t catalog.Target, ok bool) {
	switch r.Level {
	case OnAll, OnDatabase:
		return catalog.Target{Database: r.Database}, true
	case OnTable:
		return catalog.Target{Database: r.Database, Table: r.Object}, true
	case OnPattern, OnRoutine:
	}
	return catalog.Target{Database: r.Database}, false
}

// grants are the rights of an account in canonical form. What the product has no words for shows as a privilege that
// nobody can declare ("EXECUTE ON FUNCTION f"), so that it is seen as more than was declared.
func (e *Server) grants(a *Account) []guest.Grant {
	sets := map[engine.On]map[string]bool{}
	add := func(on engine.On, privilege string) {
		if sets[on] == nil {
			sets[on] = map[string]bool{}
		}
		sets[on][privilege] = true
	}
	for _, r := range a.Rights {
		target, known := r.target()
		// An option without anything to hand on is no grant: it shows as itself.
		grantable := known && r.Privileges[grantOption] && len(r.Privileges) > 1
		for p := range r.Privileges {
			if !grantable || p != grantOption {
				add(engine.On{Target: target, Grantable: grantable}, r.words(p))
			}
		}
	}
	for _, role := range a.Roles {
		if role.Admin {
			add(engine.On{Target: catalog.Target{Database: "*"}}, "ADMIN OPTION OF ROLE "+role.String())
		}
	}
	return engine.GrantsOf(e.Catalog, sets)
}

func (r Right) words(privilege string) string {
	switch r.Level {
	case OnPattern:
		return privilege + " ON DATABASES LIKE " + r.Database
	case OnRoutine:
		return privilege + " ON " + r.Kind + " " + r.Object
	case OnAll, OnDatabase, OnTable:
	}
	return privilege
}
