package command

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// computed is what outputs may use of each recorded resource; what the look saw is fresher than the record.
func (op *operation) computed() map[resource.Address]map[string]any {
	all := map[resource.Address]map[string]any{}
	records := op.moved().Records
	for address, record := range records {
		all[address] = facts(record.Computed)
	}
	for address, subject := range op.seen.Seen {
		if _, recorded := records[address]; recorded && len(subject.Computed) > 0 {
			for key, value := range facts(subject.Computed) {
				all[address][key] = value
			}
		}
	}
	return all
}

// facts gives computed text its type.
func facts(in map[string]string) map[string]any {
	out := make(map[string]any, len(in))
	for key, value := range in {
		out[key] = value
		if key != "port" {
			continue
		}
		if number, err := strconv.Atoi(value); err == nil {
			out[key] = number
		}
	}
	return out
}

// outputChanges tells which outputs are known already. One that needs something which is still to be
// made is known after the apply.
func (op *operation) outputChanges() ([]plan.Output, diag.List) {
	values, list := op.config.Outputs(op.computed(), false)
	var out []plan.Output
	for _, v := range values {
		o := plan.Output{Name: v.Name, Action: "no-op", Known: v.Known, Sensitive: v.Sensitive}
		if !v.Known {
			o.Action = "create"
		}
		if !v.Sensitive && v.Known {
			o.After = v.Value
		}
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b plan.Output) int { return strings.Compare(a.Name, b.Name) })
	return out, list
}

// finalOutputs are the outputs after an apply.
func (op *operation) finalOutputs() ([]view.Output, diag.List) {
	if op.config.Set == nil {
		return nil, nil
	}
	values, list := op.config.Outputs(op.computed(), true)
	return viewOutputs(values), list
}

func viewOutputs(values []config.Output) []view.Output {
	var out []view.Output
	for _, v := range values {
		if v.Known {
			out = append(out, view.Output{Name: v.Name, Value: v.Value, Sensitive: v.Sensitive})
		}
	}
	return out
}

var outputSpec = spec{
	synopsis: "Print the outputs",
	usage:    "trovectl output [options] [NAME]",
	flags: func(f *flags) {
		f.variables()
		f.jsonOutput()
		f.set.BoolVar(&f.raw, "raw", false, "one string or number without quotes; needs NAME")
	},
	run: runOutput,
}

// runOutput reads the configuration and the record, and needs no cloud.
func runOutput(m *Meta, f *flags) int {
	if err := f.words(0, 1, "one name at most"); err != nil {
		return m.fail("%v", err)
	}
	op, list := m.recorded(f)
	if list.HasErrors() {
		return m.report(list)
	}
	values, list := op.config.Outputs(op.computed(), true)
	if list.HasErrors() {
		return m.report(list)
	}
	if len(f.args) == 0 {
		if f.json {
			return m.printJSON(view.OutputsJSON(viewOutputs(values), true))
		}
		m.view.Outputs(viewOutputs(values))
		return exitOK
	}
	i := slices.IndexFunc(values, func(o config.Output) bool { return o.Name == f.args[0] })
	switch {
	case i < 0:
		return m.fail("There is no output %q", f.args[0])
	case !values[i].Known:
		return m.fail("The output %q is not known yet: apply first", f.args[0])
	}
	return m.oneOutput(values[i], f)
}

func (m *Meta) oneOutput(o config.Output, f *flags) int {
	if f.raw {
		if kind := reflect.ValueOf(o.Value).Kind(); kind == reflect.Map || kind == reflect.Slice {
			return m.fail("The output %q is a collection: -raw prints strings, numbers and booleans; use -json", o.Name)
		}
		_, _ = fmt.Fprint(m.streams.Out, o.Value)
		return exitOK
	}
	data, err := json.Marshal(o.Value)
	if err != nil {
		return m.failErr("The output cannot be written", err)
	}
	_, _ = fmt.Fprintln(m.streams.Out, string(data))
	return exitOK
}
