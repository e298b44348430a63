// Package postgresql runs PostgreSQL: one server, its data below Host.Data, everything that is set about it in files
// beside the data that the agent owns, administered over the unix socket by the operating system user of the agent,
// without a password.
//
// What is granted on something is granted on all that is in it. A privilege of tables that is granted on a database holds in
// every schema of it that is not the server's own, for all tables, views and the sequences that go with them, and for
// those that anybody makes later; one that is granted on a schema holds for all tables of it. CREATE on a database is the right to make schemas,
// and tables in all schemas; on a schema, to make tables there. TEMPORARY is the right to make temporary tables. Every
// grant brings what is needed to get there: CONNECT on the database, USAGE of the schemas. "ALL PRIVILEGES" is all of it.
// Whoever owns something needs no grant on it, and is given none.
package postgresql

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// Name is the datastore manager's name.
const Name = "postgresql"

// The agent's role and database, which the server itself makes.
const (
	superuser   = "postgres"
	maintenance = "postgres"
)

// Engine is one PostgreSQL server on one host. It is safe for concurrent use; changes are made one after another.
type Engine struct {
	host     engine.Host
	admin    string // the operating system user of the agent
	paths    paths
	catalog  *catalog.Engine
	binaries string // the directory of initdb and postgres
	process  native.Process
	version  string // of the installed server, "15.18"
	series   string // "15"

	changes sync.Mutex
}

// paths are the files of one server.
type paths struct {
	data, auto              string // below Host.Data, and the file of ALTER SYSTEM in it
	options, access, idents string // postgresql.conf, pg_hba.conf, pg_ident.conf
	conf                    string // the directory that options includes
	overrides, logs, tls    string // in conf
	started                 string // the overrides that the running server was started with
	run, socket, pid        string
	log, server             string
	certificate             native.Certificate
}

func pathsOf(h engine.Host, port int) paths {
	conf, run, log := filepath.Join(h.Conf, "conf.d"), filepath.Join(h.Run, Name), filepath.Join(h.Log, Name)
	p := paths{
		data: filepath.Join(h.Data, Name), auto: filepath.Join(h.Data, Name, "postgresql.auto.conf"), conf: conf,
		options: filepath.Join(h.Conf, "postgresql.conf"), access: filepath.Join(h.Conf, "pg_hba.conf"), idents: filepath.Join(h.Conf, "pg_ident.conf"),
		overrides: filepath.Join(conf, "50-overrides.conf"), logs: filepath.Join(conf, "20-logs.conf"), tls: filepath.Join(conf, "30-tls.conf"),
		started: filepath.Join(h.Conf, "started.conf"),
		run:     run, socket: filepath.Join(run, fmt.Sprintf(".s.PGSQL.%d", port)), pid: filepath.Join(run, "postgresql.pid"),
		log: log, server: filepath.Join(log, "postgresql.log"),
		certificate: native.CertificateIn(filepath.Join(h.Conf, "tls")),
	}
	if len(p.socket) > native.MaxSocketPath {
		// The server's working directory is its data directory, so there a name without a path will do.
		p.socket = filepath.Join(p.data, filepath.Base(p.socket))
	}
	return p
}

// socketDirectory is where the socket is, as the server is told it.
func (p paths) socketDirectory() string {
	if filepath.Dir(p.socket) == p.data {
		return "."
	}
	return filepath.Dir(p.socket)
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
	server, err := find()
	if err != nil {
		return nil, err
	}
	version, err := versionOf(server)
	if err != nil {
		return nil, err
	}
	known, _ := catalog.Lookup(Name)
	series, _, _ := strings.Cut(version, ".")
	if _, ok := known.Version(series); !ok {
		return nil, guest.Errorf(guest.KindUnsupported, "PostgreSQL %s is installed; known are %s", version, strings.Join(known.VersionNames(), ", "))
	}
	me, err := user.Current()
	if err != nil {
		return nil, guest.Errorf(guest.KindInternal, "asking who the agent runs as: %v", err)
	}
	p := pathsOf(host, host.Port)
	return &Engine{
		host: host, admin: me.Username, paths: p, catalog: known, binaries: filepath.Dir(server), version: version, series: series,
		process: native.Process{
			Binary: server, Arguments: []string{"-D", p.data, "-c", "config_file=" + p.options}, PidFile: p.pid,
			Output: filepath.Join(host.Log, "postgresql-start.log"), End: syscall.SIGINT,
		},
	}, nil
}

// Name is "postgresql".
func (e *Engine) Name() string { return Name }

// find looks where distributions install servers: the newest of those that stand beside one another, or the one on the path.
func find() (string, error) {
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is well-formed
	slices.SortFunc(candidates, func(a, b string) int { return cmp.Compare(seriesOf(b), seriesOf(a)) })
	for _, candidate := range append(candidates, "postgres") {
		if path, err := exec.LookPath(candidate); err == nil {
			if path, err = filepath.EvalSymlinks(path); err == nil {
				return path, nil
			}
		}
	}
	return "", guest.Errorf(guest.KindUnsupported, "the server of PostgreSQL is not installed on this host")
}

// seriesOf reads the number in a path such as /usr/lib/postgresql/15/bin/postgres; 0: there is none.
func seriesOf(path string) float64 {
	series, err := strconv.ParseFloat(filepath.Base(filepath.Dir(filepath.Dir(path))), 64)
	if err != nil {
		return 0
	}
	return series
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+\.\d+)`)

func versionOf(server string) (string, error) {
	out, err := exec.Command(server, "--version").Output()
	if err != nil {
		return "", guest.Errorf(guest.KindUnsupported, "asking %s for its version: %v", server, err)
	}
	match := versionText.FindSubmatch(out)
	if match == nil {
		return "", guest.Errorf(guest.KindUnsupported, "%s is not a PostgreSQL server: %s", server, bytes.TrimSpace(out))
	}
	return string(match[1]), nil
}

// session opens the administrative connection to a database. A server that is down is KindConflict.
func (e *Engine) session(ctx context.Context, database string) (*session, error) {
	if _, err := os.Stat(e.paths.data); err != nil {
		return nil, guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	s, err := open(ctx, e.paths.socket, database)
	if err == nil {
		return s, nil
	}
	if !e.running() {
		return nil, guest.Errorf(guest.KindConflict, "the engine is not running")
	}
	return nil, fault("connecting to the running engine", err)
}

func internal(doing string, err error) error {
	return guest.Errorf(guest.KindInternal, "%s: %v", doing, err)
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
	_ fmt.Stringer        = (*Engine)(nil)
)

// String names the engine and where it listens.
func (e *Engine) String() string {
	return fmt.Sprintf("%s %s at %s:%d", Name, e.version, e.host.Address, e.host.Port)
}
