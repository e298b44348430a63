package openstack

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"gopkg.in/yaml.v3"
)

// files reads clouds.yaml and what stands beside it: secure.yaml, whose values win, and clouds-public.yaml, whose values
// fill gaps. gophercloud's own reader takes the process's environment and stops at an entry without an auth section, so
// only its types are used.
type files struct {
	dir string
	env func(string) string
}

type entries map[string]map[string]any

// entry gives one cloud and where it comes from.
func (f *files) entry(name string) (clouds.Cloud, string, error) {
	all, path, err := f.read()
	if err != nil {
		return clouds.Cloud{}, "", fmt.Errorf("cloud %q: %w", name, err)
	}
	raw, there := all[name]
	if !there {
		return clouds.Cloud{}, "", fmt.Errorf("%s has no cloud %q, it has %s", path, name, names(all))
	}
	if profile, _ := cmpAny(raw["profile"], raw["cloud"]).(string); profile != "" {
		public, publicPath, err := f.profile(profile)
		if err != nil {
			return clouds.Cloud{}, "", fmt.Errorf("cloud %q of %s: %w", name, path, err)
		}
		raw = merge(raw, public)
		path += " with " + publicPath
	}
	source := fmt.Sprintf("cloud %q of %s", name, path)
	text, err := yaml.Marshal(raw)
	if err != nil {
		return clouds.Cloud{}, "", fmt.Errorf("%s cannot be read", source)
	}
	var entry clouds.Cloud
	if err := yaml.Unmarshal(text, &entry); err != nil { // its text quotes values, so it is left out
		return clouds.Cloud{}, "", fmt.Errorf("%s has a value of a wrong type", source)
	}
	return entry, source, nil
}

func cmpAny(values ...any) any {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// only gives the single entry's name.
func (f *files) only() (string, error) {
	all, path, err := f.read()
	if err != nil {
		return "", fmt.Errorf("no cloud is named: neither by the configuration nor by OS_CLOUD or OS_AUTH_URL; and %w", err)
	}
	if len(all) != 1 {
		return "", fmt.Errorf("no cloud is named, and %s has %s: choose one with OS_CLOUD or the provider's cloud argument", path, names(all))
	}
	for name := range all {
		return name, nil
	}
	return "", nil
}

func names(all entries) string {
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), ", ")
}

// folders are where clouds.yaml is looked for, in order.
func (f *files) folders() []string {
	folders := []string{cmp.Or(f.dir, ".")}
	config := f.env("XDG_CONFIG_HOME")
	if home := f.env("HOME"); config == "" && home != "" {
		config = filepath.Join(home, ".config")
	}
	if config != "" {
		folders = append(folders, filepath.Join(config, "openstack"))
	}
	return append(folders, "/etc/openstack")
}

// read gives the entries of the first clouds.yaml, overlaid with secure.yaml beside it.
func (f *files) read() (entries, string, error) {
	var candidates []string
	if path := f.env("OS_CLIENT_CONFIG_FILE"); path != "" {
		candidates = []string{path}
	} else {
		for _, folder := range f.folders() {
			candidates = append(candidates, filepath.Join(folder, "clouds.yaml"), filepath.Join(folder, "clouds.yml"))
		}
	}
	for _, path := range candidates {
		all, err := readEntries(path, "clouds")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		securePath := cmp.Or(f.env("OS_CLIENT_SECURE_FILE"), filepath.Join(filepath.Dir(path), "secure.yaml"))
		secure, err := readEntries(securePath, "clouds")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
		for name, entry := range secure {
			if _, there := all[name]; there {
				all[name] = merge(entry, all[name])
			}
		}
		return all, path, nil
	}
	return nil, "", fmt.Errorf("there is no clouds.yaml: looked for %s", strings.Join(candidates, ", "))
}

func (f *files) profile(name string) (map[string]any, string, error) {
	for _, folder := range f.folders() {
		path := filepath.Join(folder, "clouds-public.yaml")
		all, err := readEntries(path, "public-clouds")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if entry, there := all[name]; there {
			return entry, path, nil
		}
	}
	return nil, "", fmt.Errorf("profile %q is in no clouds-public.yaml of %s", name, strings.Join(f.folders(), ", "))
}

// readEntries reads one file. Its errors quote no values: these may be passwords.
func readEntries(path, key string) (entries, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, fmt.Errorf("%s is not YAML%s", path, lineOf(err))
	}
	document, _ := plainValue(&node, 0).(map[string]any)
	all := entries{}
	list, _ := document[key].(map[string]any)
	if list == nil {
		return nil, fmt.Errorf("%s has no %q section", path, key)
	}
	for name, value := range list {
		entry, is := value.(map[string]any)
		if !is {
			return nil, fmt.Errorf("%s: cloud %q is not a mapping", path, name)
		}
		all[name] = entry
	}
	return all, nil
}

// maxDepth bounds what is read of a file; an alias may stand for what holds it.
const maxDepth = 16

// plainValue gives mappings, lists, booleans and texts. Numbers stay as they are written: a password may be 0123.
func plainValue(n *yaml.Node, depth int) any {
	if depth > maxDepth {
		return nil
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) > 0 {
			return plainValue(n.Content[0], depth+1)
		}
	case yaml.AliasNode:
		return plainValue(n.Alias, depth+1)
	case yaml.SequenceNode:
		var all []any
		for _, item := range n.Content {
			all = append(all, plainValue(item, depth+1))
		}
		return all
	case yaml.MappingNode:
		return plainMapping(n, depth)
	case yaml.ScalarNode:
		switch n.Tag {
		case "!!null":
			return nil
		case "!!bool":
			var yes bool
			if n.Decode(&yes) == nil {
				return yes
			}
		}
		return n.Value
	}
	return nil
}

func plainMapping(n *yaml.Node, depth int) map[string]any {
	out, inherited := map[string]any{}, map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		value := plainValue(n.Content[i+1], depth+1)
		if n.Content[i].Tag == "!!merge" { // <<: *base
			if base, is := value.(map[string]any); is {
				inherited = base
			}
			continue
		}
		out[n.Content[i].Value] = value
	}
	return merge(out, inherited)
}

// lineOf takes the line number, and nothing else, out of a YAML error.
func lineOf(err error) string {
	_, after, found := strings.Cut(err.Error(), "line ")
	if !found {
		return ""
	}
	number, _, _ := strings.Cut(after, ":")
	return ", line " + clean(number, 9)
}

// merge fills the gaps of one mapping with another, deeply.
func merge(over, under map[string]any) map[string]any {
	out := maps.Clone(under)
	for key, value := range over {
		inner, is := value.(map[string]any)
		below, was := out[key].(map[string]any)
		if is && was {
			out[key] = merge(inner, below)
		} else if value != nil {
			out[key] = value
		}
	}
	return out
}

// tlsConfig reads the entry's certificates. Paths are relative to the working directory, as for the OpenStack clients.
func tlsConfig(entry clouds.Cloud, env func(string) string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if entry.Verify != nil && !*entry.Verify {
		config.InsecureSkipVerify = true
	}
	switch strings.ToLower(env("OS_INSECURE")) {
	case "1", "true", "yes", "on":
		config.InsecureSkipVerify = true
	}
	home := env("HOME")
	if path := cmp.Or(env("OS_CACERT"), entry.CACertFile); path != "" {
		text, err := os.ReadFile(untilde(path, home))
		if err != nil {
			return nil, fmt.Errorf("reading the authority's certificate: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no PEM certificate", path)
		}
	}
	cert, key := cmp.Or(env("OS_CERT"), entry.ClientCertFile), cmp.Or(env("OS_KEY"), entry.ClientKeyFile)
	if cert == "" && key == "" {
		return config, nil
	}
	pair, err := tls.LoadX509KeyPair(untilde(cert, home), untilde(cmp.Or(key, cert), home))
	if err != nil {
		return nil, fmt.Errorf("reading the client certificate: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func untilde(path, home string) string {
	if rest, is := strings.CutPrefix(path, "~/"); is {
		return filepath.Join(home, rest)
	}
	return path
}
