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

// Database names a database and its defaults. Empty charset or collation: the server's default.
type Database struct {
	Name      string `json:"name"`
	Charset   string `json:"charset,omitempty"`
	Collation string `json:"collation,omitempty"`
}

// Grant is a set of privileges on one database ("*": on all). Privileges are upper case and sorted; a lone
// "ALL PRIVILEGES" stands for all that the engine has at that level. Database is a literal name, never a pattern.
type Grant struct {
	Database   string   `json:"database"`
	Privileges []string `json:"privileges"`
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
}

// Rotated answers rotate.
type Rotated struct {
	Generation int `json:"generation"`
}

// PutDatabase makes the database exist with these defaults. Existing tables are not converted.
type PutDatabase struct {
	Database Database `json:"database"`
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
