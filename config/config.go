// Package config reads the language: the HCL files of a directory in, the desired set out, every problem told at once.
// It is the only room that knows hcl and cty.
package config

import (
	"cmp"
	"slices"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// Input is what reaches a configuration from outside of its directory.
type Input struct {
	VarFiles     []string     // files of values, read before Assignments
	Assignments  []Assignment // -var and -var-file in the order of the command line
	Environ      []string     // "NAME=value"; TROVE_VAR_x gives variable x
	Version      string       // of trovectl, for required_version; empty: not checked
	MakesNothing bool         // what is planned only removes or looks: a precondition that does not hold is a warning
}

// AssignmentKind tells -var from -var-file.
type AssignmentKind string

// The two kinds of assignment.
const (
	AssignVar  AssignmentKind = "var"      // Text is "name=value"
	AssignFile AssignmentKind = "var-file" // Text is a path
)

// Assignment is one -var or -var-file.
type Assignment struct {
	Kind AssignmentKind
	Text string
}

// Config is a configuration that has been read. Load always returns one; after errors only Sources, Secrets and Missing
// may be used.
type Config struct {
	Dir       string
	Trove     Trove
	Providers []Provider // the default one (Alias "") first; then by alias
	Guest     Guest
	Set       *resource.Set
	// Digest is the hex SHA-256 of the files, of what functions read, and of all values of variables that are not sensitive.
	Digest  string
	Sources map[string][]byte // by the file names that diagnostics use; stars in place of secrets, byte by byte
	Secrets []resource.Secret // every sensitive text that was seen, for scrubbing; sorted, each once
	Missing []MissingVariable // needed variables without a value, by name; each is an error too, unless it is sensitive

	reader *reader
}

// MissingVariable is a variable that somebody could be asked for.
type MissingVariable struct {
	Name        string
	Description string
	Sensitive   bool
}

// Load reads the configuration in dir. Diagnostics are sorted by place; none holds a secret.
func Load(dir string, in Input) (*Config, diag.List) {
	r := newReader(dir, in)
	r.readFiles()
	r.collect()
	r.assignVariables(nil)
	needed := r.neededBySettings()
	r.scanAll(nil)
	r.order()
	r.validateVariables(nil)
	r.evaluateFor(needed)
	r.settings()
	r.evaluate()
	r.checkAll()
	r.checkOutputs()
	r.checkConditions()
	return r.finish()
}

// LoadSettings reads the trove, provider and guest blocks of dir and only the variables that these need. Kinds are not
// evaluated and Set is empty, so what they need may be missing.
func LoadSettings(dir string, in Input) (*Config, diag.List) {
	r := newReader(dir, in)
	r.readFiles()
	r.collect()
	needed := r.neededBySettings()
	r.assignVariables(needed)
	r.scanAll(needed)
	r.order()
	r.validateVariables(needed)
	r.evaluateFor(needed)
	r.settings()
	return r.finish()
}

func (r *reader) finish() (*Config, diag.List) {
	r.guardSilence()
	c := &Config{
		Dir: r.dir, Trove: r.trove, Providers: r.providers, Guest: r.guest, Set: r.set, Sources: r.maskedSources(),
		Digest: r.digest(), Secrets: r.secretList(), Missing: r.missing, reader: r,
	}
	slices.SortFunc(c.Missing, func(a, b MissingVariable) int { return cmp.Compare(a.Name, b.Name) })
	r.diags = r.scrub(r.diags)
	r.diags.Sort()
	return c, r.diags
}
