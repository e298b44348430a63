package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

var applySpec = spec{
	synopsis: "Make it so; with PLAN, do exactly what that saved plan says",
	usage:    "trovectl apply [options] [PLAN]",
	flags: func(f *flags) {
		f.applying()
		f.targeting()
		f.replacing()
		f.set.BoolVar(&f.destroy, "destroy", false, "destroy everything")
		f.set.StringVar(&f.expectDigest, "expect-digest", "", "with PLAN: the digest that it must have; then -allow-destroy all is accepted")
		f.set.BoolVar(&f.supersede, "supersede", false, "with PLAN: take the place of another saved plan whose apply did not end")
		f.refresh = true
	},
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 1, "one PLAN at most"); err != nil {
			return m.fail("%v", err)
		}
		if len(f.args) == 1 {
			return runApplySaved(m, f)
		}
		if f.expectDigest != "" || f.supersede {
			return m.fail("-expect-digest and -supersede are for a saved plan: trovectl apply PLAN")
		}
		return runApply(m, f, f.mode())
	},
}

var destroySpec = spec{
	synopsis: "Destroy everything that the state records",
	usage:    "trovectl destroy [options]",
	flags: func(f *flags) {
		f.applying()
		f.targeting()
	},
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 0, "no argument"); err != nil {
			return m.fail("%v", err)
		}
		return runApply(m, f, plan.ModeDestroy)
	},
}

// runApply looks, plans, asks and applies, all under the lock of the state.
func runApply(m *Meta, f *flags, mode plan.Mode) int {
	f.destroying = mode == plan.ModeDestroy
	given, list := readConsents(f, mode)
	if list.HasErrors() {
		return m.report(list)
	}
	if !f.autoApprove && f.json {
		return m.fail("-json cannot ask: give -auto-approve, or a saved plan (trovectl apply PLAN). Nothing was changed.")
	}
	if !f.autoApprove && !m.interactive(f) {
		return m.fail("there is nobody to ask: give -auto-approve, or run it in a terminal. Nothing was changed.")
	}
	soft, hard, stop := interruptible(m.warn)
	defer stop()
	op, list := m.open(soft, f, mode == plan.ModeRotate, false)
	if list.HasErrors() {
		return m.report(list)
	}
	var agreed *plan.Plan
	if op.missing {
		// Neither a state nor a key is made before it is certain that something will be recorded in it.
		p, code := op.decide(soft, f, mode, given)
		if p == nil || len(p.Steps) == 0 {
			return code
		}
		if op, list = m.open(soft, f, false, true); list.HasErrors() {
			return m.report(list)
		}
		agreed = p
	}
	session, err := op.lock(soft, f, string(mode))
	if err != nil {
		return m.report(append(op.warnings, stateDiagnostic(err, op.address)))
	}
	defer func() { _ = session.Close() }()
	op.prior = session.Snapshot()
	first := state.Batch{EndRun: op.prior.Run != nil}
	if first.EndRun {
		m.warn(superseded(op.prior.Run))
	}
	p, code := op.agree(soft, f, mode, given, agreed)
	if p == nil {
		return code
	}
	return op.execute(soft, hard, op.executor(session, f, first), p)
}

// decide looks, plans, shows and asks. Without a plan the code is the command's.
func (op *operation) decide(ctx context.Context, f *flags, mode plan.Mode, given consents) (*plan.Plan, int) {
	p, list := op.compare(ctx, f, mode)
	if list.HasErrors() {
		return nil, op.report(list)
	}
	op.tell.Plan(p)
	op.report(list)
	if len(p.Steps)+len(p.Moves) > 0 {
		if code, ok := op.consent(ctx, p, f, given); !ok {
			return nil, code
		}
	}
	return p, exitOK
}

// agree decides under the lock. What was agreed to before the state existed is not asked for again, and must still be it.
func (op *operation) agree(ctx context.Context, f *flags, mode plan.Mode, given consents, agreed *plan.Plan) (*plan.Plan, int) {
	if agreed == nil {
		return op.decide(ctx, f, mode, given)
	}
	p, list := op.compare(ctx, f, mode)
	if list.HasErrors() {
		return nil, op.report(list)
	}
	if !slices.EqualFunc(p.Steps, agreed.Steps, func(a, b plan.Step) bool { return a.ID == b.ID }) {
		return nil, op.fail("The cloud or the state changed while the plan was shown: apply again. Nothing was changed.")
	}
	return p, exitOK
}

func (op *operation) compare(ctx context.Context, f *flags, mode plan.Mode) (*plan.Plan, diag.List) {
	if err := op.look(ctx, true); err != nil {
		return nil, append(op.warnings, cloudDiagnostic(err))
	}
	return op.plan(mode, f)
}

func (op *operation) lock(ctx context.Context, f *flags, operation string) (state.Session, error) {
	request := state.LockRequest{Holder: op.holder(operation), Wait: f.lockTimeout}
	if op.prior.Serial == 0 {
		request.Create = op.prior.Lineage
	}
	session, err := op.store.Lock(ctx, request)
	if err != nil || f.saved != nil { // the first transaction of a saved plan is its own
		return session, err
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

func (op *operation) executor(session state.Session, f *flags, first state.Batch) *executor.Executor {
	return &executor.Executor{
		Cloud: op.cloud, Guests: op.guests, Identities: op.guests, Accounts: op.guests,
		Facts:   observe.NewFacts(op.cloud),
		Session: session, IDs: newIDs(), Clock: wallClock{}, Verifiers: op.verifiers, Parallel: f.parallel,
		Timeouts: timeouts(op.config.Guest.Timeouts), First: first,
		Images: func(file string) (executor.ImageFile, error) { return openImage(op.path(file)) },
	}
}

// timeouts are the defaults with what the guest block says.
func timeouts(given map[string]time.Duration) executor.Timeouts {
	out := executor.DefaultTimeouts
	for name, field := range map[string]*time.Duration{
		"build": &out.Build, "boot": &out.Boot, "login": &out.Login, "agent": &out.Agent, "install": &out.Install, "prepare": &out.Prepare,
	} {
		if limit, ok := given[name]; ok {
			*field = limit
		}
	}
	return out
}

func (op *operation) execute(soft, hard context.Context, e *executor.Executor, p *plan.Plan) int {
	watch, stop := op.tell.Follow(e.Clock, len(p.Steps))
	defer stop()
	e.Watch = watch
	result, err := e.Apply(soft, hard, p)
	stop()
	if err != nil {
		op.tell.Incomplete(result)
		return op.report(failures(err, e.First.BeginRun != nil))
	}
	if p.Mode != plan.ModeApply { // outputs are of the configuration
		op.tell.Applied(p.Mode, result, nil)
		return exitOK
	}
	op.prior = e.Session.Snapshot()
	outputs, list := op.finalOutputs()
	op.tell.Applied(p.Mode, result, outputs)
	return op.report(append(list, op.finalChecks()...))
}

// failures turns the error of an apply, perhaps of a saved plan, into one diagnostic for each step that failed.
func failures(err error, saved bool) diag.List {
	var list diag.List
	var joined interface{ Unwrap() []error }
	all := []error{err}
	if errors.As(err, &joined) {
		all = joined.Unwrap()
	}
	for _, one := range all {
		d := diag.Diagnostic{Severity: diag.Error, Summary: "A step failed", Detail: one.Error()}
		d.Hint = "What was made is recorded and nothing is lost: mend the cause and apply again."
		if saved {
			d.Hint = "What was made is recorded and nothing is lost: mend the cause and apply the same plan again. If the configuration has to change, plan anew and apply that plan with -supersede."
		}
		list = append(list, d)
	}
	return list
}

// consent asks, or finds in the flags, the word for what destroys data or interrupts clients.
func (op *operation) consent(ctx context.Context, p *plan.Plan, f *flags, given consents) (code int, ok bool) {
	mode := p.Mode
	if !f.autoApprove {
		if !op.ask(ctx, p) {
			return op.fail("%s cancelled: only 'yes' is an approval. Nothing was changed.", verb(mode)), false
		}
		return exitOK, true
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

func (op *operation) ask(ctx context.Context, p *plan.Plan) bool {
	question := "Do you want to perform these actions?"
	if p.Mode == plan.ModeDestroy {
		what := "everything"
		if len(p.Targets) > 0 {
			what = "what is listed"
		}
		question = "Do you really want to destroy " + what + "? The data cannot be brought back."
	}
	op.view.Note(question + "\n  Only 'yes' is an approval.\n")
	_, _ = fmt.Fprint(op.streams.Out, "  Enter a value: ")
	line, err := op.readAnswer(ctx, false)
	return err == nil && strings.TrimSpace(line) == "yes"
}
