package config

import "slices"

// FunctionNames lists the functions of expressions, sorted, for the reference pages.
func FunctionNames() []string { return slices.Clone(functionNames) }
