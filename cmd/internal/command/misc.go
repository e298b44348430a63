package command

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
)

var validateSpec = spec{
	synopsis: "Check the configuration; needs no cloud",
	usage:    "trovectl validate [options]",
	flags: func(f *flags) {
		f.variables()
		f.jsonOutput()
	},
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 0, "no argument"); err != nil {
			return m.fail("%v", err)
		}
		_, list := m.load(context.Background(), f, config.Load)
		if f.json {
			code := m.printJSON(view.DiagnosticsJSON(list, m.sources))
			if list.HasErrors() {
				return exitError
			}
			return code
		}
		code := m.report(list)
		if code == exitOK {
			_, _ = fmt.Fprintln(m.streams.Out, "Success! The configuration is valid.")
		}
		return code
	},
}

var versionSpec = spec{
	synopsis: "Print the version",
	usage:    "trovectl version",
	flags:    func(f *flags) { f.jsonOutput() },
	run: func(m *Meta, f *flags) int {
		if f.json {
			return m.printJSON([]byte(fmt.Sprintf("{\"trovectl_version\":%q}", Version)), nil)
		}
		_, _ = fmt.Fprintln(m.streams.Out, "trovectl", Version)
		return exitOK
	},
}

var initSpec = spec{
	synopsis: "Nothing to do: there are no plugins to install",
	usage:    "trovectl init",
	run: func(m *Meta, _ *flags) int {
		_, _ = fmt.Fprintln(m.streams.Out, "Nothing to initialise: trovectl is one binary. Go on with `trovectl plan`.")
		return exitOK
	},
}

var fmtSpec = spec{
	synopsis: "Bring the configuration files into their one form",
	usage:    "trovectl fmt [options] [FILE or DIR...]",
	flags: func(f *flags) {
		f.set.BoolVar(&f.check, "check", false, "write nothing; exit with 3 when a file is not in its form")
		f.set.BoolVar(&f.diff, "diff", false, "show what changes")
		f.set.BoolVar(&f.recursive, "recursive", false, "directories below as well")
		f.set.BoolVar(&f.write, "write", true, "write the files")
	},
	run: runFmt,
}

func runFmt(m *Meta, f *flags) int {
	targets := f.args
	if len(targets) == 0 {
		targets = []string{"."}
	}
	var list diag.List
	unformatted := false
	for _, target := range targets {
		files, err := m.formatted(target, f.recursive)
		if err != nil {
			list = list.Errorf(nil, "A file cannot be formatted", "%v", err)
			continue
		}
		for _, name := range files {
			changed, problems := m.formatFile(name, f)
			list = append(list, problems...)
			unformatted = unformatted || changed
		}
	}
	if code := m.report(list); code != exitOK {
		return code
	}
	if f.check && unformatted {
		return exitFormat
	}
	return exitOK
}

// formatted lists the files of the language at a target.
func (m *Meta) formatted(target string, recursive bool) ([]string, error) {
	path := m.path(target)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != path && (!recursive || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case !entry.IsDir() && (strings.HasSuffix(name, ".trove.hcl") || strings.HasSuffix(name, "trovevars.hcl")):
			files = append(files, name)
		}
		return nil
	})
	return files, err
}

func (m *Meta) formatFile(name string, f *flags) (changed bool, list diag.List) {
	source, err := os.ReadFile(name)
	if err != nil {
		return false, list.Errorf(nil, "A file cannot be read", "%v", err)
	}
	formatted, list := config.Format(name, source)
	if list.HasErrors() || string(formatted) == string(source) {
		return false, list
	}
	_, _ = fmt.Fprintln(m.streams.Out, name)
	if f.diff {
		m.view.Diff(string(source), string(formatted))
	}
	if f.check || !f.write {
		return true, list
	}
	info, err := os.Stat(name)
	if err == nil {
		err = os.WriteFile(name, formatted, info.Mode().Perm())
	}
	if err != nil {
		return true, list.Errorf(nil, "A file cannot be written", "%v", err)
	}
	return true, list
}

// printJSON prints what a view made and gives the exit code.
func (m *Meta) printJSON(data []byte, err error) int {
	if err != nil {
		return m.failErr("The output cannot be written", err)
	}
	_, _ = fmt.Fprintln(m.streams.Out, strings.TrimRight(string(data), "\n"))
	return exitOK
}
