package command

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/resource"
)

// flags are the options of a command line. Which of them a command takes is decided by the methods it calls.
type flags struct {
	set  *flag.FlagSet
	args []string // what is left

	noColor         bool
	compactWarnings bool
	json            bool
	streams         bool // -json means a line for each thing that happens
	input           bool
	assignments     []config.Assignment
	lock            bool
	lockTimeout     time.Duration
	parallel        int

	detailedExitcode bool
	refresh          bool
	destroy          bool
	refreshOnly      bool
	initState        bool
	noGuests         bool
	metrics          bool
	last             bool // what guests said last
	autoApprove      bool
	destroying       bool // nothing that is removed needs a secret
	allowDestroy     []string
	allowDowntime    []string
	deleteOrphans    bool
	targets          []resource.Address
	replace          []resource.Address
	rotate           []resource.Address
	out              string
	markdown         string
	html             string
	junit            string
	prometheus       string
	failOn           []view.DriftKind
	expectDigest     string
	supersede        bool
	saved            *savedPlan // of apply PLAN
	lineage          string     // of a missing state, where it is known; then no key is made up for it
	dryRun           bool
	newest           int // entries of the change log

	raw       bool
	check     bool
	diff      bool
	recursive bool
	write     bool

	dir           string
	listen        string
	machines      string
	quotas        string
	tokenLifetime string
	purge         bool

	image imageFlags
	logs  logFlags
}

func newFlags(words string) *flags {
	f := &flags{set: flag.NewFlagSet("trovectl "+words, flag.ContinueOnError)}
	f.set.SetOutput(io.Discard)
	f.set.BoolVar(&f.noColor, "no-color", false, "plain text without colours")
	f.set.BoolVar(&f.compactWarnings, "compact-warnings", false, "warnings as one line each")
	return f
}

// parse reads options and words in any order, as Terraform does.
func (f *flags) parse(args []string) error {
	for {
		if err := f.set.Parse(args); err != nil {
			for _, later := range []string{"now"} {
				if err.Error() == "flag provided but not defined: -"+later {
					return fmt.Errorf("-%s is not available yet in trovectl %s", later, Version)
				}
			}
			return err
		}
		rest := f.set.Args()
		if len(rest) == 0 {
			return nil
		}
		f.args = append(f.args, rest[0])
		args = rest[1:]
	}
}

func (f *flags) defaults() string {
	var b strings.Builder
	f.set.VisitAll(func(one *flag.Flag) {
		fmt.Fprintf(&b, "  -%-20s %s\n", one.Name, one.Usage)
	})
	return b.String()
}

// words refuses arguments that the command does not take.
func (f *flags) words(least, most int, what string) error {
	if len(f.args) < least || len(f.args) > most {
		if most == 0 {
			return fmt.Errorf("unexpected argument %q", f.args[0])
		}
		return fmt.Errorf("this command takes %s", what)
	}
	return nil
}

type assignmentFlag struct {
	f    *flags
	kind config.AssignmentKind
}

func (a assignmentFlag) String() string { return "" }

func (a assignmentFlag) Set(text string) error {
	a.f.assignments = append(a.f.assignments, config.Assignment{Kind: a.kind, Text: text})
	return nil
}

type listFlag struct{ to *[]string }

func (l listFlag) String() string { return "" }

func (l listFlag) Set(text string) error {
	*l.to = append(*l.to, text)
	return nil
}

// addressFlag collects addresses, sorted, each once.
type addressFlag struct{ to *[]resource.Address }

func (a addressFlag) String() string { return "" }

func (a addressFlag) Set(text string) error {
	address, err := resource.ParseAddress(text)
	if err != nil {
		return err
	}
	if !slices.Contains(*a.to, address) {
		*a.to = append(*a.to, address)
		slices.SortFunc(*a.to, resource.Address.Compare)
	}
	return nil
}

func (f *flags) variables() {
	f.set.Var(assignmentFlag{f, config.AssignVar}, "var", "k=v: the value of a variable; may be repeated")
	f.set.Var(assignmentFlag{f, config.AssignFile}, "var-file", "FILE: values of variables; may be repeated")
}

func (f *flags) jsonOutput() { f.set.BoolVar(&f.json, "json", false, "machine-readable output") }

func (f *flags) jsonLines() {
	f.set.BoolVar(&f.json, "json", false, "machine-readable output: a JSON object on a line for each thing that happens")
	f.streams = true
}

func (f *flags) looking() {
	f.variables()
	f.set.BoolVar(&f.input, "input", true, "ask for what is missing")
	f.set.IntVar(&f.parallel, "parallelism", 16, "how many steps may work beside each other; those that wait for the cloud do not count")
	f.set.BoolVar(&f.initState, "init-state", false, "with CI set: a missing state is a new one, not a mistake")
}

func (f *flags) targeting() {
	f.set.Var(addressFlag{&f.targets}, "target", "ADDRESS that the plan is narrowed to, with what it needs; may be repeated")
}

func (f *flags) replacing() {
	f.set.Var(addressFlag{&f.replace}, "replace", "ADDRESS of what is to be removed, with its data, and made anew; may be repeated")
}

func (f *flags) planning() {
	f.looking()
	f.jsonLines()
	f.targeting()
	f.replacing()
	f.set.BoolVar(&f.lock, "lock", true, "accepted for the habit: a plan reads a snapshot and takes no lock")
	f.set.DurationVar(&f.lockTimeout, "lock-timeout", 0, "accepted for the habit, as -lock")
	f.set.BoolVar(&f.refresh, "refresh", true, "look at the cloud and the guests")
	f.set.BoolVar(&f.destroy, "destroy", false, "plan to destroy everything")
	f.set.BoolVar(&f.refreshOnly, "refresh-only", false, "only report what differs from the record")
}

func (f *flags) applying() {
	f.looking()
	f.jsonLines()
	f.set.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for the lock")
	f.set.BoolVar(&f.autoApprove, "auto-approve", false, "do not ask")
	f.set.Var(listFlag{&f.allowDestroy}, "allow-destroy", "ADDRESS whose data may be destroyed; may be repeated")
	f.set.Var(listFlag{&f.allowDowntime}, "allow-downtime", "ADDRESS that may be interrupted; may be repeated")
	f.set.BoolVar(&f.deleteOrphans, "delete-orphans", false, "also delete objects of this state that nothing records")
}
