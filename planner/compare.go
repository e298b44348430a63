package planner

import (
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// difference is what a comparison of one resource found.
type difference struct {
	changes []plan.Change
	impact  resource.Impact
	edited  bool // the configuration differs from the record, not reality alone
	refused []refusal
}

type refusal struct {
	path    string
	verdict resource.Verdict
	edited  bool
}

// threeWay compares path by path: want with seen, and want with had. What is as wanted but not recorded so needs a record;
// what is not as wanted is judged. seen is had where nothing could be seen.
func (p *planning) threeWay(want, had, seen resource.Body) difference {
	d := difference{impact: resource.Online}
	w, h, s := want.Attributes(), had.Attributes(), seen.Attributes()
	covers := p.coverage(want)
	for _, path := range union(w, h, s) {
		if path == passwordPath && want.Kind() == resource.KindUser {
			continue
		}
		if _, declared := w[path]; !declared && resource.Unmanaged(want.Kind(), path) {
			continue
		}
		asSeen, asHad := covers(path, w[path], s[path]), same(w[path], h[path])
		if asSeen && asHad {
			continue
		}
		verdict := seen.Judge(path, want)
		change := plan.Change{Path: path, Before: s[path], After: w[path], Impact: verdict.Impact}
		switch {
		case verdict.Effect == resource.Ignored:
			continue
		case asSeen:
			change.Before, change.Impact = h[path], resource.Online
		case verdict.Effect == resource.Refused:
			d.refused = append(d.refused, refusal{path, verdict, !asHad})
			continue
		}
		d.add(change, !asHad)
	}
	d.password(want, had, seen)
	d.pending(seen)
	return d
}

func (d *difference) add(change plan.Change, edited bool) {
	d.changes = append(d.changes, change)
	d.impact = resource.Worse(d.impact, change.Impact)
	d.edited = d.edited || edited
}

const passwordPath = "password"

// password compares digests: of what the configuration says with the recorded one, and of what the engine stores with
// the recorded one. A password that was not supplied in this run says nothing.
func (d *difference) password(want, had, seen resource.Body) {
	w, ok := want.(*resource.User)
	if !ok || w.Password == nil {
		return
	}
	h := had.(*resource.User)
	edited := w.Password.Digest != "" && (h.Password == nil || h.Password.Digest != w.Password.Digest)
	if edited || verifierChanged(h, seen.(*resource.User)) {
		d.add(plan.Change{Path: passwordPath, Sensitive: true, Impact: resource.Online}, edited)
	}
}

// verifierChanged tells whether somebody changed a password in the engine.
func verifierChanged(had, seen *resource.User) bool {
	return had.Password != nil && had.Password.Engine != "" && seen.Password != nil && seen.Password.Engine != had.Password.Engine
}

// pending marks settings that are persisted now and in force after a restart that nobody asked for.
func (d *difference) pending(seen resource.Body) {
	instance, ok := seen.(*resource.Instance)
	if !ok {
		return
	}
	for i := range d.changes {
		c := &d.changes[i]
		c.Pending = c.Impact == resource.Online && instance.Static(c.Path)
	}
}

// coverage is how a wanted value is compared with a seen one: by equality, but for additive grants, where more than is
// wanted is no difference.
func (p *planning) coverage(want resource.Body) func(path string, want, seen any) bool {
	equal := p.alike
	user, ok := want.(*resource.User)
	if !ok || !user.Additive {
		return equal
	}
	engine := p.engineOf(user.Instance)
	databases := map[string]string{} // by path
	for _, g := range user.Grants {
		databases[grantPath(g)] = g.Database
	}
	return func(path string, want, seen any) bool {
		if !strings.HasPrefix(path, "grant[") {
			return same(want, seen)
		}
		if want == nil {
			return true
		}
		return subset(engine, databases[path], want, seen)
	}
}

// grantPath asks the body for the path of a grant, so that quoting is decided in one place.
func grantPath(g resource.Grant) string {
	one := resource.User{Grants: []resource.Grant{g}}
	for path := range one.Attributes() {
		if strings.HasPrefix(path, "grant[") {
			return path
		}
	}
	return ""
}

func subset(engine *catalog.Engine, database string, want, seen any) bool {
	w, _ := want.([]string)
	s, _ := seen.([]string)
	if engine != nil {
		on := catalog.Target{Database: database}
		w, s = engine.ExpandPrivileges(on, w), engine.ExpandPrivileges(on, s)
	}
	for _, privilege := range w {
		if !slices.Contains(s, privilege) {
			return false
		}
	}
	return true
}

// engineOf is the engine of an instance as declared, or else as recorded; nil: it is not known.
func (p *planning) engineOf(instance resource.Address) *catalog.Engine {
	var body resource.Body
	if r, ok := p.desired.Resources[instance]; ok {
		body = r.Body
	} else {
		body = p.prior.Records[instance].Body
	}
	if i, ok := body.(*resource.Instance); ok {
		engine, _ := catalog.Lookup(i.Manager)
		return engine
	}
	return nil
}

// driftChanges lists where reality differs from the record.
func (p *planning) driftChanges(had resource.Body, subject Subject) []plan.Change {
	var changes []plan.Change
	seen := subject.Body
	h, s := had.Attributes(), seen.Attributes()
	covers := p.coverage(had)
	for _, path := range union(h, s) {
		if path == passwordPath && had.Kind() == resource.KindUser {
			continue
		}
		if _, recorded := h[path]; !recorded && (resource.Unmanaged(had.Kind(), path) || slices.Contains(subject.Unrecorded, path)) {
			continue
		}
		if !covers(path, h[path], s[path]) {
			changes = append(changes, plan.Change{Path: path, Before: h[path], After: s[path], Impact: resource.Online})
		}
	}
	if h, ok := had.(*resource.User); ok && verifierChanged(h, seen.(*resource.User)) {
		changes = append(changes, plan.Change{Path: passwordPath, Sensitive: true, Impact: resource.Online})
	}
	return changes
}

func union(all ...resource.Attributes) []string {
	paths := map[string]bool{}
	for _, a := range all {
		for path := range a {
			paths[path] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}

// same compares display values; nil is an absent one. Every list of the language is a set.
func same(a, b any) bool {
	x, ok := a.([]string)
	if !ok {
		return a == b
	}
	y, ok := b.([]string)
	return ok && slices.Equal(slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y)))
}

// alike compares values of which a cloud knows both a name and an id.
func (p *planning) alike(path string, a, b any) bool {
	if same(a, b) {
		return true
	}
	x, ok := a.(string)
	y, okay := b.(string)
	if !ok || !okay {
		return false
	}
	is := func(c Choice) bool { return c.named(x) && c.named(y) }
	switch path {
	case "flavor":
		return slices.ContainsFunc(p.seen.Choices.Flavors, func(f Flavor) bool { return is(f.Choice) })
	case "network", "guest.network", "access.public_network":
		return slices.ContainsFunc(p.seen.Choices.Networks, func(n Network) bool { return is(n.Choice) })
	default:
		return false
	}
}
