package postgresql

import "strings"

// identifier quotes a name. Nothing that a name may hold ends the quotes.
func identifier(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// literal quotes a text. It is right only on a session with standard_conforming_strings, which open makes sure of.
func literal(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
