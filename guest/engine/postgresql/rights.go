package postgresql

import (
	"slices"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine"
)

// meaning is what a privilege on a target comes to for one role: facts that let it in, which everybody may have, and its
// own. What the role owns is in neither: there it may everything.
type meaning struct{ way, own []fact }

// begun tells the facts of what is yet to be made by the agent's own role: nothing but a grant on a whole database or
// schema makes them, so that they show that one was begun, also when something in it is missing.
func (m meaning) begun(holds map[fact]*held) bool {
	there := false
	for _, f := range m.own {
		if f.maker == superuser {
			there = true
			if holds[f] == nil {
				return false
			}
		}
	}
	return there
}

// whole tells whether a role holds all of it, as grantable as is asked.
func (m meaning) whole(holds, everybody map[fact]*held, grantable bool) bool {
	for _, f := range m.own {
		if h := holds[f]; h == nil || grantable && !h.grantable {
			return false
		}
	}
	for _, f := range m.way {
		if holds[f] == nil && everybody[f] == nil {
			return false
		}
	}
	return len(m.own) > 0
}

// note adds it to facts and whether each may be handed on. The way in never may.
func (m meaning) note(facts map[fact]bool, grantable bool) {
	for _, f := range m.own {
		facts[f] = facts[f] || grantable
	}
	for _, f := range m.way {
		if _, there := facts[f]; !there {
			facts[f] = false
		}
	}
}

// sequencePrivileges are what a privilege on a table needs of the sequences that number its rows.
var sequencePrivileges = map[string]string{"SELECT": "SELECT", "INSERT": "USAGE", "UPDATE": "UPDATE"}

// meaningOf expands one privilege of the catalog on a target for a role.
func (w *world) meaningOf(role string, t catalog.Target, privilege string) meaning {
	var m meaning
	way := func(p place, owner, privilege string) {
		if owner != role {
			m.way = append(m.way, fact{p, privilege})
		}
	}
	own := func(p place, owner, privilege string) {
		if owner != role {
			m.own = append(m.own, fact{p, privilege})
		}
	}
	if privilege == "CONNECT" || privilege == "TEMPORARY" {
		own(w.database.place, w.database.owner, privilege)
	}
	if privilege != "CONNECT" {
		way(w.database.place, w.database.owner, "CONNECT")
	}
	if privilege == "CONNECT" || privilege == "TEMPORARY" {
		return m
	}
	w.schemaFacts(t, privilege, own, way)
	sequence := sequencePrivileges[privilege]
	for _, o := range w.inside[t] {
		switch {
		case privilege == "CREATE" || privilege == "USAGE":
		case o.kind == "table":
			own(o.place, o.owner, privilege)
		case sequence != "":
			own(o.place, o.owner, sequence)
		}
	}
	if t.Table != "" || privilege == "CREATE" || privilege == "USAGE" {
		return m
	}
	for _, maker := range w.makers {
		own(place{"TABLES", maker, t.Schema}, maker, privilege)
		if sequence != "" {
			own(place{"SEQUENCES", maker, t.Schema}, maker, sequence)
		}
	}
	return m
}

// schemaFacts are those of schemas, there and yet to be made.
func (w *world) schemaFacts(t catalog.Target, privilege string, own, way func(place, string, string)) {
	for _, s := range w.schemas {
		if t.Schema != "" && t.Schema != s.in {
			continue
		}
		switch privilege {
		case "CREATE":
			way(s.place, s.owner, "USAGE")
			own(s.place, s.owner, "CREATE")
		case "USAGE":
			own(s.place, s.owner, "USAGE")
		default:
			way(s.place, s.owner, "USAGE")
		}
	}
	if t.Schema != "" {
		return
	}
	if privilege == "CREATE" {
		own(w.database.place, w.database.owner, "CREATE")
	}
	for _, maker := range w.makers {
		own(place{clause: "SCHEMAS", maker: maker}, maker, "USAGE")
		if privilege == "CREATE" {
			own(place{clause: "SCHEMAS", maker: maker}, maker, "CREATE")
		}
	}
}

// rightsOf reads what a role holds back as grants: the widest that explain it, and what none explains in words that nobody
// can declare ("SELECT (n) ON TABLE public.t"), so that it is seen as more than was declared.
func (w *world) rightsOf(c *catalog.Engine, role string, sets map[engine.On]map[string]bool) {
	holds := w.explicit[role]
	if len(holds) == 0 {
		return
	}
	explained, found := map[fact]bool{}, []catalog.Right(nil) // a fact to whether it may be handed on
	for _, t := range w.targets(role) {
		for _, grantable := range []bool{true, false} {
			whole := w.wholeOn(c, role, t, grantable, &found, explained)
			for p := range whole {
				add(sets, engine.On{Target: t, Grantable: grantable}, p)
			}
		}
	}
	// The way to what is granted inside is no grant of its own.
	for on, set := range sets {
		for p := range set {
			if c.Covered(catalog.Right{Target: on.Target, Privilege: p, Grantable: on.Grantable}, found) {
				delete(set, p)
			}
		}
	}
	for f, h := range holds {
		if handed, ok := explained[f]; !ok || h.grantable && !handed {
			add(sets, engine.On{Target: catalog.Target{Database: w.database.name}}, f.words(h.grantable))
		}
	}
}

// wholeOn are the privileges that a role wholly holds on a target and on nothing wider. Those that were begun count as
// found, so that what is there of them is not told piece by piece.
func (w *world) wholeOn(c *catalog.Engine, role string, t catalog.Target, grantable bool, found *[]catalog.Right, explained map[fact]bool) map[string]bool {
	holds, out, others, vacuous := w.explicit[role], map[string]bool{}, true, []string(nil)
	for _, p := range c.TargetPrivileges(t) {
		right := catalog.Right{Target: t, Privilege: p, Grantable: grantable}
		m := w.meaningOf(role, t, p)
		switch whole := m.whole(holds, w.explicit[""], grantable); {
		case len(m.own) == 0:
			vacuous = append(vacuous, p)
			continue
		case c.Covered(right, *found):
			continue
		case whole:
			out[p] = true
		case grantable || !m.begun(holds):
			others = false
			continue
		default:
			others = false
		}
		*found = append(*found, right)
		m.note(explained, grantable)
	}
	// What an owner holds anyway belongs to "everything" when the rest of it is there, and is not told otherwise.
	if others && len(out) > 0 {
		for _, p := range vacuous {
			out[p] = true
		}
	}
	return out
}

func add(sets map[engine.On]map[string]bool, on engine.On, privilege string) {
	if sets[on] == nil {
		sets[on] = map[string]bool{}
	}
	sets[on][privilege] = true
}

// words tell a fact that no declaration makes.
func (f fact) words(grantable bool) string {
	out := f.privilege + " ON " + f.clause
	if f.maker != "" {
		out += " OF " + f.maker
	}
	if f.schema != "" {
		out += " IN SCHEMA " + f.schema
	}
	if grantable {
		out += " WITH GRANT OPTION"
	}
	return out
}

// asked are the facts that grants come to for a role in this database, and whether each may be handed on.
func (w *world) asked(c *catalog.Engine, role string, grants []guest.Grant) (map[fact]bool, error) {
	out := map[fact]bool{}
	for _, g := range grants {
		on := engine.OnOf(g)
		if g.Database != w.database.name {
			continue
		}
		if err := w.reachable(on.Target); err != nil {
			return nil, err
		}
		all := slices.Contains(g.Privileges, catalog.AllPrivileges)
		for _, p := range c.ExpandPrivileges(on.Target, g.Privileges) {
			m := w.meaningOf(role, on.Target, p)
			if len(m.own) == 0 && !all {
				return nil, guest.Errorf(guest.KindConflict, "%s owns what %s on %s is granted on, and has it anyway: leave it out of the grant", role, p, on.Target)
			}
			m.note(out, g.Grantable)
		}
	}
	return out, nil
}

// reachable tells what is missing of a target.
func (w *world) reachable(t catalog.Target) error {
	if t.Schema == "" {
		return nil
	}
	if !slices.ContainsFunc(w.schemas, func(o object) bool { return o.in == t.Schema }) {
		return guest.Errorf(guest.KindConflict, "the database %s has no schema %s to grant on", t.Database, t.Schema)
	}
	if t.Table != "" && !slices.ContainsFunc(w.inside[t], func(o object) bool { return o.kind == "table" }) {
		return guest.Errorf(guest.KindConflict, "the database %s has no table %s.%s to grant on", t.Database, t.Schema, t.Table)
	}
	return nil
}
