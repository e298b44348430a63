// Package mariadb runs MariaDB: one server, its data below Host.Data, its settings in option files that the agent owns,
// administered over the unix socket by the operating system user of the agent, without a password.
package mariadb

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// Name is the datastore manager's name.
const Name = "mariadb"

// Engine is one MariaDB server on one host. It is safe for concurrent use; changes are made one after another.
type Engine struct {
	host    engine.Host
	admin   string // the account of the agent: its operating system user, at localhost
	paths   paths
	catalog *catalog.Engine
	install string // absolute path of mariadb-install-db
	process native.Process
	version string // of the installed server, "10.11.19"
	series  string // "10.11"

	changes sync.Mutex
}

// paths are the files of one server.
type paths struct {
	data, scratch         string // below Host.Data
	options, conf         string // my.cnf and the directory it includes
	base, overrides, init string // in conf
	started               string // the overrides that the running server was started with
	run, socket, pid      string
	log, errors           string
}

func pathsOf(h engine.Host) paths {
	conf, run, log := filepath.Join(h.Conf, "conf.d"), filepath.Join(h.Run, "mysqld"), filepath.Join(h.Log, "mysqld")
	p := paths{
		data: filepath.Join(h.Data, "mysql"), scratch: filepath.Join(h.Data, "mysql-tmp"),
		options: filepath.Join(h.Conf, "my.cnf"), conf: conf,
		base: filepath.Join(h.Conf, "base.cnf"), overrides: filepath.Join(conf, "50-overrides.cnf"),
		init: filepath.Join(h.Conf, "agent.sql"), started: filepath.Join(h.Conf, "started.cnf"),
		run: run, socket: filepath.Join(run, "mysqld.sock"), pid: filepath.Join(run, "mysqld.pid"),
		log: log, errors: filepath.Join(log, "error.log"),
	}
	if len(p.socket) > native.MaxSocketPath {
		// The server's working directory is its data directory, so there a name without a path will do.
		p.socket = filepath.Join(p.data, "mysqld.sock")
	}
	return p
}

// socketOption is the socket as the server is told it.
func (p paths) socketOption() string {
	if len(p.socket) > native.MaxSocketPath {
		return filepath.Base(p.socket)
	}
	return p.socket
}

// New finds the installed server for a host. A missing or unknown server is KindUnsupported.
func New(host engine.Host) (*Engine, error) {
	if host.Address == "" || host.Port <= 0 || host.Port > 65535 {
		return nil, guest.Errorf(guest.KindInvalid, "the address %q and port %d are nothing to listen on", host.Address, host.Port)
	}
	for _, directory := range []string{host.Data, host.Conf, host.Run, host.Log} {
		if !filepath.IsAbs(directory) || strings.ContainsFunc(directory, func(r rune) bool { return r < ' ' }) {
			return nil, guest.Errorf(guest.KindInvalid, "the directory %q is not an absolute path", directory)
		}
	}
	server, err := find("mariadbd", "mysqld")
	if err != nil {
		return nil, err
	}
	install, err := find("mariadb-install-db", "mysql_install_db")
	if err != nil {
		return nil, err
	}
	version, err := versionOf(server)
	if err != nil {
		return nil, err
	}
	known, _ := catalog.Lookup(Name)
	series := version[:strings.LastIndexByte(version, '.')]
	if _, ok := known.Version(series); !ok {
		return nil, guest.Errorf(guest.KindUnsupported, "MariaDB %s is installed; known are %s", version, strings.Join(known.VersionNames(), ", "))
	}
	me, err := user.Current()
	if err != nil {
		return nil, guest.Errorf(guest.KindInternal, "asking who the agent runs as: %v", err)
	}
	p := pathsOf(host)
	return &Engine{
		host: host, admin: me.Username, paths: p, catalog: known, install: install, version: version, series: series,
		process: native.Process{
			Binary: server, Arguments: []string{"--defaults-file=" + p.options}, PidFile: p.pid, Output: filepath.Join(host.Log, "mysqld-start.log"),
		},
	}, nil
}

// Name is "mariadb".
func (e *Engine) Name() string { return Name }

// find looks where distributions install servers: sbin is not in the path of ordinary users.
func find(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
		for _, directory := range []string{"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"} {
			if path, err := exec.LookPath(filepath.Join(directory, name)); err == nil {
				return path, nil
			}
		}
	}
	return "", guest.Errorf(guest.KindUnsupported, "%s is not installed on this host", names[0])
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

// session opens the administrative connection. A server that is down is KindConflict.
func (e *Engine) session(ctx context.Context) (*mysqlfamily.Session, error) {
	if _, err := os.Stat(e.paths.data); err != nil {
		return nil, guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	s, err := mysqlfamily.Open(ctx, e.paths.socket, e.admin)
	if err == nil {
		return s, nil
	}
	if _, runs := e.process.Find(); !runs {
		return nil, guest.Errorf(guest.KindConflict, "the engine is not running")
	}
	return nil, mysqlfamily.Fault("connecting to the running engine", err)
}

func internal(doing string, err error) error {
	return guest.Errorf(guest.KindInternal, "%s: %v", doing, err)
}

var (
	_ engine.Engine       = (*Engine)(nil)
	_ engine.Databases    = (*Engine)(nil)
	_ engine.Users        = (*Engine)(nil)
	_ engine.Configurable = (*Engine)(nil)
	_ fmt.Stringer        = (*Engine)(nil)
)

// String names the engine and where it listens.
func (e *Engine) String() string {
	return fmt.Sprintf("%s %s at %s:%d", Name, e.version, e.host.Address, e.host.Port)
}
