package view

import (
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// StateJSON is a whole state in Terraform's state representation, with what it has no place for under "trovectl". Sensitive
// outputs are without their values.
func StateJSON(s *state.Snapshot, outputs []Output, checks []resource.Check) ([]byte, error) {
	resources := []any{}
	for _, r := range s.Sorted() {
		resources = append(resources, recordOf(s, r))
	}
	intents := slices.SortedFunc(maps.Values(s.Intents), func(a, b state.Intent) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return encode(map[string]any{
		"format_version": "1.0",
		"checks":         checksOf(checks),
		"values":         map[string]any{"outputs": outputsOf(outputs, false), "root_module": map[string]any{"resources": resources}},
		"trovectl": map[string]any{
			"lineage": s.Lineage, "serial": s.Serial, "cloud": s.Cloud, "run": s.Run, "intents": some(intents), "members": s.Members, "roles": s.Roles,
		},
	})
}

// RecordJSON is one record of a state, in the form that StateJSON lists it.
func RecordJSON(s *state.Snapshot, r state.Record) ([]byte, error) { return encode(recordOf(s, r)) }

func recordOf(s *state.Snapshot, r state.Record) map[string]any {
	o := objectOf(r.Address.Kind, plan.Body{Body: r.Body})
	out := stateResource(resourceOf(r.Address), o.withComputed(r.Computed))
	if len(r.DependsOn) > 0 {
		out["depends_on"] = r.DependsOn
	}
	ours := map[string]any{"status": r.Status, "protect": r.Protect}
	if r.Fault != "" {
		ours["fault"] = r.Fault
	}
	if r.Role != "" {
		ours["role"] = r.Role
	}
	if m, ok := s.Members[r.Member]; ok && r.Address.Kind == resource.KindInstance {
		ours["member"] = m
	}
	out["trovectl"] = ours
	return out
}
