// Package redis runs Redis and Valkey: one server, its data below Host.Data, its settings in files that the agent writes
// and the server only reads, administered over the unix socket by an account of the agent's own.
package redis

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
	"github.com/trovectl/trovectl/guest/engine/internal/native"
)

// The datastore managers' names.
const (
	Name   = "redis"
	Valkey = "valkey"
)

// product is one of the servers that speak this language.
type product struct {
	manager string
	server  string // the program
	account string // the operating system user that its package makes
}

var (
	redisProduct  = product{Name, "redis-server", "redis"}
	valkeyProduct = product{Valkey, "valkey-server", "valkey"}
)

// Engine is one Redis or Valkey server on one host. It is safe for concurrent use; changes are made one after another.
type Engine struct {
	product product
	host    engine.Host
	paths   paths
	catalog *catalog.Engine
	process native.Process
	version string    // of the installed server, "7.0.15"
	series  string    // "7.0"
	random  io.Reader // for the agent's own password

	changes sync.Mutex
}

// paths are the files of one server.
type paths struct {
	data, mark            string // below Host.Data
	accounts              string // the server writes it
	dump, append          string // what holds the data: a dump, or the directory of the append-only file
	options               string // what the server is started with; written anew each time
	settings, started     string // the managed settings, and those that the running server was started with
	certificates, tls     string // the directory of certificates, and the settings that name them
	password, logs        string // the agent's own password, and which logs are enabled
	run, socket, pid      string
	log, errors, slow     string
	slowRead, startOutput string
}

func pathsOf(h engine.Host, manager string) paths {
	data, run, log := filepath.Join(h.Data, manager), filepath.Join(h.Run, manager), filepath.Join(h.Log, manager)
	p := paths{
		data: data, mark: filepath.Join(data, "trovectl-version"), accounts: filepath.Join(data, "users.acl"),
		dump: filepath.Join(data, "dump.rdb"), append: filepath.Join(data, "appendonlydir"),
		options: filepath.Join(h.Conf, manager+".conf"), settings: filepath.Join(h.Conf, "settings.conf"),
		started: filepath.Join(h.Conf, "started.conf"), certificates: filepath.Join(h.Conf, "tls"), tls: filepath.Join(h.Conf, "tls.conf"),
		password: filepath.Join(h.Conf, "agent.password"), logs: filepath.Join(h.Conf, "logs.conf"),
		run: run, socket: filepath.Join(run, "server.sock"), pid: filepath.Join(run, "server.pid"),
		log: log, errors: filepath.Join(log, "server.log"), slow: filepath.Join(log, "slow.log"),
		slowRead: filepath.Join(h.Conf, "slow.read"), startOutput: filepath.Join(h.Log, manager+"-start.log"),
	}
	if len(p.socket) > native.MaxSocketPath {
		// The server's working directory is its data directory, so there a name without a path will do.
		p.socket = filepath.Join(data, "server.sock")
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

// New finds the installed Redis for a host. A missing or unknown server is KindUnsupported.
func New(host engine.Host) (*Engine, error) { return open(host, redisProduct) }

// NewValkey finds the installed Valkey for a host. A missing or unknown server is KindUnsupported.
func NewValkey(host engine.Host) (*Engine, error) { return open(host, valkeyProduct) }

func open(host engine.Host, p product) (*Engine, error) {
	if host.Address == "" || host.Port <= 0 || host.Port > 65534 {
		return nil, guest.Errorf(guest.KindInvalid, "the address %q and port %d are nothing to listen on", host.Address, host.Port)
	}
	for _, directory := range []string{host.Data, host.Conf, host.Run, host.Log} {
		if !filepath.IsAbs(directory) || strings.ContainsFunc(directory, func(r rune) bool { return r < ' ' }) {
			return nil, guest.Errorf(guest.KindInvalid, "the directory %q is not an absolute path", directory)
		}
	}
	server, err := find(p.server)
	if err != nil {
		return nil, err
	}
	version, err := versionOf(server)
	if err != nil {
		return nil, err
	}
	known, _ := catalog.Lookup(p.manager)
	series := version[:strings.LastIndexByte(version, '.')]
	if _, ok := known.Version(series); !ok {
		return nil, guest.Errorf(guest.KindUnsupported, "%s %s is installed; known are %s", p.manager, version, strings.Join(known.VersionNames(), ", "))
	}
	return newEngine(host, p, server, version), nil
}

func newEngine(host engine.Host, p product, server, version string) *Engine {
	known, _ := catalog.Lookup(p.manager)
	paths := pathsOf(host, p.manager)
	return &Engine{
		product: p, host: host, paths: paths, catalog: known, version: version,
		series:  version[:strings.LastIndexByte(version, '.')],
		process: native.Process{Binary: server, Arguments: []string{paths.options}, PidFile: paths.pid, Output: paths.startOutput},
		random:  rand.Reader,
	}
}

// Name is the manager's.
func (e *Engine) Name() string { return e.product.manager }

// find looks where distributions install servers: sbin is not in the path of ordinary users.
func find(name string) (string, error) {
	for _, place := range []string{name, "/usr/bin/" + name, "/usr/sbin/" + name, "/usr/local/bin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", guest.Errorf(guest.KindUnsupported, "%s is not installed on this host", name)
}

var versionText = regexp.MustCompile(`\bv=(\d+\.\d+\.\d+)\b`)

func versionOf(server string) (string, error) {
	out, err := exec.Command(server, "--version").Output()
	if err != nil {
		return "", guest.Errorf(guest.KindUnsupported, "asking %s for its version: %v", server, err)
	}
	match := versionText.FindSubmatch(out)
	if match == nil {
		return "", guest.Errorf(guest.KindUnsupported, "%s is no Redis or Valkey server: %s", server, bytes.TrimSpace(out))
	}
	return string(match[1]), nil
}

func internal(doing string, err error) error {
	return guest.Errorf(guest.KindInternal, "%s: %v", doing, err)
}

func (e *Engine) running() bool {
	_, ok := e.process.Find()
	return ok
}

// runAs decides who the server runs as.
func (e *Engine) runAs() (native.Account, error) { return native.RunAs(e.host, e.product.account) }

var (
	_ engine.Engine       = (*Engine)(nil)
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
	return fmt.Sprintf("%s %s at %s:%d", e.product.manager, e.version, e.host.Address, e.host.Port)
}

// under runs a change, alone and with a session.
func (e *Engine) under(ctx context.Context, change func(s *session) error) error {
	e.changes.Lock()
	defer e.changes.Unlock()
	s, err := e.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return change(s)
}
