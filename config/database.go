package config

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
)

// database builds a database. Where the instance is broken, what needs its engine is not checked.
func (b *builder) database() resource.Body {
	f := b.f
	d := &resource.Database{Name: b.named(b.defaultName())}
	inst, addr, ok := lookup[*resource.Instance](b, "instance")
	d.Instance = addr
	engine := b.engineOf(inst, ok)
	if engine == nil {
		return d
	}
	d.Manager = engine.Name
	if !engine.HasDatabases {
		b.failAt(f.at, "No databases", "Remove the block.", "%s.", engine.CheckDatabaseName(d.Name))
		return d
	}
	if err := engine.CheckDatabaseName(d.Name); err != nil {
		b.fail("name", "Invalid name of a database", "", "%s.", err)
	}
	if engine.HasOwners {
		b.owned(d, engine, inst.Version)
	} else {
		b.charset(d, engine, inst.Version)
	}
	return d
}

// charset reads what a database of the MySQL family has.
func (b *builder) charset(d *resource.Database, engine *catalog.Engine, version string) {
	for _, name := range []string{"owner", "encoding", "extensions"} {
		if _, given := b.f.args[name]; given {
			b.fail(name, "Not of this engine", "Remove it.", "A database of %s has no %s.", engine.Name, name)
		}
	}
	d.Charset, d.Collation = strings.ToLower(b.f.text("charset")), strings.ToLower(b.f.text("collation"))
	if err := engine.CheckCharset(version, d.Charset, d.Collation); err != nil {
		at := "charset"
		if d.Charset == "" || strings.HasPrefix(err.Error(), "collation") {
			at = "collation"
		}
		b.fail(at, "Invalid charset or collation", "", "%s.", err)
	}
	for name, value := range map[string]string{"charset": d.Charset, "collation": d.Collation} {
		if value != "" {
			b.overrides[name] = cty.StringVal(value)
		}
	}
}

// owned reads what a database of PostgreSQL has.
func (b *builder) owned(d *resource.Database, engine *catalog.Engine, version string) {
	f := b.f
	if _, given := f.args["charset"]; given {
		b.fail("charset", "Not of this engine", "Write encoding, such as \"UTF8\".", "A database of %s has an encoding.", d.Manager)
	}
	b.r.notEmpty(f, "collation", "encoding")
	if d.Collation = f.text("collation"); d.Collation != "" {
		if err := engine.CheckCharset(version, "", d.Collation); err != nil {
			b.fail("collation", "Invalid collation", "", "%s.", err)
		}
	}
	encoding, err := engine.NormalizeEncoding(version, f.text("encoding"))
	switch d.Encoding = encoding; {
	case err != nil:
		b.fail("encoding", "Invalid encoding", "", "%s.", err)
	case encoding != "":
		b.overrides["encoding"] = cty.StringVal(encoding)
	}
	if f.has("owner") {
		owner, ok := b.role(f.args["owner"].value, d.Instance, f.place("owner"))
		if err := engine.CheckUserName(owner.Name); ok && err != nil {
			b.fail("owner", "Invalid owner", "Leave it out: then the owner is the server's own.", "%s.", err)
		}
		d.Owner = owner
	}
	for _, name := range f.list("extensions") {
		if err := engine.CheckExtension(name); err != nil {
			b.fail("extensions", "Invalid extension", "", "%s.", err)
		}
	}
	d.Extensions = slices.Compact(slices.Sorted(slices.Values(f.list("extensions"))))
}
