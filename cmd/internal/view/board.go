package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/plan"
)

// board is how far an apply is: pure state that events change and that render shows.
type board struct {
	steps   int // of the plan
	begun   time.Time
	done    int
	failed  int
	skipped int
	running []running // in the order in which they began
}

// running is a step that has begun and not ended.
type running struct {
	step  plan.Step
	since time.Time
	waits string // what it does now, in the executor's words
	told  int    // how often it was said that it goes on
}

// take counts an event.
func (b *board) take(e executor.Event, now time.Time) {
	switch e := e.(type) {
	case executor.Started:
		b.running = append(b.running, running{step: e.Step, since: now})
	case executor.Progress:
		if i := b.find(e.Step); i >= 0 {
			b.running[i].waits = e.Text
		}
	case executor.Done:
		b.end(e.Step)
		b.done++
	case executor.Failure:
		b.end(e.Step)
		b.failed++
	case executor.Skipped:
		b.skipped++
	default:
		panic(fmt.Sprintf("unknown event %T", e))
	}
}

func (b *board) find(s plan.Step) int {
	return slices.IndexFunc(b.running, func(r running) bool { return r.step.ID == s.ID })
}

func (b *board) end(s plan.Step) {
	if i := b.find(s); i >= 0 {
		b.running = slices.Delete(b.running, i, i+1)
	}
}

// heartbeat is how often it is said that a step goes on, where nothing can be drawn.
const heartbeat = 10 * time.Second

// overdue gives the steps of which it is time to say that they go on, with how long they run, in whole heartbeats.
func (b *board) overdue(now time.Time, say func(plan.Step, time.Duration)) {
	for i := range b.running {
		r := &b.running[i]
		if beats := int(now.Sub(r.since) / heartbeat); beats > r.told {
			r.told = beats
			say(r.step, time.Duration(beats)*heartbeat)
		}
	}
}

// render draws the board: a line for each running step, as many as there is room for, and a line with the counts. No line
// is wider than the page.
func (b *board) render(out *page, rows int, now time.Time) []string {
	room := max(1, rows/2-1)
	shown := b.running
	if len(shown) > room {
		shown = shown[:room-1]
	}
	var lines []string
	names := 0
	for _, r := range shown {
		names = max(names, cells(stepName(r.step)))
	}
	names = min(names, out.width*2/5)
	for _, r := range shown {
		lines = append(lines, r.line(out, names, now))
	}
	if hidden := len(b.running) - len(shown); hidden > 0 {
		lines = append(lines, out.paint(dim, truncate(fmt.Sprintf("  ... and %d more", hidden), out.width)))
	}
	return append(lines, b.counts(out, now))
}

// line is "  instance.orders  waiting for server 1f..  1m20s".
func (r running) line(out *page, names int, now time.Time) string {
	elapsed := took(now.Sub(r.since))
	what := visible(r.waits)
	if what == "" {
		what = strings.ToLower(verbs[r.step.Action].doing)
	}
	room := max(0, out.width-2-names-2-2-cells(elapsed))
	return "  " + out.paint(bold, pad(truncate(stepName(r.step), names), names)) + "  " + pad(truncate(what, room), room) + "  " + out.paint(dim, elapsed)
}

// barCells is the width of the bar; a narrow screen has none.
const barCells = 20

// counts is "[=====>    ]  12/60, 8 running, 1 failed  1m32s".
func (b *board) counts(out *page, now time.Time) string {
	ended := b.done + b.failed + b.skipped
	text := fmt.Sprintf("%d/%d, %d running", ended, b.steps, len(b.running))
	if b.failed > 0 {
		text += fmt.Sprintf(", %d failed", b.failed)
	}
	if b.skipped > 0 {
		text += fmt.Sprintf(", %d not begun", b.skipped)
	}
	text += "  " + took(now.Sub(b.begun))
	bar := ""
	if out.width >= barCells+40 && b.steps > 0 {
		full := min(barCells, ended*barCells/b.steps)
		bar = "[" + strings.Repeat("=", full) + strings.Repeat(".", barCells-full) + "]  "
	}
	tone := cyan
	if b.failed > 0 {
		tone = red
	}
	return out.paint(tone, truncate("  "+bar+text, out.width))
}

// truncate shortens safe text to a number of columns; an ellipsis stands for what is left out.
func truncate(s string, width int) string {
	if cells(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	used := 0
	for i, r := range s {
		used += cells(string(r))
		if used > width-1 {
			return s[:i] + "…"
		}
	}
	return s
}
