package resource

import "slices"

// index is a path below a keyed block: grant["shop"].
func index(block, key string) string { return block + `["` + quoteKey(key) + `"]` }

// putText sets a path unless the value is empty: an absent argument has no attribute.
func putText(out Attributes, path, value string) {
	if value != "" {
		out[path] = value
	}
}

// putList sets a path to a copy unless the list is empty.
func putList(out Attributes, path string, values []string) {
	if len(values) > 0 {
		out[path] = slices.Clone(values)
	}
}
