package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// FindingKind is what a look at reality can find. The set is closed.
type FindingKind string

// The kinds of finding, worst first.
const (
	Gone      FindingKind = "gone"      // it is recorded, and no longer there
	Changed   FindingKind = "changed"   // somebody else changed it, or a part of it is gone
	Unknown   FindingKind = "unknown"   // it could not be looked at
	Condition FindingKind = "condition" // worth knowing, and no difference: a pending restart, a crashed engine
	Unmanaged FindingKind = "unmanaged" // a database or user that nobody declared
	Orphan    FindingKind = "orphan"    // a cloud object that bears this state's mark, and nothing records it
)

// FindingKinds lists the kinds.
var FindingKinds = []FindingKind{Gone, Changed, Unknown, Condition, Unmanaged, Orphan}

// DefaultFailOn are the kinds that count as drift unless somebody says otherwise.
var DefaultFailOn = []FindingKind{Gone, Changed, Unknown}

// Finding is one thing that a look at reality found.
type Finding struct {
	Kind    FindingKind `json:"kind"`
	Address string      `json:"address,omitempty"` // of the resource; for Unmanaged of the instance; none for Orphan
	Object  string      `json:"object,omitempty"`  // `database "shop"`, "volume 88bb (prod-y)": what has no address
	Text    string      `json:"text"`
}

// subject names what a finding is about. It is text of any origin.
func (f Finding) subject() string {
	switch {
	case f.Object == "":
		return f.Address
	case f.Address == "":
		return f.Object
	default:
		return f.Address + ", " + f.Object
	}
}

// Findings lists what a look found, by kind and then in the order of the plan.
func Findings(p *plan.Plan) []Finding {
	var out []Finding
	add := func(kind FindingKind, address resource.Address, text string) {
		out = append(out, Finding{Kind: kind, Address: address.String(), Text: text})
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
		out = append(out, Finding{Unmanaged, u.Instance.String(), object, "not declared, and left alone"})
	}
	for _, o := range p.Orphans {
		out = append(out, Finding{Orphan, "", objectName(o), "it bears this state's mark, and nothing records it"})
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return slices.Index(FindingKinds, a.Kind) - slices.Index(FindingKinds, b.Kind) })
	return out
}

// driftText is what happened to a resource, in one line.
func driftText(d plan.Drift) (FindingKind, string) {
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
func countKinds(all []Finding) map[FindingKind]int {
	out := map[FindingKind]int{}
	for _, kind := range FindingKinds {
		out[kind] = 0
	}
	for _, f := range all {
		out[f.Kind]++
	}
	return out
}
