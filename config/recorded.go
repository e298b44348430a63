package config

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/trovectl/trovectl/config/resource"
)

// Recorded is what is recorded of a resource: its arguments, and its computed attributes by name.
type Recorded struct {
	Body     resource.Body
	Computed map[string]any
}

// OutputsBefore evaluates the outputs over what is recorded instead of what the configuration asks for. One that needs a
// resource which is not recorded is not known, and one that cannot be evaluated over the record is left out. Maps, references
// and repeated blocks are taken from the configuration.
func (c *Config) OutputsBefore(recorded map[resource.Address]Recorded) []Output {
	if c.reader == nil {
		return nil
	}
	computed := make(map[resource.Address]map[string]any, len(recorded))
	for address, was := range recorded {
		computed[address] = was.Computed
	}
	before := *c.reader
	before.recorded = recorded
	outs, _ := before.evaluateOutputs(computed)
	return outs
}

// asRecorded replaces the arguments of a resource by those that are recorded.
func (s *spec) asRecorded(attrs map[string]cty.Value, was resource.Attributes, prefix string) {
	for _, a := range s.args {
		_, there := attrs[a.name]
		if !there || len(a.refs) > 0 || a.typ.IsMapType() || a.typ.IsObjectType() {
			continue
		}
		attrs[a.name] = cty.NullVal(a.typ)
		if raw, set := was[prefix+a.name]; set {
			if value, err := computedValue(raw, a.typ); err == nil {
				attrs[a.name] = value
			}
		}
	}
	for _, b := range s.blocks {
		inner, there := attrs[b.name]
		if !there || b.many || inner.IsNull() || !inner.IsKnown() {
			continue
		}
		values := inner.AsValueMap()
		b.spec.asRecorded(values, was, prefix+b.name+".")
		attrs[b.name] = cty.ObjectVal(values)
	}
}

// Variables are the values of the variables that are not sensitive, as encoding/json decodes them, by name. One that is used
// as a password is left out, whatever its block says.
func (c *Config) Variables() map[string]any {
	out := map[string]any{}
	if c.reader == nil {
		return out
	}
	veil := c.reader.veil()
	for name, v := range c.reader.variables {
		if v.sensitive || v.value == cty.NilVal || !v.value.IsWhollyKnown() || v.value.ContainsMarked() || c.reader.holdsSecret(v.value, veil) {
			continue
		}
		if value, err := toGo(v.value); err == nil {
			out[name] = value
		}
	}
	return out
}
