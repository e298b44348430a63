package mysqlfamily

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var optionEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// FormatOptions writes settings as one section of an option file, sorted by name, so that equal settings are equal bytes.
func FormatOptions(section string, settings map[string]string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by trove-guestagent; changes made here are lost.\n[%s]\n", section)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = \"%s\"\n", name, optionEscapes.Replace(settings[name]))
	}
	return []byte(b.String())
}

// ParseOptions reads what FormatOptions wrote. A line it does not understand is an error: somebody else wrote it.
func ParseOptions(text []byte) (map[string]string, error) {
	settings := map[string]string{}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		name, value, ok := strings.Cut(line, " = ")
		if !ok || len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
			return nil, fmt.Errorf("line %d is not of the form NAME = \"VALUE\"", i+1)
		}
		settings[name] = unescapeOption(value[1 : len(value)-1])
	}
	return settings, nil
}

func unescapeOption(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// WriteFile replaces a file as a whole: after a crash it holds the old content or the new one.
func WriteFile(path string, content []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("making a file beside %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err = f.Chmod(mode); err != nil {
		return fmt.Errorf("setting the mode of %s: %w", path, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", path, err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("putting %s in its place: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a directory durable.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return nil
}
