package command

import (
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner"
	"github.com/trovectl/trovectl/planner/observe"
	"github.com/trovectl/trovectl/planner/plan"
)

var driftSpec = spec{
	synopsis: "Compare the record with reality; changes nothing and needs no secret",
	usage:    "trovectl drift [options]",
	flags: func(f *flags) {
		f.variables()
		f.jsonLines()
		f.set.StringVar(&f.junit, "junit", "", "FILE for the result as JUnit test cases; - is standard output")
		f.set.StringVar(&f.prometheus, "prometheus", "", "FILE for gauges in Prometheus' text format; - is standard output")
		f.set.StringVar(&f.markdown, "md", "", "FILE for the result as Markdown; - is standard output")
		f.set.Var(kindsFlag{&f.failOn}, "fail-on", "KIND that counts as drift (gone, changed, unknown, condition, unmanaged, orphan); may be repeated; otherwise the first three")
		f.targeting()
		f.set.BoolVar(&f.noGuests, "no-guests", false, "look at the cloud alone")
	},
	run: runDrift,
}

// runDrift: 0 no drift, 2 drift or a guest that cannot be reached (or what -fail-on names), 1 nothing could be judged.
func runDrift(m *Meta, f *flags) int {
	if err := f.words(0, 0, "no argument"); err != nil {
		return m.fail("%v", err)
	}
	quiet, err := f.toOutput(f.junit, f.prometheus, f.markdown)
	if err != nil {
		return m.fail("%v", err)
	}
	op, list := m.lookAtRecord(f)
	if list.HasErrors() {
		return m.report(list)
	}
	p, list := op.plan(plan.ModeRefresh, f)
	if list.HasErrors() {
		return m.report(list)
	}
	if !quiet {
		m.tell.Drift(p)
	}
	m.report(list)
	found := view.DriftReport{Plan: p, Recorded: op.recordedAddresses(), FailOn: view.DefaultFailOn}
	if len(f.failOn) > 0 {
		found.FailOn = f.failOn
	}
	if err := m.writeReports(
		report{"junit", f.junit, found.JUnit},
		report{"prometheus", f.prometheus, sure(found.Prometheus)},
		report{"md", f.markdown, sure(found.Markdown)},
	); err != nil {
		return m.failErr("A report cannot be written", err)
	}
	if found.Fails() {
		return exitChanges
	}
	return exitOK
}

func (op *operation) recordedAddresses() []resource.Address {
	var out []resource.Address
	for _, r := range op.prior.Sorted() {
		out = append(out, r.Address)
	}
	return out
}

// lookAtRecord looks at what is recorded. Of the configuration it needs only where the state and the cloud are.
func (m *Meta) lookAtRecord(f *flags) (*operation, diag.List) {
	ctx, _, stop := interruptible(m.warn)
	defer stop()
	op, list := m.open(ctx, f, true, false)
	if list.HasErrors() {
		return nil, list
	}
	if err := op.look(ctx, !f.noGuests); err != nil {
		return nil, append(op.warnings, cloudDiagnostic(err))
	}
	return op, nil
}

var statusSpec = spec{
	synopsis: "Show what lives, how it is and where it answers",
	usage:    "trovectl status [options] [ADDRESS]",
	flags: func(f *flags) {
		f.variables()
		f.jsonOutput()
		f.set.BoolVar(&f.last, "last", false, "ask no agent: show what each guest said of itself last at its message broker, and how long ago")
		f.set.BoolVar(&f.metrics, "metrics", false, "also ask the engines for their figures: connections, queries, sizes, disk")
	},
	run: runStatus,
}

func runStatus(m *Meta, f *flags) int {
	if err := f.words(0, 1, "one address at most"); err != nil {
		return m.fail("%v", err)
	}
	f.noGuests = f.last
	op, list := m.lookAtRecord(f)
	if list.HasErrors() {
		return m.report(list)
	}
	var rows []view.StatusRow
	for _, r := range op.prior.Sorted() {
		if r.Address.Kind != resource.KindInstance || len(f.args) > 0 && !matches(r.Address, f.args) {
			continue
		}
		rows = append(rows, view.StatusRow{Address: r.Address, Record: r, Subject: statusOf(op, r.Address)})
	}
	if len(f.args) > 0 && len(rows) == 0 {
		return m.report(diag.List(nil).Errorf(nil, "There is no such instance", "%s is not an instance in the state.", f.args[0]))
	}
	switch {
	case f.last:
		op.recall(rows)
	case f.metrics:
		op.measure(rows)
	}
	if f.json {
		return m.printJSON(view.StatusJSON(rows))
	}
	m.view.Status(rows)
	return exitOK
}

// recall shows what the guests of the rows said of themselves last.
func (op *operation) recall(rows []view.StatusRow) {
	ctx, _, stop := interruptible(op.warn)
	defer stop()
	var work errgroup.Group
	work.SetLimit(16)
	for i := range rows {
		row := &rows[i]
		work.Go(func() error {
			last, at, err := op.guests.Heard(ctx, op.prior.Members[row.Record.Member])
			if err != nil {
				row.Subject.Why = err.Error()
				return nil
			}
			row.Subject.Computed = maps.Clone(row.Subject.Computed)
			if row.Subject.Computed == nil {
				row.Subject.Computed = map[string]string{}
			}
			row.Subject.Computed["status"], row.Subject.Computed["running_version"] = string(last.Status), last.RunningVersion
			row.Subject.Conditions = append(row.Subject.Conditions, fmt.Sprintf("heard %s ago", observe.Age(time.Now(), at)))
			return nil
		})
	}
	_ = work.Wait() // none of them fails
}

// measure asks the guests of the rows for their figures, side by side. One that does not tell says why.
func (op *operation) measure(rows []view.StatusRow) {
	ctx, _, stop := interruptible(op.warn)
	defer stop()
	var work errgroup.Group
	work.SetLimit(16)
	for i := range rows {
		row := &rows[i]
		if row.Subject.Presence != string(planner.Present) || row.Subject.Why != "" {
			continue
		}
		work.Go(func() error {
			metrics, err := op.guests.metrics(ctx, op.prior.Members[row.Record.Member])
			if row.Metrics = metrics.Values; err != nil {
				row.Subject.Why = err.Error()
			}
			return nil
		})
	}
	_ = work.Wait() // none of them fails
}

// statusOf is what was seen of an instance, as the row of a table.
func statusOf(op *operation, address resource.Address) view.Seen {
	subject := op.seen.Seen[address]
	seen := view.Seen{Presence: string(subject.Presence), Why: subject.Why, Computed: subject.Computed}
	if subject.Unverified != "" {
		seen.Why = subject.Unverified
	}
	for _, c := range subject.Conditions {
		seen.Conditions = append(seen.Conditions, c.Text)
	}
	return seen
}
