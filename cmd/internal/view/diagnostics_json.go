package view

import (
	"strings"

	"github.com/trovectl/trovectl/config/diag"
)

// diagnosticJSON is a diagnostic as Terraform's machine-readable output writes it, with our code and hint.
type diagnosticJSON struct {
	Severity diag.Severity `json:"severity"`
	Code     string        `json:"code,omitempty"`
	Summary  string        `json:"summary"`
	Detail   string        `json:"detail"`
	Hint     string        `json:"hint,omitempty"`
	Address  string        `json:"address,omitempty"`
	Range    *diag.Range   `json:"range,omitempty"`
	Snippet  *snippetJSON  `json:"snippet,omitempty"`
}

// snippetJSON is the source of a range. Offsets count bytes of Code.
type snippetJSON struct {
	Context   *string `json:"context"`
	Code      string  `json:"code"`
	StartLine int     `json:"start_line"`
	From      int     `json:"highlight_start_offset"`
	To        int     `json:"highlight_end_offset"`
	Values    []any   `json:"values"`
}

type diagnosticsJSON struct {
	FormatVersion string           `json:"format_version"`
	Valid         bool             `json:"valid"`
	Errors        int              `json:"error_count"`
	Warnings      int              `json:"warning_count"`
	Diagnostics   []diagnosticJSON `json:"diagnostics"`
}

// DiagnosticsJSON is what `validate -json` prints: whether all is well, the counts, and each diagnostic.
func DiagnosticsJSON(list diag.List, sources map[string][]byte) ([]byte, error) {
	out := diagnosticsJSON{FormatVersion: "1.0", Valid: !list.HasErrors(), Diagnostics: []diagnosticJSON{}}
	open := filesOf(sources)
	for _, d := range list {
		if d.Severity == diag.Error {
			out.Errors++
		} else {
			out.Warnings++
		}
		out.Diagnostics = append(out.Diagnostics, diagnosticOf(d, open))
	}
	return encode(out)
}

func diagnosticOf(d diag.Diagnostic, sources *files) diagnosticJSON {
	out := diagnosticJSON{
		Severity: d.Severity, Code: d.Code, Summary: d.Summary, Detail: d.Detail, Hint: d.Hint, Address: d.Address, Range: d.Subject,
	}
	if d.Subject != nil {
		out.Snippet = snippetOf(d, sources.lines(d.Subject.Filename))
	}
	return out
}

func snippetOf(d diag.Diagnostic, lines []sourceLine) *snippetJSON {
	at := *d.Subject
	if at.Start.Line < 1 || at.Start.Line > len(lines) {
		return nil
	}
	first, last := shown(at, d.Context, len(lines))
	out := &snippetJSON{StartLine: first, Values: []any{}}
	if block := enclosing(lines, at.Start.Line); block != "" {
		out.Context = &block
	}
	var code strings.Builder
	for n := first; n <= last; n++ {
		if n > first {
			code.WriteByte('\n')
		}
		l := masked(lines, d, n)
		if from, to, ok := l.span(at, n); ok {
			if n == at.Start.Line {
				out.From = code.Len() + from
			}
			out.To = code.Len() + to
		}
		code.WriteString(l.text)
	}
	out.Code = code.String()
	return out
}
