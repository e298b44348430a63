package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// reader holds one reading of one directory. Its methods run in the order of Load.
type reader struct {
	dir string
	in  Input

	diags   diag.List
	told    map[string]bool // diagnostics already given, so that a thousand instances of a block complain once
	sources map[string][]byte
	broken  map[string]bool // files with syntax errors, from which blocks may be lost
	bodies  []*hclsyntax.Body
	inputs  map[string][]byte // what functions read, by path
	secrets map[string]bool
	masks   map[hcl.Range]bool // of secrets that stand in a file
	missing []MissingVariable

	variables      map[string]*variable
	nodes          map[string]*node // locals and resource blocks by "local.x", "instance.orders"
	sorted         []*node          // each after those it refers to
	outputs        map[string]*output
	checks         map[string]*check
	judged         map[resource.Address]resource.Check // by their preconditions
	blocks         settingsBlocks
	settingsRefs   map[*hclsyntax.Block][]reference
	settingsFailed bool                          // so that what follows from it is not told
	bad            map[*hclsyntax.Attribute]bool // reported by the scan: not evaluated
	decoded        map[*hclsyntax.Attribute]decoded
	forms          map[*hclsyntax.Body]*form // of inner blocks that are the same in every repetition
	poisoned       bool                      // something was left out because of an error reported elsewhere
	functions      map[string]function.Function

	varValue  cty.Value                           // the object behind var
	values    map[string]cty.Value                // of nodes, by id
	given     map[resource.Address]map[string]any // computed attributes, in outputs only
	completed map[resource.Address]cty.Value      // with computed attributes, in outputs only
	recorded  map[resource.Address]Recorded       // in place of what is asked for, in OutputsBefore only
	turnsOf   map[string][]resource.Address       // by node
	// sharedTurns are the repetitions by a value that is named alone, by that name.
	sharedTurns map[string][]turn
	refs        map[resource.Address]*identity
	set         *resource.Set
	trove       Trove
	providers   []Provider
	guest       Guest
	guestAt     *hcl.Range
}

// settingsBlocks are the blocks that say how to work rather than what to make.
type settingsBlocks struct {
	trove     *hclsyntax.Block
	guest     *hclsyntax.Block
	providers []*hclsyntax.Block
}

func newReader(dir string, in Input) *reader {
	r := &reader{
		dir: dir, in: in, told: map[string]bool{}, sources: map[string][]byte{}, inputs: map[string][]byte{},
		broken: map[string]bool{}, secrets: map[string]bool{}, masks: map[hcl.Range]bool{}, variables: map[string]*variable{}, nodes: map[string]*node{},
		outputs: map[string]*output{}, checks: map[string]*check{}, judged: map[resource.Address]resource.Check{}, bad: map[*hclsyntax.Attribute]bool{}, decoded: map[*hclsyntax.Attribute]decoded{}, forms: map[*hclsyntax.Body]*form{}, values: map[string]cty.Value{},
		settingsRefs: map[*hclsyntax.Block][]reference{}, turnsOf: map[string][]resource.Address{}, sharedTurns: map[string][]turn{},
		refs: map[resource.Address]*identity{}, varValue: cty.EmptyObjectVal,
		set: &resource.Set{Resources: map[resource.Address]*resource.Resource{}, Blocks: map[resource.Address]resource.Repetition{}},
	}
	r.functions = r.functionTable()
	return r
}

// report keeps a diagnostic, the first of equal ones. Equal means the same words at the same place, whatever the address.
func (r *reader) report(d diag.Diagnostic) {
	place := ""
	if d.Subject != nil {
		place = d.Subject.String()
	}
	key := strings.Join([]string{place, string(d.Severity), d.Summary, d.Detail}, "\x00")
	if r.told[key] {
		return
	}
	r.told[key] = true
	r.diags = append(r.diags, d)
}

// fail reports an error at a place, with what to do about it (hint may be empty).
func (r *reader) fail(at hcl.Range, summary, hint, detail string, args ...any) {
	r.report(diag.Diagnostic{
		Severity: diag.Error, Summary: summary, Detail: fmt.Sprintf(detail, args...), Hint: hint, Subject: place(at),
	})
}

// warn reports a warning.
func (r *reader) warn(code string, at hcl.Range, summary, hint, detail string, args ...any) {
	r.report(diag.Diagnostic{
		Severity: diag.Warning, Code: code, Summary: summary, Detail: fmt.Sprintf(detail, args...), Hint: hint, Subject: place(at),
	})
}

// failFor reports an error about one resource.
func (r *reader) failFor(addr resource.Address, at hcl.Range, summary, hint, detail string, args ...any) {
	r.report(diag.Diagnostic{
		Severity: diag.Error, Summary: summary, Detail: fmt.Sprintf(detail, args...), Hint: hint, Subject: place(at),
		Address: addr.String(),
	})
}

// take reports what hcl found.
func (r *reader) take(found hcl.Diagnostics) {
	for _, d := range found {
		r.report(fromHCL(d))
	}
}

func fromHCL(d *hcl.Diagnostic) diag.Diagnostic {
	out := diag.Diagnostic{Severity: diag.Error, Summary: strings.TrimSuffix(d.Summary, "."), Detail: withoutDerived(d)}
	if d.Severity == hcl.DiagWarning {
		out.Severity, out.Code = diag.Warning, "syntax"
	}
	if d.Subject != nil {
		out.Subject = place(*d.Subject)
	}
	if d.Context != nil {
		out.Context = place(*d.Context)
	}
	return explainFunction(explainComputed(out))
}

// place turns a range of hcl into ours; a zero range is nowhere.
func place(r hcl.Range) *diag.Range {
	if r.Filename == "" {
		return nil
	}
	return &diag.Range{
		Filename: r.Filename,
		Start:    diag.Pos{Line: r.Start.Line, Column: r.Start.Column, Byte: r.Start.Byte},
		End:      diag.Pos{Line: r.End.Line, Column: r.End.Column, Byte: r.End.Byte},
	}
}

// guardSilence makes sure that nothing is left out without an error that says why.
func (r *reader) guardSilence() {
	if r.poisoned && !r.diags.HasErrors() {
		r.diags = r.diags.Errorf(nil, "Incomplete configuration",
			"a part of the configuration could not be evaluated, and nothing says why: this is a bug in trovectl")
	}
}
