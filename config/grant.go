package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
)

// grantPlace is a grant with its place, while duplicates are looked for.
type grantPlace struct {
	grant resource.Grant
	at    hcl.Range
}

func (b *builder) grants(u *resource.User, engine *catalog.Engine) {
	if !engine.HasGrants {
		return
	}
	var all []grantPlace
	for _, f := range b.f.blocks["grant"] {
		all = append(all, b.grantBlock(u, engine, f)...)
	}
	all = append(all, b.wholeDatabases(u, engine)...)
	if len(all) > 0 {
		b.ranges = maps.Clone(b.ranges)
	}
	first := map[catalog.Target]hcl.Range{}
	for _, g := range all {
		target := g.grant.Target()
		if at, twice := first[target]; twice {
			b.failAt(g.at, "Duplicate grant", "Put all privileges on one database, schema or table into one grant.",
				"There is a grant on %q already, at %s.", target, at.String())
			continue
		}
		first[target] = g.at
		b.ranges[g.grant.Path()] = *place(g.at)
		u.Grants = append(u.Grants, g.grant)
	}
	u.Grants = uncovered(engine, u.Grants)
	slices.SortFunc(u.Grants, resource.CompareGrants)
}

// uncovered leaves out what others of the grants give already, as the engine lists them.
func uncovered(engine *catalog.Engine, grants []resource.Grant) []resource.Grant {
	var rights []catalog.Right
	for _, g := range grants {
		for _, p := range engine.ExpandPrivileges(g.Target(), g.Privileges) {
			rights = append(rights, catalog.Right{Target: g.Target(), Privilege: p, Grantable: g.Grantable})
		}
	}
	var out []resource.Grant
	for _, g := range grants {
		left := map[string]bool{}
		for _, r := range rights {
			if r.Target == g.Target() && !engine.Covered(r, rights) {
				left[r.Privilege] = true
			}
		}
		if g.Privileges = engine.JoinPrivileges(g.Target(), left); len(left) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// grantBlock gives one grant for each table, or the one on the database or schema.
func (b *builder) grantBlock(u *resource.User, engine *catalog.Engine, f *form) []grantPlace {
	if !f.has("database") {
		return nil
	}
	on, ok := b.grantTarget(u, engine, f.args["database"].value, f.place("database"))
	if !ok || !f.has("privileges") {
		return nil
	}
	b.r.notEmpty(f, "schema")
	on.Schema, on.Grantable = f.text("schema"), f.truth("grantable", false)
	tables, at := []string{""}, f.place("database")
	if f.has("tables") {
		tables, at = f.list("tables"), f.place("tables")
		if len(tables) == 0 || slices.Contains(tables, "") {
			b.failAt(at, "Empty value", "Leave tables out to grant on all of them.", "tables names no table.")
			return nil
		}
	}
	var out []grantPlace
	for _, table := range tables {
		g := on
		g.Table = table
		if err := engine.CheckTarget(g.Target()); err != nil {
			b.failAt(at, "Invalid grant", "", "%s.", err)
			continue
		}
		canonical, err := engine.CheckPrivileges(g.Target(), f.list("privileges"))
		if err != nil {
			b.failAt(f.place("privileges"), "Invalid privileges", "", "%s.", err)
			return nil
		}
		g.Privileges = canonical
		out = append(out, grantPlace{g, at})
	}
	b.f.failed = b.f.failed || f.failed
	return out
}

// wholeDatabases is the argument databases: all privileges on each.
func (b *builder) wholeDatabases(u *resource.User, engine *catalog.Engine) []grantPlace {
	at := b.f.place("databases")
	var out []grantPlace
	for _, element := range b.elements("databases", "databases is a list of databases", "Write databases = [database.NAME].") {
		g, ok := b.grantTarget(u, engine, element, at)
		if !ok {
			continue
		}
		canonical, err := engine.CheckPrivileges(g.Target(), []string{catalog.AllPrivileges})
		if err != nil {
			b.failAt(at, "Invalid privileges", "", "%s.", err)
			continue
		}
		g.Privileges = canonical
		out = append(out, grantPlace{g, at})
	}
	return out
}

// elements are those of a free argument that is a list.
func (b *builder) elements(name, is, hint string) []cty.Value {
	if !b.f.has(name) {
		return nil
	}
	value, at := b.f.args[name].value, b.f.place(name)
	if !value.IsKnown() {
		b.f.failed, b.r.poisoned = true, true
		return nil
	}
	if ty := value.Type(); !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType() {
		b.failAt(at, "Wrong type", hint, "%s, not %s.", is, friendly(value))
		return nil
	}
	return value.AsValueSlice()
}

// grantTarget reads a database: a resource on the same instance, a name, or "*".
func (b *builder) grantTarget(u *resource.User, engine *catalog.Engine, v cty.Value, at hcl.Range) (resource.Grant, bool) {
	if addr, ok := identityOf(v); ok {
		if addr.Kind != resource.KindDatabase {
			b.failAt(at, "Wrong type", "", "A grant is on a database, not on %s, %s.", addr, article(string(addr.Kind)))
			return resource.Grant{}, false
		}
		d, ok := neighbour[*resource.Database](b, addr, u.Instance, at)
		if !ok {
			return resource.Grant{}, false
		}
		return resource.Grant{Database: d.Name, Of: addr}, true
	}
	if !v.IsKnown() {
		b.f.failed, b.r.poisoned = true, true
		return resource.Grant{}, false
	}
	if v.IsNull() || v.Type() != cty.String {
		b.failAt(at, "Wrong type", fmt.Sprintf("Write database.%s, a name, or \"*\".", or(b.r.nodeNames("database"), "NAME")),
			"A database is a resource or a name, not %s.", friendly(v))
		return resource.Grant{}, false
	}
	name := v.AsString()
	if name != "*" {
		if err := engine.CheckDatabaseName(name); err != nil {
			b.failAt(at, "Invalid name of a database", "", "%s.", err)
			return resource.Grant{}, false
		}
	}
	return resource.Grant{Database: name}, true
}

// neighbour is the body of a resource that is named in another one of the same instance. Not ok: it was reported.
func neighbour[B resource.Body](b *builder, addr, instance resource.Address, at hcl.Range) (body B, ok bool) {
	res := b.r.set.Resources[addr]
	if res == nil {
		b.f.failed, b.r.poisoned = true, true
		return body, false
	}
	if on := res.Body.References()["instance"]; on != instance {
		kind := string(addr.Kind)
		b.failAt(at, capital(kind)+" of another instance", fmt.Sprintf("Name a %s of the same instance.", kind),
			"%s is on %s, and %s is on %s.", addr, on, b.f.address, instance)
		return body, false
	}
	body, ok = res.Body.(B)
	return body, ok
}

// role reads a user as one whose rights another has, or who owns something: a resource on the same instance, or a name.
func (b *builder) role(v cty.Value, instance resource.Address, at hcl.Range) (resource.Role, bool) {
	addr, named := identityOf(v)
	switch {
	case named && addr.Kind == resource.KindUser:
		u, ok := neighbour[*resource.User](b, addr, instance, at)
		if !ok {
			return resource.Role{}, false
		}
		return resource.Role{Name: u.Name, Of: addr}, true
	case !named && !v.IsKnown():
		b.f.failed, b.r.poisoned = true, true
		return resource.Role{}, false
	case named || v.IsNull() || v.Type() != cty.String:
		b.failAt(at, "Wrong type", fmt.Sprintf("Write user.%s, or a name.", or(b.r.nodeNames("user"), "NAME")), "A role is a user or a name, not %s.", friendly(v))
		return resource.Role{}, false
	case strings.TrimSpace(v.AsString()) == "":
		b.failAt(at, "Empty value", "Give it a value, or leave it out.", "The name of a role is empty.")
		return resource.Role{}, false
	}
	return resource.Role{Name: v.AsString()}, true
}

func (b *builder) roles(u *resource.User, engine *catalog.Engine) {
	if !engine.HasRoles {
		return
	}
	for _, element := range b.elements("roles", "roles is a list of roles", "Write roles = [\"NAME\"].") {
		role, ok := b.role(element, u.Instance, b.f.place("roles"))
		if !ok {
			continue
		}
		if !role.Of.IsZero() && !engine.HasOwners { // its users are no roles
			b.fail("roles", "Not of this engine", "Make the role in the server (CREATE ROLE), and write its name.", "A user of %s is no role, and %s is one.", engine.Name, role.Of)
			continue
		}
		if err := engine.CheckRole(role.Name); err != nil {
			b.fail("roles", "Invalid role", "", "%s.", err)
			continue
		}
		if !slices.ContainsFunc(u.Roles, func(has resource.Role) bool { return has.Name == role.Name }) {
			u.Roles = append(u.Roles, role)
		}
	}
	slices.SortFunc(u.Roles, func(a, b resource.Role) int { return strings.Compare(a.Name, b.Name) })
}
