package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

const (
	configSuffix   = ".trove.hcl"
	valuesName     = "trovevars.hcl"
	autoValues     = ".auto.trovevars.hcl"
	maxFileSize    = 16 << 20
	variablePrefix = "TROVE_VAR_"
)

// readFiles parses every configuration file of the directory, in the order of their names.
func (r *reader) readFiles() {
	names := r.listFiles(func(name string) bool { return strings.HasSuffix(name, configSuffix) })
	if len(names) == 0 && !r.diags.HasErrors() {
		r.report(diag.Diagnostic{
			Severity: diag.Error, Summary: "No configuration files",
			Detail: "The directory " + r.dir + " contains no file whose name ends in " + configSuffix + ".",
			Hint:   "Go to the directory of your configuration, or name it with -chdir=DIR.",
		})
	}
	for _, name := range names {
		src, ok := r.readFile(filepath.Join(r.dir, name), name)
		if !ok {
			continue
		}
		file, found := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
		r.take(found)
		if body, ok := file.Body.(*hclsyntax.Body); ok {
			r.bodies = append(r.bodies, body)
		}
	}
}

// listFiles lists the wanted plain files of the directory by name; hidden and editors' files are left out.
func (r *reader) listFiles(want func(string) bool) []string {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		r.report(diag.Diagnostic{
			Severity: diag.Error, Summary: "Cannot read the configuration", Detail: "reading the directory " + r.dir + ": " + reason(err),
		})
		return nil
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		hidden := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasSuffix(name, "~")
		if !hidden && !e.IsDir() && want(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// readFile reads a file into the sources under the name that diagnostics use.
func (r *reader) readFile(path, name string) ([]byte, bool) {
	src, err := readBounded(path)
	if err != nil {
		r.report(diag.Diagnostic{Severity: diag.Error, Summary: "Cannot read a file", Detail: "reading " + name + ": " + reason(err)})
		return nil, false
	}
	r.sources[name] = src
	return src, true
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a plain file")
	}
	if info.Size() > maxFileSize {
		return nil, errors.New("it is larger than 16 MiB")
	}
	return os.ReadFile(path)
}

// reason is an error of the file system without the path, which the caller says.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// digest is a fingerprint of everything but secrets that the desired set was made from.
func (r *reader) digest() string {
	sum := sha256.New()
	part := func(kind, name string, data []byte) {
		content := sha256.Sum256(data)
		line, _ := json.Marshal([]string{kind, name, hex.EncodeToString(content[:])})
		_, _ = sum.Write(append(line, '\n')) // a hash never fails
	}
	for _, name := range slices.Sorted(maps.Keys(r.sources)) {
		if strings.HasSuffix(name, configSuffix) {
			part("file", name, r.sources[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.inputs)) {
		part("input", name, r.inputs[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.variables)) {
		v := r.variables[name]
		if v.sensitive || !v.assigned {
			continue
		}
		if value, _ := v.value.UnmarkDeep(); value.IsWhollyKnown() {
			if data, err := ctyjson.Marshal(value, value.Type()); err == nil {
				part("variable", name, data)
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (r *reader) secretList() []resource.Secret {
	var out []resource.Secret
	for _, text := range slices.Sorted(maps.Keys(r.secrets)) {
		out = append(out, resource.NewSecret(text))
	}
	return out
}

// scrub takes every secret out of what is told. Messages of functions may quote their arguments.
func (r *reader) scrub(list diag.List) diag.List {
	var pairs []string
	longest := slices.SortedFunc(maps.Keys(r.secrets), func(a, b string) int { return len(b) - len(a) })
	for _, s := range longest {
		if len(s) >= 3 { // shorter ones would tear ordinary words apart and are found nowhere by chance
			pairs = append(pairs, s, resource.Hidden)
		}
	}
	if len(pairs) == 0 {
		return list
	}
	replace := strings.NewReplacer(pairs...)
	for i := range list {
		list[i].Summary = replace.Replace(list[i].Summary)
		list[i].Detail = replace.Replace(list[i].Detail)
		list[i].Hint = replace.Replace(list[i].Hint)
	}
	return list
}
