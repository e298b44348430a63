package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	b.r.notEmpty(v, "image", "image_file")
	b.f.failed = b.f.failed || v.failed
	tags := v.list("image_tags")
	var given []string
	for _, name := range []string{"image", "image_tags", "image_file"} {
		if v.has(name) && (name != "image_tags" || len(tags) > 0) {
			given = append(given, name)
		}
	}
	switch {
	case len(given) > 1:
		b.failAt(v.place(given[1]), strings.Join(given, " and ")+" together", "Keep one of them.", "The image is found by its name, by tags, or is a file.")
	case len(given) == 0 && !v.failed:
		b.failAt(v.at, "Missing argument", "", "Version %q needs image, image_tags or image_file.", v.label)
	}
	for _, name := range v.list("packages") {
		if !packageName.MatchString(name) {
			b.failAt(v.place("packages"), "Invalid name of a package", "Write it as the distribution's package manager takes it, such as \"mariadb-server\".", "%q names no package.", name)
		}
	}
	d.Versions[v.label] = resource.DatastoreVersion{
		Image: v.text("image"), ImageTags: tags, ImageFile: v.text("image_file"), ImageSHA256: b.imageDigest(v),
		Packages: v.list("packages"), Inactive: !v.truth("active", true),
	}
}

// imageDigest is the SHA-256 of a version's image file: what its manifest says, or else what the file is. The manifest
// alone will do, so that a checkout plans without the file, which is too large for it.
func (b *builder) imageDigest(v *form) string {
	file := v.text("image_file")
	if file == "" {
		return ""
	}
	digest, err := b.r.manifestDigest(file + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		digest, err = b.r.fileDigest(file)
	}
	if err != nil {
		b.failAt(v.place("image_file"), "The image file cannot be read", "`trovectl image build -o FILE` makes it, and FILE.json beside it.", "%s: %s.", file, reason(err))
	}
	return digest
}

// manifestDigest reads the digest that a manifest names.
func (r *reader) manifestDigest(path string) (string, error) {
	text, err := readBounded(r.local(path))
	if err != nil {
		return "", err
	}
	r.inputs[path] = text
	var manifest struct {
		SHA256 string `json:"sha256"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return "", fmt.Errorf("its manifest is not JSON: %w", err)
	}
	if sum, err := hex.DecodeString(manifest.SHA256); err != nil || len(sum) != sha256.Size {
		return "", errors.New("its manifest names no sha256")
	}
	return manifest.SHA256, nil
}

// fileDigest reads a whole file.
func (r *reader) fileDigest(path string) (string, error) {
	file, err := os.Open(r.local(path))
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	digest := hex.EncodeToString(hash.Sum(nil))
	r.inputs["sha256 "+path] = []byte(digest)
	return digest, nil
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
