package view

import (
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// world is what a plan tells of everything: the resources before and after it, each sorted by address.
type world struct {
	plan          *plan.Plan
	before, after []valueJSON
}

// valueJSON is a resource with its values.
type valueJSON struct {
	address resource.Address
	values  object
}

// worldOf takes what was recorded and what the steps make of it.
func worldOf(p *plan.Plan) world {
	before, after := map[resource.Address]object{}, map[resource.Address]object{}
	for _, r := range p.Prior {
		before[r.Address] = objectOf(r.Address.Kind, r.Body).withComputed(r.Computed)
	}
	maps.Copy(after, before)
	for _, s := range p.Steps {
		switch s.Action {
		case plan.Create:
			after[s.Address] = objectOf(s.Address.Kind, s.After).clone()
		case plan.Update:
			after[s.Address] = objectOf(s.Address.Kind, s.After).clone()
			if computed, known := before[s.Address].values["computed"]; known {
				after[s.Address].values["computed"] = computed
			}
		case plan.Delete:
			delete(after, s.Address)
		case plan.DeleteOrphan:
		}
	}
	return world{p, sortedValues(before), sortedValues(after)}
}

// formerly gives the addresses that moved records had.
func formerly(p *plan.Plan) map[resource.Address]resource.Address {
	was := map[resource.Address]resource.Address{}
	for _, m := range p.Moves {
		was[m.To] = m.From
	}
	return was
}

func sortedValues(all map[resource.Address]object) []valueJSON {
	var out []valueJSON
	for _, address := range slices.SortedFunc(maps.Keys(all), resource.Address.Compare) {
		out = append(out, valueJSON{address, all[address]})
	}
	return out
}

// withComputed adds the computed attributes, which are no arguments.
func (o *object) withComputed(computed map[string]string) object {
	out := o.clone()
	if len(computed) > 0 {
		out.values["computed"] = computed
	}
	return out
}

// module is resources as Terraform's representation of values has them.
func module(all []valueJSON) map[string]any {
	resources := []any{}
	for _, v := range all {
		resources = append(resources, stateResource(resourceOf(v.address), v.values))
	}
	return map[string]any{"resources": resources}
}

// unchanged are the resources that no step names.
func (w world) unchanged() []resourceJSON {
	stepped := map[resource.Address]bool{}
	for _, s := range w.plan.Steps {
		stepped[s.Address] = true
	}
	var out []resourceJSON
	was := formerly(w.plan)
	for _, v := range w.before {
		if stepped[v.address] {
			continue
		}
		r := resourceOf(v.address)
		r.Previous, r.Change.Actions = was[v.address].String(), []string{"no-op"}
		r.Change.setBefore(&v.values)
		r.Change.setAfter(&v.values)
		out = append(out, r)
	}
	return out
}

func (w world) outputsBefore() map[string]outputJSON {
	var all []Output
	for _, o := range w.plan.Outputs {
		if o.Action != "create" {
			all = append(all, Output{Name: o.Name, Value: o.Before, Sensitive: o.Sensitive})
		}
	}
	return outputsOf(all, false)
}

// outputsAfter leaves out what is known after apply.
func (w world) outputsAfter() map[string]outputJSON {
	var all []Output
	for _, o := range w.plan.Outputs {
		if o.Action != "delete" && o.Known {
			all = append(all, Output{Name: o.Name, Value: o.After, Sensitive: o.Sensitive})
		}
	}
	return outputsOf(all, false)
}

func variablesOf(p *plan.Plan) map[string]any {
	out := map[string]any{}
	for name, value := range p.Variables {
		out[name] = map[string]any{"value": value}
	}
	return out
}

// configuration is what a plan knows of the files: which blocks, outputs and variables there are.
func (w world) configuration() map[string]any {
	blocks := map[resource.Address]bool{}
	for _, v := range w.after {
		blocks[v.address.Block()] = true
	}
	resources := []any{}
	for _, block := range slices.SortedFunc(maps.Keys(blocks), resource.Address.Compare) {
		resources = append(resources, map[string]any{
			"address": block.String(), "mode": "managed", "type": block.Kind, "name": block.Name, "provider_config_key": "trovectl", "schema_version": 0,
		})
	}
	outputs, variables := map[string]any{}, map[string]any{}
	for _, o := range w.plan.Outputs {
		if o.Action != "delete" {
			outputs[o.Name] = map[string]any{"sensitive": o.Sensitive}
		}
	}
	for name := range w.plan.Variables {
		variables[name] = map[string]any{}
	}
	return map[string]any{
		"provider_config": map[string]any{"trovectl": map[string]any{"name": "trovectl", "full_name": "trovectl"}},
		"root_module":     map[string]any{"resources": resources, "outputs": outputs, "variables": variables},
	}
}
