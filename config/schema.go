package config

import (
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/resource"
)

// argument is one argument of a block. The decoder, the values behind references and the reference pages come from it.
type argument struct {
	name     string
	typ      cty.Type        // of the value; unused when refs are given
	refs     []resource.Kind // the value is a resource of one of these kinds
	free     bool            // a list or a single one of names and resources: the builder looks at it
	required bool
	secret   bool // may be sensitive, may be not supplied, and cannot be referred to
	address  bool // written as a reference and never evaluated: what it names need not be there
	later    bool // belongs to the language, not available yet
	effect   string
	doc      string
}

// nested is a block inside of a block.
type nested struct {
	name     string
	label    string // what its label is; empty: it has none
	only     bool   // label is the one that it has: blocks of this name with other labels are others
	alias    bool   // a second label may name a provider
	many     bool
	required bool
	hidden   bool // cannot be referred to
	later    bool
	rule     bool // a condition: judged by code of its own, not decoded
	doc      string
	spec     *spec
}

// spec is what may stand in a block.
type spec struct {
	doc      string
	open     bool // takes any argument, as text
	args     []argument
	blocks   []nested
	computed []attribute
}

// attribute is a computed one: known after apply, for outputs only.
type attribute struct {
	name string
	typ  cty.Type
	doc  string
}

// means tells whether a block with these labels is this one.
func (n nested) means(labels []string) bool {
	return !n.only || len(labels) > 0 && labels[0] == n.label
}

func (s *spec) argument(name string) (argument, bool) {
	for _, a := range s.args {
		if a.name == name {
			return a, true
		}
	}
	return argument{}, false
}

// nested finds the blocks of a name: several where the label says which it is.
func (s *spec) nested(name string) []nested {
	var out []nested
	for _, b := range s.blocks {
		if b.name == name {
			out = append(out, b)
		}
	}
	return out
}

func (s *spec) names() []string {
	var out []string
	for _, a := range s.args {
		if !a.later {
			out = append(out, a.name)
		}
	}
	for _, b := range s.blocks {
		if !b.later {
			out = append(out, b.name)
		}
	}
	return out
}

// valueType is the type of the object behind a reference to a block with this spec.
func (s *spec) valueType(kind resource.Kind, world bool) cty.Type {
	attrs := map[string]cty.Type{}
	for _, a := range s.args {
		if !a.secret && !a.free && !a.later {
			attrs[a.name] = a.valueType(world)
		}
	}
	for _, b := range s.blocks {
		if b.hidden || b.later || b.rule {
			continue
		}
		inner := b.spec.valueType("", world)
		switch {
		case b.many && b.label != "":
			inner = cty.Map(inner)
		case b.many:
			inner = cty.List(inner)
		}
		attrs[b.name] = inner
	}
	if kind != "" {
		attrs[identityName] = identityType
	}
	if world {
		for _, c := range s.computed {
			attrs[c.name] = c.typ
		}
	}
	return cty.Object(attrs)
}

func (a argument) valueType(world bool) cty.Type {
	if len(a.refs) > 0 {
		return kindTypes[world][a.refs[0]]
	}
	return a.typ
}

// blockTypes are the types of the inner blocks of kinds.
var blockTypes = map[*spec]cty.Type{}

// kindTypes are the types of resources; true: with computed attributes.
var kindTypes = map[bool]map[resource.Kind]cty.Type{false: {}, true: {}}

func init() {
	for _, world := range []bool{false, true} {
		for _, kind := range resource.Kinds { // each after those it refers to
			kindTypes[world][kind] = kindSpecs[kind].valueType(kind, world)
		}
	}
	for _, kind := range resource.Kinds {
		for _, b := range kindSpecs[kind].blocks {
			if b.spec != nil {
				blockTypes[b.spec] = b.spec.valueType("", false)
			}
		}
	}
}

// Document describes a block for people and programs.
type Document struct {
	Name      string             `json:"name"`
	Label     string             `json:"label,omitempty"`
	Repeats   bool               `json:"repeats,omitempty"`
	Required  bool               `json:"required,omitempty"`
	Later     bool               `json:"not_available_yet,omitempty"`
	Doc       string             `json:"doc"`
	Arguments []DocumentArgument `json:"arguments"`
	Blocks    []Document         `json:"blocks,omitempty"`
	Computed  []DocumentArgument `json:"computed,omitempty"`
}

// DocumentArgument describes an argument or a computed attribute. Type is in the words of type constraints, or the kinds
// that it may name.
type DocumentArgument struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Required  bool   `json:"required,omitempty"`
	Sensitive bool   `json:"sensitive,omitempty"`
	Later     bool   `json:"not_available_yet,omitempty"`
	Effect    string `json:"effect,omitempty"`
	Doc       string `json:"doc"`
}

// Schema lists every block that holds arguments: trove, provider, guest, the kinds, then check and moved. It encodes to JSON.
func Schema() any {
	out := []Document{
		document("trove", "", troveSpec), document("provider", "openstack", providerSpec), document("guest", "", guestSpec),
	}
	for _, kind := range resource.Kinds {
		d := document(string(kind), "NAME", kindSpecs[kind])
		d.Arguments = append(d.Arguments, describeArguments(metaSpec.args)...)
		for _, b := range metaSpec.blocks {
			d.Blocks = append(d.Blocks, describeNested(b))
		}
		out = append(out, d)
	}
	return append(out, document("check", "NAME", checkSpec), document("moved", "", movedSpec))
}

func document(name, label string, s *spec) Document {
	d := Document{Name: name, Label: label, Doc: s.doc, Arguments: describeArguments(s.args)}
	for _, b := range s.blocks {
		d.Blocks = append(d.Blocks, describeNested(b))
	}
	for _, c := range s.computed {
		d.Computed = append(d.Computed, DocumentArgument{Name: c.name, Type: typeexpr.TypeString(c.typ), Doc: c.doc})
	}
	return d
}

func describeNested(b nested) Document {
	s := b.spec
	if s == nil {
		s = &spec{}
	}
	d := document(b.name, b.label, s)
	d.Repeats, d.Required, d.Later = b.many, b.required, b.later
	if b.doc != "" {
		d.Doc = b.doc
	}
	return d
}

func describeArguments(args []argument) []DocumentArgument {
	out := []DocumentArgument{}
	for _, a := range args {
		out = append(out, DocumentArgument{
			Name: a.name, Type: a.typeText(), Required: a.required, Sensitive: a.secret, Later: a.later, Effect: a.effect, Doc: a.doc,
		})
	}
	return out
}

func (a argument) typeText() string {
	switch {
	case a.address:
		return "address"
	case len(a.refs) > 0:
		return "reference to " + string(a.refs[0])
	case a.free:
		return "name or reference"
	case a.typ == cty.NilType:
		return "any"
	default:
		return typeexpr.TypeString(a.typ)
	}
}
