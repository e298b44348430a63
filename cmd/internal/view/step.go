package view

import (
	"fmt"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// step writes one step: what happens to what, why, what clients feel, and the attributes.
func step(out *page, s plan.Step) {
	title(out, s)
	comment := func(tone style, text string) { out.prose("  # ", tone, text) }
	if why := because(s); why != "" {
		comment(plain, "("+why+")")
	}
	comment(impactTone(s.Impact), "impact: "+string(s.Impact))
	if len(s.Destroys) > 0 {
		comment(alarm, "destroys the data of: "+addresses(s.Destroys))
	}
	if len(s.Rebuild) > 0 {
		comment(plain, "makes again what is missing: "+strings.Join(s.Rebuild, ", "))
	}
	if s.Unverified != "" {
		comment(yellow, "unverified, planned against the record: "+s.Unverified)
	}
	for _, note := range s.Notes {
		comment(plain, "note: "+note)
	}
	switch s.Action {
	case plan.DeleteOrphan:
	case plan.Create:
		body(out, s.Address, added, whole(s, added, s.After), 0)
	case plan.Delete:
		if signOf(s) == replaced {
			body(out, s.Address, replaced, whole(s, added, s.After), 0)
			break
		}
		body(out, s.Address, removed, whole(s, removed, s.Before), 0)
	default:
		body(out, s.Address, changed, rows(s.Address.Kind, s.Changes), unchanged(s.Before, s.After, s.Changes))
	}
}

// whole are the rows of a step that makes or removes a resource; a step without a body shows its changes.
func whole(s plan.Step, as sign, b plan.Body) []row {
	if b.IsZero() {
		return rows(s.Address.Kind, s.Changes)
	}
	return wholeRows(s.Address.Kind, as, b.Attributes(), s.Changes)
}

func title(out *page, s plan.Step) {
	what, happens := stepName(s), ""
	switch s.Action {
	case plan.Create:
		happens = " will be created"
	case plan.Update:
		happens = " will be updated in-place"
	case plan.Delete:
		happens = " will be " + out.paint(alarm, "destroyed")
		if signOf(s) == replaced {
			happens = " must be " + out.paint(alarm, "replaced")
		}
	default:
		happens = " will be " + out.paint(alarm, "destroyed")
	}
	out.line("  ", out.paint(bold, "# "+what), happens)
}

func orphanName(s plan.Step) string {
	if s.Orphan == nil {
		return visible(s.ID)
	}
	return objectName(*s.Orphan)
}

func objectName(o plan.Object) string {
	name := visible(strings.ReplaceAll(o.Service, "_", " ") + " " + o.ID)
	if o.Name != "" {
		name += " (" + visible(o.Name) + ")"
	}
	return name
}

// because is why a step is there, unless its title says so already: what the code means, with the planner's words where
// it has some.
func because(s plan.Step) string {
	text := s.Reason.Text
	switch s.Reason.Code {
	case plan.ReasonDrift:
		return first(text, "puts back what somebody else changed")
	case plan.ReasonInterrupted:
		return join("resumes an interrupted "+string(s.Action), text)
	case plan.ReasonFailed:
		return join("tries again what an earlier run failed to do", text)
	case plan.ReasonMissing:
		return first(text, "it is recorded, and gone")
	case plan.ReasonNoBlock, plan.ReasonNoKey, plan.ReasonNoIndex, plan.ReasonRepetition:
		return "because " + strings.TrimPrefix(first(text, removal(s)), "because ")
	case plan.ReasonOrphan:
		return first(text, "an orphan: it bears this state's mark, and nothing records it")
	default: // new, changed, destroy: the title says it
		return text
	}
}

func join(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// removal is how the configuration no longer asks for a resource.
func removal(s plan.Step) string {
	block, key := s.Address.Block().String(), s.Address.Key
	switch s.Reason.Code {
	case plan.ReasonNoKey:
		return "key " + key.String() + " is not in for_each map"
	case plan.ReasonNoIndex:
		return "index " + key.String() + " is out of range for count"
	case plan.ReasonRepetition:
		return repetition(key)
	default:
		return block + " is not in configuration"
	}
}

func repetition(key resource.Key) string {
	if key == resource.NoKey {
		return "the block uses count or for_each now"
	}
	if _, index := key.IsIndex(); index {
		return "the block does not use count any more"
	}
	return "the block does not use for_each any more"
}

// impactTone is louder the more clients feel.
func impactTone(i resource.Impact) style {
	switch i {
	case resource.Restart, resource.Failover, resource.DataCopy:
		return alarm
	case resource.Reload:
		return yellow
	default:
		return plain
	}
}

func addresses(all []resource.Address) string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return strings.Join(out, ", ")
}

// outputChanges writes the outputs that change.
func outputChanges(out *page, all []plan.Output) {
	width, some := 0, false
	for _, o := range all {
		if o.Action != "no-op" {
			width, some = max(width, cells(bare(o.Name))), true
		}
	}
	if !some {
		return
	}
	out.line()
	out.line("Changes to Outputs:")
	for _, o := range all {
		if o.Action == "no-op" {
			continue
		}
		before, after := outputValue(o, o.Before), outputValue(o, o.After)
		s, text := changed, before+out.paint(yellow, " -> ")+after
		switch o.Action {
		case "create":
			s, text = added, after
		case "delete":
			s, text = removed, before+out.paint(dim, " -> null")
		}
		if o.Sensitive && s == changed {
			text = sensitiveText
		}
		out.line("  ", out.sign(s), " ", pad(bare(o.Name), width), " = ", text)
	}
}

func outputValue(o plan.Output, v any) string {
	switch {
	case o.Sensitive:
		return sensitiveText
	case !o.Known && v == nil:
		return "(known after apply)"
	default:
		return format("", v)
	}
}

// unknowns tell what could not be looked at: an instance once, with all that is in it and silent for the same reason.
func unknowns(out *page, p *plan.Plan) {
	if len(p.Unknown) == 0 {
		return
	}
	section(out, yellow, "Could not be looked at, so nothing is planned from it:")
	why, inside := map[resource.Address]string{}, map[resource.Address]int{}
	for _, u := range p.Unknown {
		why[u.Address] = u.Why
	}
	told := func(u plan.Unknown) bool { return !u.In.IsZero() && why[u.In] == u.Why } // with its instance
	for _, u := range p.Unknown {
		if told(u) {
			inside[u.In]++
		}
	}
	for _, u := range p.Unknown {
		text := u.Address.String() + ": " + u.Why
		if n := inside[u.Address]; n > 0 {
			text = fmt.Sprintf("%s, with %s in it: %s", u.Address, count(n, "resource"), u.Why)
		}
		if !told(u) {
			out.listing("  ? ", text)
		}
	}
}

// findings are what the look found besides differences: what is unknown, conditions, what is left alone, orphans.
func findings(out *page, p *plan.Plan) {
	unknowns(out, p)
	if len(p.Conditions) > 0 {
		section(out, yellow, "Worth knowing:")
		for _, c := range p.Conditions {
			out.listing("  ! ", c.Address.String()+": "+c.Text)
		}
	}
	if len(p.Unmanaged) > 0 {
		section(out, plain, "Not declared, and left alone:")
		for _, u := range p.Unmanaged {
			out.listing("  . ", fmt.Sprintf("%s: %s %s", u.Instance, u.Kind, quote(u.Name)))
		}
	}
	orphans(out, p)
}

// orphans lists what bears our mark and is recorded nowhere, unless steps of this plan remove it.
func orphans(out *page, p *plan.Plan) {
	going := map[string]bool{}
	for _, s := range p.Steps {
		if s.Orphan != nil {
			going[s.Orphan.Service+" "+s.Orphan.ID] = true
		}
	}
	titled := false
	for _, o := range p.Orphans {
		if going[o.Service+" "+o.ID] {
			continue
		}
		if !titled {
			section(out, yellow, "Orphans (they bear this state's mark, and nothing records them):")
			titled = true
		}
		out.listing("  . ", objectName(o))
	}
	if titled {
		out.line("  `trovectl apply -delete-orphans` removes them.")
	}
}

func section(out *page, tone style, heading string) {
	out.line()
	out.line(out.paint(tone, heading))
}
