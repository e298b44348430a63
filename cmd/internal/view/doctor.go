package view

import (
	"fmt"
	"strings"
)

// Finding is what an examination says of one thing.
type Finding struct {
	Check   string // "state", "compute", "guest"
	Subject string // what it was about: "instance.orders"; empty: there is only one
	Verdict Verdict
	Text    string
	Hint    string // what to do; empty: nothing
}

// Verdict of an examination. The set is closed.
type Verdict string

// The verdicts. Bad means that apply cannot work, or not for this subject.
const (
	Good Verdict = "ok"
	Fair Verdict = "warning"
	Bad  Verdict = "failed"
)

// Doctor writes findings as a table, in the order in which they were made, each with what to do below it.
func (h *Human) Doctor(all []Finding) {
	out := h.page()
	width := 0
	name := func(f Finding) string { return visible(strings.TrimSpace(f.Check + " " + f.Subject)) }
	for _, f := range all {
		width = max(width, cells(name(f)))
	}
	failed, warned := 0, 0
	for _, f := range all {
		tone := plain
		switch f.Verdict {
		case Fair:
			tone = yellow
			warned++
		case Bad:
			tone = red
			failed++
		}
		out.line(out.paint(tone, pad(string(f.Verdict), len(Fair)+2)) + pad(name(f), width+2) + visible(f.Text))
		if f.Hint != "" {
			out.line(strings.Repeat(" ", len(Fair)+2+width+2) + visible(f.Hint))
		}
	}
	out.line("")
	out.line(fmt.Sprintf("%d checks: %d failed, %d warnings.", len(all), failed, warned))
	h.write(h.Out, out)
}

// DoctorJSON is {format_version, findings: [{check, subject, verdict, text, hint}]}.
func DoctorJSON(all []Finding) ([]byte, error) {
	type finding struct {
		Check   string  `json:"check"`
		Subject string  `json:"subject,omitempty"`
		Verdict Verdict `json:"verdict"`
		Text    string  `json:"text"`
		Hint    string  `json:"hint,omitempty"`
	}
	rows := []finding{}
	for _, f := range all {
		rows = append(rows, finding(f))
	}
	return encode(map[string]any{"format_version": "1.0", "findings": rows})
}
