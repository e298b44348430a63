package view

import (
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// object is attributes as nested objects, with a mask of what is sensitive in the same shape. A sensitive value is null
// in the object and true in the mask.
type object struct {
	values, mask map[string]any
}

func newObject() object { return object{map[string]any{}, map[string]any{}} }

// objectOf nests the attributes of a body; nil without one.
func objectOf(kind resource.Kind, b plan.Body) *object {
	if b.IsZero() {
		return nil
	}
	o := newObject()
	attributes := b.Attributes()
	for _, path := range attributes.Paths() {
		o.put(kind, path, attributes[path], false)
	}
	return &o
}

// put sets a path; a nil value that is not sensitive removes it.
func (o object) put(kind resource.Kind, path string, v any, sensitive bool) {
	keys := place(path).keys
	switch {
	case sensitive || resource.Sensitive(kind, path):
		nest(o.values, keys, nil)
		nest(o.mask, keys, true)
	case v == nil:
		prune(o.values, keys)
	default:
		nest(o.values, keys, v)
	}
}

func nest(in map[string]any, keys []string, v any) {
	for _, key := range keys[:len(keys)-1] {
		next, ok := in[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			in[key] = next
		}
		in = next
	}
	in[keys[len(keys)-1]] = v
}

// prune removes a path and the objects that it leaves empty.
func prune(in map[string]any, keys []string) {
	if len(keys) > 1 {
		next, ok := in[keys[0]].(map[string]any)
		if !ok {
			return
		}
		prune(next, keys[1:])
		if len(next) > 0 {
			return
		}
	}
	delete(in, keys[0])
}

// overlay sets what changes say, on the side that pick chooses.
func (o object) overlay(kind resource.Kind, changes []plan.Change, pick func(plan.Change) any) {
	for _, c := range changes {
		o.put(kind, c.Path, pick(c), c.Sensitive)
	}
}

func before(c plan.Change) any { return c.Before }
func after(c plan.Change) any  { return c.After }

// changeJSON is a change in Terraform's plan representation.
type changeJSON struct {
	Actions         []string `json:"actions"`
	Before          any      `json:"before"`
	After           any      `json:"after"`
	AfterUnknown    any      `json:"after_unknown"`
	BeforeSensitive any      `json:"before_sensitive"`
	AfterSensitive  any      `json:"after_sensitive"`
}

// setBefore and setAfter fill one side; without an object it is null and nothing is sensitive.
func (c *changeJSON) setBefore(o *object) {
	c.Before, c.BeforeSensitive = nil, false
	if o != nil {
		c.Before, c.BeforeSensitive = o.values, o.mask
	}
}

func (c *changeJSON) setAfter(o *object) {
	c.After, c.AfterSensitive, c.AfterUnknown = nil, false, false
	if o != nil {
		c.After, c.AfterSensitive, c.AfterUnknown = o.values, o.mask, map[string]any{}
	}
}

// clone copies an object so that changes may be laid over it.
func (o *object) clone() object {
	out := newObject()
	if o != nil {
		out.values, out.mask = cloneMap(o.values), cloneMap(o.mask)
	}
	return out
}

func cloneMap(in map[string]any) map[string]any {
	out := maps.Clone(in)
	for _, key := range slices.Collect(maps.Keys(out)) {
		if inner, ok := out[key].(map[string]any); ok {
			out[key] = cloneMap(inner)
		}
	}
	return out
}
