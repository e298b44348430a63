package mysqlfamily

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// Server is one server of the family on one host: everything in which its members agree. It is safe for concurrent use;
// changes are made one after another.
type Server struct {
	Host    engine.Host
	Admin   string // the account of the agent: its operating system user, at localhost
	Paths   Paths
	Catalog *catalog.Engine
	Process native.Process
	Version string // of the installed server, "10.11.19"
	Series  string // "10.11"
	// Connect opens the administrative connection, by default over the unix socket.
	Connect func(ctx context.Context) (*Session, error)

	Dialect
	Words
	changes sync.Mutex
}

// Dialect is what the members of the family do differently.
type Dialect interface {
	// Options are the agent's own settings beside those that all members have.
	Options() map[string]string
	// Install fills an empty data directory with the server's own tables, without an account that has no password and can
	// be reached.
	Install(ctx context.Context, data string, runAs native.Account) error
	// InitSQL runs at each start, before the server takes connections. A statement must stand on one line.
	InitSQL() string
	// Accounts reads every account with its global rights and roles.
	Accounts(ctx context.Context, s *Session) ([]*Account, error)
	// IdentifiedBy is the clause that makes the verifier an account's only way in.
	IdentifiedBy(verifier string) string
	// DefaultRoles is the statement that switches granted roles on at login; empty: there is nothing to say.
	DefaultRoles(account string, roles []string) string
}

// Words are what the members of the family say differently.
type Words struct {
	Product     string            // as people call it
	Suffix      string            // behind the version in the file that tells who wrote the data last
	Variables   map[string]string // variables of the administrative connection
	Mark        string            // a file below the data directory that only this product makes
	WroteLast   []string          // files in the data directory that tell the version that wrote it last; the agent writes the last one
	CheckConfig []string          // arguments that make the server read its option file and end
	Kill        string            // ends a session by its id
	TLSAtOnce   bool              // new certificate files are used without a restart, whatever their paths
	ReloadTLS   string            // reads certificate files again
	RootMay     []string          // what root may beside what the catalog grants on all databases
}

// Paths are the files of one server.
type Paths struct {
	Data, Scratch         string // below Host.Data
	Options, Conf         string // my.cnf and the directory it includes
	Base, Overrides, Init string // the agent's own settings, the managed ones, and the first statements
	TLS, Logs             string // settings of certificates and of logs
	Started               string // the overrides that the running server was started with
	Run, Socket, PID      string
	Log, Errors           string
	Certificate           native.Certificate
}

func pathsOf(h engine.Host) Paths {
	conf, run, log := filepath.Join(h.Conf, "conf.d"), filepath.Join(h.Run, "mysqld"), filepath.Join(h.Log, "mysqld")
	p := Paths{
		Data: filepath.Join(h.Data, "mysql"), Scratch: filepath.Join(h.Data, "mysql-tmp"),
		Options: filepath.Join(h.Conf, "my.cnf"), Conf: conf,
		Base: filepath.Join(h.Conf, "base.cnf"), Overrides: filepath.Join(conf, "50-overrides.cnf"),
		TLS: filepath.Join(conf, "20-tls.cnf"), Logs: filepath.Join(conf, "30-logs.cnf"),
		Init: filepath.Join(h.Conf, "agent.sql"), Started: filepath.Join(h.Conf, "started.cnf"),
		Run: run, Socket: filepath.Join(run, "mysqld.sock"), PID: filepath.Join(run, "mysqld.pid"),
		Log: log, Errors: filepath.Join(log, "error.log"),
		Certificate: native.CertificateIn(filepath.Join(h.Conf, "tls")),
	}
	if len(p.Socket) > native.MaxSocketPath {
		// The server's working directory is its data directory, so there a name without a path will do.
		p.Socket = filepath.Join(p.Data, "mysqld.sock")
	}
	return p
}

// socketOption is the socket as the server is told it.
func (p Paths) socketOption() string {
	if len(p.Socket) > native.MaxSocketPath {
		return filepath.Base(p.Socket)
	}
	return p.Socket
}

// New fills in what follows from the host, the installed server and its version. A version that the catalog does not know
// is KindUnsupported. The caller adds Dialect and Words.
func New(host engine.Host, known *catalog.Engine, binary, version string) (*Server, error) {
	if host.Address == "" || host.Port <= 0 || host.Port > 65535 {
		return nil, guest.Errorf(guest.KindInvalid, "the address %q and port %d are nothing to listen on", host.Address, host.Port)
	}
	for _, directory := range []string{host.Data, host.Conf, host.Run, host.Log} {
		if !filepath.IsAbs(directory) || strings.ContainsFunc(directory, func(r rune) bool { return r < ' ' }) {
			return nil, guest.Errorf(guest.KindInvalid, "the directory %q is not an absolute path", directory)
		}
	}
	series := version[:strings.LastIndexByte(version, '.')]
	if _, ok := known.Version(series); !ok {
		return nil, guest.Errorf(guest.KindUnsupported, "%s %s is installed; known are %s", known.Name, version, strings.Join(known.VersionNames(), ", "))
	}
	me, err := user.Current()
	if err != nil {
		return nil, guest.Errorf(guest.KindInternal, "asking who the agent runs as: %v", err)
	}
	p := pathsOf(host)
	e := &Server{
		Host: host, Admin: me.Username, Paths: p, Catalog: known, Version: version, Series: series,
		Process: native.Process{
			Binary: binary, Arguments: []string{"--defaults-file=" + p.Options}, PidFile: p.PID,
			Output: filepath.Join(host.Log, "mysqld-start.log"),
		},
	}
	e.Connect = func(ctx context.Context) (*Session, error) { return Open(ctx, p.Socket, e.Admin, e.Variables) }
	return e, nil
}

// Name is the datastore manager's name.
func (e *Server) Name() string { return e.Catalog.Name }

// String names the engine and where it listens.
func (e *Server) String() string {
	return fmt.Sprintf("%s %s at %s:%d", e.Name(), e.Version, e.Host.Address, e.Host.Port)
}

// Find looks where distributions install servers: sbin is not in the path of ordinary users. None is KindUnsupported.
func Find(names ...string) (string, error) {
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

// Session opens the administrative connection. A server that is down is KindConflict.
func (e *Server) Session(ctx context.Context) (*Session, error) {
	if _, err := os.Stat(e.Paths.Data); err != nil {
		return nil, guest.Errorf(guest.KindConflict, "the engine is not prepared yet")
	}
	s, err := e.Connect(ctx)
	if err == nil {
		return s, nil
	}
	if _, runs := e.Process.Find(); !runs {
		return nil, guest.Errorf(guest.KindConflict, "the engine is not running")
	}
	if lockedOut(err) {
		return nil, guest.Errorf(guest.KindEngine, "the engine does not let the agent in: somebody changed the agent's account; restart the engine, each start mends it")
	}
	return nil, Fault("connecting to the running engine", err)
}

// lockedOut tells whether the server answers, and not to us: waiting does not help, the next start does (see InitSQL).
func lockedOut(err error) bool {
	const accessDenied, accessDeniedNoPassword = 1045, 1698
	number := ErrorNumber(err)
	return number == accessDenied || number == accessDeniedNoPassword
}

func internal(doing string, err error) error {
	return guest.Errorf(guest.KindInternal, "%s: %v", doing, err)
}
