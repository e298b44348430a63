// Package command is what a person can type: one file per command, and wire.go, the only place that chooses
// implementations.
package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/mitchellh/cli"
)

// Version is set by the build.
var Version = "0.1.0-dev"

// Exit codes that scripts rest on.
const (
	exitOK      = 0
	exitError   = 1
	exitChanges = 2 // changes with -detailed-exitcode; drift
	exitFormat  = 3 // fmt -check found files
)

// collectAt is how much the heap may grow before it is collected, in percent. A look at a fleet lives for a second and makes a
// lot at once: a little less than Go's 100 takes a tenth off its memory and costs nothing that can be measured.
const collectAt = 80

// Streams are where a command reads and writes.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Main runs one command line and returns the exit code.
func Main(args []string, streams Streams, environ []string) int {
	env := environment(environ)
	if env["GOGC"] == "" {
		debug.SetGCPercent(collectAt)
	}
	dir, args, err := globalFlags(args)
	if err == nil {
		args, err = env.insertArgs(args)
	}
	if err != nil {
		return complain(streams, err)
	}
	m := newMeta(streams, env, dir)
	defer m.close()
	app := &cli.CLI{
		Name: "trovectl", Args: args, Version: "trovectl " + Version, Commands: m.commands(),
		HelpWriter: streams.Out, ErrorWriter: streams.Err, HelpFunc: help,
	}
	code, err := app.Run()
	if err != nil {
		return complain(streams, err)
	}
	if code == cli.RunResultHelp || code == unknownCommand {
		return exitError // the list of commands has been printed
	}
	return code
}

// unknownCommand is the library's exit code for a word that is no command; ours are few and documented.
const unknownCommand = 127

func complain(streams Streams, err error) int {
	_, _ = fmt.Fprintln(streams.Err, "Error:", err)
	return exitError
}

// globalFlags takes -chdir=DIR from the front and turns the other spellings of help and version into one.
func globalFlags(args []string) (dir string, rest []string, err error) {
	dir = "."
	for len(args) > 0 {
		value, ok := strings.CutPrefix(strings.TrimPrefix(args[0], "-"), "-chdir=")
		if !ok {
			value, ok = strings.CutPrefix(args[0], "-chdir=")
		}
		if !ok {
			break
		}
		if info, statErr := os.Stat(value); statErr != nil || !info.IsDir() {
			return "", nil, fmt.Errorf("-chdir=%s: there is no such directory", value)
		}
		dir, args = value, args[1:]
	}
	if len(args) > 0 && (args[0] == "-version" || args[0] == "--version" || args[0] == "-v") {
		args = append([]string{"version"}, args[1:]...)
	}
	return dir, args, nil
}

// env is the caller's environment, read once.
type env map[string]string

func environment(environ []string) env {
	e := make(env, len(environ))
	for _, entry := range environ {
		if key, value, ok := strings.Cut(entry, "="); ok {
			e[key] = value
		}
	}
	return e
}

// list is the environment as other packages read it.
func (e env) list() []string {
	out := make([]string, 0, len(e))
	for key, value := range e {
		out = append(out, key+"="+value)
	}
	return out
}

// insertArgs puts TROVE_CLI_ARGS and TROVE_CLI_ARGS_command behind the command's words. Consent never comes from there.
func (e env) insertArgs(args []string) ([]string, error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return args, nil
	}
	var extra []string
	for _, name := range []string{"TROVE_CLI_ARGS", "TROVE_CLI_ARGS_" + strings.ReplaceAll(args[0], "-", "_")} {
		for _, word := range strings.Fields(e[name]) {
			if flagName(word) == "allow-destroy" {
				return nil, fmt.Errorf("%s holds -allow-destroy: consent to destroy data is given on the command line of that one run", name)
			}
			extra = append(extra, word)
		}
	}
	words := 1
	if len(args) > 1 {
		if _, two := commandTree()[args[0]+" "+args[1]]; two {
			words = 2
		}
	}
	return append(append(append([]string{}, args[:words]...), extra...), args[words:]...), nil
}

func flagName(word string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	return name
}

// interruptible gives two contexts: the first ends with the first interrupt (nothing new is begun), the second with the
// second one (what runs is cut short).
func interruptible(warn func(string)) (soft, hard context.Context, stop func()) {
	soft, cancelSoft := context.WithCancel(context.Background())
	hard, cancelHard := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for count := 0; ; count++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			if count == 0 {
				warn("Interrupt received: finishing what runs, waiting for nothing, beginning nothing new. Interrupt again to stop at once; nothing is lost either way.")
				cancelSoft()
				continue
			}
			cancelHard()
			return
		}
	}()
	return soft, hard, func() {
		signal.Stop(signals)
		close(done)
		cancelSoft()
		cancelHard()
	}
}

// atEnd names what is closed when the command is over.
func (m *Meta) atEnd(closer func() error) { m.closers = append(m.closers, closer) }

// close ends what is still open, the latest first. Nothing rests on how it goes: the command has said what it did.
func (m *Meta) close() {
	for _, closer := range slices.Backward(m.closers) {
		if err := closer(); err != nil {
			m.log.Debug("closing at the end", "error", err)
		}
	}
}
