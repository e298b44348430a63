// Package mariadb runs MariaDB: one server, its data below Host.Data, its settings in option files that the agent owns,
// administered over the unix socket by the operating system user of the agent, without a password. What MySQL has in
// common with it is in mysqlfamily, under the file names that every engine has.
package mariadb

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
)

// Name is the datastore manager's name.
const Name = "mariadb"

// Engine is one MariaDB server on one host. It is safe for concurrent use.
type Engine struct{ *mysqlfamily.Server }

// New finds the installed server for a host. A missing or unknown server is KindUnsupported.
func New(host engine.Host) (*Engine, error) {
	binary, err := mysqlfamily.Find("mariadbd", "mysqld")
	if err != nil {
		return nil, err
	}
	install, err := mysqlfamily.Find("mariadb-install-db", "mysql_install_db")
	if err != nil {
		return nil, err
	}
	version, err := versionOf(binary)
	if err != nil {
		return nil, err
	}
	known, _ := catalog.Lookup(Name)
	server, err := mysqlfamily.New(host, known, binary, version)
	if err != nil {
		return nil, err
	}
	server.Dialect = dialect{server: server, installer: install}
	server.Words = words
	return &Engine{server}, nil
}

// dialect is what MariaDB does otherwise than MySQL.
type dialect struct {
	server    *mysqlfamily.Server
	installer string // absolute path of mariadb-install-db
}

var words = mysqlfamily.Words{
	Product: "MariaDB", Suffix: "-MariaDB",
	// No GRANT that makes an account; and no limit that a config group sets for clients.
	Variables: map[string]string{"sql_mode": "'NO_AUTO_CREATE_USER'", "max_statement_time": "0"},
	Mark:      filepath.Join("mysql", "global_priv.frm"),
	WroteLast: []string{"mariadb_upgrade_info", "mysql_upgrade_info"},
	// Without the log it says what is wrong on its standard error.
	CheckConfig: []string{"--log-error=", "--help", "--verbose"},
	Kill:        "KILL HARD CONNECTION ",
	ReloadTLS:   "FLUSH SSL",
	RootMay:     []string{"CREATE USER", "RELOAD"},
}

var versionText = regexp.MustCompile(`\b(\d+\.\d+\.\d+)-MariaDB`)

func versionOf(server string) (string, error) {
	out, err := exec.Command(server, "--no-defaults", "--version").Output()
	if err != nil {
		return "", guest.Errorf(guest.KindUnsupported, "asking %s for its version: %v", server, err)
	}
	match := versionText.FindSubmatch(out)
	if match == nil {
		return "", guest.Errorf(guest.KindUnsupported, "%s is not a MariaDB server: %s", server, bytes.TrimSpace(out))
	}
	return string(match[1]), nil
}

var (
	_ engine.Engine       = (*Engine)(nil)
	_ engine.Databases    = (*Engine)(nil)
	_ engine.Users        = (*Engine)(nil)
	_ engine.Configurable = (*Engine)(nil)
	_ engine.Rooted       = (*Engine)(nil)
	_ engine.Logged       = (*Engine)(nil)
	_ engine.Certified    = (*Engine)(nil)
	_ engine.Metered      = (*Engine)(nil)
)
