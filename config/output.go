package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
)

// Output is one output with its value.
type Output struct {
	Name        string
	Description string
	Sensitive   bool
	Known       bool // false: a computed attribute in it is not there (yet)
	Value       any  // as encoding/json decodes it, numbers as json.Number; nil when not known
	Range       *diag.Range
}

// output is an output block.
type output struct {
	name      string
	at        hcl.Range
	described string
	hidden    bool
	value     *hclsyntax.Attribute
	refs      []reference
}

func (r *reader) addOutput(b *hclsyntax.Block) {
	o := &output{name: b.Labels[0], at: b.DefRange()}
	if first, taken := r.outputs[o.name]; taken {
		r.duplicate(o.at, first.at, "an output "+o.name)
		return
	}
	r.outputs[o.name] = o
	for _, attr := range inOrder(b.Body.Attributes) {
		r.known(attr, []string{"value", "description", "sensitive"}, "an output")
	}
	for _, inner := range b.Body.Blocks {
		r.fail(inner.TypeRange, "Unexpected block", "Write conditions in a check block.", "An output holds no blocks.")
	}
	o.described = r.literalText(b.Body.Attributes["description"])
	o.hidden = r.literalBool(b.Body.Attributes["sensitive"], false)
	if o.value = b.Body.Attributes["value"]; o.value == nil {
		r.fail(o.at, "Missing argument", "", "The argument %q is required here.", "value")
	}
}

func (r *reader) outputList() []*output {
	return slices.SortedFunc(maps.Values(r.outputs), func(a, b *output) int { return cmp.Compare(a.name, b.name) })
}

func (r *reader) scanOutput(o *output) {
	if o.value != nil {
		o.refs = r.scan(o.value, scope{computed: true})
	}
}

// checkOutputs evaluates the outputs with everything computed unknown, so that what is wrong is told before anything is made.
func (r *reader) checkOutputs() {
	_, list := r.evaluateOutputs(nil)
	for _, d := range list {
		r.report(d)
	}
}

// Outputs evaluates the outputs, sorted by name. computed holds the computed attributes of instances by name: string, int
// or []string; those that are absent are not known. final adds a warning for each output that is not known.
func (c *Config) Outputs(computed map[resource.Address]map[string]any, final bool) ([]Output, diag.List) {
	if c.reader == nil {
		return nil, nil
	}
	outs, list := c.reader.evaluateOutputs(computed)
	for _, o := range outs {
		if final && !o.Known {
			list = append(list, diag.Diagnostic{
				Severity: diag.Warning, Code: "output-unknown", Summary: "Output without a value", Subject: o.Range,
				Detail: fmt.Sprintf("The output %q needs an attribute that is not there.", o.Name),
				Hint:   "Apply until everything it refers to is there.",
			})
		}
	}
	list = c.reader.scrub(list)
	list.Sort()
	return outs, list
}

// evaluateOutputs evaluates the outputs with what is known of computed attributes.
func (r *reader) evaluateOutputs(computed map[resource.Address]map[string]any) ([]Output, diag.List) {
	var refs []reference
	for _, o := range r.outputs {
		refs = append(refs, o.refs...)
	}
	w := r.world(computed, refs)
	outs, veil := []Output(nil), r.veil()
	for _, o := range r.outputList() {
		if o.value == nil {
			continue
		}
		if out, ok := w.evaluateOutput(o, veil); ok {
			outs = append(outs, out)
		}
	}
	return outs, w.diags
}

// world is a reader of its own, in which the resources that refs need have their computed attributes too.
func (r *reader) world(computed map[resource.Address]map[string]any, refs []reference) *reader {
	w := *r
	w.diags, w.told, w.values, w.poisoned = nil, map[string]bool{}, map[string]cty.Value{}, false
	w.given, w.completed = computed, map[resource.Address]cty.Value{}
	needed := map[string]bool{}
	r.addNeeded(needed, refs)
	for _, n := range r.sorted {
		if !needed[n.id] {
			continue
		}
		if n.attr != nil {
			w.evaluateNode(n)
		} else {
			w.values[n.id] = w.withComputed(n, r.values[n.id])
		}
	}
	return &w
}

// addNeeded collects the nodes that refs name, directly or through local values.
func (r *reader) addNeeded(needed map[string]bool, refs []reference) {
	for _, ref := range refs {
		if n := r.nodes[ref.id]; n != nil && !needed[ref.id] {
			needed[ref.id] = true
			if n.attr != nil {
				r.addNeeded(needed, n.refs)
			}
		}
	}
}

func (r *reader) evaluateOutput(o *output, veil *strings.Replacer) (Output, bool) {
	out := Output{Name: o.name, Description: o.described, Sensitive: o.hidden, Range: place(o.at)}
	v, ok := r.eval(o.value, r.context(o.refs))
	if !ok {
		return out, false
	}
	v, paths := v.UnmarkDeepWithPaths()
	for _, p := range paths {
		if _, secret := p.Marks[sensitiveMark]; secret && !o.hidden {
			r.fail(o.value.Expr.Range(), "Sensitive value in an output", "Add `sensitive = true` to the output.",
				"The value of the output %q is sensitive, and the output is not.", o.name)
			return out, false
		}
	}
	if !v.IsWhollyKnown() {
		return out, true
	}
	v, err := plain(v)
	if err != nil {
		r.fail(o.value.Expr.Range(), "Invalid value", "", "The output %q cannot be shown: %s.", o.name, err)
		return out, false
	}
	out.Value, err = toGo(v)
	if err != nil {
		r.fail(o.value.Expr.Range(), "Invalid value", "", "The output %q cannot be shown: %s.", o.name, err)
		return out, false
	}
	out.Known, out.Sensitive = true, out.Sensitive || r.holdsSecret(v, veil)
	return out, true
}

// toGo turns a value into what encoding/json would decode.
func toGo(v cty.Value) (any, error) {
	data, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return nil, err
	}
	return decodeJSON(data)
}

// withComputed adds the computed attributes to the value behind a block.
func (r *reader) withComputed(n *node, v cty.Value) cty.Value {
	ty := kindTypes[true][n.kind]
	switch {
	case v == cty.NilVal || !v.IsKnown() || v.IsNull():
		return cty.DynamicVal
	case v.Type().IsObjectType():
		return r.complete(n.kind, v)
	case v.LengthInt() == 0 && v.Type().IsListType():
		return cty.ListValEmpty(ty)
	case v.LengthInt() == 0:
		return cty.MapValEmpty(ty)
	case v.Type().IsListType():
		var list []cty.Value
		for it := v.ElementIterator(); it.Next(); {
			_, element := it.Element()
			list = append(list, r.complete(n.kind, element))
		}
		return cty.ListVal(list)
	default:
		out := map[string]cty.Value{}
		for key, element := range v.AsValueMap() {
			out[key] = r.complete(n.kind, element)
		}
		return cty.MapVal(out)
	}
}

// complete adds the computed attributes to one resource, and to the resources that it refers to.
func (r *reader) complete(kind resource.Kind, v cty.Value) cty.Value {
	ty := kindTypes[true][kind]
	if v.IsNull() {
		return cty.NullVal(ty)
	}
	if !v.IsKnown() {
		return cty.UnknownVal(ty)
	}
	if r.recorded == nil && ty.Equals(kindTypes[false][kind]) {
		return v
	}
	addr, _ := identityOf(v)
	if done, ok := r.completed[addr]; ok {
		return done
	}
	attrs, s := v.AsValueMap(), kindSpecs[kind]
	if r.recorded != nil {
		was, known := r.recorded[addr]
		if !known {
			return cty.UnknownVal(ty)
		}
		s.asRecorded(attrs, was.Body.Attributes(), "")
	}
	for _, a := range s.args {
		if len(a.refs) > 0 {
			attrs[a.name] = r.complete(a.refs[0], attrs[a.name])
		}
	}
	for _, c := range s.computed {
		attrs[c.name] = cty.UnknownVal(c.typ)
		if raw, there := r.given[addr][c.name]; there {
			if value, err := computedValue(raw, c.typ); err == nil {
				attrs[c.name] = value
			}
		}
	}
	r.completed[addr] = cty.ObjectVal(attrs)
	return r.completed[addr]
}

func computedValue(raw any, want cty.Type) (cty.Value, error) {
	data, err := json.Marshal(raw)
	if err != nil {
		return cty.NilVal, fmt.Errorf("encoding a computed attribute: %w", err)
	}
	ty, err := ctyjson.ImpliedType(data)
	if err != nil {
		return cty.NilVal, fmt.Errorf("reading a computed attribute: %w", err)
	}
	v, err := ctyjson.Unmarshal(data, ty)
	if err != nil {
		return cty.NilVal, fmt.Errorf("reading a computed attribute: %w", err)
	}
	return convert.Convert(v, want)
}

func decodeJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("decoding a value: %w", err)
	}
	return out, nil
}
