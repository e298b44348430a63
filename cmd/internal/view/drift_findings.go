package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// DriftKind is what a look at reality can find. The set is closed.
type DriftKind string

// The kinds of finding, worst first.
const (
	Gone      DriftKind = "gone"      // it is recorded, and no longer there
	Changed   DriftKind = "changed"   // somebody else changed it, or a part of it is gone
	Unknown   DriftKind = "unknown"   // it could not be looked at
	Condition DriftKind = "condition" // worth knowing, and no difference: a pending restart, a crashed engine
	Unmanaged DriftKind = "unmanaged" // a database or user that nobody declared
	Orphan    DriftKind = "orphan"    // a cloud object that bears this state's mark, and nothing records it
)

// DriftKinds lists the kinds.
var DriftKinds = []DriftKind{Gone, Changed, Unknown, Condition, Unmanaged, Orphan}

// DefaultFailOn are the kinds that count as drift unless somebody says otherwise.
var DefaultFailOn = []DriftKind{Gone, Changed, Unknown}

// DriftFinding is one thing that a look at reality found.
type DriftFinding struct {
	Kind    DriftKind `json:"kind"`
	Address string    `json:"address,omitempty"` // of the resource; for Unmanaged of the instance; none for Orphan
	Object  string    `json:"object,omitempty"`  // `database "shop"`, "volume 88bb (prod-y)": what has no address
	Text    string    `json:"text"`
}

// subject names what a finding is about. It is text of any origin.
func (f DriftFinding) subject() string {
	switch {
	case f.Object == "":
		return f.Address
	case f.Address == "":
		return f.Object
	default:
		return f.Address + ", " + f.Object
	}
}

// DriftFindings lists what a look found, by kind and then in the order of the plan.
func DriftFindings(p *plan.Plan) []DriftFinding {
	var out []DriftFinding
	add := func(kind DriftKind, address resource.Address, text string) {
		out = append(out, DriftFinding{Kind: kind, Address: address.String(), Text: text})
	}
	for _, d := range p.Drift {
		kind, text := driftText(d)
		add(kind, d.Address, text)
	}
	for _, u := range p.Unknown {
		add(Unknown, u.Address, u.Why)
	}
	for _, c := range p.Conditions {
		add(Condition, c.Address, c.Text)
	}
	for _, u := range p.Unmanaged {
		object := fmt.Sprintf("%s %s", u.Kind, quote(u.Name))
		out = append(out, DriftFinding{Unmanaged, u.Instance.String(), object, "not declared, and left alone"})
	}
	for _, o := range p.Orphans {
		out = append(out, DriftFinding{Orphan, "", objectName(o), "it bears this state's mark, and nothing records it"})
	}
	slices.SortStableFunc(out, func(a, b DriftFinding) int {
		return slices.Index(DriftKinds, a.Kind) - slices.Index(DriftKinds, b.Kind)
	})
	return out
}

// driftText is what happened to a resource, in one line.
func driftText(d plan.Drift) (DriftKind, string) {
	switch {
	case d.Gone:
		return Gone, "is gone"
	case len(d.Missing) > 0:
		return Changed, "has lost its " + strings.Join(d.Missing, ", ")
	}
	var parts []string
	for _, r := range rows(d.Address.Kind, d.Changes) {
		if r.sensitive {
			parts = append(parts, r.path)
			continue
		}
		parts = append(parts, r.path+": "+format(r.path, r.before)+" -> "+format(r.path, r.after))
	}
	return Changed, "has changed: " + strings.Join(parts, "; ")
}

// countKinds counts the findings of each kind, also where there are none.
func countKinds(all []DriftFinding) map[DriftKind]int {
	out := map[DriftKind]int{}
	for _, kind := range DriftKinds {
		out[kind] = 0
	}
	for _, f := range all {
		out[f.Kind]++
	}
	return out
}
