package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// CheckCharset tells why a database of this version cannot have the charset and collation; empty is the server's
// default and always allowed. An unknown version is an error.
func (e *Engine) CheckCharset(version, charset, collation string) error {
	v, ok := e.Version(version)
	if !ok {
		return e.unknownVersion(version)
	}
	if rules, ok := e.names.(postgresqlRules); ok {
		return rules.checkCollation(charset, collation)
	}
	charset, collation = strings.ToLower(charset), strings.ToLower(collation)
	if len(v.Charsets) == 0 && (charset != "" || collation != "") {
		return fmt.Errorf("%s has no charsets of databases", e.Name)
	}
	if charset != "" {
		collations, ok := v.Charsets[charset]
		if !ok {
			return fmt.Errorf("%s %s has no charset %q%s; it has %s", e.Name, version, charset,
				didYouMean(charset, v.charsetNames()), strings.Join(v.charsetNames(), ", "))
		}
		if collation != "" && !slices.Contains(collations, collation) {
			return fmt.Errorf("collation %q does not belong to charset %q%s; its default is %q", collation, charset,
				didYouMean(collation, collations), collations[0])
		}
		return nil
	}
	if collation == "" {
		return nil
	}
	var all []string
	for _, collations := range v.Charsets {
		if slices.Contains(collations, collation) {
			return nil
		}
		all = append(all, collations...)
	}
	return fmt.Errorf("%s %s has no collation %q%s", e.Name, version, collation, didYouMean(collation, all))
}

func (v Version) charsetNames() []string {
	names := make([]string, 0, len(v.Charsets))
	for name := range v.Charsets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
