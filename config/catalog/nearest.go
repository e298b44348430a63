package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// nearest is the candidate with the fewest edits to get there, whatever the case of letters, or "" when none is near
// enough to be meant. Of equally near ones the first in alphabetical order is taken.
func nearest(word string, candidates []string) string {
	sorted := slices.Sorted(slices.Values(candidates))
	best, least := "", len(word)/3+2
	for _, c := range sorted {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < least {
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

// distance counts the insertions, deletions and substitutions of bytes between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
