package guest

// Inspect asks for everything at once. Settings names engine parameters whose running value is wanted beside those the
// agent manages itself.
type Inspect struct {
	Settings []string `json:"settings,omitempty"`
}

// Pong answers ping.
type Pong struct {
	Member       string `json:"member"`        // the member id the agent was born with
	AgentVersion string `json:"agent_version"` // of trove-guestagent
	Engine       string `json:"engine"`        // "mariadb"
	Generation   int    `json:"generation"`    // of the keys in force
	Prepared     bool   `json:"prepared"`      // prepare has ended well once
}

// Status is the engine's state of health. The set is closed.
type Status string

// The states of an engine. Words follow Trove's service statuses.
const (
	StatusNew             Status = "new"              // not prepared yet
	StatusHealthy         Status = "healthy"          // answers a query
	StatusRestartRequired Status = "restart_required" // healthy, and settings wait for a restart
	StatusShutdown        Status = "shutdown"         // stopped on purpose
	StatusCrashed         Status = "crashed"          // ended by itself
	StatusStarting        Status = "starting"         // process runs, no answer yet
	StatusReadOnly        Status = "read_only"        // answers a query, and takes no write though nobody here asked for that
)

// Inspection is the whole truth about a guest, in one reply. Lists are sorted; system databases and users are hidden.
type Inspection struct {
	Pong
	Status         Status             `json:"status"`
	RunningVersion string             `json:"running_version,omitempty"` // as the server says, "10.11.19"
	StartedAt      string             `json:"started_at,omitempty"`      // RFC 3339, of the engine's process
	Databases      []ObservedDatabase `json:"databases,omitempty"`
	Users          []ObservedUser     `json:"users,omitempty"`
	Settings       map[string]Setting `json:"settings,omitempty"` // by parameter name: the managed and the asked ones
	Volume         *ObservedVolume    `json:"volume,omitempty"`
	PendingRestart []string           `json:"pending_restart,omitempty"` // managed parameters that wait for a restart
	Root           *ObservedRoot      `json:"root,omitempty"`            // nil: the engine has no such account
	Logs           []ObservedLog      `json:"logs,omitempty"`
	TLS            *ObservedTLS       `json:"tls,omitempty"`    // nil: the engine has no TLS
	Broker         string             `json:"broker,omitempty"` // state of the agent's connection to its broker: "", "connected", or why not
	Detour         string             `json:"-"`                // by which way it was reached in place of the preferred one, and why
}

// ObservedRoot is the account of the engine's administrator that may log in from outside.
type ObservedRoot struct {
	Enabled        bool   `json:"enabled"`
	VerifierDigest string `json:"verifier_digest,omitempty"`
}

// ObservedLog is one log of the engine. Names are general, slow and error. Size in bytes.
type ObservedLog struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	Fixed   bool   `json:"fixed,omitempty"` // always on: the error log
	Size    int64  `json:"size"`
}

// ObservedTLS is what the engine shows to clients that ask for TLS. Times are RFC 3339.
type ObservedTLS struct {
	// Request is a PKCS #10 certificate request in PEM, signed by the guest's own key, which never leaves it.
	Request     string   `json:"request"`
	Fingerprint string   `json:"fingerprint,omitempty"` // SHA-256 of the certificate in use, hex; empty: none yet
	CA          string   `json:"ca,omitempty"`          // SHA-256 of the CA's certificate, hex
	NotAfter    string   `json:"not_after,omitempty"`
	Names       []string `json:"names,omitempty"` // DNS names and addresses in it, sorted
	Required    bool     `json:"required"`        // clients from outside must use it
}

// ObservedDatabase is a database as the engine has it. Size in bytes, of data and indexes.
type ObservedDatabase struct {
	Database
	SizeBytes int64 `json:"size_bytes"`
}

// ObservedUser is a user as the engine has it. VerifierDigest is an HMAC under the guest's digest key of the password
// verifier that the engine stores, in hex; empty when the account has no password.
type ObservedUser struct {
	Name           string  `json:"name"`
	Host           string  `json:"host"`
	VerifierDigest string  `json:"verifier_digest"`
	Grants         []Grant `json:"grants,omitempty"`
	Rights
}

// Rights are what an account may beside its grants. An engine fills what it has.
type Rights struct {
	Roles           []string `json:"roles,omitempty"`            // granted roles, sorted
	ACL             []string `json:"acl,omitempty"`              // Redis: rules in canonical form and order
	ConnectionLimit int      `json:"connection_limit,omitempty"` // 0: none
	RequireTLS      bool     `json:"require_tls,omitempty"`
}

// Setting is one engine parameter in canonical text (catalog.Parameter.Normalize): booleans ON and OFF, sizes in bytes.
type Setting struct {
	Running    string `json:"running"`              // the value in force
	Configured string `json:"configured,omitempty"` // the value in the agent's file; empty: not managed
	Default    string `json:"default,omitempty"`    // what it returns to when it is no longer managed
	Pending    bool   `json:"pending,omitempty"`    // configured, and waits for a restart
}

// ObservedVolume is the data volume as the guest sees it.
type ObservedVolume struct {
	VolumeID  string `json:"volume_id"`
	SizeGiB   int    `json:"size_gib"`
	UsedBytes int64  `json:"used_bytes"`
	FreeBytes int64  `json:"free_bytes"`
}

// Database names a database and its defaults. What is empty is the server's default, and unmanaged.
type Database struct {
	Name       string   `json:"name"`
	Charset    string   `json:"charset,omitempty"`    // MySQL family
	Collation  string   `json:"collation,omitempty"`  // PostgreSQL: of the database, fixed at creation
	Owner      string   `json:"owner,omitempty"`      // PostgreSQL: a role
	Encoding   string   `json:"encoding,omitempty"`   // PostgreSQL: fixed at creation
	Extensions []string `json:"extensions,omitempty"` // PostgreSQL: installed, sorted; without those the server has itself
}

// Grant is a set of privileges on one database ("*": on all), or on a schema or a table of it. Privileges are upper case
// and sorted; a lone "ALL PRIVILEGES" stands for all that the engine has at that level. Names are literal, never patterns.
type Grant struct {
	Database   string   `json:"database"`
	Schema     string   `json:"schema,omitempty"` // PostgreSQL; empty: the database itself, and every schema of it
	Table      string   `json:"table,omitempty"`  // empty: not one table; PostgreSQL: of Schema
	Privileges []string `json:"privileges"`
	Grantable  bool     `json:"grantable,omitempty"` // with the grant option
}

// Prepare makes the guest ready: finds the volume by id, formats it only when it is blank, mounts it, initialises the
// engine, writes its settings and starts it. Repeating it on a prepared guest verifies and starts.
type Prepare struct {
	VolumeID string            `json:"volume_id,omitempty"` // Cinder id; empty: the server's own disk
	Values   map[string]string `json:"values,omitempty"`    // the config group, canonical text
}

// Prepared answers prepare.
type Prepared struct {
	RunningVersion string `json:"running_version"`
}

// Rotate replaces the identity that came with user-data by the next generation. Repeating it is harmless.
type Rotate struct {
	Generation     int      `json:"generation"`
	HostKey        string   `json:"host_key"`        // OpenSSH private key, PEM, ed25519
	AuthorizedKeys []string `json:"authorized_keys"` // whole lines with their options
	DigestKey      string   `json:"digest_key"`      // hex, 32 bytes: for verifier digests
	// Broker replaces the credentials and the message key of the agent's broker; nil: it has none, or keeps them. The agent
	// keeps the former ones until it is in with the new ones.
	Broker *BrokerConfig `json:"broker,omitempty"`
}

// Rotated answers rotate.
type Rotated struct {
	Generation int `json:"generation"`
}

// PutDatabase makes the database exist with these defaults. Existing tables are not converted. Extensions are installed
// and never dropped.
type PutDatabase struct {
	Database   Database `json:"database"`
	RenameFrom string   `json:"rename_from,omitempty"` // PostgreSQL: renamed first when it is there and the other is not
}

// DropDatabase removes a database and the grants on it. A database that is not there is a success.
type DropDatabase struct {
	Name string `json:"name"`
}

// PutUser makes the account exist with this verifier and, when Authoritative, exactly these grants (else at least
// these). RenameFrom, when set and there, is renamed first, so that name and host change in place. An empty Verifier
// leaves the password of an existing account and is refused for a new one.
type PutUser struct {
	Name          string    `json:"name"`
	Host          string    `json:"host"`
	Verifier      string    `json:"verifier,omitempty"` // what the engine stores, "*2470C0C0..." for MariaDB
	Grants        []Grant   `json:"grants"`
	Authoritative bool      `json:"authoritative"`
	RenameFrom    *UserName `json:"rename_from,omitempty"`
	Rights
}

// UserName names an account.
type UserName struct {
	Name string `json:"name"`
	Host string `json:"host"`
}

// UserPut answers put_user with the digest of the verifier that the engine now stores.
type UserPut struct {
	VerifierDigest string `json:"verifier_digest"`
}

// DropUser removes an account and ends its sessions. An account that is not there is a success.
type DropUser struct {
	UserName
}

// Configure makes Values the whole set of managed settings: dynamic ones are applied and persisted, static ones are
// persisted and wait for a restart, and what is no longer named returns to its default. When the engine refuses one,
// nothing is changed.
type Configure struct {
	Values map[string]string `json:"values"`
}

// Configured answers configure.
type Configured struct {
	Pending []string `json:"pending,omitempty"` // names that wait for a restart, sorted
}

// PutRoot gives the engine's administrator an account that may log in from outside, with this verifier, or takes it away
// and ends its sessions. It never is the account of the agent, and holds less than that. An empty Verifier leaves the
// password of an existing one and is refused for a new one.
type PutRoot struct {
	Enabled  bool   `json:"enabled"`
	Verifier string `json:"verifier,omitempty"`
}

// RootPut answers put_root with the digest of the verifier that the engine now stores.
type RootPut struct {
	VerifierDigest string `json:"verifier_digest,omitempty"`
}

// PutLogs makes the named logs the whole set of enabled ones, beside those that are always on.
type PutLogs struct {
	Enabled []string `json:"enabled"`
}

// RotateLog renames a log's file to the name with .1 behind it, in the place of an older one, and begins a new one.
type RotateLog struct {
	Name string `json:"name"`
}

// ReadLog asks for a part of a log.
type ReadLog struct {
	Name   string `json:"name"`
	Offset int64  `json:"offset"` // bytes from the beginning; negative: from the end
	Limit  int    `json:"limit"`  // at most so many bytes; 0 or more than 1 MiB: 1 MiB
}

// LogPart is a part of a log. Secrets that an engine writes into its logs are masked.
type LogPart struct {
	Offset int64  `json:"offset"` // of Data's first byte
	Size   int64  `json:"size"`   // of the whole log, bytes
	Data   []byte `json:"data"`
}

// Certify gives the engine a certificate for the guest's own key (ObservedTLS.Request), with its CA. An engine that can
// takes it without a restart.
type Certify struct {
	Certificate string `json:"certificate"` // PEM
	CA          string `json:"ca"`          // PEM
	Required    bool   `json:"required"`    // clients from outside must use TLS
}

// Certified answers certify.
type Certified struct {
	Pending bool `json:"pending,omitempty"` // waits for a restart
}

// Metrics are figures of the engine, by name. Names that all engines share: connections, max_connections, queries (since
// the start), uptime_seconds, data_bytes, disk_used_bytes, disk_free_bytes; lag_seconds of a replica. Others begin with
// the engine's name and a dot.
type Metrics struct {
	Values map[string]float64 `json:"values"`
}

// Restart restarts the engine and waits until it answers a query.
type Restart struct{}

// ResizeVolume makes the file system fill its device after the cloud made that larger.
type ResizeVolume struct {
	SizeGiB int `json:"size_gib"` // the size that the device must have by now, GiB
}

// VolumeResized answers resize_volume.
type VolumeResized struct {
	SizeGiB int `json:"size_gib"`
}

// Done answers methods that have nothing to tell.
type Done struct{}
