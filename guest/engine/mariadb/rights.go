package mariadb

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
)

// level is what a right reaches.
type level int

const (
	onAll      level = iota // *.*
	onDatabase              // one database, by its literal name
	onPattern               // databases by a pattern with wildcards: never made by the agent
	onTable                 // a table or columns of it: never made by the agent
	onRoutine               // a function or procedure: never made by the agent
	byRole                  // membership in a role: never made by the agent
)

// right is what one account may do at one place.
type right struct {
	level      level
	database   string // "*", a name, or for onPattern the pattern
	kind       string // of the object: TABLE, FUNCTION, PROCEDURE, ...
	object     string
	privileges map[string]bool // in the catalog's words; what the catalog does not know in the server's
}

// stored is an account as the server has it.
type stored struct {
	name, host string
	verifier   string
	role       bool
	rights     []right
}

func (a stored) quoted() string { return mysqlfamily.Account(a.name, a.host) }

// accessBits are the bits of "access" in mysql.global_priv, in their order. Source: MariaDB, privilege_t.
var accessBits = []string{
	"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS", "FILE", "GRANT OPTION",
	"REFERENCES", "INDEX", "ALTER", "SHOW DATABASES", "SUPER", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE",
	"REPLICATION SLAVE", "BINLOG MONITOR", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "CREATE USER",
	"EVENT", "TRIGGER", "CREATE TABLESPACE", "DELETE HISTORY", "SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN",
	"READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN", "REPLICATION MASTER ADMIN", "BINLOG ADMIN", "BINLOG REPLAY",
	"SLAVE MONITOR", "SHOW CREATE ROUTINE",
}

// privilegeNames are the names that the grant tables have for what is called otherwise in SQL.
var privilegeNames = map[string]string{
	"GRANT": "GRANT OPTION", "CREATE TMP TABLE": "CREATE TEMPORARY TABLES", "DELETE VERSIONING ROWS": "DELETE HISTORY",
}

func privilegeName(text string) string {
	text = strings.ToUpper(strings.ReplaceAll(text, "_", " "))
	if name, ok := privilegeNames[text]; ok {
		return name
	}
	return text
}

// readAccounts reads every account and right in six queries, whatever their number.
func (e *Engine) readAccounts(ctx context.Context, s *mysqlfamily.Session) ([]*stored, error) {
	tables := map[string][]map[string]string{}
	for _, table := range []string{"global_priv", "db", "tables_priv", "columns_priv", "procs_priv", "roles_mapping"} {
		rows, err := s.Rows(ctx, "SELECT * FROM mysql."+table)
		if err != nil {
			return nil, mysqlfamily.Fault("reading the accounts", err)
		}
		tables[table] = rows
	}
	var accounts []*stored
	byName := map[guest.UserName]*stored{}
	for _, row := range tables["global_priv"] {
		a, err := accountOf(row)
		if err != nil {
			return nil, internal("reading the account "+row["User"], err)
		}
		accounts = append(accounts, a)
		byName[guest.UserName{Name: a.name, Host: a.host}] = a
	}
	add := func(row map[string]string, r right) {
		if a := byName[guest.UserName{Name: row["User"], Host: row["Host"]}]; a != nil && len(r.privileges) > 0 {
			a.rights = append(a.rights, r)
		}
	}
	for _, row := range tables["db"] {
		add(row, databaseRight(row))
	}
	columns := columnRights(tables["columns_priv"])
	for _, row := range tables["tables_priv"] {
		r := right{level: onTable, database: row["Db"], kind: "TABLE", object: row["Table_name"], privileges: privilegeSet(row["Table_priv"])}
		for p := range columns[[4]string{row["Host"], row["User"], row["Db"], row["Table_name"]}] {
			r.privileges[p] = true
		}
		add(row, r)
	}
	for _, row := range tables["procs_priv"] {
		add(row, right{level: onRoutine, database: row["Db"], kind: row["Routine_type"], object: row["Routine_name"], privileges: privilegeSet(row["Proc_priv"])})
	}
	for _, row := range tables["roles_mapping"] {
		add(row, right{level: byRole, database: "*", object: row["Role"], privileges: map[string]bool{"ROLE": true}})
	}
	return accounts, nil
}

// authentication is the part of mysql.global_priv.Priv that matters here.
type authentication struct {
	Access  uint64            `json:"access"`
	Plugin  string            `json:"plugin"`
	Text    string            `json:"authentication_string"`
	Or      []json.RawMessage `json:"auth_or"`
	Locked  bool              `json:"account_locked"`
	Changed *int64            `json:"password_last_changed"`
	IsRole  bool              `json:"is_role"`
}

func accountOf(row map[string]string) (*stored, error) {
	var auth authentication
	if err := json.Unmarshal([]byte(row["Priv"]), &auth); err != nil {
		return nil, err
	}
	a := &stored{name: row["User"], host: row["Host"], role: auth.IsRole, verifier: auth.verifier()}
	privileges := map[string]bool{}
	for bit, name := range accessBits {
		if auth.Access&(1<<bit) != 0 {
			privileges[name] = true
		}
	}
	if len(privileges) > 0 {
		a.rights = append(a.rights, right{level: onAll, database: "*", privileges: privileges})
	}
	return a, nil
}

// verifier is the plain password hash of an account that has nothing else. Whatever lets somebody in another way, or
// nobody at all, is part of the text, so that it never equals a hash that trovectl set.
func (a authentication) verifier() string {
	text := a.Text
	if a.Plugin != "" && a.Plugin != "mysql_native_password" && a.Plugin != "mysql_old_password" {
		text = a.Plugin + ":" + text
	}
	if a.Plugin == "mysql_native_password" && text == "invalid" {
		text = "mysql_native_password:invalid"
	}
	for _, or := range a.Or {
		// An empty one stands for the account's own plugin, which is in the text already.
		if string(or) != "{}" {
			text += " or " + string(or)
		}
	}
	if a.Locked {
		text += " locked"
	}
	if a.Changed != nil && *a.Changed == 0 {
		text += " expired"
	}
	return text
}

func databaseRight(row map[string]string) right {
	name, exact := mysqlfamily.FromPattern(row["Db"])
	r := right{level: onDatabase, database: name, privileges: map[string]bool{}}
	if !exact {
		r.level = onPattern
	}
	for column, value := range row {
		if name, ok := strings.CutSuffix(column, "_priv"); ok && value == "Y" {
			r.privileges[databaseColumn(name)] = true
		}
	}
	return r
}

func databaseColumn(name string) string {
	if name == "Create_tmp_table" {
		return "CREATE TEMPORARY TABLES"
	}
	return privilegeName(name)
}

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
			set[privilegeName(member)] = true
		}
	}
	return set
}

// grants are the rights of an account in canonical form. What the product has no words for shows as a privilege that
// nobody can declare ("SELECT ON TABLE t"), so that it is seen as more than was declared.
func (e *Engine) grants(a *stored) []guest.Grant {
	sets := map[engine.On]map[string]bool{}
	for _, r := range a.rights {
		on := engine.On{Target: catalog.Target{Database: r.database}}
		if sets[on] == nil {
			sets[on] = map[string]bool{}
		}
		for p := range r.privileges {
			sets[on][r.words(p)] = true
		}
	}
	return engine.GrantsOf(e.catalog, sets)
}

func (r right) words(privilege string) string {
	switch r.level {
	case onPattern:
		return privilege + " ON DATABASES LIKE " + r.database
	case onTable, onRoutine:
		return privilege + " ON " + r.kind + " " + r.object
	case byRole:
		return "ROLE " + r.object
	case onAll, onDatabase:
	}
	return privilege
}
