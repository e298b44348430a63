package view

import (
	"fmt"

	"github.com/trovectl/trovectl/config/diag"
)

// Diagnostics writes each one in a box of its own: what is wrong, where it stands with the source, why, what to do.
// Sources holds files by the names that ranges use; a file that is not there is only named.
func (h *Human) Diagnostics(list diag.List, sources map[string][]byte) {
	if len(list) == 0 {
		return
	}
	p, open := h.page(), filesOf(sources)
	for _, d := range list {
		diagnostic(p, d, open)
	}
	h.write(h.Err, p)
}

func diagnostic(p *page, d diag.Diagnostic, sources *files) {
	word, tone := "Error: ", red
	if d.Severity == diag.Warning {
		word, tone = "Warning: ", yellow
	}
	bar := p.paint(tone, "│")
	p.line(p.paint(tone, "╷"))
	summary := d.Summary
	if d.Code != "" {
		summary += " [" + d.Code + "]"
	}
	for i, line := range wrap(summary, p.width-2-cells(word)) {
		if i == 0 {
			p.line(bar, " ", p.paint(tone, word), p.paint(bold, line))
		} else {
			p.line(bar, " ", p.paint(bold, line))
		}
	}
	if d.Address != "" || d.Subject != nil {
		p.line(bar)
	}
	if d.Address != "" {
		p.line(bar, "   with ", visible(d.Address), ",")
	}
	if d.Subject != nil {
		snippet(p, bar, tone, d, sources.lines(d.Subject.Filename))
	}
	for _, paragraph := range []string{d.Detail, d.Hint} {
		if paragraph == "" {
			continue
		}
		p.line(bar)
		for _, line := range wrap(paragraph, p.width-2) {
			p.line(bar, " ", line)
		}
	}
	p.line(p.paint(tone, "╵"))
}

// maxLines is how many lines of source a box shows.
const maxLines = 8

// snippet shows the place of a diagnostic with its lines of source and a mark below what is meant.
func snippet(p *page, bar string, tone style, d diag.Diagnostic, lines []sourceLine) {
	at := *d.Subject
	where := fmt.Sprintf("   on %s line %d", visible(at.Filename), at.Start.Line)
	if at.Start.Line < 1 || at.Start.Line > len(lines) {
		p.line(bar, where)
		return
	}
	if block := enclosing(lines, at.Start.Line); block != "" {
		where += ", in " + visible(block)
	}
	p.line(bar, where, ":")
	first, last := shown(at, d.Context, len(lines))
	for n := first; n <= last; n++ {
		l := masked(lines, d, n)
		from, to, marked := l.span(at, n)
		number := fmt.Sprintf(" %4d: ", n)
		text, before, under := l.draw(from, to, p.width-len(number)-1)
		p.line(bar, number, text)
		if marked && under > 0 {
			p.line(bar, blanks(len(number)+before), p.paint(tone, carets(under)))
		}
	}
	if end := max(at.End.Line, at.Start.Line); last < min(end, len(lines)) {
		p.line(bar, "      ...")
	}
}

// shown is the first and the last line of source to show.
func shown(at diag.Range, context *diag.Range, lines int) (first, last int) {
	first, last = at.Start.Line, max(at.Start.Line, at.End.Line)
	if at.End.Column == 1 && last > first {
		last-- // the range ends before the first character of that line
	}
	if context != nil && context.Filename == at.Filename {
		first, last = min(first, context.Start.Line), max(last, context.End.Line)
		first = max(first, at.Start.Line-maxLines/2)
	}
	first = max(first, 1)
	return first, min(last, first+maxLines-1, lines)
}
