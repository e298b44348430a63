package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// savedPlan is a plan that was read from a file, with the digest of the file's content.
type savedPlan struct {
	path   string
	plan   *plan.Plan
	digest string
}

// save writes a plan for a later apply. The file appears whole or not at all, readable by its owner alone: it holds no
// secret, but it tells what there is.
func (op *operation) save(p *plan.Plan, f *flags) error {
	p.KeyCheck, p.Prior, p.Variables = op.ring.KeyCheck(), recordedIn(op.moved()), op.config.Variables()
	data, err := plan.Encode(p)
	if err != nil {
		return err
	}
	if err := writeWhole(op.path(f.out), data); err != nil {
		return err
	}
	text := fmt.Sprintf("\nSaved the plan to: %s\nIts digest: %s\n\nTo do exactly what it says: trovectl apply %s\n", f.out, plan.Digest(p), f.out)
	if f.json { // standard output belongs to the JSON
		op.tell.Note(strings.TrimSpace(text))
		return nil
	}
	_, err = fmt.Fprint(op.streams.Out, text)
	return err
}

func recordedIn(s *state.Snapshot) []plan.Recorded {
	var out []plan.Recorded
	for _, r := range s.Sorted() {
		out = append(out, plan.Recorded{Address: r.Address, Body: plan.Body{Body: r.Body}, Computed: r.Computed})
	}
	return out
}

func writeWhole(path string, data []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".trovectl-plan-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func (m *Meta) readSaved(path string) (*savedPlan, diag.List) {
	var list diag.List
	data, err := os.ReadFile(m.path(path))
	if err != nil {
		return nil, list.Errorf(nil, "The saved plan cannot be read", "%v", err)
	}
	p, err := plan.Decode(data)
	if err != nil {
		d := diag.Diagnostic{Severity: diag.Error, Summary: "The saved plan cannot be read", Detail: fmt.Sprintf("%s: %v", path, err)}
		d.Hint = "Give a file that `trovectl plan -out FILE` wrote. What it wrote cannot be edited: make the plan again."
		if errors.Is(err, plan.ErrNewer) {
			d.Hint = "Use the trovectl that wrote it, or a newer one."
		}
		return nil, append(list, d)
	}
	return &savedPlan{path: path, plan: p, digest: plan.Digest(p)}, nil
}

// showSaved prints a saved plan; it needs neither a configuration nor a cloud.
func (m *Meta) showSaved(f *flags) int {
	saved, list := m.readSaved(f.args[0])
	if list.HasErrors() {
		return m.report(list)
	}
	if f.json {
		return m.printJSON(view.PlanJSON(saved.plan, saved.digest))
	}
	m.view.Plan(saved.plan)
	_, _ = fmt.Fprintf(m.streams.Out, "\nThe digest of this plan: %s\n", saved.digest)
	return exitOK
}

// runApplySaved does exactly what a saved plan says, or goes on with it where an earlier apply of it has ended before its
// time. Everything that could refuse it is looked at before anything is done.
func runApplySaved(m *Meta, f *flags) int {
	saved, list := m.readSaved(f.args[0])
	if !list.HasErrors() {
		list = saved.fitsFlags(f)
	}
	if list.HasErrors() {
		return m.report(list)
	}
	f.saved = saved
	consents, list := readConsents(f, saved.plan.Mode)
	if list.HasErrors() {
		return m.report(list)
	}
	soft, hard, stop := interruptible(m.warn)
	defer stop()
	op, list := m.open(soft, f, false, false)
	if list.HasErrors() {
		return m.report(list)
	}
	list = append(op.warnings, op.fits(saved)...)
	list = append(list, saved.fitsState(op.prior, f.supersede)...)
	if m.report(list) != exitOK {
		return exitError
	}
	if code, ok := op.consentSaved(soft, saved, f, consents); !ok {
		return code
	}
	return op.applySaved(soft, hard, f)
}

func (op *operation) applySaved(soft, hard context.Context, f *flags) int {
	session, err := op.lock(soft, f, string(f.saved.plan.Mode))
	if err != nil {
		return op.report(diag.List{stateDiagnostic(err, op.address)})
	}
	defer func() { _ = session.Close() }()
	now := session.Snapshot()
	if list := f.saved.fitsState(now, f.supersede); list.HasErrors() { // another run may have held the lock meanwhile
		return op.report(list)
	}
	resume := f.saved.resumes(now)
	switch {
	case resume:
		op.warn(fmt.Sprintf("An apply of this plan, begun at %s by %s, did not end: going on with it.", begunAt(now.Run), now.Run.Who))
	case now.Run != nil:
		op.warn(superseded(now.Run))
		if err := session.Commit(hard, state.Batch{EndRun: true}); err != nil {
			return op.report(diag.List{stateDiagnostic(err, op.address)})
		}
	}
	first := state.Batch{BeginRun: &state.Run{PlanDigest: f.saved.digest, Begun: time.Now(), Who: op.holder("").Who}}
	if resume {
		first.BeginRun = now.Run
	}
	if now.KeyCheck == "" {
		first.KeyCheck = op.ring.KeyCheck()
	}
	e := op.executor(session, f, first)
	e.Resume = resume
	return op.execute(soft, hard, e, f.saved.plan)
}

// consentSaved: to name a plan is to approve of it, as in Terraform. What destroys data or interrupts clients needs its
// word all the same, given now and never stored: from a person, or from the flags.
func (op *operation) consentSaved(ctx context.Context, saved *savedPlan, f *flags, given consents) (code int, ok bool) {
	missing := given.missing(saved.plan)
	if !missing.HasErrors() {
		return exitOK, true
	}
	if f.autoApprove || !op.interactive(f) {
		return op.report(missing), false
	}
	op.tell.Plan(saved.plan)
	if !op.ask(ctx, saved.plan) {
		return op.fail("%s cancelled: only 'yes' is an approval. Nothing was changed.", verb(saved.plan.Mode)), false
	}
	return exitOK, true
}

// fitsFlags refuses flags that a saved plan has answered, and another plan than the expected one.
func (s *savedPlan) fitsFlags(f *flags) (list diag.List) {
	if f.destroy || f.deleteOrphans || len(f.targets) > 0 || len(f.replace) > 0 {
		list = list.Errorf(nil, "The plan is made already", "-destroy, -delete-orphans, -target and -replace are for making a plan: give them to `trovectl plan -out`.")
	}
	if want := strings.ToLower(f.expectDigest); want != "" && want != s.digest {
		list = append(list, diag.Diagnostic{
			Severity: diag.Error, Summary: "This is not the expected plan",
			Detail: fmt.Sprintf("%s has the digest %s, and -expect-digest is %s. Nothing was changed.", s.path, s.digest, f.expectDigest),
			Hint:   "Look at it with `trovectl show " + s.path + "` before you give its digest.",
		})
	}
	return list
}

// resumes tells whether the open run of a state is of this plan.
func (s *savedPlan) resumes(now *state.Snapshot) bool {
	return now.Run != nil && now.Run.PlanDigest == s.digest && now.Lineage == s.plan.Lineage
}

// fitsState refuses a plan that was not made from the state as it is now, unless its own run is open there.
func (s *savedPlan) fitsState(now *state.Snapshot, supersede bool) (list diag.List) {
	again := fmt.Sprintf("Make the plan again: trovectl plan -out %s", s.path)
	switch {
	case now.Lineage != s.plan.Lineage:
		return diag.List{{
			Severity: diag.Error, Summary: "The saved plan belongs to another state",
			Detail: fmt.Sprintf("It was made for the lineage %s (%s); this state is of the lineage %s. Nothing was changed.", s.plan.Lineage, s.plan.State, now.Lineage),
			Hint:   "Give the address of its state in TROVE_STATE, or plan again here.",
		}}
	case s.resumes(now):
		return nil
	case now.Run != nil && !supersede:
		return diag.List{{
			Severity: diag.Error, Summary: "The apply of another saved plan has not ended",
			Detail: fmt.Sprintf("The plan %s was begun at %s by %s and did not end; only the same plan may go on with it. This one has the digest %s. Nothing was changed.",
				now.Run.PlanDigest, begunAt(now.Run), now.Run.Who, s.digest),
			Hint: "Apply that plan again. If it is not wanted any more, `trovectl apply` without a file looks, plans anew and takes its place; so does a saved plan that was made since, with -supersede.",
		}}
	case now.Serial == 0 && s.plan.Serial > 0:
		return diag.List{{
			Severity: diag.Error, Summary: "The saved plan is stale",
			Detail: fmt.Sprintf("It was made from serial %d of the state %s, and there is no such state. Nothing was changed.", s.plan.Serial, s.plan.State),
			Hint:   "Find the state, or restore it from its backup: the databases are still there.",
		}}
	case now.Serial != s.plan.Serial:
		return diag.List{{
			Severity: diag.Error, Summary: "The saved plan is stale",
			Detail: fmt.Sprintf("It was made from serial %d of the state, which is at serial %d now: something was applied in between. Nothing was changed.", s.plan.Serial, now.Serial),
			Hint:   again,
		}}
	}
	return nil
}

// superseded says that a run ends without having come to its end.
func superseded(run *state.Run) string {
	return fmt.Sprintf("An apply of the saved plan %s, begun at %s by %s, did not end. What is planned from what is there now takes its place: that plan can no longer be applied.",
		run.PlanDigest[:min(12, len(run.PlanDigest))], begunAt(run), run.Who)
}

// unfinished says what a plan is up against while the run of a saved plan is open.
func unfinished(run *state.Run) string {
	return fmt.Sprintf("An apply of the saved plan %s, begun at %s by %s, did not end. To apply another saved plan in its place, give -supersede.",
		run.PlanDigest[:min(12, len(run.PlanDigest))], begunAt(run), run.Who)
}

func begunAt(run *state.Run) string { return run.Begun.UTC().Format("2006-01-02 15:04:05 MST") }
