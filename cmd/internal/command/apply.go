package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

var applySpec = spec{
	synopsis: "Make it so",
	usage:    "trovectl apply [options]",
	flags: func(f *flags) {
		f.applying()
		f.set.BoolVar(&f.destroy, "destroy", false, "destroy everything")
		f.refresh = true
	},
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 0, ""); err != nil {
			return m.fail("applying a saved plan is not available yet in trovectl %s: %v", Version, err)
		}
		return runApply(m, f, f.mode())
	},
}

var destroySpec = spec{
	synopsis: "Destroy everything that the state records",
	usage:    "trovectl destroy [options]",
	flags:    func(f *flags) { f.applying() },
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 0, "no argument"); err != nil {
			return m.fail("%v", err)
		}
		return runApply(m, f, plan.ModeDestroy)
	},
}

// runApply looks, plans, asks and applies, all under the lock of the state.
func runApply(m *Meta, f *flags, mode plan.Mode) int {
	consents, list := readConsents(f, mode)
	if list.HasErrors() {
		return m.report(list)
	}
	soft, hard, stop := interruptible(m.warn)
	defer stop()
	op, list := m.open(soft, f, false, true)
	if list.HasErrors() {
		return m.report(list)
	}
	session, err := op.lock(soft, f, string(mode))
	if err != nil {
		return m.report(append(op.warnings, stateDiagnostic(err, op.address)))
	}
	defer func() { _ = session.Close() }()
	op.prior = session.Snapshot()
	if err := op.look(soft, true); err != nil {
		return m.report(append(op.warnings, cloudDiagnostic(err)))
	}
	p, list := op.plan(mode, f)
	if list.HasErrors() {
		return m.report(list)
	}
	m.view.Plan(p)
	m.report(list)
	if len(p.Steps) > 0 {
		if code, ok := op.consent(p, f, consents); !ok {
			return code
		}
	}
	return op.execute(soft, hard, session, p, f)
}

func (op *operation) lock(ctx context.Context, f *flags, operation string) (state.Session, error) {
	request := state.LockRequest{Holder: op.holder(operation), Wait: f.lockTimeout}
	if op.prior.Serial == 0 {
		request.Create = op.prior.Lineage
	}
	session, err := op.store.Lock(ctx, request)
	if err != nil {
		return nil, err
	}
	now := session.Snapshot()
	switch {
	case now.Lineage != op.prior.Lineage: // passwords were digested and keys derived for the lineage that was not made
		err = errors.New("another run has made the state since this one looked for it: run the command again")
	case now.KeyCheck == "":
		err = session.Commit(ctx, state.Batch{KeyCheck: op.ring.KeyCheck()})
	}
	if err != nil {
		_ = session.Close()
		return nil, err
	}
	return session, nil
}

func (op *operation) execute(soft, hard context.Context, session state.Session, p *plan.Plan, f *flags) int {
	e := &executor.Executor{
		Cloud: op.cloud, Guests: op.guests, Identities: op.guests,
		Facts:   observe.NewFacts(op.cloud),
		Session: session, IDs: newIDs(), Clock: wallClock{}, Verifiers: op.verifiers, Parallel: f.parallel,
		Watch: op.view.Event, Timeouts: executor.DefaultTimeouts,
	}
	result, err := e.Apply(soft, hard, p)
	if err != nil {
		op.view.Incomplete(result)
		return op.report(failures(err))
	}
	if p.Mode == plan.ModeDestroy {
		op.view.Applied(p.Mode, result, nil)
		return exitOK
	}
	op.prior = session.Snapshot()
	outputs, list := op.finalOutputs()
	op.view.Applied(p.Mode, result, outputs)
	return op.report(list)
}

// failures turns the error of an apply into one diagnostic for each step that failed.
func failures(err error) diag.List {
	var list diag.List
	var joined interface{ Unwrap() []error }
	all := []error{err}
	if errors.As(err, &joined) {
		all = joined.Unwrap()
	}
	for _, one := range all {
		d := diag.Diagnostic{Severity: diag.Error, Summary: "A step failed", Detail: one.Error()}
		d.Hint = "What was made is recorded and nothing is lost: mend the cause and apply again."
		list = append(list, d)
	}
	return list
}

// consent asks, or finds in the flags, the word for what destroys data or interrupts clients.
func (op *operation) consent(p *plan.Plan, f *flags, given consents) (code int, ok bool) {
	mode := p.Mode
	if !f.autoApprove && op.interactive(f) {
		if !op.ask(mode) {
			return op.fail("%s cancelled: only 'yes' is an approval. Nothing was changed.", verb(mode)), false
		}
		return exitOK, true
	}
	if !f.autoApprove {
		return op.fail("there is nobody to ask: give -auto-approve, or run it in a terminal. Nothing was changed."), false
	}
	if list := given.missing(p); list.HasErrors() {
		return op.report(list), false
	}
	return exitOK, true
}

func verb(mode plan.Mode) string {
	if mode == plan.ModeDestroy {
		return "Destroy"
	}
	return "Apply"
}

func (op *operation) ask(mode plan.Mode) bool {
	question := "Do you want to perform these actions?"
	if mode == plan.ModeDestroy {
		question = "Do you really want to destroy everything? The data cannot be brought back."
	}
	op.view.Note(question + "\n  Only 'yes' is an approval.\n")
	_, _ = fmt.Fprint(op.streams.Out, "  Enter a value: ")
	line, err := op.readAnswer(false)
	return err == nil && strings.TrimSpace(line) == "yes"
}
