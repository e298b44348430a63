package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// nearest is the candidate with the fewest edits to get there, whatever the case of letters, or "" when none is near
// enough to be meant. Of equally near ones the first in alphabetical order is taken.
func nearest(word string, candidates []string) string {
	sorted := slices.Sorted(slices.Values(candidates))
	best, least := "", len(word)/3+2
	for _, c := range sorted {
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(c), nil); d < least {
			best, least = c, d
		}
	}
	return best
}

func didYouMean(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}
