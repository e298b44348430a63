package command

import (
	"context"
	"slices"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

var stateHistorySpec = spec{
	synopsis: "Tell who changed what in the state, the newest last",
	usage:    "trovectl state history [options] [ADDRESS]",
	flags: func(f *flags) {
		f.variables()
		f.jsonOutput()
		f.set.IntVar(&f.newest, "n", 20, "how many commits, the newest; 0: all that are kept")
	},
	run: runHistory,
}

func runHistory(m *Meta, f *flags) int {
	if err := f.words(0, 1, "one address at most"); err != nil {
		return m.fail("%v", err)
	}
	c, list := m.settings(f)
	if list.HasErrors() {
		return m.report(list)
	}
	read := f.newest
	if len(f.args) > 0 {
		if _, err := resource.ParseAddress(f.args[0]); err != nil {
			return m.fail("%v", err)
		}
		read = 0 // those that tell of one address may be far apart
	}
	store, address, err := m.openStore(c)
	if err != nil {
		return m.report(diag.List{stateDiagnostic(err, address)})
	}
	entries, err := store.History(context.Background(), read)
	if err != nil {
		return m.report(diag.List{stateDiagnostic(err, address)})
	}
	if len(f.args) > 0 {
		entries = state.Newest(tellingOf(entries, f.args), f.newest)
	}
	if f.json {
		return m.printJSON(view.HistoryJSON(entries))
	}
	m.view.History(entries)
	return exitOK
}

// tellingOf keeps of the entries what they say of an address, or of all of a block.
func tellingOf(entries []state.Entry, texts []string) []state.Entry {
	var out []state.Entry
	for _, e := range entries {
		e.Changes = slices.DeleteFunc(slices.Clone(e.Changes), func(c state.Change) bool { return !matches(c.Address, texts) })
		if len(e.Changes) > 0 {
			out = append(out, e)
		}
	}
	return out
}
