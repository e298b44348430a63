// Package mysqlfamily is everything in which the servers that speak MySQL's language agree. An engine of the family is a
// Server with a Dialect of its own.
package mysqlfamily

import "strings"

// Identifier quotes the name of a database, table or routine. Nothing that a name may hold ends the quotes.
func Identifier(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

var literalEscapes = strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", `\0`)

// Literal quotes a text. It is right only on a session without NO_BACKSLASH_ESCAPES, which Session makes sure of.
func Literal(text string) string {
	return "'" + literalEscapes.Replace(text) + "'"
}

// AccountName quotes name@host.
func AccountName(name, host string) string {
	return Literal(name) + "@" + Literal(host)
}

var patternEscapes = strings.NewReplacer(`\`, `\\`, `_`, `\_`, `%`, `\%`)

// Pattern is the pattern that matches the database of this name and no other, as GRANT wants it and mysql.db holds it,
// not quoted yet: there _ and % are wildcards.
func Pattern(name string) string { return patternEscapes.Replace(name) }

// FromPattern is the opposite of Pattern. exact is false for a pattern that has a wildcard and so stands for more than
// one database; name is the pattern itself then.
func FromPattern(pattern string) (name string, exact bool) {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '_' || c == '%':
			return pattern, false
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteByte(pattern[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}
