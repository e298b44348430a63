package reference

import (
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/catalog"
)

func engines(p *page) {
	p.title("Engines", "What each engine allows. A plan checks names, privileges and parameters against this, without asking a guest.")
	for _, name := range catalog.Names() {
		engine, _ := catalog.Lookup(name)
		p.heading(2, "%s", engine.Name)
		if engine.Note != "" {
			p.line("**%s**", engine.Note)
			p.line("")
		}
		p.line("- versions: %s", codes(engine.VersionNames()))
		p.line("- port: %d", engine.Port)
		if engine.HasDatabases {
			p.line("- databases that cannot be declared: %s", codes(engine.SystemDBs))
		}
		p.line("- accounts that cannot be declared: %s", codes(engine.SystemUsers))
		refused := "refused command"
		if engine.HasGrants {
			refused = "refused privilege"
			p.line("- privileges on one database: %s", codes(engine.Privileges))
			if len(engine.GlobalPrivileges) > 0 {
				p.line("- privileges on all databases (`\"*\"`): these and %s", codes(without(engine.GlobalPrivileges, engine.Privileges)))
			}
		}
		for _, paragraph := range engine.Manual {
			p.line("")
			p.line("%s", paragraph)
		}
		rows := [][]string{}
		for _, privilege := range slices.Sorted(maps.Keys(engine.RefusedPrivileges)) {
			rows = append(rows, []string{code(privilege), engine.RefusedPrivileges[privilege]})
		}
		p.table([]string{refused, "why"}, rows)
		rows = nil
		for _, role := range slices.Sorted(maps.Keys(engine.RefusedRoles)) {
			rows = append(rows, []string{code(role), engine.RefusedRoles[role]})
		}
		if len(rows) > 0 {
			p.table([]string{"refused role", "why"}, rows)
		}
		for _, version := range slices.Sorted(maps.Keys(engine.Versions)) {
			parameters(p, engine, engine.Versions[version])
		}
	}
}

func without(all, some []string) (out []string) {
	for _, one := range all {
		if !slices.Contains(some, one) {
			out = append(out, one)
		}
	}
	return out
}

func parameters(p *page, engine *catalog.Engine, v catalog.Version) {
	p.heading(3, "%s %s: parameters", engine.Name, v.Name)
	sharing := []string{}
	for name, from := range engine.Shares {
		if from == v.Name {
			sharing = append(sharing, name)
		}
	}
	p.line("For `config_group`. *restart*: it takes effect when the engine is started again.")
	if len(sharing) > 0 {
		slices.Sort(sharing)
		p.line("These versions share the table: %s.", codes(sharing))
	}
	rows, refused := [][]string{}, [][]string{}
	for _, name := range slices.Sorted(maps.Keys(v.Parameters)) {
		parameter := v.Parameters[name]
		if parameter.Refused != "" {
			refused = append(refused, []string{code(name), parameter.Refused})
			continue
		}
		takes := "restart"
		if parameter.Dynamic {
			takes = "online"
		}
		rows = append(rows, []string{code(name), string(parameter.Type), allowed(parameter), takes, code(parameter.Default)})
	}
	p.table([]string{"parameter", "type", "allowed", "change", "default"}, rows)
	p.table([]string{"refused parameter", "why"}, refused)
}

func allowed(p catalog.Parameter) string {
	if p.Unit != "" {
		unitless := p
		unitless.Unit = ""
		return strings.TrimSpace(allowed(unitless) + " in units of " + code(p.Unit))
	}
	switch {
	case len(p.Enum) > 0:
		return codes(p.Enum)
	case p.Min != "" && p.Max != "":
		return p.Min + " to " + p.Max + step(p)
	case p.Min != "":
		return "from " + p.Min + step(p)
	case p.Max != "":
		return "to " + p.Max + step(p)
	default:
		return strings.TrimPrefix(step(p), ", ")
	}
}

func step(p catalog.Parameter) string {
	if p.Step == "" {
		return ""
	}
	return ", a multiple of " + p.Step
}
