package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/trovectl/trovectl/config/diag"
)

// Format returns a file in the canonical layout: two spaces, aligned equals signs, the order untouched. A file with
// syntax errors is returned as it is, with the errors.
func Format(name string, src []byte) ([]byte, diag.List) {
	_, found := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if found.HasErrors() {
		var list diag.List
		for _, d := range found {
			list = append(list, fromHCL(d))
		}
		list.Sort()
		return src, list
	}
	return hclwrite.Format(src), nil
}
