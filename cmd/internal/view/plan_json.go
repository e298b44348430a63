package view

import (
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// planJSON follows Terraform's plan representation, format_version 1.2 (documented under "JSON Output Format"), so that
// policy engines read it; what has no place there is under "trovectl".
type planJSON struct {
	FormatVersion   string                `json:"format_version"`
	Variables       map[string]any        `json:"variables,omitempty"`
	PlannedValues   map[string]any        `json:"planned_values"`
	ResourceDrift   []resourceJSON        `json:"resource_drift,omitempty"`
	ResourceChanges []resourceJSON        `json:"resource_changes"`
	OutputChanges   map[string]changeJSON `json:"output_changes"`
	PriorState      map[string]any        `json:"prior_state"`
	Configuration   map[string]any        `json:"configuration"`
	Checks          []conditionsJSON      `json:"checks"`
	Applyable       bool                  `json:"applyable"`
	Complete        bool                  `json:"complete"`
	Errored         bool                  `json:"errored"`
	Ours            oursJSON              `json:"trovectl"`
}

type resourceJSON struct {
	Address      string     `json:"address"`
	Previous     string     `json:"previous_address,omitempty"` // of one that moved
	Mode         string     `json:"mode"`
	Type         string     `json:"type"`
	Name         string     `json:"name"`
	Index        any        `json:"index,omitempty"`
	ProviderName string     `json:"provider_name"`
	Change       changeJSON `json:"change"`
	ActionReason string     `json:"action_reason,omitempty"`
}

// oursJSON is what Terraform has no place for.
type oursJSON struct {
	Mode       plan.Mode        `json:"mode"`
	Digest     string           `json:"digest,omitempty"` // of a saved plan
	Cloud      plan.Cloud       `json:"cloud"`
	State      string           `json:"state"`
	Lineage    string           `json:"lineage"`
	Serial     uint64           `json:"serial"`
	Unchanged  int              `json:"unchanged"`
	Steps      []stepJSON       `json:"steps"`
	Unknown    []plan.Unknown   `json:"unknown"`
	Unmanaged  []plan.Unmanaged `json:"unmanaged"`
	Orphans    []plan.Object    `json:"orphans"`
	Conditions []plan.Condition `json:"conditions"`
}

// stepJSON is what a step says beyond its change.
type stepJSON struct {
	ID         string             `json:"id"`
	Action     plan.Action        `json:"action"`
	Address    string             `json:"address,omitempty"`
	Reason     plan.Reason        `json:"reason"`
	Impact     resource.Impact    `json:"impact"`
	Needs      []string           `json:"needs,omitempty"`
	Destroys   []resource.Address `json:"destroys,omitempty"`
	Rebuild    []string           `json:"rebuild,omitempty"`
	Pending    []string           `json:"pending_restart,omitempty"` // paths in force after a restart
	Unverified string             `json:"unverified,omitempty"`
	Notes      []string           `json:"notes,omitempty"`
	Orphan     *plan.Object       `json:"orphan,omitempty"`
}

// PlanJSON is a plan in Terraform's plan representation; its digest is that of a saved plan. Sensitive values are null,
// with a mask that says so.
func PlanJSON(p *plan.Plan, digest string) ([]byte, error) {
	w := worldOf(p)
	out := planJSON{
		FormatVersion: "1.2", Variables: variablesOf(p), PlannedValues: map[string]any{"outputs": w.outputsAfter(), "root_module": module(w.after)},
		ResourceDrift: driftsOf(p), ResourceChanges: append(changesOf(p), w.unchanged()...), OutputChanges: map[string]changeJSON{},
		PriorState: map[string]any{
			"format_version": "1.0", "values": map[string]any{"outputs": w.outputsBefore(), "root_module": module(w.before)},
		},
		Configuration: w.configuration(), Checks: checksOf(p.Checks), Applyable: !p.Empty(), Complete: len(p.Targets) == 0,
		Ours: oursJSON{
			Mode: p.Mode, Digest: digest, Cloud: p.Cloud, State: p.State, Lineage: p.Lineage, Serial: p.Serial, Unchanged: p.Unchanged, Steps: stepsOf(p),
			Unknown: some(p.Unknown), Unmanaged: some(p.Unmanaged), Orphans: some(p.Orphans), Conditions: some(p.Conditions),
		},
	}
	for _, o := range p.Outputs {
		out.OutputChanges[o.Name] = outputChange(o)
	}
	data, err := encode(out)
	if err != nil {
		return nil, fmt.Errorf("writing the plan: %w", err)
	}
	return data, nil
}

// some makes an empty list of none, because consumers expect lists.
func some[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

func resourceOf(a resource.Address) resourceJSON {
	out := resourceJSON{Address: a.String(), Mode: "managed", Type: string(a.Kind), Name: a.Name, ProviderName: "trovectl"}
	if i, ok := a.Key.IsIndex(); ok {
		out.Index = i
	} else if text, ok := a.Key.IsText(); ok {
		out.Index = text
	}
	return out
}

// changesOf is one entry for each address, in the order of the steps, then those that only moved. Orphans have no address and are only in ours.
func changesOf(p *plan.Plan) []resourceJSON {
	out, seen, was := []resourceJSON{}, map[resource.Address]int{}, formerly(p)
	for _, s := range p.Steps {
		if s.Action == plan.DeleteOrphan {
			continue
		}
		next := changeOf(s)
		next.Previous = was[s.Address].String()
		i, again := seen[s.Address]
		if !again {
			seen[s.Address] = len(out)
			out = append(out, next)
			continue
		}
		c := &out[i].Change // a replacement: one entry with both actions
		c.Actions = append(c.Actions, next.Change.Actions...)
		if s.Action == plan.Delete {
			c.Before, c.BeforeSensitive = next.Change.Before, next.Change.BeforeSensitive
		} else {
			c.After, c.AfterSensitive, c.AfterUnknown = next.Change.After, next.Change.AfterSensitive, next.Change.AfterUnknown
		}
	}
	return out
}

func changeOf(s plan.Step) resourceJSON {
	kind := s.Address.Kind
	out := resourceOf(s.Address)
	out.Change.Actions = []string{string(s.Action)}
	out.ActionReason = actionReason(s)
	out.Change.setBefore(nil)
	out.Change.setAfter(nil)
	if s.Action == plan.Delete || s.Action == plan.Update {
		o := objectOf(kind, s.Before).clone()
		if s.Action == plan.Update {
			o.overlay(kind, s.Changes, before)
		}
		out.Change.setBefore(&o)
	}
	if s.Action == plan.Create || s.Action == plan.Update {
		o := objectOf(kind, s.After).clone()
		if s.Action == plan.Update || s.After.IsZero() {
			o.overlay(kind, s.Changes, after)
		}
		out.Change.setAfter(&o)
	}
	return out
}

// actionReason translates the reasons that Terraform has a word for.
func actionReason(s plan.Step) string {
	switch s.Reason.Code {
	case plan.ReasonRequested:
		if s.Action == plan.Update {
			return ""
		}
		return "replace_by_request"
	case plan.ReasonNoBlock:
		return "delete_because_no_resource_config"
	case plan.ReasonNoKey:
		return "delete_because_each_key"
	case plan.ReasonNoIndex:
		return "delete_because_count_index"
	case plan.ReasonRepetition:
		return "delete_because_wrong_repetition"
	default:
		return ""
	}
}

// driftsOf says what somebody else changed; only the arguments that differ are known here.
func driftsOf(p *plan.Plan) []resourceJSON {
	var out []resourceJSON
	for _, d := range p.Drift {
		r, was, is := resourceOf(d.Address), newObject(), newObject()
		was.overlay(d.Address.Kind, d.Changes, before)
		r.Change.setBefore(&was)
		r.Change.Actions = []string{"update"}
		is.overlay(d.Address.Kind, d.Changes, after)
		r.Change.setAfter(&is)
		if d.Gone {
			r.Change.Actions = []string{"delete"}
			r.Change.setAfter(nil)
		}
		for _, slot := range d.Missing {
			nest(was.values, []string{"missing", slot}, false)
			nest(is.values, []string{"missing", slot}, true)
		}
		out = append(out, r)
	}
	return out
}

func outputChange(o plan.Output) changeJSON {
	c := changeJSON{
		Actions: []string{o.Action}, Before: o.Before, After: o.After,
		AfterUnknown: !o.Known && o.After == nil && o.Action != "delete", BeforeSensitive: o.Sensitive, AfterSensitive: o.Sensitive,
	}
	if o.Sensitive {
		c.Before, c.After = nil, nil
	}
	return c
}

func stepsOf(p *plan.Plan) []stepJSON {
	out := []stepJSON{}
	for _, s := range p.Steps {
		pending := map[string]bool{}
		for _, c := range s.Changes {
			if c.Pending {
				pending[c.Path] = true
			}
		}
		out = append(out, stepJSON{
			ID: s.ID, Action: s.Action, Address: s.Address.String(), Reason: s.Reason, Impact: s.Impact, Needs: s.Needs, Destroys: s.Destroys,
			Rebuild: s.Rebuild, Pending: slices.Sorted(maps.Keys(pending)), Unverified: s.Unverified, Notes: s.Notes, Orphan: s.Orphan,
		})
	}
	return out
}

// stateResource is a resource in Terraform's state representation.
func stateResource(r resourceJSON, o object) map[string]any {
	out := map[string]any{
		"address": r.Address, "mode": r.Mode, "type": r.Type, "name": r.Name, "provider_name": r.ProviderName,
		"schema_version": 0, "values": o.values, "sensitive_values": o.mask,
	}
	if r.Index != nil {
		out["index"] = r.Index
	}
	return out
}
