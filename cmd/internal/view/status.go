package view

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// Seen is what a look saw of an instance, as a row of a table.
type Seen struct {
	Presence   string // present, absent, unknown
	Why        string // of unknown, or of what could not be seen
	Computed   map[string]string
	Conditions []string
}

// StatusRow is one instance of `status`.
type StatusRow struct {
	Address resource.Address
	Record  state.Record
	Subject Seen
	Metrics map[string]float64 // the engine's figures, where they were asked for
}

// Status writes a table of the instances: how each is, what runs there and where it answers.
func (h *Human) Status(all []StatusRow) {
	out := h.page()
	if len(all) == 0 {
		out.line("There is no instance in the state.")
		h.write(h.Out, out)
		return
	}
	table := [][]string{{"INSTANCE", "STATUS", "VERSION", "ADDRESS", "REMARKS"}}
	for _, r := range all {
		computed := r.Subject.Computed
		if len(computed) == 0 {
			computed = r.Record.Computed
		}
		endpoint := visible(computed["address"])
		if port := computed["port"]; endpoint != "" && port != "" {
			endpoint += ":" + visible(port)
		}
		table = append(table, []string{
			visible(r.Address.String()), statusWord(r), visible(first(computed["running_version"], computed["version"], "-")),
			first(endpoint, "-"), remarks(r),
		})
	}
	out.table(table)
	for _, r := range all {
		if len(r.Metrics) == 0 {
			continue
		}
		out.line()
		out.line(out.paint(bold, visible(r.Address.String())))
		for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
			out.line("  ", pad(visible(name), 30), " ", strconv.FormatFloat(r.Metrics[name], 'f', -1, 64))
		}
	}
	h.write(h.Out, out)
}

func statusWord(r StatusRow) string {
	switch {
	case r.Subject.Presence == "absent":
		return "gone"
	case r.Subject.Presence != "present":
		return "unknown"
	case r.Record.Status != state.Ready:
		return visible(string(r.Record.Status))
	default:
		return visible(first(r.Subject.Computed["status"], "present"))
	}
}

func remarks(r StatusRow) string {
	var parts []string
	if r.Record.Fault != "" {
		parts = append(parts, r.Record.Fault)
	}
	if r.Subject.Why != "" {
		parts = append(parts, r.Subject.Why)
	}
	return visible(strings.Join(append(parts, r.Subject.Conditions...), "; "))
}

type statusJSON struct {
	Address    resource.Address  `json:"address"`
	Status     string            `json:"status"`
	Presence   string            `json:"presence"`
	Why        string            `json:"why,omitempty"`
	Record     state.Status      `json:"record"`
	Fault      string            `json:"fault,omitempty"`
	Computed   map[string]string `json:"computed,omitempty"`
	Conditions []string          `json:"conditions,omitempty"`

	Metrics map[string]float64 `json:"metrics,omitempty"`
}

// StatusJSON is {format_version, instances: [{address, status, presence, why, record, fault, computed, conditions,
// metrics}]}.
func StatusJSON(all []StatusRow) ([]byte, error) {
	rows := []statusJSON{}
	for _, r := range all {
		rows = append(rows, statusJSON{
			r.Address, statusWord(r), r.Subject.Presence, r.Subject.Why, r.Record.Status, r.Record.Fault, r.Subject.Computed, r.Subject.Conditions, r.Metrics,
		})
	}
	return encode(map[string]any{"format_version": fmt.Sprintf("%d.0", state.Format), "instances": rows})
}
