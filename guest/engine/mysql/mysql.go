// Package mysql runs MySQL 8 and Percona Server: one server, its data below Host.Data, its settings in option files that
// the agent owns, administered over the unix socket by the operating system user of the agent, without a password. What
// MariaDB has in common with them is in mysqlfamily, under the file names that every engine has.
package mysql

import (
	"bytes"
	"os/exec"
	"regexp"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
)

// The names of the datastore managers.
const (
	Name    = "mysql"
	Percona = "percona"
)

// Engine is one server on one host. It is safe for concurrent use.
type Engine struct{ *mysqlfamily.Server }

// New finds the installed server for a host; name is Name or Percona. A missing or unknown server is KindUnsupported.
func New(name string, host engine.Host) (*Engine, error) {
	binary, err := mysqlfamily.Find("mysqld")
	if err != nil {
		return nil, err
	}
	return newWith(binary, name, host)
}

func newWith(binary, name string, host engine.Host) (*Engine, error) {
	version, err := versionOf(binary, name)
	if err != nil {
		return nil, err
	}
	known, _ := catalog.Lookup(name)
	server, err := mysqlfamily.New(host, known, binary, version)
	if err != nil {
		return nil, err
	}
	server.Dialect = dialect{server: server}
	server.Words = words
	return &Engine{server}, nil
}

// dialect is what MySQL does otherwise than MariaDB.
type dialect struct{ server *mysqlfamily.Server }

var words = mysqlfamily.Words{
	Product: "MySQL",
	// No limit that a config group sets for clients; and sizes of tables as they are, not as they were a day ago.
	Variables: map[string]string{"max_execution_time": "0", "information_schema_stats_expiry": "0"},
	Mark:      "mysql.ibd",
	WroteLast: []string{"mysql_upgrade_info"},
	// What is wrong is said on the standard error then, warnings too.
	CheckConfig: []string{"--log-error-verbosity=2", "--validate-config"},
	Kill:        "KILL CONNECTION ",
	TLSAtOnce:   true,
	ReloadTLS:   "ALTER INSTANCE RELOAD TLS",
	RootMay:     []string{"CREATE ROLE", "CREATE USER", "DROP ROLE", "RELOAD"},
}

// "mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)", "Ver 8.0.35-27 ... (Percona Server (GPL) ...".
var versionText = regexp.MustCompile(`\bVer (\d+\.\d+\.\d+)`)

func versionOf(server, name string) (string, error) {
	out, err := exec.Command(server, "--no-defaults", "--version").Output()
	if err != nil {
		return "", guest.Errorf(guest.KindUnsupported, "asking %s for its version: %v", server, err)
	}
	match := versionText.FindSubmatch(out)
	if match == nil || bytes.Contains(out, []byte("MariaDB")) || name == Percona && !bytes.Contains(out, []byte("Percona")) {
		return "", guest.Errorf(guest.KindUnsupported, "%s is no server of %s: %s", server, name, bytes.TrimSpace(out))
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
