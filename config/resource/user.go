package resource

import (
	"cmp"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
)

// User is one account of an instance.
type User struct {
	Instance Address   `json:"instance"`
	Name     string    `json:"name"`
	Host     string    `json:"host,omitempty"` // canonical; "%" when the engine has hosts and none was given
	Password *Password `json:"password,omitempty"`
	Grants   []Grant   `json:"grants,omitempty"` // sorted by what they are on, one each
	Additive bool      `json:"additive,omitempty"`
	Roles    []Role    `json:"roles,omitempty"` // sorted by name
	ACL      []string  `json:"acl,omitempty"`   // canonical; their order counts
	// ConnectionLimit is how many connections it may have; 0: as many as it likes.
	ConnectionLimit int  `json:"connection_limit,omitempty"`
	RequireTLS      bool `json:"require_tls,omitempty"`
}

// Grant is a set of privileges on one database, or on a schema or a table of it.
type Grant struct {
	Database   string   `json:"database"` // a literal name, or "*"
	Schema     string   `json:"schema,omitempty"`
	Table      string   `json:"table,omitempty"`
	Privileges []string `json:"privileges"`
	Grantable  bool     `json:"grantable,omitempty"` // may be granted on to others
	// Of is the database resource named in the configuration; zero: a bare name.
	Of Address `json:"of,omitzero"`
}

// Target is what the privileges are on.
func (g Grant) Target() catalog.Target {
	return catalog.Target{Database: g.Database, Schema: g.Schema, Table: g.Table}
}

// Path is the attribute of the grant: grant["shop"], grant["shop"].schema["public"].table["orders"], and with .grantable
// behind it where others may be given the privileges.
func (g Grant) Path() string {
	path := TargetPath(g.Target())
	if g.Grantable {
		path += ".grantable"
	}
	return path
}

// TargetPath is the attribute of a plain grant on a target.
func TargetPath(t catalog.Target) string {
	path := index("grant", t.Database)
	if t.Schema != "" {
		path += "." + index("schema", t.Schema)
	}
	if t.Table != "" {
		path += "." + index("table", t.Table)
	}
	return path
}

// CompareGrants orders grants by what they are on.
func CompareGrants(a, b Grant) int {
	return cmp.Or(cmp.Compare(a.Database, b.Database), cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Path(), b.Path()))
}

// Role is an account whose rights another one has, or that owns a database.
type Role struct {
	Name string `json:"name"`
	// Of is the user resource named in the configuration; zero: a bare name.
	Of Address `json:"of,omitzero"`
}

// RoleNames are the names of roles, in their order.
func RoleNames(roles []Role) []string {
	var names []string
	for _, role := range roles {
		names = append(names, role.Name)
	}
	return names
}

// Kind is KindUser.
func (u *User) Kind() Kind { return KindUser }

// References names the instance, the databases granted by reference and the roles given by reference.
func (u *User) References() map[string]Address {
	refs := map[string]Address{"instance": u.Instance}
	for _, g := range u.Grants {
		if !g.Of.IsZero() {
			refs[index("grant", g.Database)] = g.Of
		}
	}
	for _, role := range u.Roles {
		if !role.Of.IsZero() {
			refs[index("roles", role.Name)] = role.Of
		}
	}
	return refs
}

// Attributes shows every argument; the password is its digest (Sensitive says which paths are). ACL rules are one text, as
// their order counts.
func (u *User) Attributes() Attributes {
	out := Attributes{"instance": u.Instance.String(), "name": u.Name}
	putText(out, "host", u.Host)
	putDigest(out, "password", u.Password)
	for _, g := range u.Grants {
		out[g.Path()] = g.Privileges
	}
	if u.Additive {
		out["grants"] = "additive"
	}
	putList(out, "roles", RoleNames(u.Roles))
	putText(out, "acl", strings.Join(u.ACL, " "))
	if u.ConnectionLimit != 0 {
		out["connection_limit"] = u.ConnectionLimit
	}
	if u.RequireTLS {
		out["require_tls"] = true
	}
	return out
}

// Judge: everything but the instance changes in place.
func (u *User) Judge(path string, _ Body) Verdict {
	switch path {
	case "instance":
		return refused("a user cannot move to another instance", "declare the user on the other instance and remove this one")
	case "grants":
		return recordOnly
	default:
		return inPlace(Online)
	}
}
