package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// Plan writes what an apply would do: the cloud and the state it is about, what somebody else changed, the steps (those
// that destroy first), what could not be judged, what is left alone, and the summary.
func (h *Human) Plan(p *plan.Plan) {
	out := h.page()
	heading(out, p)
	if len(p.Targets) > 0 {
		out.listing("", "narrowed to "+addresses(p.Targets)+", with what that needs")
	}
	driftNote(out, p)
	moves(out, p.Moves)
	steps := replacements(p.Steps)
	first, rest := destructiveFirst(steps)
	if len(steps) > 0 {
		out.line()
		legend(out, steps)
		for _, s := range append(first, rest...) {
			out.line()
			step(out, s)
		}
	}
	findings(out, p)
	summary(out, p)
	outputChanges(out, p.Outputs)
	h.write(h.Out, out)
}

// heading is the first line of everything that was compared with a cloud.
func heading(out *page, p *plan.Plan) {
	var parts []string
	put := func(word, value string) {
		if value != "" {
			parts = append(parts, word+" "+out.paint(bold, visible(value)))
		}
	}
	put("cloud", first(p.Cloud.Name, p.Cloud.AuthURL))
	put("project", first(p.Cloud.ProjectName, p.Cloud.ProjectID))
	put("region", p.Cloud.Region)
	put("state", fmt.Sprintf("%s#%d", p.State, p.Serial))
	out.line(strings.Join(parts, ", "))
	for _, alias := range slices.Sorted(maps.Keys(p.Cloud.Others)) {
		parts = nil
		other := p.Cloud.Others[alias]
		put("provider", alias)
		put("cloud", first(other.Name, other.AuthURL, "out of reach"))
		put("project", first(other.ProjectName, other.ProjectID))
		put("region", other.Region)
		out.line(strings.Join(parts, ", "))
	}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// driftNote tells what somebody else changed, so that the steps that restore it are understood.
func driftNote(out *page, p *plan.Plan) {
	if len(p.Drift) == 0 {
		return
	}
	out.line()
	out.line(out.paint(bold, "Changed outside of trovectl since the last apply:"))
	for _, d := range p.Drift {
		out.line()
		drifted(out, d)
	}
}

func drifted(out *page, d plan.Drift) {
	address := visible(d.Address.String())
	switch {
	case d.Gone:
		out.line("  ", out.paint(bold, "# "+address), out.paint(red, " is gone"))
		return
	case len(d.Missing) > 0:
		out.line("  ", out.paint(bold, "# "+address), out.paint(red, " has lost its "+visible(strings.Join(d.Missing, ", "))))
	default:
		out.line("  ", out.paint(bold, "# "+address), " has changed")
	}
	if len(d.Changes) > 0 {
		body(out, d.Address, changed, rows(d.Address.Kind, d.Changes), 0)
	}
}

// moves tells which records get another address; nothing in the cloud is touched by it.
func moves(out *page, all []plan.Move) {
	if len(all) == 0 {
		return
	}
	out.line()
	for _, m := range all {
		out.line("  ", out.paint(bold, "# "+visible(m.From.String())), " has moved to ", out.paint(bold, visible(m.To.String())))
	}
}

// replacements shows the two steps of what is made anew as one: a removal that says what comes after it.
func replacements(steps []plan.Step) []plan.Step {
	removal := map[resource.Address]int{}
	var out []plan.Step
	for _, s := range steps {
		at, goes := removal[s.Address]
		if goes && s.Action == plan.Create {
			out[at].After = s.After
			out[at].Notes = slices.Concat(out[at].Notes, s.Notes)
			continue
		}
		if s.Action == plan.Delete {
			removal[s.Address] = len(out)
		}
		out = append(out, s)
	}
	return out
}

// destructiveFirst parts the steps that destroy from the others; both keep their order.
func destructiveFirst(steps []plan.Step) (destructive, rest []plan.Step) {
	for _, s := range steps {
		if s.Action == plan.Delete || s.Action == plan.DeleteOrphan || len(s.Destroys) > 0 {
			destructive = append(destructive, s)
		} else {
			rest = append(rest, s)
		}
	}
	return destructive, rest
}

func legend(out *page, steps []plan.Step) {
	used := map[sign]bool{}
	for _, s := range steps {
		used[signOf(s)] = true
	}
	out.line("An apply does what follows. Symbols:")
	for _, entry := range []struct {
		sign sign
		text string
	}{{added, "create"}, {changed, "update in-place"}, {replaced, "destroy and then create replacement"}, {removed, "destroy"}} {
		if used[entry.sign] {
			out.line("  ", out.sign(entry.sign), " ", entry.text)
		}
	}
}

func signOf(s plan.Step) sign {
	switch s.Action {
	case plan.Create:
		return added
	case plan.Update:
		return changed
	case plan.Delete:
		if !s.After.IsZero() {
			return replaced
		}
		return removed
	case plan.DeleteOrphan:
		return removed
	default:
		panic(fmt.Sprintf("unknown action %q", s.Action))
	}
}

// summary is the line that people look for.
func summary(out *page, p *plan.Plan) {
	out.line()
	if len(p.Steps)+len(p.Moves) > 0 {
		add, change, destroy := p.Counts()
		out.line(out.paint(bold, "Plan:"), fmt.Sprintf(" %d to add, %d to change, %d to destroy.", add, change, destroy))
		return
	}
	outputs := ""
	if !p.Empty() {
		outputs = " Only outputs change."
	}
	scope := "Cloud and guests are as "
	switch {
	case len(p.Targets) > 0:
		scope = "What was targeted is as "
	case len(p.Unknown) > 0:
		scope = "As far as could be looked, cloud and guests are as "
	}
	switch p.Mode {
	case plan.ModeDestroy:
		out.prose("", bold, "No changes. Nothing is left to destroy.")
	case plan.ModeRefresh:
		if len(p.Drift) > 0 {
			out.prose("", plain, "A refresh changes nothing in the cloud or the guests. "+
				"Without -refresh-only, a plan puts back what the configuration asks for.")
			return
		}
		out.prose("", bold, "No changes. "+scope+"the state records."+outputs)
	default:
		out.prose("", bold, "No changes. "+scope+"the configuration asks."+outputs)
	}
}
