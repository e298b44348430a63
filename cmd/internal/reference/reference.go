// Package reference writes the reference pages of the documentation from the code: the language from its schema, the
// engines from the catalog, the commands from the command tree.
package reference

//go:generate go run ./generate ../../../website/reference

// Pages are the files of website/reference, by name.
func Pages() map[string]string {
	all := map[string]func(*page){
		"language.md":    language,
		"engines.md":     engines,
		"commands.md":    commands,
		"exit-codes.md":  exitCodes,
		"environment.md": environment,
	}
	out := map[string]string{}
	for name, write := range all {
		p := &page{}
		write(p)
		out[name] = p.String()
	}
	return out
}
