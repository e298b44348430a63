package view

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// sign is what happens to an attribute or a resource, as the symbol that stands before it. The set is closed.
type sign string

const (
	added    sign = "+"
	changed  sign = "~"
	removed  sign = "-"
	replaced sign = "-/+"
	same     sign = " "
)

func (s sign) tone() style {
	switch s {
	case added:
		return green
	case changed:
		return yellow
	case removed, replaced:
		return red
	default:
		return plain
	}
}

// row is one attribute with what happens to it.
type row struct {
	spot
	path          string
	sign          sign
	before, after any
	sensitive     bool
	pending       bool
}

// rows turns what a step or a drift says into rows, those of blocks last, each sorted by name.
func rows(kind resource.Kind, changes []plan.Change) []row {
	var out []row
	for _, c := range changes {
		r := row{
			spot: place(c.Path), path: c.Path, sign: changed, before: c.Before, after: c.After,
			sensitive: c.Sensitive || resource.Sensitive(kind, c.Path), pending: c.Pending,
		}
		switch {
		case r.sensitive: // it has no values to tell from
		case c.Before == nil && c.After != nil:
			r.sign = added
		case c.After == nil && c.Before != nil:
			r.sign = removed
		}
		out = append(out, r)
	}
	return sortRows(out)
}

// wholeRows are the rows of a resource that is made or removed as a whole. Changes add what only they know.
func wholeRows(kind resource.Kind, s sign, attributes resource.Attributes, changes []plan.Change) []row {
	pending := map[string]bool{}
	for _, c := range changes {
		pending[c.Path] = c.Pending
	}
	var out []row
	for _, path := range attributes.Paths() {
		r := row{spot: place(path), path: path, sign: s, sensitive: resource.Sensitive(kind, path), pending: pending[path]}
		if s == removed {
			r.before = attributes[path]
		} else {
			r.after = attributes[path]
		}
		out = append(out, r)
	}
	return sortRows(out)
}

func sortRows(all []row) []row {
	slices.SortStableFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.block, b.block), cmp.Compare(a.name, b.name))
	})
	return all
}

// body writes a resource as a block of the language; its key stands in the comment above it. Kept is how many attributes
// are left out because nothing happens to them.
func body(p *page, address resource.Address, s sign, all []row, kept int) {
	if len(all)+kept == 0 {
		return // the title says everything that is known
	}
	p.line("  ", p.sign(s), " ", visible(string(address.Kind)), " ", quote(address.Name), " {")
	top, rest := all, []row(nil)
	if i := slices.IndexFunc(all, func(r row) bool { return r.block != "" }); i >= 0 {
		top, rest = all[:i], all[i:]
	}
	group(p, "      ", top)
	if kept > 0 {
		p.line("        ", p.paint(dim, "# ("+count(kept, "unchanged attribute")+" hidden)"))
	}
	for i := 0; len(rest) > 0; i++ {
		n := 1
		for n < len(rest) && rest[n].block == rest[0].block {
			n++
		}
		if i > 0 || len(top) > 0 || kept > 0 {
			p.line()
		}
		nested(p, s, rest[:n])
		rest = rest[n:]
	}
	p.line("    }")
}

// nested writes the rows of one block or map. A map of a resource that changes is changed, whatever happens to its
// elements: others may be left out.
func nested(p *page, of sign, all []row) {
	s := all[0].sign
	for _, r := range all {
		if r.sign != s || r.isMap && of == changed {
			s = changed
		}
	}
	equals := ""
	if all[0].isMap {
		equals = "= "
	}
	p.line("      ", p.sign(s), " ", all[0].block, " ", equals, "{")
	group(p, "          ", all)
	p.line("        }")
}

// group writes rows with their equals signs below one another.
func group(p *page, indent string, all []row) {
	width := 0
	for _, r := range all {
		width = max(width, cells(r.name))
	}
	for _, r := range all {
		attribute(p, indent, width, r)
	}
}

func attribute(p *page, indent string, width int, r row) {
	lead := indent + p.sign(r.sign) + " " + pad(r.name, width) + " = "
	tail := ""
	if r.sign == removed {
		tail += p.paint(dim, " -> null")
	}
	if r.pending {
		tail += p.paint(yellow, " # in force after a restart of the engine")
	}
	room := p.width - cells(indent) - width - 5
	switch {
	case r.sensitive:
		p.line(lead, sensitiveText, tail)
	case r.sign == changed:
		before, isList := elements(r.before)
		after, isToo := elements(r.after)
		if isList && isToo {
			list(p, indent, lead, tail, r.path, before, after)
			return
		}
		p.line(lead, format(r.path, r.before), p.paint(yellow, " -> "), format(r.path, r.after), tail)
	default:
		v := r.after
		if r.sign == removed {
			v = r.before
		}
		text := format(r.path, v)
		if all, ok := elements(v); ok && cells(text) > room && len(all) > 1 {
			if r.sign == removed {
				list(p, indent, lead, tail, r.path, all, nil)
			} else {
				list(p, indent, lead, tail, r.path, nil, all)
			}
			return
		}
		p.line(lead, text, tail)
	}
}

// list writes what happens to each element. The lists of the language are sets: order tells nothing.
func list(p *page, indent, lead, tail, path string, before, after []any) {
	p.line(lead, "[")
	kept := 0
	for _, v := range before {
		if containsValue(after, v) {
			kept++
			continue
		}
		p.line(indent, "    ", p.sign(removed), " ", format(path, v), ",")
	}
	for _, v := range after {
		if !containsValue(before, v) {
			p.line(indent, "    ", p.sign(added), " ", format(path, v), ",")
		}
	}
	if kept > 0 {
		p.line(indent, "      ", p.paint(dim, "# ("+count(kept, "unchanged element")+" hidden)"))
	}
	p.line(indent, "  ]", tail)
}

func containsValue(all []any, v any) bool {
	return slices.ContainsFunc(all, func(other any) bool { return reflect.DeepEqual(other, v) })
}

func (p *page) sign(s sign) string { return p.paint(s.tone(), string(s)) }

// unchanged counts the attributes of two bodies that no change names.
func unchanged(before, after plan.Body, changes []plan.Change) int {
	paths := map[string]bool{}
	for _, b := range []plan.Body{before, after} {
		if !b.IsZero() {
			for path := range b.Attributes() {
				paths[path] = true
			}
		}
	}
	for _, c := range changes {
		delete(paths, c.Path)
	}
	return len(paths)
}
