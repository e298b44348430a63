package observe

import (
	"slices"

	"github.com/trovectl/trovectl/config/resource"
)

// Adopted is what to record of something that exists and was never applied: what was seen of it, but for what the
// configuration leaves to the cloud or the engine, as an apply would not have recorded that either. want and seen are of
// one kind.
func Adopted(want, seen resource.Body) resource.Body {
	switch s := seen.(type) {
	case *resource.Instance:
		w, body := want.(*resource.Instance), *s
		keep(w.FixedIP, &body.FixedIP)
		keep(w.AvailabilityZone, &body.AvailabilityZone)
		if s.Volume != nil {
			volume := *s.Volume
			body.Volume = &volume
			var asked resource.Volume
			if w.Volume != nil {
				asked = *w.Volume
			}
			keep(asked.Type, &volume.Type)
			keep(asked.AvailabilityZone, &volume.AvailabilityZone)
		}
		if w.Logs == nil {
			body.Logs = nil
		}
		return &body
	case *resource.Database:
		w, body := want.(*resource.Database), *s
		keep(w.Charset, &body.Charset)
		keep(w.Collation, &body.Collation)
		keep(w.Encoding, &body.Encoding)
		if w.Owner.Name == "" {
			body.Owner = resource.Role{}
		}
		body.Extensions = named(w.Extensions, s.Extensions)
		return &body
	case *resource.User:
		w, body := want.(*resource.User), *s
		if w.Additive {
			body.Grants = slices.DeleteFunc(slices.Clone(s.Grants), func(g resource.Grant) bool {
				return !slices.ContainsFunc(w.Grants, func(of resource.Grant) bool { return of.Path() == g.Path() })
			})
			body.Roles = slices.DeleteFunc(slices.Clone(s.Roles), func(role resource.Role) bool {
				return !slices.Contains(resource.RoleNames(w.Roles), role.Name)
			})
		}
		return &body
	default:
		return want
	}
}

// named are those that were asked for.
func named(asked, seen []string) []string {
	var out []string
	for _, one := range seen {
		if slices.Contains(asked, one) {
			out = append(out, one)
		}
	}
	return out
}

// keep leaves out what was not asked for.
func keep(asked string, seen *string) {
	if asked == "" {
		*seen = ""
	}
}
