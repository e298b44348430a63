package postgresql

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// options are the agent's own settings: where things are, who may come in, and how much memory there is.
func (e *Engine) options() map[string]string {
	options := map[string]string{
		"hba_file":                e.paths.access,
		"ident_file":              e.paths.idents,
		"external_pid_file":       e.paths.pid,
		"unix_socket_directories": quotedItem(e.paths.socketDirectory()),
		"unix_socket_permissions": "0700",
		"listen_addresses":        e.host.Address,
		"port":                    strconv.Itoa(e.host.Port),
		"logging_collector":       "on",
		"log_destination":         "stderr",
		"log_directory":           e.paths.log,
		"log_filename":            filepath.Base(e.paths.server),
		"log_rotation_age":        "0",
		"log_rotation_size":       "0",
		"log_file_mode":           "0640",
		"log_line_prefix":         "%m [%p] %q%u@%d ",
		"log_timezone":            "UTC",
		"lc_messages":             "C",
		"password_encryption":     "scram-sha-256",
	}
	maps.Copy(options, sizing(e.host.RAMMiB))
	return options
}

// sizing fits the server into the flavor: a quarter of the memory is its own cache, of half it may believe that the
// operating system's caches with it, and work on indexes takes a sixteenth.
func sizing(ramMiB int) map[string]string {
	if ramMiB <= 0 {
		return nil
	}
	return map[string]string{
		"shared_buffers":       fmt.Sprintf("%dMB", max(16, ramMiB/4)),
		"effective_cache_size": fmt.Sprintf("%dMB", max(32, ramMiB/2)),
		"maintenance_work_mem": fmt.Sprintf("%dMB", min(max(16, ramMiB/16), 2047)),
	}
}

// quotedItem is one item of a setting that is a list.
func quotedItem(text string) string { return identifier(text) }

// formatOptions writes settings as the server reads them, sorted by name, so that equal settings are equal bytes.
func formatOptions(settings map[string]string) []byte {
	var b strings.Builder
	b.WriteString("# Written by trove-guestagent; changes made here are lost.\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = %s\n", name, optionText(settings[name]))
	}
	return []byte(b.String())
}

var optionEscapes = strings.NewReplacer(`\`, `\\`, `'`, `''`)

// optionText quotes a value. In such a file a backslash escapes, other than in SQL.
func optionText(value string) string { return "'" + optionEscapes.Replace(value) + "'" }

// parseOptions reads what formatOptions wrote. A line it does not understand is an error: somebody else wrote it.
func parseOptions(text []byte) (map[string]string, error) {
	settings := map[string]string{}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		name, quoted, ok := strings.Cut(line, " = ")
		value, whole := readOption(quoted)
		if !ok || !whole {
			return nil, fmt.Errorf("line %d is not of the form NAME = 'VALUE'", i+1)
		}
		settings[name] = value
	}
	return settings, nil
}

func readOption(text string) (string, bool) {
	if len(text) < 2 || text[0] != '\'' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		last := i == len(text)-1
		switch {
		case last:
			return b.String(), text[i] == '\''
		case text[i] == '\\', text[i] == '\'' && text[i+1] == '\'':
			if i++; i == len(text)-1 {
				return "", false
			}
		case text[i] == '\'':
			return "", false
		}
		b.WriteByte(text[i])
	}
	return "", false
}
