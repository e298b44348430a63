package resource

// Database is one database of an instance.
type Database struct {
	Instance  Address `json:"instance"`
	Name      string  `json:"name"`
	Charset   string  `json:"charset,omitempty"`   // empty: unmanaged, the server's default at creation
	Collation string  `json:"collation,omitempty"` // empty: unmanaged
}

// Kind is KindDatabase.
func (d *Database) Kind() Kind { return KindDatabase }

// References names the instance.
func (d *Database) References() map[string]Address { return map[string]Address{"instance": d.Instance} }

// Attributes shows every argument.
func (d *Database) Attributes() Attributes {
	out := Attributes{"instance": d.Instance.String(), "name": d.Name}
	putText(out, "charset", d.Charset)
	putText(out, "collation", d.Collation)
	return out
}

// Judge: defaults change in place (existing tables are not converted), name and instance do not.
func (d *Database) Judge(path string, _ Body) Verdict {
	switch path {
	case "charset", "collation":
		return inPlace(Online)
	case "instance":
		return refused("a database cannot move to another instance",
			"declare a new database there, copy the data, and remove this one by `apply -allow-destroy`")
	default:
		return refused("this engine cannot rename a database",
			"declare a new database, copy the data, and remove this one by `apply -allow-destroy`")
	}
}
