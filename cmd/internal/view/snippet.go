package view

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/trovectl/trovectl/config/diag"
)

// sourceLine is one line of a file without its end, and where it begins in the file.
type sourceLine struct {
	text  string
	start int // byte offset
}

// files are sources that are cut into lines when somebody asks for them, once for however many diagnostics.
type files struct {
	sources map[string][]byte
	cut     map[string][]sourceLine
}

func filesOf(sources map[string][]byte) *files {
	return &files{sources: sources, cut: map[string][]sourceLine{}}
}

func (f *files) lines(name string) []sourceLine {
	lines, known := f.cut[name]
	if !known {
		lines = sourceLines(f.sources[name])
		f.cut[name] = lines
	}
	return lines
}

func sourceLines(source []byte) []sourceLine {
	var out []sourceLine
	for at := 0; at <= len(source); {
		end := bytes.IndexByte(source[at:], '\n')
		if end < 0 {
			if at < len(source) || len(out) == 0 {
				out = append(out, sourceLine{strings.TrimSuffix(string(source[at:]), "\r"), at})
			}
			break
		}
		out = append(out, sourceLine{strings.TrimSuffix(string(source[at:at+end]), "\r"), at})
		at += end + 1
	}
	return out
}

// confidential matches an assignment to a name that speaks of a secret.
var confidential = regexp.MustCompile(`(?i)(passw|secret|token|private_?key)[a-z0-9_]*["']?\s*[=:]`)

// secretName matches the top-level lines that begin a collection of secrets, or a variable that is one.
var secretName = regexp.MustCompile(`(?i)^(variable\s+"[^"]*(passw|secret|token|private_?key)|[a-z0-9_]*(passw|secret|token|private_?key)[a-z0-9_]*\s*=)`)

// governed tells whether line n stands inside of such a collection or variable.
func governed(lines []sourceLine, n int) bool {
	for i := n - 1; i >= 0; i-- {
		text := lines[i].text
		if text == "" || text[0] == ' ' || text[0] == '\t' || (text[0] == '}' || text[0] == ']') && i == n-1 {
			continue
		}
		return secretName.MatchString(text)
	}
	return false
}

// masked is line n with the text of string literals replaced where it may be a secret: after a name that says so, and,
// inside of what is named so, and, where the diagnostic is about a literal password, in all its lines. Every byte is replaced by one, so
// that positions keep their meaning.
func masked(lines []sourceLine, d diag.Diagnostic, n int) sourceLine {
	l := lines[n-1]
	from := -1
	if at := confidential.FindStringIndex(l.text); at != nil {
		from = at[1]
	}
	about := d.Subject != nil && d.Subject.Start.Line <= n && n <= max(d.Subject.Start.Line, d.Subject.End.Line)
	if about && strings.HasPrefix(d.Code, "password") || from < 0 && governed(lines, n) {
		from = strings.IndexAny(l.text, "=:") + 1
	}
	if from >= 0 {
		l.text = l.text[:from] + maskLiterals(l.text[from:])
	}
	return l
}

// maskLiterals replaces what stands between quotes, but for keys in brackets.
func maskLiterals(s string) string {
	out := []byte(s)
	inside, key := false, false
	for i := 0; i < len(out); i++ {
		switch {
		case inside && s[i] == '\\' && i+1 < len(out):
			if !key {
				out[i], out[i+1] = '*', '*'
			}
			i++
		case s[i] == '"':
			inside, key = !inside, !inside && i > 0 && s[i-1] == '['
		case inside && !key:
			out[i] = '*'
		}
	}
	return string(out)
}

// span is the part of line n, in bytes, that a range covers; ok is false when it covers nothing of it. An empty range
// covers the character it stands before.
func (l sourceLine) span(at diag.Range, n int) (from, to int, ok bool) {
	endLine := max(at.Start.Line, at.End.Line)
	if n < at.Start.Line || n > endLine {
		return 0, 0, false
	}
	from, to = len(l.text)-len(strings.TrimLeft(l.text, " \t")), len(strings.TrimRight(l.text, " \t"))
	if n == at.Start.Line {
		from = l.offset(at.Start)
	}
	if n == endLine {
		to = l.offset(at.End)
	}
	if to <= from {
		if n != at.Start.Line {
			return 0, 0, false
		}
		_, size := utf8.DecodeRuneInString(l.text[from:])
		to = from + size
	}
	return from, to, true
}

// offset finds a position in the line. The byte offset is exact where it agrees with the column; a position without one
// (or of a file that has changed) is counted in characters. Positions past the end are at the end.
func (l sourceLine) offset(pos diag.Pos) int {
	if b := pos.Byte - l.start; b >= 0 && b <= len(l.text) && (b == 0) == (pos.Column <= 1) {
		return b
	}
	b := 0
	for column := 1; column < pos.Column && b < len(l.text); column++ {
		_, size := utf8.DecodeRuneInString(l.text[b:])
		b += size
	}
	return b
}

// draw makes a line safe to show in at most width columns, and tells in columns where the span [from, to) begins and how
// long it is. A line that is too long is cut on both sides of the span's beginning.
func (l sourceLine) draw(from, to, width int) (text string, before, under int) {
	head, middle, tail := sourceText(l.text[:from]), sourceText(l.text[from:to]), sourceText(l.text[to:])
	if cells(head)+cells(middle)+cells(tail) <= max(width, 200) {
		under = cells(middle)
		if under == 0 && from >= len(l.text) && len(l.text) > 0 {
			under = 1 // the end of the line is meant
		}
		return head + middle + tail, cells(head), under
	}
	if cells(head) > width/2 {
		head = "…" + lastCells(head, width/2-1)
	}
	middle = firstCells(middle, width-cells(head)-1)
	tail = firstCells(tail, width-cells(head)-cells(middle)-1)
	return head + middle + tail + "…", cells(head), cells(middle)
}

// sourceText shows tabs as blanks, so that marks stand below what they mean, and other hidden characters as escapes.
func sourceText(s string) string { return visible(strings.ReplaceAll(s, "\t", "  ")) }

func firstCells(s string, n int) string {
	used := 0
	for i, r := range s {
		if used += cells(string(r)); used > n {
			return s[:i]
		}
	}
	return s
}

func lastCells(s string, n int) string {
	for cells(s) > n {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	return s
}

// enclosing finds the header of the top-level block that line n stands in, by its form alone: it begins in the first
// column and ends in a brace. Empty when there is none.
func enclosing(lines []sourceLine, n int) string {
	header := ""
	for i, l := range lines[:n] {
		text := strings.TrimRight(l.text, " \t")
		switch {
		case strings.HasPrefix(text, "}"):
			if i != n-1 {
				header = ""
			}
		case strings.Contains(text, "{") && isHeader(text):
			header = strings.TrimRight(text[:strings.IndexByte(text, '{')], " \t")
			if i != n-1 && strings.HasSuffix(text, "}") {
				header = ""
			}
		}
	}
	return header
}

func isHeader(text string) bool {
	c := text[0]
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	return letter && !strings.Contains(text[:strings.IndexByte(text, '{')], "=")
}

func blanks(n int) string { return strings.Repeat(" ", n) }
func carets(n int) string { return strings.Repeat("^", n) }
