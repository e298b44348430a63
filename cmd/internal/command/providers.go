package command

import (
	"encoding/json"
	"strings"

	"github.com/trovectl/trovectl/config"
	"github.com/trovectl/trovectl/config/resource"
)

var providersSchemaSpec = spec{
	synopsis: "Print the arguments of every kind, for editors and other programs",
	usage:    "trovectl providers schema -json",
	flags:    func(f *flags) { f.jsonOutput() },
	run: func(m *Meta, f *flags) int {
		if err := f.words(0, 0, "no argument"); err != nil {
			return m.fail("%v", err)
		}
		if !f.json {
			return m.fail("providers schema prints JSON alone: give -json")
		}
		return m.printJSON(json.Marshal(providerSchemas()))
	},
}

// blockSchema is a block in Terraform's representation of schemas.
type blockSchema struct {
	Attributes  map[string]attributeSchema `json:"attributes,omitempty"`
	Blocks      map[string]nestedSchema    `json:"block_types,omitempty"`
	Description string                     `json:"description,omitempty"`
	Kind        string                     `json:"description_kind"`
}

type attributeSchema struct {
	Type        any    `json:"type"`
	Description string `json:"description,omitempty"`
	Kind        string `json:"description_kind"`
	Required    bool   `json:"required,omitempty"`
	Optional    bool   `json:"optional,omitempty"`
	Computed    bool   `json:"computed,omitempty"`
	Sensitive   bool   `json:"sensitive,omitempty"`
}

type nestedSchema struct {
	Nesting string      `json:"nesting_mode"` // single, list, or map by its label
	Block   blockSchema `json:"block"`
	Least   int         `json:"min_items,omitempty"`
	Most    int         `json:"max_items,omitempty"`
}

type versionedSchema struct {
	Version int         `json:"version"`
	Block   blockSchema `json:"block"`
}

// providerSchemas is what there is to write, in Terraform's representation (documented under "terraform providers schema"):
// one provider with the kinds as its resources. The blocks that Terraform has no place for are under "trovectl".
func providerSchemas() map[string]any {
	documents, _ := config.Schema().([]config.Document)
	var provider versionedSchema
	kinds, settings := map[string]versionedSchema{}, map[string]versionedSchema{}
	for _, d := range documents {
		s := versionedSchema{Block: blockOf(d)}
		switch {
		case resource.Kind(d.Name).Known():
			kinds[d.Name] = s
		case d.Name == "provider":
			provider = s
		default:
			settings[d.Name] = s
		}
	}
	return map[string]any{
		"format_version":   "1.0",
		"provider_schemas": map[string]any{"trovectl": map[string]any{"provider": provider, "resource_schemas": kinds}},
		"trovectl":         map[string]any{"settings": settings},
	}
}

// blockOf leaves out what the language has reserved and does not take yet.
func blockOf(d config.Document) blockSchema {
	out := blockSchema{Attributes: map[string]attributeSchema{}, Blocks: map[string]nestedSchema{}, Description: d.Doc, Kind: "plain"}
	for _, a := range d.Arguments {
		if a.Later {
			continue
		}
		text := a.Doc
		if strings.HasPrefix(a.Type, "reference to ") {
			text = strings.TrimSpace("A " + a.Type + ". " + text)
		}
		out.Attributes[a.Name] = attributeSchema{
			Type: typeOf(a.Type), Description: text, Kind: "plain", Required: a.Required, Optional: !a.Required, Sensitive: a.Sensitive,
		}
	}
	for _, c := range d.Computed {
		s := out.Attributes[c.Name] // an argument that is computed where it is not given is both
		out.Attributes[c.Name] = attributeSchema{
			Type: typeOf(c.Type), Description: c.Doc, Kind: "plain", Required: s.Required, Optional: s.Optional, Computed: true, Sensitive: s.Sensitive,
		}
	}
	for _, b := range d.Blocks {
		if !b.Later {
			out.Blocks[b.Name] = nestedOf(b)
		}
	}
	return out
}

func nestedOf(d config.Document) nestedSchema {
	out := nestedSchema{Nesting: "single", Block: blockOf(d)}
	switch {
	case d.Repeats && d.Label != "":
		out.Nesting = "map"
	case d.Repeats:
		out.Nesting = "list"
	}
	if d.Required {
		out.Least = 1
	}
	if !d.Repeats {
		out.Most = 1
	}
	return out
}

// typeOf turns a type constraint into a type as JSON has it: "string", ["list", "string"]. A reference, and what may be of
// several types, is "dynamic".
func typeOf(text string) any {
	if outer, inner, nested := strings.Cut(strings.TrimSuffix(text, ")"), "("); nested {
		return []any{outer, typeOf(inner)}
	}
	switch text {
	case "string", "number", "bool":
		return text
	default:
		return "dynamic"
	}
}
