package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mitchellh/cli"
)

// spec is one command: its one line, its usage and what it does.
type spec struct {
	synopsis string
	usage    string // "trovectl plan [options]"
	flags    func(*flags)
	run      func(*Meta, *flags) int
}

// commandTree lists every command by its words.
func commandTree() map[string]spec {
	return map[string]spec{
		"validate":      validateSpec,
		"fmt":           fmtSpec,
		"plan":          planSpec,
		"apply":         applySpec,
		"destroy":       destroySpec,
		"drift":         driftSpec,
		"status":        statusSpec,
		"show":          showSpec,
		"output":        outputSpec,
		"state list":    stateListSpec,
		"state show":    stateShowSpec,
		"state check":   stateCheckSpec,
		"state mv":      stateMvSpec,
		"state pull":    statePullSpec,
		"state push":    statePushSpec,
		"state rm":      stateRmSpec,
		"state history": stateHistorySpec,
		"state rebuild": stateRebuildSpec,
		"state rebind":  stateRebindSpec,
		"import":        importSpec,
		"unlock":        unlockSpec,
		"doctor":        doctorSpec,
		"rotate":        rotateSpec,
		"logs":          logsSpec,
		"logs show":     logsShowSpec,
		"logs rotate":   logsRotateSpec,
		"logs publish":  logsPublishSpec,
		"root":          rootSpec,
		"ca":            caSpec,
		"version":       versionSpec,
		"init":          initSpec,
		"dev up":        devUpSpec,
		"dev down":      devDownSpec,
		"dev status":    devStatusSpec,
		"dev serve":     devServeSpec,
		"image build":   imageBuildSpec,
		"image upload":  imageUploadSpec,

		"providers schema": providersSchemaSpec,
	}
}

// notYet are commands of the language that later versions bring, and words that users of Terraform try.
var notYet = map[string]string{
	"discover": "", "restart": "", "start": "", "stop": "", "reboot": "",
	"promote": "", "eject": "", "detach": "", "rebuild": "", "upgrade-agent": "", "reset": "", "force-delete": "",
	"connect": "", "backup": "", "restore": "", "lint": "", "test": "", "undo": "", "explain": "",
	"lsp": "", "console": "", "graph": "",
	"force-unlock": "`trovectl unlock` gives back the lock of a run that is gone",
	"workspace":    "there are no workspaces: use one directory or one state address (TROVE_STATE) per environment",
	"taint":        "nothing is ever replaced because it is tainted; a failed create is tried again by the next apply",
	"untaint":      "nothing is ever replaced because it is tainted",
	"refresh":      "the live cloud is looked at by every plan; `trovectl drift` reports what differs",
	"get":          "there are no modules yet",
	"login":        "credentials come from clouds.yaml and OS_*",
}

func (m *Meta) commands() map[string]cli.CommandFactory {
	all := map[string]cli.CommandFactory{}
	for words, s := range commandTree() {
		all[words] = func() (cli.Command, error) { return &command{m, words, s}, nil }
	}
	for word, hint := range notYet {
		if hint == "" {
			hint = fmt.Sprintf("%q is not available yet in trovectl %s", word, Version)
		}
		all[word] = func() (cli.Command, error) {
			return &command{m, word, spec{synopsis: "", run: func(m *Meta, _ *flags) int { return m.fail("%s", hint) }}}, nil
		}
	}
	return all
}

// command fits a spec to the library.
type command struct {
	meta  *Meta
	words string
	spec  spec
}

func (c *command) Synopsis() string { return c.spec.synopsis }

func (c *command) Help() string {
	f := newFlags(c.words)
	if c.spec.flags != nil {
		c.spec.flags(f)
	}
	return fmt.Sprintf("Usage: %s\n\n  %s\n\nOptions:\n\n%s", c.spec.usage, c.spec.synopsis, f.defaults())
}

func (c *command) Run(args []string) int {
	f := newFlags(c.words)
	if c.spec.flags != nil {
		c.spec.flags(f)
	}
	if err := f.parse(args); err != nil {
		return c.meta.fail("%v\n\nFor the options of this command: trovectl %s -help", err, c.words)
	}
	c.meta.adopt(f)
	return c.spec.run(c.meta, f)
}

func help(commands map[string]cli.CommandFactory) string {
	var b strings.Builder
	b.WriteString("Usage: trovectl [-chdir=DIR] COMMAND [options]\n\nDatabases on OpenStack, declared in *.trove.hcl files.\n\n")
	for _, words := range slices.Sorted(maps.Keys(commandTree())) {
		if s := commandTree()[words]; s.synopsis != "" {
			fmt.Fprintf(&b, "  %-16s %s\n", words, s.synopsis)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}
