package command

import (
	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/planner/plan"
)

var planSpec = spec{
	synopsis: "Show what an apply would do, and what it costs",
	usage:    "trovectl plan [options]",
	flags: func(f *flags) {
		f.planning()
		f.set.BoolVar(&f.detailedExitcode, "detailed-exitcode", false, "0: nothing to do, 2: changes, 1: error")
		f.set.StringVar(&f.markdown, "md", "", "FILE for the plan as a comment of a review (Markdown); - is standard output")
		f.set.StringVar(&f.html, "html", "", "FILE for the plan as one page (HTML); - is standard output")
		f.set.StringVar(&f.out, "out", "", "FILE to save the plan to, for `trovectl apply FILE`; it holds no secret")
		f.set.BoolVar(&f.deleteOrphans, "delete-orphans", false, "also plan to delete objects of this state that nothing records")
	},
	run: runPlan,
}

func runPlan(m *Meta, f *flags) int {
	if err := f.words(0, 0, "no argument"); err != nil {
		return m.fail("%v", err)
	}
	quiet, err := f.toOutput(f.markdown, f.html)
	if err != nil {
		return m.fail("%v", err)
	}
	ctx, _, stop := interruptible(m.warn)
	defer stop()
	// A saved plan rests on digests of passwords, so that the key which makes them has to outlive it.
	op, list := m.open(ctx, f, false, f.out != "")
	if list.HasErrors() {
		return m.report(list)
	}
	if err := op.look(ctx, f.refresh); err != nil {
		return m.report(append(op.warnings, cloudDiagnostic(err)))
	}
	p, list := op.plan(f.mode(), f)
	if list.HasErrors() {
		return m.report(list)
	}
	if !quiet {
		m.tell.Plan(p)
	}
	if err := m.writeReports(
		report{"md", f.markdown, sure(func() []byte { return view.PlanMarkdown(p) })},
		report{"html", f.html, func() ([]byte, error) { return view.PlanHTML(p) }},
	); err != nil {
		return m.failErr("A report cannot be written", err)
	}
	m.report(list)
	if op.prior.Run != nil {
		m.warn(unfinished(op.prior.Run))
	}
	if f.out != "" {
		if err := op.save(p, f); err != nil {
			return m.failErr("The plan cannot be saved", err)
		}
	}
	if f.detailedExitcode && !p.Empty() {
		return exitChanges
	}
	return exitOK
}

func (f *flags) mode() plan.Mode {
	switch {
	case f.destroy:
		return plan.ModeDestroy
	case f.refreshOnly:
		return plan.ModeRefresh
	default:
		return plan.ModeApply
	}
}

// warn says something to the person while a command runs.
func (m *Meta) warn(text string) { m.tell.Note(text) }
