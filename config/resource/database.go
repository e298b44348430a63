package resource

import "github.com/trovectl/trovectl/config/catalog"

// Database is one database of an instance.
type Database struct {
	Instance   Address  `json:"instance"`
	Manager    string   `json:"manager,omitempty"` // of the instance, resolved by the reader; empty: of a record from before it was known
	Name       string   `json:"name"`
	Charset    string   `json:"charset,omitempty"`    // empty: unmanaged, the server's default at creation
	Collation  string   `json:"collation,omitempty"`  // empty: unmanaged
	Owner      Role     `json:"owner,omitzero"`       // zero: unmanaged
	Encoding   string   `json:"encoding,omitempty"`   // empty: unmanaged
	Extensions []string `json:"extensions,omitempty"` // sorted; those that are there and not named are left alone
}

// Kind is KindDatabase.
func (d *Database) Kind() Kind { return KindDatabase }

// References names the instance, and the owner given by reference.
func (d *Database) References() map[string]Address {
	refs := map[string]Address{"instance": d.Instance}
	if !d.Owner.Of.IsZero() {
		refs["owner"] = d.Owner.Of
	}
	return refs
}

// Attributes shows every argument.
func (d *Database) Attributes() Attributes {
	out := Attributes{"instance": d.Instance.String(), "name": d.Name}
	putText(out, "charset", d.Charset)
	putText(out, "collation", d.Collation)
	putText(out, "owner", d.Owner.Name)
	putText(out, "encoding", d.Encoding)
	putList(out, "extensions", d.Extensions)
	return out
}

// Judge: what the engine can change later changes in place (existing tables are not converted), and the rest does not.
func (d *Database) Judge(path string, next Body) Verdict {
	const instead = "declare a new database, copy the data, and remove this one by `apply -allow-destroy`"
	var engine catalog.Engine
	if to, ok := next.(*Database); ok {
		if known, ok := catalog.Lookup(to.Manager); ok {
			engine = *known
		}
	}
	switch {
	case path == "charset", path == "owner", path == "extensions",
		path == "collation" && !engine.HasOwners,
		path == "name" && engine.RenamesDatabases:
		return inPlace(Online)
	case path == "instance":
		return refused("a database cannot move to another instance",
			"declare a new database there, copy the data, and remove this one by `apply -allow-destroy`")
	case path == "name":
		return refused("this engine cannot rename a database", instead)
	default: // the encoding, and a collation that goes with it
		return refused("it is fixed when the database is made", instead)
	}
}
