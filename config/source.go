package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/trovectl/trovectl/config/diag"
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
		if found.HasErrors() {
			r.broken[name], r.poisoned = true, true
		}
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
