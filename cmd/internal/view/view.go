// Package view is everything that a person or a machine reads: plans, drift, progress, states, outputs and diagnostics,
// as text and as JSON. The same input gives the same bytes, nothing untrusted can forge what a terminal shows, and
// nothing secret is ever in it.
package view

import (
	"io"
	"strings"
	"sync"
)

// Human writes for a person. Its methods may be called from several goroutines; each writes its text in one piece.
type Human struct {
	Out   io.Writer // what was asked for
	Err   io.Writer // diagnostics and notes, so that Out may be piped
	Color bool      // ANSI colours; the caller has looked at the terminal, NO_COLOR and -no-color
	Width int       // columns to wrap prose at; 0: 80
	// Screen tells the columns and rows of a terminal that can be drawn on, as they are now; nil: there is none.
	Screen func() (columns, rows int)

	mu   sync.Mutex
	area *area // the live part of the screen while an apply runs
}

// Note tells a person something while a command runs.
func (h *Human) Note(text string) {
	p := h.page()
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		p.line(visible(line))
	}
	h.write(h.Err, p)
}

func (h *Human) page() *page { return newPage(h.Color, h.Width) }

func newPage(color bool, width int) *page {
	if width <= 0 {
		width = 80
	}
	return &page{color: color, width: max(width, 20)}
}

// write puts a page out in one piece. A reader that went away (a closed pipe) is not an error of ours.
func (h *Human) write(w io.Writer, p *page) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clear()
	_, _ = io.WriteString(w, p.text.String())
}

// style is an ANSI rendition. The set is closed.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
	alarm  style = "1;31"
)

// page is a text that grows line by line.
type page struct {
	text  strings.Builder
	color bool
	width int
}

// paint puts a style around text that is safe already.
func (p *page) paint(s style, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// line adds a line of safe text, without blanks at its end.
func (p *page) line(parts ...string) {
	p.text.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	p.text.WriteByte('\n')
}

// table writes rows of cells in columns; the first row is their heading.
func (p *page) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], cells(cell))
		}
	}
	for n, row := range rows {
		tone := plain
		if n == 0 {
			tone = bold
		}
		var b strings.Builder
		for i, cell := range row {
			if i < len(row)-1 {
				cell = pad(cell, widths[i]+2)
			}
			b.WriteString(cell)
		}
		p.line(p.paint(tone, strings.TrimRight(b.String(), " ")))
	}
}

// prose adds text of any origin, wrapped; every line begins with the lead.
func (p *page) prose(lead string, s style, text string) {
	for _, line := range wrap(text, p.width-cells(lead)) {
		p.line(lead, p.paint(s, line))
	}
}

// listing adds an item of a list: what follows its first line is indented.
func (p *page) listing(lead, text string) {
	rest := strings.Repeat(" ", cells(lead)+2)
	for i, line := range wrap(text, p.width-cells(rest)) {
		if i == 0 {
			p.line(lead, line)
		} else {
			p.line(rest, line)
		}
	}
}
