package view

import (
	"fmt"
	"strings"

	"github.com/trovectl/trovectl/planner/plan"
)

// Drift writes how reality differs from the record, what could not be judged, and nothing about the configuration.
func (h *Human) Drift(p *plan.Plan) {
	out := h.page()
	heading(out, p)
	driftNote(out, p)
	findings(out, p)
	out.line()
	out.prose("", bold, driftSummary(p))
	h.write(h.Out, out)
}

func driftSummary(p *plan.Plan) string {
	changes, gone := driftCounts(p)
	unknown := ""
	if n := len(p.Unknown); n > 0 {
		unknown = fmt.Sprintf(" %s could not be looked at.", count(n, "resource"))
	}
	if changes+gone == 0 {
		if unknown != "" {
			return "No drift in what could be looked at." + unknown
		}
		return "No drift. Cloud and guests are as the state records."
	}
	var parts []string
	if changes > 0 {
		parts = append(parts, fmt.Sprintf("%d changed", changes))
	}
	if gone > 0 {
		parts = append(parts, fmt.Sprintf("%d gone", gone))
	}
	return "Drift: " + strings.Join(parts, ", ") + "." + unknown
}

func driftCounts(p *plan.Plan) (changes, gone int) {
	for _, d := range p.Drift {
		if d.Gone {
			gone++
		} else {
			changes++
		}
	}
	return changes, gone
}
