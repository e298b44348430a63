package mysqlfamily

import (
	"fmt"
	"maps"
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
