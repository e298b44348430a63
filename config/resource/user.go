package resource

// User is one account of an instance.
type User struct {
	Instance Address   `json:"instance"`
	Name     string    `json:"name"`
	Host     string    `json:"host,omitempty"` // canonical; "%" when the engine has hosts and none was given
	Password *Password `json:"password,omitempty"`
	Grants   []Grant   `json:"grants,omitempty"` // sorted by database, one each
	Additive bool      `json:"additive,omitempty"`
}

// Grant is a set of privileges on one database.
type Grant struct {
	Database   string   `json:"database"` // a literal name, or "*"
	Privileges []string `json:"privileges"`
	// Of is the database resource named in the configuration; zero: a bare name.
	Of Address `json:"of,omitzero"`
}

// Kind is KindUser.
func (u *User) Kind() Kind { return KindUser }

// References names the instance and the databases granted by reference.
func (u *User) References() map[string]Address {
	refs := map[string]Address{"instance": u.Instance}
	for _, g := range u.Grants {
		if !g.Of.IsZero() {
			refs[index("grant", g.Database)] = g.Of
		}
	}
	return refs
}

// Attributes shows every argument; the password is its digest (Sensitive says which paths are).
func (u *User) Attributes() Attributes {
	out := Attributes{"instance": u.Instance.String(), "name": u.Name}
	putText(out, "host", u.Host)
	if u.Password != nil && u.Password.Digest != "" {
		out["password"] = u.Password.Digest
	}
	for _, g := range u.Grants {
		out[index("grant", g.Database)] = g.Privileges
	}
	if u.Additive {
		out["grants"] = "additive"
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

// Sensitive tells whether the value at a path is a digest of a secret.
func Sensitive(kind Kind, path string) bool { return kind == KindUser && path == "password" }
