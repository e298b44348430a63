package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/executor"
	"github.com/trovectl/trovectl/planner/plan"
)

// Output is one output with its value: a JSON value (nil, bool, number, string, []any, map[string]any).
type Output struct {
	Name      string
	Value     any
	Sensitive bool
}

// Outputs writes names and values; sensitive ones without their value.
func (h *Human) Outputs(all []Output) {
	out := h.page()
	outputs(out, all)
	h.write(h.Out, out)
}

// Applied writes what a whole apply did, and the outputs.
func (h *Human) Applied(mode plan.Mode, r executor.Result, all []Output) {
	out := h.page()
	word := "Apply complete!"
	if mode == plan.ModeDestroy {
		word = "Destroy complete!"
	}
	out.line()
	out.line(out.paint("1;32", word+" Resources: "+resultText(mode, r)))
	if len(all) > 0 {
		out.line()
		out.line("Outputs:")
		out.line()
		outputs(out, all)
	}
	h.write(h.Out, out)
}

// Incomplete writes what an apply did that did not come to its end.
func (h *Human) Incomplete(r executor.Result) {
	out := h.page()
	out.line()
	out.line(out.paint(alarm, incompleteText(r)))
	h.write(h.Out, out)
}

func incompleteText(r executor.Result) string {
	return fmt.Sprintf("Apply incomplete. Resources: %d added, %d changed, %d destroyed, %d failed, %d not begun.",
		r.Added, r.Changed, r.Destroyed, r.Failed, r.Skipped)
}

func resultText(mode plan.Mode, r executor.Result) string {
	if mode == plan.ModeDestroy && r.Added+r.Changed == 0 {
		return fmt.Sprintf("%d destroyed.", r.Destroyed)
	}
	return fmt.Sprintf("%d added, %d changed, %d destroyed.", r.Added, r.Changed, r.Destroyed)
}

func outputs(out *page, all []Output) {
	all = slices.SortedFunc(slices.Values(all), func(a, b Output) int { return strings.Compare(a.Name, b.Name) })
	for _, o := range all {
		if o.Sensitive {
			out.line(bare(o.Name), " = ", sensitiveText)
			continue
		}
		out.line(bare(o.Name), " = ", block("", o.Value))
	}
}

// block writes a value over as many lines as its collections have elements.
func block(indent string, v any) string {
	inner := indent + "  "
	if list, ok := elements(v); ok && len(list) > 0 {
		var b strings.Builder
		b.WriteString("[\n")
		for _, e := range list {
			b.WriteString(inner + block(inner, e) + ",\n")
		}
		return b.String() + indent + "]"
	}
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return format("", v)
	}
	keys, width := slices.Sorted(maps.Keys(m)), 0
	for _, key := range keys {
		width = max(width, cells(bare(key)))
	}
	var b strings.Builder
	b.WriteString("{\n")
	for _, key := range keys {
		b.WriteString(inner + pad(bare(key), width) + " = " + block(inner, m[key]) + "\n")
	}
	return b.String() + indent + "}"
}

type outputJSON struct {
	Sensitive bool `json:"sensitive"`
	Type      any  `json:"type,omitempty"`
	Value     any  `json:"value,omitempty"`
}

// OutputsJSON is {name: {sensitive, type, value}}. The values of sensitive outputs are in it only when the caller says
// that they were asked for.
func OutputsJSON(all []Output, withSensitive bool) ([]byte, error) {
	return encode(outputsOf(all, withSensitive))
}

func outputsOf(all []Output, withSensitive bool) map[string]outputJSON {
	out := map[string]outputJSON{}
	for _, o := range all {
		v := outputJSON{Sensitive: o.Sensitive, Type: typeOf(o.Value), Value: o.Value}
		if o.Sensitive && !withSensitive {
			v.Value, v.Type = nil, nil
		}
		out[o.Name] = v
	}
	return out
}

// typeOf is the type of a JSON value as Terraform writes types: a word, or a list of a word and its parts.
func typeOf(v any) any {
	switch v := v.(type) {
	case nil:
		return "dynamic"
	case string:
		return "string"
	case bool:
		return "bool"
	case map[string]any:
		parts := map[string]any{}
		for key, e := range v {
			parts[key] = typeOf(e)
		}
		return []any{"object", parts}
	}
	if list, ok := elements(v); ok {
		parts := make([]any, len(list))
		for i, e := range list {
			parts[i] = typeOf(e)
		}
		return []any{"tuple", parts}
	}
	return "number"
}
