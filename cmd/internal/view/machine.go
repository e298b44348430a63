package view

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/plan"
)

// Machine writes for programs while a command runs: one JSON object on each line, in the form of Terraform's
// machine-readable output. Its methods may be called from several goroutines.
type Machine struct {
	Out io.Writer
	Now func() time.Time // nil: no timestamps

	mu sync.Mutex
}

// message is a line. Keys are written in sorted order.
type message map[string]any

func newMessage(level, kind, text string, at time.Time) message {
	m := message{"@level": level, "@message": text, "@module": "trovectl.ui", "type": kind}
	if !at.IsZero() {
		m["@timestamp"] = at.UTC().Format(time.RFC3339Nano)
	}
	return m
}

func (m *Machine) now() time.Time {
	if m.Now == nil {
		return time.Time{}
	}
	return m.Now()
}

// write puts one line out. A reader that went away is not an error of ours; what cannot be encoded is said instead.
func (m *Machine) write(line message) {
	data, err := encode(line)
	if err != nil {
		data = fmt.Appendf(nil, `{"@level":"error","@message":%q,"type":"log"}`+"\n", visible(err.Error()))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.Out.Write(data)
}

// Version writes the line that every stream begins with.
func (m *Machine) Version(version string) {
	line := newMessage("info", "version", "trovectl "+version, m.now())
	line["trovectl"], line["ui"] = version, "1.2"
	m.write(line)
}

// Note writes what is said to a person while a command runs.
func (m *Machine) Note(text string) {
	m.write(newMessage("info", "log", visible(strings.TrimSpace(text)), m.now()))
}

// Plan writes a line for each finding of the look and each step, the summary, and the outputs that change.
func (m *Machine) Plan(p *plan.Plan) {
	m.drifts(p)
	m.findings(p)
	m.moves(p)
	was := formerly(p)
	for _, s := range p.Steps {
		line := newMessage("info", "planned_change", stepName(s)+": Plan to "+hookAction(s.Action), m.now())
		change := map[string]any{"resource": hookResource(s), "action": hookAction(s.Action), "impact": s.Impact}
		if from, moved := was[s.Address]; moved {
			change["previous_resource"] = hookOf(resourceOf(from))
		}
		if reason := actionReason(s); reason != "" {
			change["reason"] = reason
		}
		if s.Action != plan.DeleteOrphan {
			c := changeOf(s).Change
			change["before"], change["after"] = c.Before, c.After
		}
		line["change"] = change
		m.write(line)
	}
	add, change, destroy := p.Counts()
	text := fmt.Sprintf("Plan: %d to add, %d to change, %d to destroy.", add, change, destroy)
	m.summary("plan", text, add, change, destroy)
	m.outputChanges(p.Outputs)
}

// moves writes a line for each record that gets another address and has no step of its own.
func (m *Machine) moves(p *plan.Plan) {
	stepped := map[resource.Address]bool{}
	for _, s := range p.Steps {
		stepped[s.Address] = true
	}
	for _, move := range p.Moves {
		if stepped[move.To] {
			continue
		}
		line := newMessage("info", "planned_change", visible(move.To.String())+": Plan to move", m.now())
		line["change"] = map[string]any{
			"resource": hookOf(resourceOf(move.To)), "previous_resource": hookOf(resourceOf(move.From)), "action": "move",
		}
		m.write(line)
	}
}

// Drift writes a line for each finding of the look, and how many there are of each kind.
func (m *Machine) Drift(p *plan.Plan) {
	m.drifts(p)
	m.findings(p)
	line := newMessage("info", "drift_summary", driftSummary(p), m.now())
	line["findings"] = countKinds(DriftFindings(p))
	m.write(line)
}

func (m *Machine) drifts(p *plan.Plan) {
	for _, d := range driftsOf(p) {
		action := d.Change.Actions[0]
		line := newMessage("info", "resource_drift", visible(d.Address)+": Drift detected ("+action+")", m.now())
		line["change"] = map[string]any{"resource": hookOf(d), "action": action, "before": d.Change.Before, "after": d.Change.After}
		m.write(line)
	}
}

// findings writes what the look found besides drift.
func (m *Machine) findings(p *plan.Plan) {
	for _, f := range DriftFindings(p) {
		if f.Kind == Changed || f.Kind == Gone {
			continue
		}
		line := newMessage("warn", "finding", visible(f.subject()+": "+f.Text), m.now())
		line["finding"] = f
		m.write(line)
	}
}

func (m *Machine) outputChanges(all []plan.Output) {
	out := map[string]any{}
	for _, o := range all {
		out[o.Name] = map[string]any{"action": hookNoop(o.Action), "sensitive": o.Sensitive}
	}
	if len(out) == 0 {
		return
	}
	line := newMessage("info", "outputs", fmt.Sprintf("Outputs: %d", len(out)), m.now())
	line["outputs"] = out
	m.write(line)
}

// hookNoop is the word of the lines for what plans call no-op.
func hookNoop(action string) string { return strings.ReplaceAll(action, "no-op", "noop") }

// Applied writes the summary of an apply and the outputs, those that are sensitive without their values.
func (m *Machine) Applied(mode plan.Mode, r executor.Result, all []Output) {
	operation, text := "apply", "Apply complete! Resources: "+resultText(mode, r)
	if mode == plan.ModeDestroy {
		operation, text = "destroy", "Destroy complete! Resources: "+resultText(mode, r)
	}
	m.summary(operation, text, r.Added, r.Changed, r.Destroyed)
	if len(all) == 0 {
		return
	}
	line := newMessage("info", "outputs", fmt.Sprintf("Outputs: %d", len(all)), m.now())
	line["outputs"] = outputsOf(all, false)
	m.write(line)
}

// Incomplete writes the summary of an apply that did not come to its end.
func (m *Machine) Incomplete(r executor.Result) {
	line := newMessage("error", "change_summary", incompleteText(r), m.now())
	line["changes"] = map[string]any{
		"add": r.Added, "change": r.Changed, "import": 0, "remove": r.Destroyed, "operation": "apply", "failed": r.Failed, "not_begun": r.Skipped,
	}
	m.write(line)
}

func (m *Machine) summary(operation, text string, add, change, remove int) {
	line := newMessage("info", "change_summary", text, m.now())
	line["changes"] = map[string]any{"add": add, "change": change, "import": 0, "remove": remove, "operation": operation}
	m.write(line)
}

// Diagnostics writes a line for each one.
func (m *Machine) Diagnostics(list diag.List, sources map[string][]byte) {
	open := filesOf(sources)
	for _, d := range list {
		level, word := "error", "Error: "
		if d.Severity == diag.Warning {
			level, word = "warn", "Warning: "
		}
		line := newMessage(level, "diagnostic", word+visible(d.Summary), m.now())
		line["diagnostic"] = diagnosticOf(d, open)
		m.write(line)
	}
}

// Event writes a line of progress.
func (m *Machine) Event(e executor.Event) { m.write(eventMessage(e, m.now())) }

// still writes that a step goes on.
func (m *Machine) still(s plan.Step, elapsed time.Duration) {
	line := newMessage("info", "apply_progress", stepName(s)+": "+stillText(s, elapsed), m.now())
	m.write(hookMessage(line, s, message{"elapsed_seconds": seconds(elapsed)}))
}

// EventJSON is one event as a line of the machine-readable output. A zero time writes no timestamp.
func EventJSON(e executor.Event, at time.Time) ([]byte, error) { return encode(eventMessage(e, at)) }

func eventMessage(e executor.Event, at time.Time) message {
	hook := func(level, kind, text string, s plan.Step, more message) message {
		return hookMessage(newMessage(level, kind, stepName(s)+": "+text, at), s, more)
	}
	switch e := e.(type) {
	case executor.Started:
		return hook("info", "apply_start", verbs[e.Step.Action].doing+"...", e.Step, message{})
	case executor.Progress:
		return hook("info", "apply_progress", visible(e.Text), e.Step, message{})
	case executor.Done:
		more := message{"elapsed_seconds": seconds(e.Took)}
		if len(e.Notes) > 0 {
			more["notes"] = e.Notes
		}
		return hook("info", "apply_complete", verbs[e.Step.Action].done+" after "+took(e.Took), e.Step, more)
	case executor.Failure:
		text := verbs[e.Step.Action].failed + " after " + took(e.Took) + ": " + visible(errorText(e.Err))
		return hook("error", "apply_errored", text, e.Step, message{"elapsed_seconds": seconds(e.Took), "error": errorText(e.Err)})
	case executor.Skipped:
		return hook("warn", "apply_skipped", "Not begun: "+skipReason(e.Because), e.Step, message{"because": e.Because})
	default:
		panic(fmt.Sprintf("unknown event %T", e))
	}
}

func hookMessage(line message, s plan.Step, more message) message {
	more["resource"], more["action"] = hookResource(s), hookAction(s.Action)
	line["hook"] = more
	return line
}

func seconds(d time.Duration) int { return int(max(0, d).Round(time.Second) / time.Second) }

// hookAction is Terraform's word for an action.
func hookAction(a plan.Action) string {
	if a == plan.DeleteOrphan {
		return "delete"
	}
	return string(a)
}

// hookResource names what a step is about; an orphan by its service and id.
func hookResource(s plan.Step) map[string]any {
	if s.Address.IsZero() && s.Orphan != nil {
		return map[string]any{
			"addr": "", "module": "", "resource": s.Orphan.Service + " " + s.Orphan.ID, "implied_provider": "trovectl",
			"resource_type": s.Orphan.Service, "resource_name": s.Orphan.Name, "resource_key": nil,
		}
	}
	return hookOf(resourceOf(s.Address))
}

func hookOf(r resourceJSON) map[string]any {
	return map[string]any{
		"addr": r.Address, "module": "", "resource": r.Address, "implied_provider": "trovectl",
		"resource_type": r.Type, "resource_name": r.Name, "resource_key": r.Index,
	}
}
