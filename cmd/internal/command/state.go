package command

import (
	"context"
	"fmt"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// recorded loads the configuration and the record, without cloud and without keys.
func (m *Meta) recorded(f *flags) (*operation, diag.List) {
	loaded, list := m.load(context.Background(), f, config.Load)
	if list.HasErrors() {
		return nil, list
	}
	op := &operation{Meta: m, config: loaded}
	snapshot, address, err := m.readState(loaded)
	if err != nil {
		return nil, append(list, stateDiagnostic(err, address))
	}
	op.prior, op.address = snapshot, address
	return op, list
}

// readState reads the state that the settings name.
func (m *Meta) readState(c *config.Config) (*state.Snapshot, string, error) {
	store, address, err := m.openStore(c)
	if err != nil {
		return nil, "", err
	}
	snapshot, err := store.Read(context.Background())
	return snapshot, address, err
}

// settings reads only what says where the state is.
func (m *Meta) settings(f *flags) (*config.Config, diag.List) {
	return m.load(context.Background(), f, config.LoadSettings)
}

// withState runs a command on the state alone.
func withState(m *Meta, f *flags, do func(*state.Snapshot) int) int {
	c, list := m.settings(f)
	if list.HasErrors() {
		return m.report(list)
	}
	snapshot, address, err := m.readState(c)
	if err != nil {
		return m.report(diag.List{stateDiagnostic(err, address)})
	}
	return do(snapshot)
}

var stateListSpec = spec{
	synopsis: "List what the state records",
	usage:    "trovectl state list [options] [ADDRESS...]",
	flags:    func(f *flags) { f.variables() },
	run: func(m *Meta, f *flags) int {
		return withState(m, f, func(s *state.Snapshot) int {
			for _, r := range s.Sorted() {
				if len(f.args) == 0 || matches(r.Address, f.args) {
					_, _ = fmt.Fprintln(m.streams.Out, r.Address)
				}
			}
			return exitOK
		})
	},
}

func matches(address resource.Address, texts []string) bool {
	for _, text := range texts {
		if address.String() == text || address.Block().String() == text {
			return true
		}
	}
	return false
}

var stateShowSpec = spec{
	synopsis: "Show one record of the state",
	usage:    "trovectl state show [options] ADDRESS",
	flags: func(f *flags) {
		f.variables()
		f.jsonOutput()
	},
	run: func(m *Meta, f *flags) int {
		if err := f.words(1, 1, "one address"); err != nil {
			return m.fail("%v", err)
		}
		address, err := resource.ParseAddress(f.args[0])
		if err != nil {
			return m.fail("%v", err)
		}
		return withState(m, f, func(s *state.Snapshot) int {
			record, ok := s.Records[address]
			if !ok {
				return m.fail("%s is not in the state; `trovectl state list` lists what is", address)
			}
			if f.json {
				return m.printJSON(view.RecordJSON(s, record))
			}
			m.view.Record(s, record)
			return exitOK
		})
	},
}

var stateCheckSpec = spec{
	synopsis: "Check that the state holds together",
	usage:    "trovectl state check [options]",
	flags:    func(f *flags) { f.variables() },
	run: func(m *Meta, f *flags) int {
		return withState(m, f, func(s *state.Snapshot) int {
			var list diag.List
			for _, problem := range state.Check(s) {
				list = list.Errorf(nil, "The state does not hold together", "%v", problem)
			}
			if list.HasErrors() {
				return m.report(list)
			}
			released := 0
			for _, member := range s.Members {
				if member.Released {
					released++
				}
			}
			_, _ = fmt.Fprintf(m.streams.Out, "The state holds together: serial %d, %d records, %d members (%d released by `state rm`), %d open intents.\n",
				s.Serial, len(s.Records), len(s.Members), released, len(s.Intents))
			return exitOK
		})
	},
}

var showSpec = spec{
	synopsis: "Show the whole state, or a saved plan",
	usage:    "trovectl show [options] [PLAN]",
	flags: func(f *flags) {
		f.variables()
		f.jsonOutput()
	},
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 1, "one PLAN at most"); err != nil {
			return m.fail("%v", err)
		}
		if len(f.args) == 1 {
			return m.showSaved(f)
		}
		return withState(m, f, func(s *state.Snapshot) int {
			if f.json {
				outputs, checks := m.evaluatedOver(f, s)
				return m.printJSON(view.StateJSON(s, outputs, checks))
			}
			for _, r := range s.Sorted() {
				m.view.Record(s, r)
			}
			return exitOK
		})
	},
}

var unlockSpec = spec{
	synopsis: "Tell who holds the lock, and give back the lock of a run that is gone",
	usage:    "trovectl unlock [options] [ID]",
	flags:    func(f *flags) { f.variables() },
	run:      runUnlock,
}

func runUnlock(m *Meta, f *flags) int {
	c, list := m.settings(f)
	if list.HasErrors() {
		return m.report(list)
	}
	store, address, err := m.openStore(c)
	if err != nil {
		return m.report(diag.List{stateDiagnostic(err, address)})
	}
	ctx := context.Background()
	holder, err := store.Holder(ctx)
	if err != nil {
		return m.report(diag.List{stateDiagnostic(err, address)})
	}
	if holder == nil {
		_, _ = fmt.Fprintln(m.streams.Out, "Nobody holds the lock.")
		return exitOK
	}
	if len(f.args) == 0 {
		_, _ = fmt.Fprintf(m.streams.Out, "The lock %s is held by %s (pid %d) for %s since %s.\n", holder.ID, holder.Who, holder.PID,
			holder.Operation, holder.Since.Format("2006-01-02 15:04:05 MST"))
		return exitOK
	}
	if err := store.Unlock(ctx, f.args[0]); err != nil {
		return m.report(diag.List{stateDiagnostic(err, address)})
	}
	_, _ = fmt.Fprintln(m.streams.Out, "The lock was given back.")
	return exitOK
}
