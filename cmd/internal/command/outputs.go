package command

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/trovectl/trovectl/cmd/internal/view"
	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// computed is what outputs may use of each recorded resource. What a look saw is left out: computed facts change by the
// minute, and an output changes when something is applied.
func (op *operation) computed() map[resource.Address]map[string]any {
	all := map[resource.Address]map[string]any{}
	records := op.moved().Records
	for address, record := range records {
		all[address] = facts(record.Computed)
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
	var addresses []string
	for _, key := range []string{"address", "management_address", "floating_address"} {
		if in[key] != "" {
			addresses = append(addresses, in[key])
		}
	}
	if addresses != nil {
		out["addresses"] = addresses
	}
	return out
}

// outputChanges compares the outputs over what is recorded with those after the plan. One that needs something which is
// still to be made is known after the apply.
func (op *operation) outputChanges(p *plan.Plan) ([]plan.Output, diag.List) {
	before := map[string]config.Output{}
	records := factsIn(op.moved())
	if op.prior.Serial > 0 {
		before = op.outputsOver(records)
	}
	if p.Mode == plan.ModeDestroy {
		return op.outputsLeft(p, records, before), nil
	}
	var out []plan.Output
	values, list := op.config.Outputs(op.computedAfter(p), false)
	for _, v := range values {
		out = append(out, outputChange(v, before, len(p.Steps) > 0))
	}
	return out, list
}

// outputsOver are the outputs that are known over records.
func (op *operation) outputsOver(records map[resource.Address]config.Recorded) map[string]config.Output {
	known := map[string]config.Output{}
	for _, o := range op.config.OutputsBefore(records) {
		if o.Known {
			known[o.Name] = o
		}
	}
	return known
}

// outputsLeft is what becomes of the outputs when things are removed: of a part, those stay that do not need it.
func (op *operation) outputsLeft(p *plan.Plan, records map[resource.Address]config.Recorded, before map[string]config.Output) []plan.Output {
	left := map[string]config.Output{}
	if len(p.Targets) > 0 {
		for _, s := range p.Steps {
			delete(records, s.Address)
		}
		left = op.outputsOver(records)
	}
	var out []plan.Output
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if v, stays := left[name]; stays {
			out = append(out, outputChange(v, before, true))
			continue
		}
		out = append(out, removedOutput(before[name], len(p.Steps) > 0))
	}
	return out
}

// factsIn is everything that is recorded of each resource.
func factsIn(s *state.Snapshot) map[resource.Address]config.Recorded {
	all := map[resource.Address]config.Recorded{}
	for address, record := range s.Records {
		all[address] = config.Recorded{Body: record.Body, Computed: facts(record.Computed)}
	}
	return all
}

// computedAfter leaves out what the steps of a plan make anew.
func (op *operation) computedAfter(p *plan.Plan) map[resource.Address]map[string]any {
	all := op.computed()
	for _, step := range p.Steps {
		if step.Action != plan.Update {
			delete(all, step.Address)
			continue
		}
		for _, c := range step.Changes {
			if c.Path == "access.public" || c.Path == "access.public_network" || c.Path == "access.floating_ip" {
				delete(all[step.Address], "floating_address")
				delete(all[step.Address], "addresses")
			}
		}
		for _, slot := range step.Rebuild {
			delete(all[step.Address], slot+"_id")
			if slot == string(state.SlotPort) {
				delete(all[step.Address], "address")
				delete(all[step.Address], "addresses")
			}
		}
	}
	return all
}

// outputChange is what becomes of one output. Where nothing is done, nothing becomes known.
func outputChange(v config.Output, before map[string]config.Output, active bool) plan.Output {
	was, known := before[v.Name]
	o := plan.Output{Name: v.Name, Action: "update", Known: v.Known, Sensitive: v.Sensitive || was.Sensitive}
	switch {
	case !known && !active || known && v.Known && reflect.DeepEqual(was.Value, v.Value):
		o.Action = "no-op"
	case !known:
		o.Action = "create"
	}
	if o.Sensitive {
		return o
	}
	if o.Before = was.Value; o.Action == "no-op" {
		o.Before = v.Value
	}
	if v.Known {
		o.After = v.Value
	}
	return o
}

// removedOutput is an output of which nothing remains; where nothing is removed, it stays.
func removedOutput(was config.Output, active bool) plan.Output {
	o := plan.Output{Name: was.Name, Action: "no-op", Known: true, Sensitive: was.Sensitive}
	if !was.Sensitive {
		o.Before, o.After = was.Value, was.Value
	}
	if active {
		o.Action, o.After = "delete", nil
	}
	return o
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

// evaluatedOver is what the outputs and conditions come to over a state; nothing where the configuration, which a state does not
// need, cannot be read.
func (m *Meta) evaluatedOver(f *flags, s *state.Snapshot) ([]view.Output, []resource.Check) {
	loaded, list := m.load(context.Background(), f, config.Load)
	if list.HasErrors() {
		m.warn("The configuration cannot be read as it is, so that no output is shown. `trovectl validate` tells why.")
		return nil, nil
	}
	recorded := factsIn(s)
	computed := make(map[resource.Address]map[string]any, len(recorded))
	for address, was := range recorded {
		computed[address] = was.Computed
	}
	checks, _ := loaded.Checks(computed) // their status says what the diagnostics would
	return viewOutputs(loaded.OutputsBefore(recorded)), checks
}
