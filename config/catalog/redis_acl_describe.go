package catalog

import (
	"maps"
	"slices"
	"strings"
)

// describe writes rules down in canonical form.
func (t *aclTable) describe(a acl) []string {
	out := t.describeSelector(a.root)
	var selectors []string
	for _, s := range a.selectors {
		if inner := t.describeSelector(s); len(inner) > 0 {
			selectors = append(selectors, "("+strings.Join(inner, " ")+")")
		}
	}
	slices.Sort(selectors)
	out = append(out, slices.Compact(selectors)...)
	return append(out, slices.Sorted(slices.Values(a.foreign))...)
}

func (t *aclTable) describeSelector(s *aclSelector) []string {
	var out []string
	for _, pattern := range slices.Sorted(maps.Keys(s.keys)) {
		switch access := s.keys[pattern]; {
		case s.keys["*"] == "RW" && pattern != "*": // it is in ~* already
		case access == "RW":
			out = append(out, "~"+pattern)
		default:
			out = append(out, "%"+access+"~"+pattern)
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(s.channels)) {
		if !s.channels["*"] || pattern == "*" {
			out = append(out, "&"+pattern)
		}
	}
	return append(out, t.describeCommands(s)...)
}

// describeCommands begins with all or nothing, goes on with the categories that come nearest, and mends the rest one by
// one, as the server itself does when it lists rules. Reserved commands count nowhere but where they are allowed.
func (t *aclTable) describeCommands(s *aclSelector) []string {
	var out []string
	said := map[string]bool{}
	if s.future {
		out, said = append(out, "+@all"), maps.Clone(t.commands)
	}
	sign := map[bool]string{true: "+", false: "-"}
	left := maps.Clone(s.allowed)
	for used := map[string]bool{}; ; {
		best := t.nearestCategory(left, used, !s.future)
		if best == "" {
			break
		}
		used[best] = true
		out = append(out, sign[!s.future]+"@"+best)
		set(said, !s.future, t.categories[best]...)
		set(left, s.future, t.categories[best]...)
	}
	for _, name := range slices.Sorted(maps.Keys(t.commands)) {
		if t.reserved[name] || said[name] == s.allowed[name] {
			continue
		}
		out = append(out, sign[s.allowed[name]]+name)
		set(said, s.allowed[name], t.with(name)...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.others)) {
		if s.others[name] != s.future {
			out = append(out, sign[s.others[name]]+name)
		}
	}
	return append(out, t.describeReserved(s)...)
}

// describeReserved names the reserved commands that a server lets the account run. Those that only help are not worth it.
func (t *aclTable) describeReserved(s *aclSelector) (out []string) {
	said := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(t.reserved)) {
		whole := !slices.ContainsFunc(t.with(name), func(n string) bool { return !s.allowed[n] })
		if !whole || said[name] || len(t.subs[name]) == 0 && !slices.Contains(t.categories["dangerous"], name) {
			continue
		}
		out = append(out, "+"+name)
		set(said, true, t.with(name)...)
	}
	return out
}

// nearestCategory is the unused category that says the most about the commands that are left and the least that is wrong;
// empty: none says more than it has wrong.
func (t *aclTable) nearestCategory(left, used map[string]bool, additive bool) (best string) {
	least, most := len(t.commands), 0
	for _, category := range slices.Sorted(maps.Keys(t.categories)) {
		if used[category] {
			continue
		}
		right, wrong := 0, 0
		for _, name := range t.categories[category] {
			switch {
			case t.reserved[name]:
			case left[name] == additive:
				right++
			default:
				wrong++
			}
		}
		if right > wrong && right > 1 && (wrong < least || wrong == least && right > most) {
			best, least, most = category, wrong, right
		}
	}
	return best
}
