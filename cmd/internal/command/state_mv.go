package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

var stateMvSpec = spec{
	synopsis: "Give a record, or every record of a block, another address",
	usage:    "trovectl state mv [options] FROM TO",
	flags: func(f *flags) {
		f.variables()
		f.set.BoolVar(&f.dryRun, "dry-run", false, "only tell what would move")
		f.set.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for the lock")
	},
	run: runStateMv,
}

// runStateMv renames records in one transaction. Nothing in the cloud is touched.
func runStateMv(m *Meta, f *flags) int {
	if err := f.words(2, 2, "two addresses, FROM and TO"); err != nil {
		return m.fail("%v", err)
	}
	from, errFrom := resource.ParseAddress(f.args[0])
	to, errTo := resource.ParseAddress(f.args[1])
	if err := errors.Join(errFrom, errTo); err != nil {
		return m.failErr("FROM and TO are addresses of resources", err)
	}
	c, list := m.settings(f)
	if list.HasErrors() {
		return m.report(list)
	}
	store, address, err := m.openStore(c)
	if err != nil {
		return m.report(append(list, stateDiagnostic(err, address)))
	}
	ctx, _, stop := interruptible(m.warn)
	defer stop()
	moves, err := m.move(ctx, store, f, from, to)
	var refused *cannotMove
	if errors.As(err, &refused) {
		return m.report(append(list, refused.diagnostic))
	}
	if err != nil {
		return m.report(append(list, stateDiagnostic(err, address)))
	}
	m.tellMoved(moves, f.dryRun)
	return m.report(list)
}

// cannotMove is a refusal that is not the store's.
type cannotMove struct{ diagnostic diag.Diagnostic }

func (c *cannotMove) Error() string { return c.diagnostic.Summary }

func (m *Meta) move(ctx context.Context, store state.Store, f *flags, from, to resource.Address) (moves state.Renaming, err error) {
	if f.dryRun {
		now, err := store.Read(ctx)
		if err != nil {
			return nil, err
		}
		moves, _, err = renaming(now, from, to)
		return moves, err
	}
	session, err := store.Lock(ctx, state.LockRequest{Holder: m.holder("state mv"), Wait: f.lockTimeout})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	moves, batch, err := renaming(session.Snapshot(), from, to)
	if err != nil {
		return nil, err
	}
	return moves, session.Commit(ctx, batch)
}

func renaming(now *state.Snapshot, from, to resource.Address) (state.Renaming, state.Batch, error) {
	refuse := func(detail, hint string) (state.Renaming, state.Batch, error) {
		return nil, state.Batch{}, &cannotMove{diag.Diagnostic{
			Severity: diag.Error, Summary: fmt.Sprintf("%s cannot be moved to %s", from, to), Detail: detail + " Nothing was changed.", Hint: hint,
		}}
	}
	moves := state.Carried(now, from, to)
	switch {
	case from == to:
		return refuse("They are the same address.", "")
	case now.Run != nil:
		return refuse(unfinished(now.Run), "Apply that plan again, so that it ends, or plan anew with `trovectl apply`; then move.")
	case len(moves) == 0:
		return refuse(fmt.Sprintf("Nothing is recorded as %s.", from), "`trovectl state list` lists what is recorded.")
	}
	batch, err := state.RenameBatch(now, moves)
	if err != nil {
		return refuse("The state does not allow it: "+err.Error()+".", "")
	}
	return moves, batch, nil
}

func (m *Meta) tellMoved(moves state.Renaming, dryRun bool) {
	does, end := "Moved", "The configuration has to call it so from now on; a moved block in it would do the same wherever it is applied."
	if dryRun {
		does, end = "Would move", "Nothing was changed."
	}
	for _, from := range slices.SortedFunc(maps.Keys(moves), resource.Address.Compare) {
		_, _ = fmt.Fprintf(m.streams.Out, "%s %s to %s\n", does, from, moves[from])
	}
	_, _ = fmt.Fprintln(m.streams.Out, end)
}
