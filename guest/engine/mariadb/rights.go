package mariadb

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
)

// accessBits are the bits of "access" in mysql.global_priv, in their order. Source: MariaDB, privilege_t.
var accessBits = []string{
	"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS", "FILE", "GRANT OPTION",
	"REFERENCES", "INDEX", "ALTER", "SHOW DATABASES", "SUPER", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE",
	"REPLICATION SLAVE", "BINLOG MONITOR", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "CREATE USER",
	"EVENT", "TRIGGER", "CREATE TABLESPACE", "DELETE HISTORY", "SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN",
	"READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN", "REPLICATION MASTER ADMIN", "BINLOG ADMIN", "BINLOG REPLAY",
	"SLAVE MONITOR", "SHOW CREATE ROUTINE",
}

// Accounts implements mysqlfamily.Dialect.
func (d dialect) Accounts(ctx context.Context, s *mysqlfamily.Session) ([]*mysqlfamily.Account, error) {
	tables, err := mysqlfamily.ReadTables(ctx, s, "global_priv", "roles_mapping")
	if err != nil {
		return nil, err
	}
	var accounts []*mysqlfamily.Account
	byName := map[guest.UserName]*mysqlfamily.Account{}
	for _, row := range tables["global_priv"] {
		a, err := accountOf(row)
		if err != nil {
			return nil, guest.Errorf(guest.KindInternal, "reading the account %s: %v", row["User"], err)
		}
		accounts = append(accounts, a)
		byName[guest.UserName{Name: a.Name, Host: a.Host}] = a
	}
	for _, row := range tables["roles_mapping"] {
		if a := byName[guest.UserName{Name: row["User"], Host: row["Host"]}]; a != nil {
			a.Roles = append(a.Roles, mysqlfamily.Role{Name: row["Role"], Admin: row["Admin_option"] == "Y"})
		}
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
	Limit   int               `json:"max_user_connections"`
	TLS     int               `json:"ssl_type"` // 0 none, 1 any, 2 X.509, 3 as specified
}

func accountOf(row map[string]string) (*mysqlfamily.Account, error) {
	var auth authentication
	if err := json.Unmarshal([]byte(row["Priv"]), &auth); err != nil {
		return nil, err
	}
	a := &mysqlfamily.Account{Name: row["User"], Host: row["Host"], IsRole: auth.IsRole, Verifier: auth.verifier(), Limit: auth.Limit}
	switch auth.TLS {
	case 0:
	case 1:
		a.TLS = mysqlfamily.AnyTLS
	default:
		a.TLS = fmt.Sprint("type ", auth.TLS)
	}
	privileges := map[string]bool{}
	for bit, name := range accessBits {
		if auth.Access&(1<<bit) != 0 {
			privileges[name] = true
		}
	}
	if len(privileges) > 0 {
		a.Rights = append(a.Rights, mysqlfamily.Right{Level: mysqlfamily.OnAll, Database: "*", Privileges: privileges})
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

// IdentifiedBy implements mysqlfamily.Dialect.
func (dialect) IdentifiedBy(verifier string) string {
	return "IDENTIFIED VIA mysql_native_password USING " + mysqlfamily.Literal(verifier)
}

// DefaultRoles implements mysqlfamily.Dialect. The server switches one role on at login, and no more.
func (dialect) DefaultRoles(account string, roles []string) string {
	if len(roles) != 1 {
		return ""
	}
	return "SET DEFAULT ROLE " + mysqlfamily.Identifier(roles[0]) + " FOR " + account
}
