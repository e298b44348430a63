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
		b.failAt(f.at, "No databases", "Remove the block.", "%s has no databases that have a name.", engine.Name)
		return d
	}
	if err := engine.CheckDatabaseName(d.Name); err != nil {
		b.fail("name", "Invalid name of a database", "", "%s.", err)
	}
	if engine.HasOwners {
		b.owned(d)
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
func (b *builder) owned(d *resource.Database) {
	f := b.f
	if _, given := f.args["charset"]; given {
		b.fail("charset", "Not of this engine", "Write encoding, such as \"UTF8\".", "A database of %s has an encoding.", d.Manager)
	}
	b.r.notEmpty(f, "collation", "encoding")
	d.Collation, d.Encoding = f.text("collation"), strings.ToUpper(f.text("encoding"))
	if d.Encoding != "" {
		b.overrides["encoding"] = cty.StringVal(d.Encoding)
	}
	if f.has("owner") {
		d.Owner, _ = b.role(f.args["owner"].value, d.Instance, f.place("owner"))
	}
	d.Extensions = slices.Compact(slices.Sorted(slices.Values(f.list("extensions"))))
	if slices.Contains(d.Extensions, "") {
		b.fail("extensions", "Empty value", "Remove it.", "The name of an extension is empty.")
	}
}
