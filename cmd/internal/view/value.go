package view

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
)

// sensitiveText stands for every value that must not be read.
const sensitiveText = "(sensitive value)"

// format writes a value in the language's form, on one line. References are written without quotes.
func format(path string, v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case resource.Secret, *resource.Secret:
		return sensitiveText
	case string:
		if address, err := resource.ParseAddress(v); err == nil && string(address.Kind) == path {
			return visible(v)
		}
		return quote(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		return visible(v.String())
	case map[string]any:
		return formatMap(path, v)
	default:
		if list, ok := elements(v); ok {
			return "[" + strings.Join(formatAll(path, list), ", ") + "]"
		}
		return formatOther(path, v)
	}
}

func formatMap(path string, m map[string]any) string {
	if len(m) == 0 {
		return "{}"
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, bare(key)+" = "+format(path, m[key]))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

func formatAll(path string, list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = format(path, v)
	}
	return out
}

// formatOther goes through JSON, where secrets hide themselves.
func formatOther(path string, v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return quote(fmt.Sprintf("(%T)", v))
	}
	var plain any
	if err := json.Unmarshal(data, &plain); err != nil {
		return quote(string(data))
	}
	return format(path, plain)
}

// elements reads a list of any of the types that lists come in.
func elements(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out, true
	default:
		return nil, false
	}
}
