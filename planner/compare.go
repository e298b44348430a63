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
		if resource.Sensitive(want.Kind(), path) {
			continue
		}
		lets := h[path] != nil && resource.LetsGo(want.Kind(), path)
		if _, declared := w[path]; !declared && resource.Unmanaged(want.Kind(), path) && !lets {
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

// password compares digests: of what the configuration says with the recorded one, and of what the engine stores with
// the recorded one. A password that was not supplied in this run says nothing.
func (d *difference) password(want, had, seen resource.Body) {
	w, path := resource.PasswordOf(want)
	if w == nil {
		return
	}
	h, _ := resource.PasswordOf(had)
	edited := w.Digest != "" && (h == nil || h.Digest != w.Digest)
	if edited || verifierChanged(had, seen) {
		d.add(plan.Change{Path: path, Sensitive: true, Impact: resource.Online}, edited)
	}
}

// verifierChanged tells whether somebody changed a password in the engine.
func verifierChanged(had, seen resource.Body) bool {
	h, _ := resource.PasswordOf(had)
	s, _ := resource.PasswordOf(seen)
	return h != nil && h.Engine != "" && s != nil && s.Engine != h.Engine
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

// coverage is how a wanted value is compared with a seen one: by equality, but where more than is wanted is no difference:
// additive grants and roles, and the extensions of a database.
func (p *planning) coverage(want resource.Body) func(path string, want, seen any) bool {
	switch body := want.(type) {
	case *resource.Database:
		return func(path string, want, seen any) bool {
			if path == "extensions" {
				return subset(texts(want), texts(seen))
			}
			return same(want, seen)
		}
	case *resource.User:
		if body.Additive {
			return p.additive(body)
		}
	}
	return p.alike
}

func (p *planning) additive(user *resource.User) func(path string, want, seen any) bool {
	engine := p.engineOf(user.Instance)
	targets := map[string]catalog.Target{} // by path
	for _, g := range user.Grants {
		targets[g.Path()] = g.Target()
	}
	return func(path string, want, seen any) bool {
		w, s := texts(want), texts(seen)
		switch {
		case path != "roles" && !strings.HasPrefix(path, "grant["):
			return same(want, seen)
		case path != "roles" && engine != nil:
			w, s = engine.ExpandPrivileges(targets[path], w), engine.ExpandPrivileges(targets[path], s)
		}
		return subset(w, s)
	}
}

// texts is a value that is a list or absent.
func texts(value any) []string {
	list, _ := value.([]string)
	return list
}

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(one string) bool { return !slices.Contains(whole, one) })
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
		if resource.Sensitive(had.Kind(), path) {
			continue
		}
		if _, recorded := h[path]; !recorded && (resource.Unmanaged(had.Kind(), path) || slices.Contains(subject.Unrecorded, path)) {
			continue
		}
		if !covers(path, h[path], s[path]) {
			changes = append(changes, plan.Change{Path: path, Before: h[path], After: s[path], Impact: resource.Online})
		}
	}
	if _, path := resource.PasswordOf(had); verifierChanged(had, seen) {
		changes = append(changes, plan.Change{Path: path, Sensitive: true, Impact: resource.Online})
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
