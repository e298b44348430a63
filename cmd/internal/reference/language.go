package reference

import (
	"strings"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/resource"
)

func language(p *page) {
	p.title("The language", "Every block that holds arguments, as `trovectl` reads it. `variable`, `locals` and `output` are as in Terraform. What is marked "+
		"*later* belongs to the language and is refused for now, with a word that says so.")
	documents, everywhere := split(config.Schema().([]config.Document))
	p.line("")
	for _, d := range documents {
		p.line("- [`%s`](#%s): %s", d.Name, d.Name, d.Doc)
	}
	p.line("- [What every kind takes](#what-every-kind-takes)")
	p.line("- [Functions](#functions)")
	for _, d := range documents {
		p.heading(2, "%s", d.Name)
		p.line("`%s { }`: %s", header(d), d.Doc)
		block(p, d, d.Name)
		computed(p, d)
	}
	p.heading(2, "What every kind takes")
	p.line("%s", everywhere.Doc)
	block(p, everywhere, "KIND")
	p.heading(2, "Functions")
	p.line("As in Terraform: %s.", codes(config.FunctionNames()))
}

// split takes what all kinds have in common out of them.
func split(all []config.Document) (documents []config.Document, everywhere config.Document) {
	kinds, arguments, blocks := 0, map[string]int{}, map[string]int{}
	for _, d := range all {
		if !isKind(d) {
			continue
		}
		kinds++
		for _, a := range d.Arguments {
			arguments[a.Name]++
		}
		for _, b := range d.Blocks {
			blocks[b.Name]++
		}
	}
	common := func(a config.DocumentArgument) bool { return arguments[a.Name] == kinds }
	commonBlock := func(b config.Document) bool { return blocks[b.Name] == kinds }
	for _, d := range all {
		if isKind(d) {
			everywhere = config.Document{
				Doc: "Beside the arguments of its own.", Arguments: only(d.Arguments, common), Blocks: only(d.Blocks, commonBlock),
			}
			d.Arguments = only(d.Arguments, func(a config.DocumentArgument) bool { return !common(a) })
			d.Blocks = only(d.Blocks, func(b config.Document) bool { return !commonBlock(b) })
		}
		documents = append(documents, d)
	}
	return documents, everywhere
}

func isKind(d config.Document) bool { return resource.Kind(d.Name).Known() }

func only[T any](all []T, keep func(T) bool) (out []T) {
	for _, one := range all {
		if keep(one) {
			out = append(out, one)
		}
	}
	return out
}

// block writes the arguments of a block, then the blocks in it; way is the path of block names that leads here.
func block(p *page, d config.Document, way string) {
	rows := [][]string{}
	for _, a := range d.Arguments {
		rows = append(rows, []string{code(a.Name), a.Type, argumentNotes(a), a.Effect, a.Doc})
	}
	p.table([]string{"argument", "type", "", "a change of it", "meaning"}, rows)
	for _, inner := range d.Blocks {
		inside := way + "." + inner.Name
		p.heading(3, "%s", inside)
		notes := []string{}
		if inner.Later {
			notes = append(notes, "*later*")
		}
		if inner.Required {
			notes = append(notes, "required")
		}
		if inner.Repeats {
			notes = append(notes, "may be repeated")
		}
		if len(notes) > 0 {
			notes = []string{" (" + strings.Join(notes, ", ") + ")"}
		}
		p.line("`%s { }`%s: %s", header(inner), strings.Join(notes, ""), inner.Doc)
		block(p, inner, inside)
	}
}

func header(d config.Document) string {
	if d.Label == "" {
		return d.Name
	}
	return d.Name + ` "` + d.Label + `"`
}

func argumentNotes(a config.DocumentArgument) string {
	switch {
	case a.Later:
		return "*later*"
	case a.Required:
		return "required"
	case a.Sensitive:
		return "sensitive"
	default:
		return ""
	}
}

func computed(p *page, d config.Document) {
	if len(d.Computed) == 0 {
		return
	}
	p.heading(3, "%s: known after apply", d.Name)
	p.line("For outputs only.")
	rows := [][]string{}
	for _, c := range d.Computed {
		rows = append(rows, []string{code(c.Name), c.Type, c.Doc})
	}
	p.table([]string{"attribute", "type", "meaning"}, rows)
}
