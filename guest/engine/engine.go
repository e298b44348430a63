// Package engine says what a database engine can do on its host. Every engine is one package below this one; what not
// all of them can do are separate interfaces, found by assertion.
package engine

import (
	"context"

	"github.com/trovectl/trovectl/guest"
)

// A Host is where an engine lives: directories of its own and the address to listen on. All paths are absolute and
// already exist but for Data's content. In a guest the agent makes them; in tests the test does.
type Host struct {
	Data    string // on the data volume: the engine keeps its files in directories of its own below it
	Conf    string // option files, owned by the agent
	Run     string // sockets and pid files
	Log     string // logs
	Address string // the address clients connect to
	Port    int    // the port clients connect to
	RAMMiB  int    // memory of the flavor, for sizing; 0: unknown, use the engine's own defaults
	// User is the operating system user the engine's process runs as; empty: the agent's own user (not root).
	User string
}

// Settings maps parameter names to canonical values (catalog.Parameter.Normalize).
type Settings map[string]string

// Account is a user with the verifier that the engine stores. It never leaves the guest.
type Account struct {
	Name, Host string
	Verifier   string
	Grants     []guest.Grant
	guest.Rights
}

// State is what an engine tells about itself.
type State struct {
	Status    guest.Status
	Version   string // running version, as the server says; empty when it does not answer
	StartedAt string // RFC 3339
}

// Engine is what every engine can do. All methods set a state rather than make a change: repeating one is harmless. They
// return *guest.Error with a kind where the caller can act on it, and never put a secret into an error, a log, an
// argument vector or an environment.
type Engine interface {
	// Name is the datastore manager's name: "mariadb".
	Name() string
	// Prepare makes an empty or an already prepared data directory ready and writes the option files. It never
	// destroys data: a directory holding something else is KindConflict. It does not start the engine.
	Prepare(ctx context.Context, values Settings) error
	// Start starts the engine and returns when it answers a query; a running one is left alone.
	Start(ctx context.Context) error
	// Stop ends the engine cleanly and returns when its process is gone; a stopped one is left alone.
	Stop(ctx context.Context) error
	// State never fails for an engine that is down: that is a status.
	State(ctx context.Context) (State, error)
}

// Databases is the power to hold several databases. System databases are hidden and refused.
type Databases interface {
	ListDatabases(ctx context.Context) ([]guest.ObservedDatabase, error)
	// PutDatabase follows guest.PutDatabase.
	PutDatabase(ctx context.Context, database guest.PutDatabase) error
	DropDatabase(ctx context.Context, name string) error
}

// Users is the power to have accounts. System accounts are hidden and refused.
type Users interface {
	ListUsers(ctx context.Context) ([]Account, error)
	// PutUser follows guest.PutUser and returns the verifier that the engine now stores.
	PutUser(ctx context.Context, user guest.PutUser) (verifier string, err error)
	DropUser(ctx context.Context, user guest.UserName) error
}

// Configurable is the power to change settings while the engine runs.
type Configurable interface {
	// Configure follows guest.Configure and returns the names that wait for a restart.
	Configure(ctx context.Context, values Settings) (pending []string, err error)
	// ReadSettings returns the managed settings and those named.
	ReadSettings(ctx context.Context, names []string) (map[string]guest.Setting, error)
}

// Rooted is the power to give the engine's administrator an account that may log in from outside.
type Rooted interface {
	// Root returns that account; Verifier is empty when there is none.
	Root(ctx context.Context) (Account, error)
	// PutRoot follows guest.PutRoot and returns the verifier that the engine now stores.
	PutRoot(ctx context.Context, root guest.PutRoot) (verifier string, err error)
}

// Logged is the power to write logs. Log files are below Host.Log; the agent reads, masks and renames them.
type Logged interface {
	// ListLogs returns every log that the engine can write, also while it is down.
	ListLogs(ctx context.Context) ([]Log, error)
	// PutLogs follows guest.PutLogs.
	PutLogs(ctx context.Context, enabled []string) error
	// ReopenLog makes the engine write into a new file after the old one was renamed.
	ReopenLog(ctx context.Context, name string) error
}

// Log is one log of an engine.
type Log struct {
	Name    string // general, slow, error
	Path    string // absolute
	Enabled bool
	Fixed   bool // always on
}

// Certified is the power to speak TLS with a certificate that it is given. It holds across restarts.
type Certified interface {
	// PutCertificate keeps the files where only the engine's process and the agent can read them, makes the engine use them,
	// and returns whether that waits for a restart. The same ones again change nothing.
	PutCertificate(ctx context.Context, files TLSFiles, required bool) (pending bool, err error)
	// TLSRequired tells whether clients from outside must use TLS.
	TLSRequired(ctx context.Context) (bool, error)
}

// TLSFiles are in PEM: a certificate, its PKCS #8 key, and the CA that signed it.
type TLSFiles struct{ Certificate, Key, CA []byte }

// Metered is the power to tell figures; see guest.Metrics for their names. The agent adds those of the disk.
type Metered interface {
	Metrics(ctx context.Context) (map[string]float64, error)
}
