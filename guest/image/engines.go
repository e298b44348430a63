package image

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// elements are the folders that make a Debian system a guest, in the form that diskimage-builder reads as well: the two
// ways to an image install the same packages and files and run the same scripts.
//
//go:embed elements
var elements embed.FS

// base is the element that every guest has. Each engine has one of its own beside it.
const base = "trovectl-guest"

func elementOf(engine string) string { return "trovectl-" + engine }

// releases say which release of Debian brings which version of an engine. It brings none of MySQL.
var releases = map[string]map[string]string{
	"mariadb":    {"10.5": "bullseye", "10.11": "bookworm", "11.8": "trixie"},
	"postgresql": {"13": "bullseye", "15": "bookworm", "17": "trixie"},
	"redis":      {"6.0": "bullseye", "7.0": "bookworm", "8.0": "trixie"},
	"valkey":     {"8.1": "trixie"},
}

// Engines lists the engines that images are built for, sorted.
func Engines() []string { return slices.Sorted(maps.Keys(releases)) }

// serverPackage is the package whose version is the engine's. Of PostgreSQL each version has one of its own.
func serverPackage(name, version string) string {
	if name == "postgresql" {
		return name + "-" + version
	}
	return name + "-server"
}

// engine is what one build puts into an image.
type engine struct {
	release  string // of Debian
	server   string // the package that is the engine
	packages []string
}

// lookup finds what an engine's version needs. A given release is for mirrors that bring other versions than Debian does.
func lookup(name, version, release string) (engine, error) {
	versions, ok := releases[name]
	if !ok {
		return engine{}, fmt.Errorf("images are built for %s, not for %q", strings.Join(Engines(), ", "), name)
	}
	if release == "" {
		if release, ok = versions[version]; !ok {
			return engine{}, fmt.Errorf("no release of Debian has %s %s (it has %s); with a mirror that brings it, name the release: -release",
				name, version, debianHas(versions))
		}
	}
	e := engine{release: release, server: serverPackage(name, version)}
	for _, element := range []string{base, elementOf(name)} {
		packages, err := packagesOf(element)
		if err != nil {
			return engine{}, err
		}
		e.packages = append(e.packages, packages...)
	}
	return e, nil
}

func debianHas(versions map[string]string) string {
	var out []string
	for version, release := range versions {
		out = append(out, version+" in "+release)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// packagesOf reads the names of an element's package-installs.yaml: one "name:" per line.
func packagesOf(element string) ([]string, error) {
	text, err := elements.ReadFile(path.Join("elements", element, "package-installs.yaml"))
	if err != nil {
		return nil, fmt.Errorf("reading the packages of an element: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutSuffix(strings.TrimSpace(line), ":"); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// scriptsOf reads an element's scripts of one phase, in the order of their names.
func scriptsOf(element, phase string) ([][]byte, error) {
	names, err := fs.Glob(elements, path.Join("elements", element, phase, "*"))
	if err != nil {
		return nil, fmt.Errorf("looking for scripts: %w", err)
	}
	scripts := make([][]byte, len(names))
	for i, name := range names {
		if scripts[i], err = elements.ReadFile(name); err != nil {
			return nil, fmt.Errorf("reading a script: %w", err)
		}
	}
	return scripts, nil
}
