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
	if strings.Contains(path, `["`) {
		return keyed(path)
	}
	if i := strings.LastIndexByte(path, '.'); i > 0 {
		return spot{block: visible(path[:i]), name: bare(path[i+1:]), keys: strings.Split(path, ".")}
	}
	return spot{name: bare(path), keys: []string{path}}
}

// keyed reads a path of keyed blocks: `grant["shop"].table["orders"]`.
func keyed(path string) spot {
	var s spot
	for {
		head, key, rest, ok := cutKey(path)
		if !ok {
			break
		}
		s.block = strings.TrimSpace(s.block + " " + bare(head) + " " + quote(key))
		s.keys, path = append(s.keys, head, key), strings.TrimPrefix(rest, ".")
	}
	if path == "" {
		path = "privileges" // of a grant
	}
	s.name, s.keys = bare(path), append(s.keys, path)
	return s
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
