package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
)

// engineOf is the engine of an instance, or nil when the instance is broken.
func (b *builder) engineOf(inst *resource.Instance, ok bool) *catalog.Engine {
	if !ok {
		return nil
	}
	engine, known := catalog.Lookup(inst.Manager)
	if !known {
		return nil
	}
	return engine
}

func (b *builder) user() resource.Body {
	f := b.f
	u := &resource.User{Name: b.named(b.defaultName()), Host: f.text("host")}
	inst, addr, ok := lookup[*resource.Instance](b, "instance")
	u.Instance = addr
	engine := b.engineOf(inst, ok)
	b.password(u, engine)
	b.grantsMode(u)
	if engine == nil {
		return u
	}
	if err := engine.CheckUserName(u.Name); err != nil {
		b.fail("name", "Invalid name of a user", "", "%s.", err)
	}
	b.host(u, engine)
	b.grants(u, engine)
	return u
}

func (b *builder) host(u *resource.User, engine *catalog.Engine) {
	if !engine.HasUserHosts {
		if u.Host != "" {
			b.fail("host", "No hosts", "Remove it.", "Users of %s have no hosts.", engine.Name)
		}
		return
	}
	if b.f.has("host") && u.Host == "" {
		b.fail("host", "Empty value", "Write \"%\" for everywhere.", "host is empty.")
		return
	}
	if u.Host != "" {
		if err := engine.CheckHost(u.Host); err != nil {
			b.fail("host", "Invalid host of a user", "", "%s.", err)
			return
		}
	}
	if u.Host = engine.NormalizeHost(u.Host); u.Host == "" {
		u.Host = "%"
	}
	if got, given := b.f.args["host"]; !given || !got.failed {
		b.overrides["host"] = cty.StringVal(u.Host)
	}
}

func (b *builder) grantsMode(u *resource.User) {
	switch mode := b.f.text("grants"); {
	case !b.f.has("grants") || mode == "authoritative":
	case mode == "additive":
		u.Additive = true
	default:
		b.fail("grants", "Invalid value", didYouMean(mode, []string{"additive", "authoritative"}, ""), "grants is \"additive\" or \"authoritative\", not %q.", mode)
	}
}

// password reads what stands for the password. A secret that nobody supplied is one that is declared and empty.
func (b *builder) password(u *resource.User, engine *catalog.Engine) {
	word, hasWord := b.f.args["password"]
	hash, hasHash := b.f.args["password_hash"]
	if hasWord && hasHash {
		b.fail("password_hash", "password and password_hash together", "Remove one of the two.", "A user has one password.")
		return
	}
	switch {
	case hasWord:
		u.Password = &resource.Password{Secret: b.secret("password", word)}
	case hasHash:
		u.Password = &resource.Password{Verifier: b.secret("password_hash", hash)}
		if engine == nil || u.Password.Verifier.IsZero() {
			return
		}
		if err := engine.CheckVerifier(u.Password.Verifier.Reveal()); err != nil {
			b.fail("password_hash", "Invalid password hash", "", "%s.", err)
		}
	}
}

func (b *builder) secret(name string, got filled) resource.Secret {
	if got.absent || got.failed {
		return resource.Secret{}
	}
	text := got.value.AsString()
	if text == "" {
		b.fail(name, "Empty password", "Leave the argument out to leave the password unmanaged.", "%s is empty.", name)
		return resource.Secret{}
	}
	b.r.remember(got.value)
	b.r.mask(got.attr)
	if !got.hidden && name == "password" {
		code, detail := "password-not-sensitive", "The password comes from a value that is not sensitive."
		if len(got.attr.Expr.Variables()) == 0 {
			code, detail = "password-literal", "The password stands in the configuration, where everyone who reads the repository reads it."
		}
		b.r.warn(code, got.at, "Password in the open", "Use a variable with `sensitive = true`, given by "+variablePrefix+"NAME.", "%s", detail)
	}
	return resource.NewSecret(text)
}

// grantPlace is a grant with its place, while duplicates are looked for.
type grantPlace struct {
	grant resource.Grant
	at    hcl.Range
}

func (b *builder) grants(u *resource.User, engine *catalog.Engine) {
	var all []grantPlace
	for _, f := range b.f.blocks["grant"] {
		if g, ok := b.grantBlock(u, engine, f); ok {
			all = append(all, grantPlace{g, f.place("database")})
		}
	}
	all = append(all, b.wholeDatabases(u, engine)...)
	if len(all) > 0 {
		b.ranges = maps.Clone(b.ranges)
	}
	first := map[string]hcl.Range{}
	for _, g := range all {
		if at, twice := first[g.grant.Database]; twice {
			b.failAt(g.at, "Duplicate grant", "Put all privileges on one database into one grant.", "There is a grant on %q already, at %s.", g.grant.Database, at.String())
			continue
		}
		first[g.grant.Database] = g.at
		b.ranges[resource.Path("grant", g.grant.Database)] = *place(g.at)
		u.Grants = append(u.Grants, g.grant)
	}
	slices.SortFunc(u.Grants, func(a, b resource.Grant) int { return cmp.Compare(a.Database, b.Database) })
}

func (b *builder) grantBlock(u *resource.User, engine *catalog.Engine, f *form) (resource.Grant, bool) {
	if !f.has("database") {
		return resource.Grant{}, false
	}
	g, ok := b.grantTarget(u, engine, f.args["database"].value, f.place("database"))
	if !ok || !f.has("privileges") {
		return g, false
	}
	canonical, err := engine.CheckPrivileges(catalog.Target{Database: g.Database}, f.list("privileges"))
	if err != nil {
		b.failAt(f.place("privileges"), "Invalid privileges", "", "%s.", err)
		return g, false
	}
	g.Privileges = canonical
	return g, true
}

// wholeDatabases is the argument databases: all privileges on each.
func (b *builder) wholeDatabases(u *resource.User, engine *catalog.Engine) []grantPlace {
	if !b.f.has("databases") {
		return nil
	}
	value, at := b.f.args["databases"].value, b.f.place("databases")
	ty := value.Type()
	if !value.IsKnown() {
		b.f.failed, b.r.poisoned = true, true
		return nil
	}
	if !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType() {
		b.failAt(at, "Wrong type", "Write databases = [database.NAME].", "databases is a list of databases, not %s.", friendly(value))
		return nil
	}
	var out []grantPlace
	for it := value.ElementIterator(); it.Next(); {
		_, element := it.Element()
		g, ok := b.grantTarget(u, engine, element, at)
		if !ok {
			continue
		}
		canonical, err := engine.CheckPrivileges(catalog.Target{Database: g.Database}, []string{catalog.AllPrivileges})
		if err != nil {
			b.failAt(at, "Invalid privileges", "", "%s.", err)
			continue
		}
		g.Privileges = canonical
		out = append(out, grantPlace{g, at})
	}
	return out
}

// grantTarget reads a database: a resource on the same instance, a name, or "*".
func (b *builder) grantTarget(u *resource.User, engine *catalog.Engine, v cty.Value, at hcl.Range) (resource.Grant, bool) {
	if addr, ok := identityOf(v); ok {
		return b.grantReference(u, addr, at)
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

func (b *builder) grantReference(u *resource.User, addr resource.Address, at hcl.Range) (resource.Grant, bool) {
	if addr.Kind != resource.KindDatabase {
		b.failAt(at, "Wrong type", "", "A grant is on a database, not on %s, %s.", addr, article(string(addr.Kind)))
		return resource.Grant{}, false
	}
	res := b.r.set.Resources[addr]
	if res == nil {
		b.f.failed, b.r.poisoned = true, true
		return resource.Grant{}, false
	}
	d := res.Body.(*resource.Database)
	if d.Instance != u.Instance {
		b.failAt(at, "Database of another instance", "Name a database of the user's own instance.", "%s is on %s, and the user is on %s.", addr, d.Instance, u.Instance)
		return resource.Grant{}, false
	}
	return resource.Grant{Database: d.Name, Of: addr}, true
}
