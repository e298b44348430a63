package swift

import (
	"context"
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/state"
)

// History reads the change log out of the newest entries, from the last one back to the first that was not cleared away.
func (s *Store) History(ctx context.Context, n int) ([]state.Entry, error) {
	h, err := s.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the change log: %w", err)
	}
	var found []state.Entry // newest first
	for to := h.number; to > h.pruned && (n <= 0 || len(found) < n); {
		from := max(h.pruned, to-min(to, lastWindow)) + 1
		entries, err := s.fetch(ctx, from, int(to-from)+1)
		if err != nil {
			return nil, fmt.Errorf("reading the change log: %w", err)
		}
		for _, e := range slices.Backward(entries) {
			if e == nil { // cleared away meanwhile
				continue
			}
			for _, logged := range slices.Backward(e.Log) {
				found = append(found, logged)
			}
		}
		to = from - 1
	}
	slices.Reverse(found)
	return state.Newest(found, n), nil
}
