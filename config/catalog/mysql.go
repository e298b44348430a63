package catalog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
)

func init() {
	database := []string{
		"ALTER", "ALTER ROUTINE", "CREATE", "CREATE ROUTINE", "CREATE TEMPORARY TABLES", "CREATE VIEW", "DELETE", "DROP", "EVENT",
		"EXECUTE", "INDEX", "INSERT", "LOCK TABLES", "REFERENCES", "SELECT", "SHOW VIEW", "TRIGGER", "UPDATE",
	}
	global := append([]string{"PROCESS", "REPLICATION CLIENT", "SHOW DATABASES"}, database...)
	slices.Sort(global)
	for name, product := range map[string]string{"mysql": "MySQL", "percona": "Percona Server"} {
		engines[name] = &Engine{
			Name: name,
			Port: 3306,
			SystemUsers: []string{
				"mysql", "mysql.infoschema", "mysql.session", "mysql.sys", "os_admin", "percona.telemetry", "repl", "root", "xtrabackup",
			},
			SystemDBs:         []string{"information_schema", "lost+found", "mysql", "performance_schema", "sys"},
			Privileges:        database,
			GlobalPrivileges:  global,
			RefusedPrivileges: mysqlRefused(),
			PrivilegeAliases:  map[string]string{"CREATE TEMPORARY TABLE": "CREATE TEMPORARY TABLES"},
			HasDatabases:      true, HasUserHosts: true, HasGrants: true, HasRoles: true, OneGrantOption: true,
			Logs:     []string{"general", "slow"},
			Versions: map[string]Version{"8.0": mysql80(), "8.4": mysql84()},
			Note: "No part of this was ever run against a real " + product + ": there was none to run. Statements, parameters and their ranges were " +
				"written after the MySQL 8.0 and 8.4 Reference Manuals and not compared with them line by line; parameters that are not in the table cannot be set.",
			names: mysqlRules{}, passwords: mysqlRules{}, grants: mysqlRules{},
		}
	}
}

// mysqlRefused says why a privilege of the server is not given away, as mariadbRefused. Source: MySQL, "Privileges Provided
// by MySQL".
func mysqlRefused() map[string]string {
	const (
		account     = "with it the agent's own account could be taken over"
		replication = "replication belongs to trovectl"
		stop        = "starting and stopping the server belongs to trovectl"
		settings    = "settings of the server belong to a config_group"
		backup      = "backups belong to trovectl"
	)
	return map[string]string{
		"SUPER": account, "CREATE USER": account, "CREATE ROLE": account, "DROP ROLE": account, "ROLE_ADMIN": account, "SET_USER_ID": account,
		"SYSTEM_USER": account, "PROXY": account, "SET_ANY_DEFINER": account, "ALLOW_NONEXISTENT_DEFINER": account, "APPLICATION_PASSWORD_ADMIN": account,
		"AUTHENTICATION_POLICY_ADMIN": account, "GRANT OPTION": "write grantable = true in the grant",
		"FILE": "it reads and writes files of the guest", "SHUTDOWN": stop, "RELOAD": stop, "CREATE TABLESPACE": "it places files outside of the database",
		"USAGE":            "it is no privilege at all: leave the grant out",
		"CONNECTION_ADMIN": "it passes the connection limit that the agent needs to get in", "SYSTEM_VARIABLES_ADMIN": settings,
		"SESSION_VARIABLES_ADMIN": settings, "PERSIST_RO_VARIABLES_ADMIN": settings, "BINLOG_ADMIN": replication, "REPLICATION SLAVE": replication,
		"REPLICATION_SLAVE_ADMIN": replication, "REPLICATION_APPLIER": replication, "GROUP_REPLICATION_ADMIN": replication, "CLONE_ADMIN": backup,
		"BACKUP_ADMIN": backup, "SERVICE_CONNECTION_ADMIN": "it comes in where the agent does",
	}
}

// mysqlRules are MariaDB's but for the password and the privileges. Source: MySQL, "Schema Object Names" and "Specifying
// Account Names".
type mysqlRules struct{ mariadbRules }

const (
	cachingSHA2     = "$A$005$" // kind and thousands of rounds
	cachingSHA2Salt = 20        // bytes
	cachingSHA2Text = 43
)

// verifier is caching_sha2_password's: SHA-crypt in 5000 rounds with a salt of 20 bytes, which are printable here. An empty
// password has an empty verifier: none can be given. Source: MySQL, "Caching SHA-2 Pluggable Authentication".
func (mysqlRules) verifier(password string, salt []byte) string {
	if password == "" {
		return ""
	}
	printable := sha256.Sum256(salt)
	for i, b := range printable {
		printable[i] = shaCryptAlphabet[b&63]
	}
	return cachingSHA2 + string(printable[:cachingSHA2Salt]) + shaCrypt([]byte(password), printable[:cachingSHA2Salt], 5000)
}

func (mysqlRules) checkVerifier(verifier string) error {
	rest, ok := strings.CutPrefix(verifier, cachingSHA2)
	if !ok || len(rest) != cachingSHA2Salt+cachingSHA2Text {
		return errors.New("a password hash of mysql is $A$005$, a salt of 20 characters and 43 more (caching_sha2_password)")
	}
	for i, r := range rest {
		if r <= ' ' || r > '~' || r == '$' || i >= cachingSHA2Salt && !strings.ContainsRune(shaCryptAlphabet, r) {
			return errors.New("a password hash of mysql holds a character that none has (caching_sha2_password)")
		}
	}
	return nil
}

// mysqlTablePrivileges may be granted on one table. Source: MySQL, "GRANT Statement: Table Privileges".
var mysqlTablePrivileges = []string{
	"ALTER", "CREATE", "CREATE VIEW", "DELETE", "DROP", "INDEX", "INSERT", "REFERENCES", "SELECT", "SHOW VIEW", "TRIGGER", "UPDATE",
}

func (r mysqlRules) privileges(e *Engine, t Target) []string {
	if t.Table != "" {
		return mysqlTablePrivileges
	}
	return r.mariadbRules.privileges(e, t)
}

// mysqlCharsets are the charsets that people use, with their collations. The newer ones of utf8mb4 go by language.
func mysqlCharsets() map[string][]string {
	utf8mb4 := []string{"utf8mb4_0900_ai_ci", "utf8mb4_0900_as_ci", "utf8mb4_0900_as_cs", "utf8mb4_0900_bin", "utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_520_ci"}
	for language := range strings.FieldsSeq("bg bs cs da de_pb eo es es_trad et gl hr hu is la lt lv mn_cyrl nb nn pl ro ru sk sl sr_latn sv tr vi") {
		utf8mb4 = append(utf8mb4, fmt.Sprintf("utf8mb4_%s_0900_ai_ci", language), fmt.Sprintf("utf8mb4_%s_0900_as_cs", language))
	}
	utf8mb4 = append(utf8mb4, "utf8mb4_ja_0900_as_cs", "utf8mb4_ja_0900_as_cs_ks", "utf8mb4_ru_0900_ai_ci", "utf8mb4_zh_0900_as_cs")
	utf8mb3 := []string{"utf8mb3_general_ci", "utf8mb3_bin", "utf8mb3_unicode_520_ci"}
	for language := range strings.FieldsSeq(`unicode croatian czech danish esperanto estonian german2 hungarian icelandic latvian lithuanian
		persian polish roman romanian sinhala slovak slovenian spanish spanish2 swedish turkish vietnamese`) {
		utf8mb4 = append(utf8mb4, "utf8mb4_"+language+"_ci")
		utf8mb3 = append(utf8mb3, "utf8mb3_"+language+"_ci")
	}
	slices.Sort(utf8mb4[1:])
	return map[string][]string{
		"utf8mb4": slices.Compact(utf8mb4), "utf8mb3": utf8mb3,
		"ascii": {"ascii_general_ci", "ascii_bin"}, "binary": {"binary"}, "big5": {"big5_chinese_ci", "big5_bin"},
		"cp1250": {"cp1250_general_ci", "cp1250_bin", "cp1250_croatian_ci", "cp1250_czech_cs", "cp1250_polish_ci"},
		"cp1251": {"cp1251_general_ci", "cp1251_bin", "cp1251_bulgarian_ci", "cp1251_general_cs", "cp1251_ukrainian_ci"},
		"cp932":  {"cp932_japanese_ci", "cp932_bin"}, "euckr": {"euckr_korean_ci", "euckr_bin"},
		"gb18030": {"gb18030_chinese_ci", "gb18030_bin", "gb18030_unicode_520_ci"}, "gbk": {"gbk_chinese_ci", "gbk_bin"},
		"greek": {"greek_general_ci", "greek_bin"}, "hebrew": {"hebrew_general_ci", "hebrew_bin"}, "koi8r": {"koi8r_general_ci", "koi8r_bin"},
		"latin1": {
			"latin1_swedish_ci", "latin1_bin", "latin1_danish_ci", "latin1_general_ci", "latin1_general_cs", "latin1_german1_ci",
			"latin1_german2_ci", "latin1_spanish_ci",
		},
		"latin2": {"latin2_general_ci", "latin2_bin", "latin2_croatian_ci", "latin2_czech_cs", "latin2_hungarian_ci"},
		"latin5": {"latin5_turkish_ci", "latin5_bin"}, "sjis": {"sjis_japanese_ci", "sjis_bin"}, "ujis": {"ujis_japanese_ci", "ujis_bin"},
		"utf16": {"utf16_general_ci", "utf16_bin", "utf16_unicode_ci"}, "utf32": {"utf32_general_ci", "utf32_bin", "utf32_unicode_ci"},
	}
}
