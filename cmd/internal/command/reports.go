package command

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/cmd/internal/view"
)

// report is a form of what a command shows, written to a file beside it.
type report struct {
	flag string
	path string // empty: not asked for; "-": standard output
	text func() ([]byte, error)
}

// toOutput tells whether a report takes the place of the command's own text. Two texts in one stream are refused.
func (f *flags) toOutput(paths ...string) (bool, error) {
	wanted := len(slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return p != "-" }))
	switch {
	case wanted > 1:
		return false, errors.New("standard output takes one report: give a file to the others")
	case wanted > 0 && f.json:
		return false, errors.New("standard output belongs to -json: give the report a file")
	}
	return wanted > 0, nil
}

// writeReports writes those that were asked for. A file appears whole or not at all, readable by its owner alone.
func (m *Meta) writeReports(reports ...report) error {
	for _, r := range reports {
		if r.path == "" {
			continue
		}
		data, err := r.text()
		if err == nil && r.path == "-" {
			_, err = m.streams.Out.Write(data)
		} else if err == nil {
			err = writeWhole(m.path(r.path), data)
		}
		if err != nil {
			return fmt.Errorf("-%s %s: %w", r.flag, filepath.Clean(r.path), err)
		}
	}
	return nil
}

// sure is a text that cannot fail to be made.
func sure(text func() []byte) func() ([]byte, error) {
	return func() ([]byte, error) { return text(), nil }
}

// kindsFlag reads -fail-on.
type kindsFlag struct{ to *[]view.DriftKind }

func (k kindsFlag) String() string { return "" }

func (k kindsFlag) Set(text string) error {
	if !slices.Contains(view.DriftKinds, view.DriftKind(text)) {
		var names []string
		for _, kind := range view.DriftKinds {
			names = append(names, string(kind))
		}
		return fmt.Errorf("there is no such kind; the kinds are %s", strings.Join(names, ", "))
	}
	*k.to = append(*k.to, view.DriftKind(text))
	return nil
}
