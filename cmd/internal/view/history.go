package view

import (
	"strconv"

	"github.com/trovectl/trovectl/state"
)

var changeWords = map[state.ChangeKind]string{
	state.ChangeRecorded: "recorded", state.ChangeForgotten: "forgotten", state.ChangeBegun: "begun", state.ChangeEnded: "ended",
	state.ChangeMember: "machine", state.ChangeNoMember: "no machine", state.ChangeRun: "run of plan", state.ChangeNoRun: "run ended",
	state.ChangeCloud: "cloud",
}

// History writes entries of a state's change log, in the order given.
func (h *Human) History(entries []state.Entry) {
	out := h.page()
	for _, e := range entries {
		out.line(out.paint(bold, "#"+strconv.FormatUint(e.Serial, 10)), " ", e.At.Format("2006-01-02 15:04:05 MST"), "  ", visible(e.Operation), " by ", visible(e.Who))
		if e.Pipeline != "" {
			out.line("  ", visible(e.Pipeline))
		}
		for _, c := range e.Changes {
			out.line("  ", pad(first(changeWords[c.Kind], string(c.Kind)), 11), " ", visible(whatChanged(c)))
		}
		if e.More > 0 {
			out.line("  and ", count(e.More, "more change"))
		}
	}
	h.write(h.Out, out)
}

func whatChanged(c state.Change) string {
	if c.Address.IsZero() {
		return c.Detail
	}
	if c.Detail == "" {
		return c.Address.String()
	}
	return c.Address.String() + " (" + c.Detail + ")"
}

// HistoryJSON is the entries of a change log.
func HistoryJSON(entries []state.Entry) ([]byte, error) {
	return encode(map[string]any{"entries": some(entries)})
}
