package catalog

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func init() {
	database := []string{
		"ALTER", "ALTER ROUTINE", "CREATE", "CREATE ROUTINE", "CREATE TEMPORARY TABLES", "CREATE VIEW", "DELETE",
		"DELETE HISTORY", "DROP", "EVENT", "EXECUTE", "INDEX", "INSERT", "LOCK TABLES", "REFERENCES", "SELECT",
		"SHOW VIEW", "TRIGGER", "UPDATE",
	}
	global := append([]string{"BINLOG MONITOR", "PROCESS", "SHOW DATABASES", "SLAVE MONITOR"}, database...)
	slices.Sort(global)
	engines["mariadb"] = &Engine{
		Name: "mariadb",
		Port: 3306,
		SystemUsers: []string{
			"mariabackup", "mariadb.sys", "mysql", "mysql.infoschema", "mysql.session", "mysql.sys", "os_admin", "public",
			"repl", "root",
		},
		SystemDBs:         []string{"information_schema", "lost+found", "mysql", "performance_schema", "sys"},
		Privileges:        database,
		GlobalPrivileges:  global,
		RefusedPrivileges: mariadbRefused(),
		PrivilegeAliases: map[string]string{
			"DELETE VERSIONING ROWS": "DELETE HISTORY", "REPLICA MONITOR": "SLAVE MONITOR",
			"REPLICATION CLIENT": "BINLOG MONITOR", "CREATE TEMPORARY TABLE": "CREATE TEMPORARY TABLES",
		},
		HasDatabases: true,
		HasUserHosts: true,
		HasGrants:    true,
		HasRoles:     true,
		// GRANT ... WITH GRANT OPTION is one mark for all that the account has at that place.
		OneGrantOption: true,
		Logs:           []string{"general", "slow"},
		Versions:       map[string]Version{"10.11": mariadbVersion(mariadb1011())},
		Shares: map[string]string{
			"10.5": "10.11", "10.6": "10.11", "10.7": "10.11", "10.8": "10.11", "10.9": "10.11", "10.10": "10.11",
			"11.0": "10.11", "11.1": "10.11", "11.2": "10.11", "11.3": "10.11", "11.4": "10.11", "11.5": "10.11",
			"11.6": "10.11", "11.7": "10.11", "11.8": "10.11",
		},
		names: mariadbRules{}, passwords: mariadbRules{}, grants: mariadbRules{},
	}
}

// mariadbRefused says why a privilege of the server is not given away. Each of them reaches beyond the databases: into the
// guest's files, the agent's account or the replication that trovectl manages.
func mariadbRefused() map[string]string {
	const (
		account     = "with it the agent's own account could be taken over"
		replication = "replication belongs to trovectl"
		stop        = "starting and stopping the server belongs to trovectl"
		settings    = "settings of the server belong to a config_group"
	)
	return map[string]string{
		"SUPER": account, "CREATE USER": account, "SET USER": account, "GRANT OPTION": "write grantable = true in the grant",
		"FILE": "it reads and writes files of the guest", "SHUTDOWN": stop, "RELOAD": stop,
		"CREATE TABLESPACE": "it places files outside of the database", "USAGE": "it is no privilege at all: leave the grant out",
		"CONNECTION ADMIN": "it passes the connection limit that the agent needs to get in",
		"FEDERATED ADMIN":  "it opens connections from the guest to elsewhere", "READ_ONLY ADMIN": settings, "READ ONLY ADMIN": settings,
		"BINLOG ADMIN": replication, "BINLOG REPLAY": replication, "REPLICATION SLAVE": replication, "REPLICATION REPLICA": replication,
		"REPLICATION MASTER ADMIN": replication, "REPLICATION SLAVE ADMIN": replication, "REPLICATION REPLICA ADMIN": replication,
		"PROXY": account,
	}
}

// mariadbRules are what MariaDB allows, less what it allows and should not. Source: the server itself, and its manual's
// "Identifier Names" and "CREATE USER: Account Names".
type mariadbRules struct{}

// databaseName: identifiers are at most 64 characters of the Basic Multilingual Plane. The server also takes control
// characters, slashes and dots, which break backups and path names later; these are refused here.
func (mariadbRules) databaseName(e *Engine, name string) error {
	if err := mariadbText("database", name, 64); err != nil {
		return err
	}
	if i := strings.IndexAny(name, `/\.`); i >= 0 {
		return fmt.Errorf("a database name may not contain %q: it becomes the name of a directory", name[i])
	}
	if slices.Contains(e.SystemDBs, strings.ToLower(name)) {
		return fmt.Errorf("%q is a database of the server itself", name)
	}
	if strings.HasPrefix(strings.ToLower(name), "#mysql50#") {
		return errors.New("a database name may not begin with #mysql50#: the server reads it as a path")
	}
	if name == "*" {
		return errors.New(`"*" stands for all databases in a grant and cannot be the name of one`)
	}
	return nil
}

// userName keeps to MySQL's 32 characters, so that an account can move between the two.
func (mariadbRules) userName(e *Engine, name string) error {
	if err := mariadbText("user", name, 32); err != nil {
		return err
	}
	if slices.Contains(e.SystemUsers, strings.ToLower(name)) {
		return fmt.Errorf("%q is an account of the server or of the agent", name)
	}
	return nil
}

func mariadbText(what, name string, limit int) error {
	switch n := utf8.RuneCountInString(name); {
	case name == "":
		return fmt.Errorf("a %s name may not be empty", what)
	case !utf8.ValidString(name):
		return fmt.Errorf("a %s name must be valid UTF-8", what)
	case n > limit:
		return fmt.Errorf("a %s name has at most %d characters, this one has %d", what, limit, n)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("a %s name may not begin or end with a space: the server drops it", what)
	}
	for _, r := range name {
		if r > 0xFFFF {
			return fmt.Errorf("a %s name may not contain %q: the server stores names in three bytes a character", what, r)
		}
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return fmt.Errorf("a %s name may not contain the unprintable character %U", what, r)
		}
	}
	return nil
}

func (mariadbRules) userHost(_ *Engine, host string) error {
	const allowed = `allowed are "%", an address (10.0.0.7), a prefix (10.20.%), a network (10.20.0.0/16) and "localhost"`
	if host == "" || host == "%" || strings.EqualFold(host, "localhost") {
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if network, mask, ok := strings.Cut(host, "/"); ok {
		return mariadbNetwork(host, network, mask, allowed)
	}
	if mariadbPrefix(host) {
		return nil
	}
	return fmt.Errorf("%q is no host of an account: %s; names of machines never match, because the server does not resolve them", host, allowed)
}

func mariadbNetwork(host, network, mask, allowed string) error {
	address, err := netip.ParseAddr(network)
	if err != nil || !address.Is4() {
		return fmt.Errorf("%q is no IPv4 network: %s", host, allowed)
	}
	bits := maskBits(mask)
	if bits < 0 {
		return fmt.Errorf("%q has no netmask after the slash: write 10.20.0.0/16 or 10.20.0.0/255.255.0.0", host)
	}
	if prefix := netip.PrefixFrom(address, bits); prefix.Masked().Addr() != address {
		return fmt.Errorf("%q never matches: the address has bits beyond its mask; write %s", host, prefix.Masked())
	}
	return nil
}

// maskBits reads "16" or "255.255.0.0"; -1: neither.
func maskBits(mask string) int {
	var n int
	if address, err := netip.ParseAddr(mask); err == nil && address.Is4() {
		ones := uint32(0)
		for _, b := range address.As4() {
			ones = ones<<8 | uint32(b)
		}
		for ones&(1<<31) != 0 {
			n, ones = n+1, ones<<1
		}
		if ones != 0 {
			return -1
		}
		return n
	}
	if _, err := fmt.Sscanf(mask+"!", "%d!", &n); err != nil || fmt.Sprint(n) != mask || n < 0 || n > 32 {
		return -1
	}
	return n
}

// mariadbPrefix: one to three numbers of an IPv4 address and then % for the rest ("10.20.%"), or with _ and % anywhere in it.
func mariadbPrefix(host string) bool {
	if len(host) > 60 || !strings.ContainsAny(host, "%_") {
		return false
	}
	for _, r := range host {
		if !strings.ContainsRune("0123456789.:%_abcdefABCDEF", r) {
			return false
		}
	}
	return strings.ContainsAny(host, "0123456789")
}

func (mariadbRules) normalizeHost(host string) string {
	if host == "" {
		return "%"
	}
	if network, mask, ok := strings.Cut(host, "/"); ok {
		bits := maskBits(mask)
		if address, err := netip.ParseAddr(network); err == nil && address.Is4() && bits >= 0 {
			m := ^uint32(0)
			if bits < 32 {
				m = ^(^uint32(0) >> bits)
			}
			return fmt.Sprintf("%s/%d.%d.%d.%d", address, byte(m>>24), byte(m>>16), byte(m>>8), byte(m))
		}
		return host
	}
	return strings.ToLower(host)
}

// verifier is mysql_native_password's: SHA1 of SHA1. An empty password has an empty verifier: none can be given.
func (mariadbRules) verifier(password string, _ []byte) string {
	if password == "" {
		return ""
	}
	first := sha1.Sum([]byte(password)) //nolint:gosec // the server's own scheme
	second := sha1.Sum(first[:])        //nolint:gosec // the server's own scheme
	return "*" + strings.ToUpper(hex.EncodeToString(second[:]))
}

func (mariadbRules) checkVerifier(verifier string) error {
	if len(verifier) != 41 || verifier[0] != '*' {
		return errors.New("a password hash of mariadb is a star and 40 hexadecimal digits (mysql_native_password)")
	}
	for _, r := range verifier[1:] {
		if !strings.ContainsRune("0123456789ABCDEF", r) {
			return errors.New("a password hash of mariadb is a star and 40 hexadecimal digits in upper case (mysql_native_password)")
		}
	}
	return nil
}

// mariadbTablePrivileges may be granted on one table. Source: MariaDB, "GRANT: Table Privileges".
var mariadbTablePrivileges = []string{
	"ALTER", "CREATE", "CREATE VIEW", "DELETE", "DELETE HISTORY", "DROP", "INDEX", "INSERT", "REFERENCES", "SELECT", "SHOW VIEW",
	"TRIGGER", "UPDATE",
}

func (r mariadbRules) target(e *Engine, t Target) error {
	switch {
	case t.Schema != "":
		return fmt.Errorf("%s has no schemas in a database: leave schema out", e.Name)
	case t.Database == "*" && t.Table != "":
		return errors.New("a table is of one database: name it in place of \"*\"")
	case t.Table != "":
		if err := mariadbText("table", t.Table, 64); err != nil {
			return err
		}
	}
	if t.Database == "*" {
		return nil
	}
	return r.databaseName(e, t.Database)
}

func (mariadbRules) privileges(e *Engine, t Target) []string {
	switch {
	case t.Table != "":
		return mariadbTablePrivileges
	case t.Database == "*":
		return e.GlobalPrivileges
	}
	return e.Privileges
}
