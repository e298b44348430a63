package command

import (
	"flag"
	"maps"
	"slices"
)

// Reference is what the reference pages say of the command line.
type Reference struct {
	Commands  []CommandDoc // sorted
	Later     []string     // commands that are not available yet, sorted
	Habits    []Habit      // what users of Terraform type, sorted
	Exits     []ExitDoc
	Variables []VariableDoc
}

// CommandDoc is one command.
type CommandDoc struct {
	Words    string // "state show"
	Usage    string // the whole line
	Synopsis string
	Options  []OptionDoc
}

// OptionDoc is one option of a command. Default is empty where leaving the option out says all.
type OptionDoc struct{ Name, Default, Doc string }

// Habit is a word that is no command here, and what to do instead.
type Habit struct{ Word, Instead string }

// ExitDoc is what an exit code means.
type ExitDoc struct {
	Code int
	Doc  string
}

// VariableDoc is an environment variable that is read.
type VariableDoc struct{ Name, Doc string }

var exitDocs = []ExitDoc{
	{exitOK, "Done. With `-detailed-exitcode`: nothing to do. Of `drift`: no drift."},
	{exitError, "An error: what, where, why and what to do stand on stderr. Of `drift`: nothing could be judged."},
	{exitChanges, "`plan -detailed-exitcode`: there is something to do. `drift`: something differs from the record, or could not be looked at."},
	{exitFormat, "`fmt -check`: a file is not in its form."},
}

var variableDocs = []VariableDoc{
	{"TROVE_STATE", "The address of the state, such as `bbolt:PATH` or `swift://CONTAINER/KEY`. It wins over the `state` block."},
	{"TROVE_KEY", "The master key: 32 bytes as 64 hex digits or base64 (`openssl rand -hex 32`)."},
	{"TROVE_KEY_FILE", "A file with the master key. Without both it is `trove.key` beside the state."},
	{"TROVE_VAR_name", "The value of the variable `name`. Files of values and `-var` win over it."},
	{"TROVE_SSH_KEY", "The private key for the bastion, the key itself. It wins over `private_key_file`."},
	{"TROVE_AMQP_ADMIN_USER", "The user as whom the message broker is managed, and trovectl logs in there. With `_ALIAS` behind it: for the broker of a provider."},
	{"TROVE_AMQP_ADMIN_PASSWORD", "Its password."},
	{"TROVE_AGENT", "The agent that is delivered to images without one. It wins over `agent_file` of the guest block; without both it is `trove-guestagent` beside trovectl."},
	{"SSH_AUTH_SOCK", "The ssh agent: asked for the bastion's key where neither of the two is given."},
	{"TROVE_CLI_ARGS", "Options put behind the words of every command. `-allow-destroy` is refused there."},
	{"TROVE_CLI_ARGS_command", "The same for one command, such as `TROVE_CLI_ARGS_plan`."},
	{"TROVE_INPUT", "`0` or `false`: ask nobody, as `-input=false`."},
	{"TROVE_LOG", "Writes a log to stderr: `trace`, `debug`, `info`, `warn` or `error`."},
	{"TROVE_LOG_PATH", "A file for the log."},
	{"NO_COLOR", "Set to anything: no colours."},
	{"TERM", "`dumb`: no colours and no live progress."},
	{"TROVE_IN_AUTOMATION", "Set to anything: no live progress, also on a terminal."},
	{"CI", "Set to anything: a missing state is an error, unless `-init-state` is given; no live progress."},
	{"OS_*", "The credentials of the cloud, as the OpenStack clients read them, with `clouds.yaml`."},
	{"CI_JOB_URL", "Of GitLab: the lock of the state names the job."},
	{"GITHUB_RUN_ID", "Of GitHub Actions: the lock of the state names the run, with `GITHUB_SERVER_URL` and `GITHUB_REPOSITORY`."},
}

// Describe lists the command tree for the reference pages.
func Describe() Reference {
	r := Reference{Exits: exitDocs, Variables: variableDocs}
	tree := commandTree()
	for _, words := range slices.Sorted(maps.Keys(tree)) {
		if s := tree[words]; s.synopsis != "" {
			r.Commands = append(r.Commands, CommandDoc{Words: words, Usage: s.usage, Synopsis: s.synopsis, Options: s.options(words)})
		}
	}
	for _, word := range slices.Sorted(maps.Keys(notYet)) {
		if instead := notYet[word]; instead != "" {
			r.Habits = append(r.Habits, Habit{word, instead})
		} else {
			r.Later = append(r.Later, word)
		}
	}
	return r
}

func (s spec) options(words string) (out []OptionDoc) {
	f := newFlags(words)
	if s.flags != nil {
		s.flags(f)
	}
	f.set.VisitAll(func(one *flag.Flag) {
		value := one.DefValue
		if value == "false" || value == "0s" {
			value = ""
		}
		out = append(out, OptionDoc{one.Name, value, one.Usage})
	})
	return out
}
