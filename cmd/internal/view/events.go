package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/plan"
)

// Event writes a line of progress.
func (h *Human) Event(e executor.Event) {
	out := h.page()
	event(out, e)
	h.write(h.Out, out)
}

// still writes that a step goes on.
func (h *Human) still(s plan.Step, elapsed time.Duration) {
	h.Event(executor.Progress{Step: s, Text: stillText(s, elapsed)})
}

func event(out *page, e executor.Event) {
	switch e := e.(type) {
	case executor.Started:
		out.line(subject(out, e.Step), verbs[e.Step.Action].doing, "...")
	case executor.Progress:
		out.line(out.paint(dim, stepName(e.Step)+": "+visible(e.Text)))
	case executor.Done:
		out.line(subject(out, e.Step), verbs[e.Step.Action].done, " after ", took(e.Took))
		for _, note := range e.Notes {
			out.line(out.paint(dim, stepName(e.Step)+": "+visible(note)))
		}
	case executor.Failure:
		out.line(subject(out, e.Step), out.paint(red, verbs[e.Step.Action].failed+" after "+took(e.Took)+": "+visible(errorText(e.Err))))
	case executor.Skipped:
		out.line(subject(out, e.Step), out.paint(yellow, "Not begun: "+skipReason(e.Because)))
	default:
		panic(fmt.Sprintf("unknown event %T", e))
	}
}

// stillText is "Still creating... [30s elapsed]".
func stillText(s plan.Step, elapsed time.Duration) string {
	return "Still " + strings.ToLower(verbs[s.Action].doing) + "... [" + took(elapsed) + " elapsed]"
}

type verb struct{ doing, done, failed string }

var verbs = map[plan.Action]verb{
	plan.Create:       {"Creating", "Creation complete", "Creation failed"},
	plan.Update:       {"Modifying", "Modifications complete", "Modifications failed"},
	plan.Delete:       {"Destroying", "Destruction complete", "Destruction failed"},
	plan.DeleteOrphan: {"Destroying", "Destruction complete", "Destruction failed"},
}

func subject(out *page, s plan.Step) string { return out.paint(bold, stepName(s)+":") + " " }

// stepName is the address, or the cloud object of a step that has none. Safe text.
func stepName(s plan.Step) string {
	if s.Address.IsZero() {
		return orphanName(s)
	}
	return visible(s.Address.String())
}

func skipReason(because string) string {
	if because == "interrupted" || because == "" {
		return "the apply was interrupted"
	}
	return "it needs `" + visible(because) + "`"
}

func errorText(err error) string {
	if err == nil {
		return "no reason was given"
	}
	return err.Error()
}

// took is a duration for a person: "0s", "14s", "2m5s".
func took(d time.Duration) string { return max(0, d).Round(time.Second).String() }
