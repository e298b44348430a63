package catalog

// Parameter looks a setting up in a version's table.
func (e *Engine) Parameter(version, name string) (Parameter, bool) {
	p, ok := e.Versions[version].Parameters[name]
	return p, ok
}
