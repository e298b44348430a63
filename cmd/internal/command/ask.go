package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
)

// load reads the configuration. Where somebody can be asked, variables without a value are asked for, once, as -var would
// give them.
func (m *Meta) load(ctx context.Context, f *flags, load func(string, config.Input) (*config.Config, diag.List)) (*config.Config, diag.List) {
	loaded, list := load(m.dir, m.configInput(f))
	if loaded != nil && len(loaded.Missing) > 0 && m.interactive(f) {
		given, err := m.askVariables(ctx, loaded.Missing, !f.destroying)
		if err != nil {
			return loaded, list.Errorf(nil, "A variable could not be read", "%v", err)
		}
		f.assignments = append(f.assignments, given...)
		loaded, list = load(m.dir, m.configInput(f))
	}
	if loaded != nil {
		m.sources = loaded.Sources
	}
	return loaded, list
}

func (m *Meta) askVariables(ctx context.Context, missing []config.MissingVariable, secrets bool) ([]config.Assignment, error) {
	var given []config.Assignment
	for _, v := range missing {
		if v.Sensitive && !secrets {
			continue
		}
		_, _ = fmt.Fprintf(m.streams.Out, "var.%s\n", v.Name)
		if v.Description != "" {
			_, _ = fmt.Fprintf(m.streams.Out, "  %s\n", v.Description)
		}
		_, _ = fmt.Fprint(m.streams.Out, "\n  Enter a value: ")
		value, err := m.readAnswer(ctx, v.Sensitive)
		if err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintln(m.streams.Out)
		if value != "" || !v.Sensitive { // no answer for a secret: not supplied in this run
			given = append(given, config.Assignment{Kind: config.AssignVar, Text: v.Name + "=" + value})
		}
	}
	return given, nil
}

// errInterrupted is the answer of somebody who pressed Ctrl-C instead.
var errInterrupted = errors.New("interrupted: nothing was changed")

// readAnswer reads one line; a secret is not shown while it is typed. It returns as soon as ctx ends: a read of a
// terminal cannot be cut short, so it is left behind, for the program ends then.
func (m *Meta) readAnswer(ctx context.Context, secret bool) (string, error) {
	type answer struct {
		text string
		err  error
	}
	file, terminal := m.streams.In.(*os.File)
	terminal = terminal && term.IsTerminal(int(file.Fd()))
	if terminal {
		if before, err := term.GetState(int(file.Fd())); err == nil {
			defer func() { _ = term.Restore(int(file.Fd()), before) }() // what is typed shows again
		}
	}
	given := make(chan answer, 1)
	go func() {
		text, err := m.readLine(secret && terminal)
		given <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", errInterrupted
	case a := <-given:
		return a.text, a.err
	}
}

func (m *Meta) readLine(hidden bool) (string, error) {
	if file, ok := m.streams.In.(*os.File); ok && hidden {
		text, err := term.ReadPassword(int(file.Fd()))
		return string(text), err
	}
	if m.answers == nil {
		m.answers = bufio.NewReader(m.streams.In)
	}
	line, err := m.answers.ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
