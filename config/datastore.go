package config

import (
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
)

func (b *builder) datastore() resource.Body {
	f := b.f
	d := &resource.Datastore{Manager: f.address.Name, Versions: map[string]resource.DatastoreVersion{}}
	at := f.at
	if f.has("manager") {
		d.Manager, at = f.text("manager"), f.place("manager")
	}
	b.overrides["manager"] = cty.StringVal(d.Manager)
	engine, ok := catalog.Lookup(d.Manager)
	if !ok {
		b.failAt(at, "Unknown engine", didYouMean(d.Manager, catalog.Names(), "Set manager, or name the block after an engine: "+strings.Join(catalog.Names(), ", ")+"."),
			"There is no engine %q.", d.Manager)
		return d
	}
	for _, v := range f.blocks["version"] {
		b.datastoreVersion(engine, d, v)
	}
	return d
}

// packageName is what apt and dnf take: a name, perhaps with an architecture or a version, and never an option.
var packageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+.:=~_-]*$`)

func (b *builder) datastoreVersion(engine *catalog.Engine, d *resource.Datastore, v *form) {
	if _, ok := engine.Version(v.label); !ok {
		b.failAt(v.at, "Unknown version", didYouMean(v.label, engine.VersionNames(), ""), "%s %s is not known; known are %s.",
			engine.Name, v.label, strings.Join(engine.VersionNames(), ", "))
		return
	}
	b.r.notEmpty(v, "image")
	b.f.failed = b.f.failed || v.failed
	tags := v.list("image_tags")
	switch {
	case v.has("image") && v.has("image_tags"):
		b.failAt(v.place("image_tags"), "image and image_tags together", "Remove one of the two.", "The image is found by its name or by tags.")
	case !v.has("image") && len(tags) == 0 && !v.failed:
		b.failAt(v.at, "Missing argument", "", "Version %q needs image or image_tags.", v.label)
	}
	for _, name := range v.list("packages") {
		if !packageName.MatchString(name) {
			b.failAt(v.place("packages"), "Invalid name of a package", "Write it as the distribution's package manager takes it, such as \"mariadb-server\".", "%q names no package.", name)
		}
	}
	d.Versions[v.label] = resource.DatastoreVersion{
		Image: v.text("image"), ImageTags: tags, Packages: v.list("packages"), Inactive: !v.truth("active", true),
	}
}

func (b *builder) configGroup() resource.Body {
	f := b.f
	c := &resource.ConfigGroup{Version: f.text("version"), Values: map[string]string{}}
	d, addr, ok := lookup[*resource.Datastore](b, "datastore")
	c.Datastore = addr
	if !ok {
		return c
	}
	c.Manager = d.Manager
	engine, known := catalog.Lookup(d.Manager)
	if !known || !f.has("version") || !b.declaredVersion(d, addr, c.Version) {
		return c
	}
	given := f.textMap("values")
	first := map[string]string{}
	for _, name := range keys(given) {
		canonical := catalog.ParameterName(name)
		if other, twice := first[canonical]; twice {
			b.failItem("values", name, "Parameter given twice", "Remove one of the two.", "%q and %q are the same parameter.", other, name)
			continue
		}
		first[canonical] = name
		if value, ok := b.setting(engine, c.Version, name, given[name]); ok {
			c.Values[canonical] = value
		}
	}
	if b.f.has("values") {
		b.overrides["values"] = mapValue(c.Values)
	}
	return c
}

// setting checks one parameter and returns its canonical value.
func (b *builder) setting(engine *catalog.Engine, version, name, value string) (string, bool) {
	p, ok := engine.Parameter(version, name)
	if !ok {
		hint := ""
		if near := engine.SuggestParameter(version, name); near != "" {
			hint = "Did you mean \"" + near + "\"?"
		}
		b.failItem("values", name, "Unknown parameter", hint, "%s %s has no parameter %q.", engine.Name, version, name)
		return "", false
	}
	if p.Refused != "" {
		b.failItem("values", name, "Parameter cannot be set", "Remove it.", "%s: %s.", p.Name, p.Refused)
		return "", false
	}
	canonical, err := p.Normalize(value)
	if err != nil {
		b.failItem("values", name, "Invalid value of a parameter", "", "%s.", err)
		return "", false
	}
	return canonical, true
}

// declaredVersion checks that the datastore offers a version.
func (b *builder) declaredVersion(d *resource.Datastore, addr resource.Address, version string) bool {
	if _, ok := d.Versions[version]; ok {
		return true
	}
	declared := keys(d.Versions)
	b.fail("version", "Unknown version", didYouMean(version, declared, ""), "%s offers no version %q; it has %s.", addr, version, strings.Join(declared, ", "))
	return false
}

func mapValue(m map[string]string) cty.Value {
	if len(m) == 0 {
		return cty.MapValEmpty(cty.String)
	}
	out := map[string]cty.Value{}
	for k, v := range m {
		out[k] = cty.StringVal(v)
	}
	return cty.MapVal(out)
}
