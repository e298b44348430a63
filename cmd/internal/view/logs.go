package view

import "strconv"

// Log is one log of an instance. Size in bytes.
type Log struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	Fixed   bool   `json:"fixed,omitempty"` // always on
	Size    int64  `json:"size"`
}

// Published is a log, or a part of one, in the object store.
type Published struct {
	Container string `json:"container"`
	Name      string `json:"name"`
	Bytes     int    `json:"bytes"`
}

// Logs writes a table of the logs of an instance.
func (h *Human) Logs(all []Log) {
	out := h.page()
	if len(all) == 0 {
		out.line("The engine has no logs.")
		h.write(h.Out, out)
		return
	}
	table := [][]string{{"LOG", "ENABLED", "BYTES"}}
	for _, log := range all {
		enabled := "no"
		switch {
		case log.Fixed:
			enabled = "always"
		case log.Enabled:
			enabled = "yes"
		}
		table = append(table, []string{visible(log.Name), enabled, strconv.FormatInt(log.Size, 10)})
	}
	out.table(table)
	h.write(h.Out, out)
}

// LogsJSON is {logs: [{name, enabled, fixed, size}]}.
func LogsJSON(all []Log) ([]byte, error) {
	return encode(map[string]any{"logs": some(all)})
}

// PublishedJSON is {objects: [{container, name, bytes}]}.
func PublishedJSON(all []Published) ([]byte, error) {
	return encode(map[string]any{"objects": some(all)})
}
