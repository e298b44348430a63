package view

import (
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// StateList writes one address on each line.
func (h *Human) StateList(all []resource.Address) {
	out := h.page()
	for _, a := range all {
		out.line(visible(a.String()))
	}
	h.write(h.Out, out)
}

// Record writes a record of a state as a block of the language: its arguments, what was computed, and the machine that
// it lives on.
func (h *Human) Record(s *state.Snapshot, r state.Record) {
	out := h.page()
	record(out, s, r)
	h.write(h.Out, out)
}

// record writes one record.
func record(out *page, s *state.Snapshot, r state.Record) {
	out.line(out.paint(bold, "# "+visible(r.Address.String())), statusText(out, r))
	if r.Fault != "" {
		out.prose("# ", red, "fault: "+r.Fault)
	}
	out.line(visible(string(r.Address.Kind)), " ", quote(r.Address.Name), " {")
	var all []row
	if r.Body != nil {
		all = wholeRows(r.Address.Kind, same, r.Body.Attributes(), nil)
	}
	for _, key := range slices.Sorted(maps.Keys(r.Computed)) {
		all = append(all, row{spot: spot{block: "computed", name: bare(key)}, path: key, sign: same, after: r.Computed[key]})
	}
	if r.Protect {
		all = append(all, row{spot: spot{block: "lifecycle", name: "protect"}, path: "protect", sign: same, after: true})
	}
	all = append(all, machineRows(s, r)...)
	plainRows(out, sortRows(all))
	if len(r.DependsOn) > 0 {
		out.prose("  # ", plain, "rests on: "+addresses(r.DependsOn))
	}
	out.line("}")
	out.line()
}

func statusText(out *page, r state.Record) string {
	if r.Status == state.Ready {
		return ""
	}
	return " " + out.paint(yellow, "("+visible(string(r.Status))+")")
}

// machineRows are the member of an instance with its objects; other kinds have none of their own.
func machineRows(s *state.Snapshot, r state.Record) []row {
	if r.Member == "" {
		return nil
	}
	put := func(name string, v any) row {
		return row{spot: spot{block: "member", name: name}, path: name, sign: same, after: v}
	}
	out := []row{put("id", string(r.Member)), put("role", string(r.Role))}
	m, ok := s.Members[r.Member]
	if !ok {
		return out
	}
	for _, slot := range state.Slots {
		if o, filled := s.Object(m.ID, slot); filled {
			out = append(out, put(string(slot), o.ID))
		}
	}
	out = append(out, put("generation", m.Generation), put("may_hold_data", m.MayHoldData))
	if m.Address != "" {
		out = append(out, put("address", m.Address))
	}
	if m.SSHPort != 0 {
		out = append(out, put("ssh_port", m.SSHPort))
	}
	return out
}

// plainRows writes rows to which nothing happens as a block's body.
func plainRows(out *page, all []row) {
	for i := 0; i < len(all); {
		n := i
		for n < len(all) && all[n].block == all[i].block {
			n++
		}
		indent, open := "  ", all[i].block != ""
		if open {
			if i > 0 {
				out.line()
			}
			equals := ""
			if all[i].isMap {
				equals = "= "
			}
			out.line("  ", all[i].block, " ", equals, "{")
			indent = "    "
		}
		width := 0
		for _, r := range all[i:n] {
			width = max(width, cells(r.name))
		}
		for _, r := range all[i:n] {
			text := sensitiveText
			if !r.sensitive {
				text = format(r.path, r.after)
			}
			out.line(indent, pad(r.name, width), " = ", text)
		}
		if open {
			out.line("  }")
		}
		i = n
	}
}
