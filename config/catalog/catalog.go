// Package catalog says what each engine and version allows: names, reserved words, parameters, privileges, ports and
// capabilities. It is tables (generated from the servers themselves) and pure functions over them, so that a plan can
// check without a guest.
package catalog

import "sort"

// ParameterType is the shape of a parameter's value.
type ParameterType string

// The types of parameters.
const (
	TypeInteger ParameterType = "integer"
	TypeNumber  ParameterType = "number"
	TypeBoolean ParameterType = "boolean"
	TypeString  ParameterType = "string"
	TypeEnum    ParameterType = "enum"
	TypeSet     ParameterType = "set"
	// TypeSize is a size in bytes as Redis reads it: k, m and g after the number count in 1000, kb, mb and gb in 1024.
	TypeSize ParameterType = "size"
)

// Parameter is one setting of an engine version.
type Parameter struct {
	Name    string
	Type    ParameterType
	Min     string              // inclusive, decimal text; empty: none
	Max     string              // inclusive, decimal text; empty: none
	Step    string              // an integer must be a multiple of it, decimal text; empty: any
	Enum    []string            // values of an enum or members of a set, in the server's order
	Flags   bool                // a set of NAME=on|off pairs: what is not named keeps the default
	Expands map[string][]string // members of a set that the server replaces by several
	Dynamic bool                // changes without a restart
	Default string              // canonical text
	Option  string              // the option file's word for it; empty: Name
	Unit    string              // of a number without one: a size (8kB, MB) or a time (ms, min); empty: it is a plain number
	Refused string              // why users may not set it (it belongs to the agent); empty: they may
	Form    string              // the grammar of a text, by its name in package catalog; empty: any text
}

// Version is one version of an engine, by the words a user writes ("10.11").
type Version struct {
	Name       string
	Parameters map[string]Parameter
	Charsets   map[string][]string // charset to its collations, the default first
	Encodings  []string            // of databases, in the server's spelling, sorted
}

// Engine is one datastore manager.
type Engine struct {
	Name        string // "mariadb"
	Port        int    // the port clients connect to
	SystemUsers []string
	SystemDBs   []string
	Privileges  []string // what may be granted on one database, upper case, sorted
	// GlobalPrivileges may be granted on all databases ("*"): Privileges and those that exist only there.
	GlobalPrivileges  []string
	RefusedPrivileges map[string]string // known privileges that nobody is given, and why
	PrivilegeAliases  map[string]string // other spellings of the server, to the canonical one
	RefusedRoles      map[string]string // the server's roles that nobody is given, and why
	HasDatabases      bool
	HasUserHosts      bool // users are name@host
	HasGrants         bool // what users may is said by grants
	HasACL            bool // what users may is said by ACL rules
	HasRoles          bool // users may be given roles
	OneGrantOption    bool // what a user is granted on one target may be handed on as a whole or not at all
	HasOwners         bool // databases have an owner, an encoding and extensions
	RenamesDatabases  bool
	Logs              []string // what logs can be enabled, sorted; the error log is always on
	Versions          map[string]Version
	Note              string            // what people must know before they trust the tables; empty: they are the server's own
	Manual            []string          // what is not in the tables: a paragraph each
	Shares            map[string]string // versions without a table of their own, to the version whose table they share
	names             nameRules
	passwords         passwordRules
	grants            grantRules // nil: the engine has no grants
	acls              aclRules   // nil: the engine has no ACL
}

// What differs in kind between engines, and not in tables.
type (
	nameRules interface {
		databaseName(e *Engine, name string) error
		userName(e *Engine, name string) error
		userHost(e *Engine, host string) error
		normalizeHost(host string) string
	}
	passwordRules interface {
		verifier(password string, salt []byte) string
		checkVerifier(verifier string) error
	}
	grantRules interface {
		// target tells why privileges cannot be granted on it, its names included.
		target(e *Engine, t Target) error
		// privileges are all that may be granted on a target that passed, upper case, sorted.
		privileges(e *Engine, t Target) []string
	}
	// nestedGrants are grantRules of an engine in which a grant on something is one on all that is in it.
	nestedGrants interface {
		// entrance is the privilege that every other one on the target brings along; empty: there is none.
		entrance(t Target) string
		// covers tells whether a privilege on one target gives another one on another target.
		covers(wide Target, p string, narrow Target, q string) bool
	}
	aclRules interface {
		canonicalACL(rules []string) ([]string, error)
		storedACL(rules []string) []string
		serverACL(canonical []string) []string
	}
)

var engines = map[string]*Engine{}

// Lookup finds an engine by its manager's name.
func Lookup(manager string) (*Engine, bool) {
	e, ok := engines[manager]
	return e, ok
}

// Names lists the known managers, sorted.
func Names() []string {
	names := make([]string, 0, len(engines))
	for name := range engines {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
