package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Version finds the facts about a version by the words a user writes: "10.11", or "10.11.6" for a patch of it. Versions
// of one engine that have no table of their own share the nearest one when Engine.Shares says so.
func (e *Engine) Version(name string) (Version, bool) {
	for cut := name; ; {
		if v, ok := e.Versions[cut]; ok {
			return v, true
		}
		if table, ok := e.Shares[cut]; ok {
			v := e.Versions[table]
			v.Name = cut
			return v, true
		}
		dot := strings.LastIndexByte(cut, '.')
		if dot < 0 {
			return Version{}, false
		}
		cut = cut[:dot]
	}
}

// VersionNames lists the versions that Version finds, oldest first.
func (e *Engine) VersionNames() []string {
	var names []string
	for name := range e.Versions {
		names = append(names, name)
	}
	for name := range e.Shares {
		names = append(names, name)
	}
	slices.SortFunc(names, compareVersions)
	return slices.Compact(names)
}

func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, errX := strconv.Atoi(as[i])
		y, errY := strconv.Atoi(bs[i])
		if errX != nil || errY != nil {
			return strings.Compare(a, b)
		}
		if x != y {
			return x - y
		}
	}
	return len(as) - len(bs)
}

func (e *Engine) unknownVersion(version string) error {
	return fmt.Errorf("%s %s is not known; known are %s", e.Name, version, strings.Join(e.VersionNames(), ", "))
}

// ParameterName is the canonical spelling of a parameter's name: lower case, underscores.
func ParameterName(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}

// Parameter finds a parameter of a version by its name in any spelling. Refused ones are found too: their Refused says why.
func (e *Engine) Parameter(version, name string) (Parameter, bool) {
	v, ok := e.Version(version)
	if !ok {
		return Parameter{}, false
	}
	p, ok := v.Parameters[ParameterName(name)]
	return p, ok
}

// SuggestParameter is the name of the settable parameter nearest to name, or "" when none is near enough.
func (e *Engine) SuggestParameter(version, name string) string {
	v, _ := e.Version(version)
	var names []string
	for n, p := range v.Parameters {
		if p.Refused == "" {
			names = append(names, n)
		}
	}
	return nearest(ParameterName(name), names)
}

// owned are parameters that are not for users, and why: names, or the beginning of names and a star.
type owned struct{ why, names string }

// ownedBy says why a parameter is not for users; empty: it is.
func ownedBy(groups []owned, name string) string {
	for _, group := range groups {
		for word := range strings.FieldsSeq(group.names) {
			if prefix, ok := strings.CutSuffix(word, "*"); word == name || ok && strings.HasPrefix(name, prefix) {
				return group.why
			}
		}
	}
	return ""
}
