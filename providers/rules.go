package providers

import (
	"cmp"
	"slices"
)

// SortRules puts rules in the order in which a SecurityGroup holds them: by port, then CIDR, then the text of foreign ones.
func SortRules(rules []Rule) {
	slices.SortStableFunc(rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.CIDR, b.CIDR), cmp.Compare(a.Other, b.Other), cmp.Compare(a.ID, b.ID))
	})
}
