package command

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/term"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/plan"
)

// Meta is what every command has: where it runs, where it writes, and what the caller's environment says.
type Meta struct {
	streams Streams
	env     env
	dir     string // of the configuration
	view    *view.Human
	tell    teller // what happens while a command runs: to a person or, with -json, to a program
	log     hclog.Logger
	sources map[string][]byte // of the configuration, for snippets

	answers *bufio.Reader // what was typed and not read yet
	clouds  []connection  // that were opened
	closers []func() error

	compactWarnings bool
}

// comparer shows what a comparison found.
type comparer interface {
	Plan(*plan.Plan)
	Drift(*plan.Plan)
}

// teller tells what was found, how an apply goes and what is said on the way.
type teller interface {
	comparer
	Follow(executor.Clock, int) (watch func(executor.Event), stop func())
	Applied(plan.Mode, executor.Result, []view.Output)
	Incomplete(executor.Result)
	Diagnostics(diag.List, map[string][]byte)
	Note(string)
}

func newMeta(streams Streams, e env, dir string) *Meta {
	human := &view.Human{Out: streams.Out, Err: streams.Err, Color: colorful(streams.Out, e), Width: width(streams.Out), Screen: screen(streams.Out, e)}
	return &Meta{streams: streams, env: e, dir: dir, log: newLogger(e, streams.Err), view: human, tell: human}
}

func (m *Meta) adopt(f *flags) {
	if f.noColor {
		m.view.Color = false
	}
	m.compactWarnings = f.compactWarnings
	if f.json && f.streams {
		machine := &view.Machine{Out: m.streams.Out, Now: time.Now}
		machine.Version(Version)
		m.tell = machine
	}
}

// path is a path relative to the configuration's directory.
func (m *Meta) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(m.dir, name)
}

func colorful(out io.Writer, e env) bool {
	if _, no := e["NO_COLOR"]; no || e["TERM"] == "dumb" {
		return false
	}
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func width(out io.Writer) int {
	if file, ok := out.(*os.File); ok {
		if w, _, err := term.GetSize(int(file.Fd())); err == nil && w > 20 {
			return w
		}
	}
	return 80
}

// screen asks for the columns and rows of a terminal that can be drawn on; nil: there is none, nobody watches it, or a log
// is written to it.
func screen(out io.Writer, e env) func() (int, int) {
	if e["TERM"] == "" || e["TERM"] == "dumb" || e["CI"] != "" || e["TROVE_IN_AUTOMATION"] != "" {
		return nil
	}
	if hclog.LevelFromString(e["TROVE_LOG"]) != hclog.NoLevel && e["TROVE_LOG_PATH"] == "" {
		return nil
	}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return func() (int, int) {
		columns, rows, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0, 0
		}
		return columns, rows
	}
}

// newLogger follows TROVE_LOG and TROVE_LOG_PATH. Without them nothing is logged: stdout belongs to the output and
// stderr to diagnostics.
func newLogger(e env, stderr io.Writer) hclog.Logger {
	level := hclog.LevelFromString(e["TROVE_LOG"])
	if level == hclog.NoLevel {
		return hclog.NewNullLogger()
	}
	out := stderr
	if path := e["TROVE_LOG_PATH"]; path != "" {
		if file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			out = file
		}
	}
	return hclog.New(&hclog.LoggerOptions{Name: "trovectl", Level: level, Output: out})
}

// fail says an error without a place and gives the exit code.
func (m *Meta) fail(format string, args ...any) int {
	return m.report(diag.List(nil).Errorf(nil, fmt.Sprintf(format, args...), ""))
}

// failErr says what was being done and why it failed.
func (m *Meta) failErr(summary string, err error) int {
	return m.report(diag.List(nil).Errorf(nil, summary, "%v", err))
}

// report writes diagnostics and gives the exit code that they call for.
func (m *Meta) report(list diag.List) int {
	list.Sort()
	if m.compactWarnings && m.tell == teller(m.view) {
		list = m.tellShortly(list)
	}
	m.tell.Diagnostics(list, m.sources)
	if list.HasErrors() {
		return exitError
	}
	return exitOK
}

// tellShortly writes each warning as one line, and returns the rest.
func (m *Meta) tellShortly(list diag.List) diag.List {
	var rest diag.List
	for _, d := range list {
		if d.Severity != diag.Warning {
			rest = append(rest, d)
			continue
		}
		text := "Warning: " + d.Summary
		if d.Code != "" {
			text += " [" + d.Code + "]"
		}
		if d.Subject != nil {
			text += " (" + d.Subject.String() + ")"
		}
		m.tell.Note(text)
	}
	return rest
}

// interactive tells whether there is somebody to ask.
func (m *Meta) interactive(f *flags) bool {
	if !f.input || f.json || m.env["TROVE_INPUT"] == "0" || m.env["TROVE_INPUT"] == "false" {
		return false
	}
	file, ok := m.streams.In.(*os.File)
	return !ok || term.IsTerminal(int(file.Fd()))
}
