package view

import (
	"strconv"
	"strings"
)

// spot is where an argument path stands: in which block or map it is shown, under which name, and under which keys of a
// JSON object.
type spot struct {
	block string   // "", "volume", `grant "shop"`, "metadata"; safe text
	isMap bool     // the block is a map: shown with "="
	name  string   // safe text
	keys  []string // of the JSON object; at least one
}

// freeKeys are the arguments whose keys are the user's own, so that a key may hold any character, and their JSON names. An
// instance's settings come from the config group that it names, whose path is taken by the reference.
var freeKeys = []struct{ prefix, block, key string }{
	{"values.", "values", "values"},
	{"metadata.", "metadata", "metadata"},
	{"config_group.values.", "config_group.values", "settings"},
}

// place reads an argument path as config/resource writes it.
func place(path string) spot {
	for _, m := range freeKeys {
		if key, ok := strings.CutPrefix(path, m.prefix); ok {
			return spot{block: m.block, isMap: true, name: bare(key), keys: []string{m.key, key}}
		}
	}
	if head, key, rest, ok := cutKey(path); ok {
		name := strings.TrimPrefix(rest, ".")
		if head == "grant" && name == "" {
			name = "privileges"
		}
		return spot{block: bare(head) + " " + quote(key), name: bare(name), keys: []string{head, key, name}}
	}
	if i := strings.LastIndexByte(path, '.'); i > 0 {
		return spot{block: visible(path[:i]), name: bare(path[i+1:]), keys: strings.Split(path, ".")}
	}
	return spot{name: bare(path), keys: []string{path}}
}

// cutKey splits `grant["shop"].rest`.
func cutKey(path string) (head, key, rest string, ok bool) {
	i := strings.Index(path, `["`)
	if i <= 0 {
		return "", "", "", false
	}
	quoted, err := strconv.QuotedPrefix(path[i+1:])
	if err != nil {
		return "", "", "", false
	}
	key, err = strconv.Unquote(quoted)
	rest, closed := strings.CutPrefix(path[i+1+len(quoted):], "]")
	if err != nil || !closed {
		return "", "", "", false
	}
	return path[:i], key, rest, true
}
