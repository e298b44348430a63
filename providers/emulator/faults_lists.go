package emulator

import (
	"encoding/json"
	"slices"
)

// Faults of lists.
const (
	FaultLateList   FaultKind = "late_list"   // of a create: for LatencyMS lists lack the object; by its id it is there
	FaultLostMarker FaultKind = "lost_marker" // of a list's further page: the object of its marker has been deleted
)

// hide keeps what the call has created out of the lists for a while.
func (s *Server) hide(c *call) {
	raw, err := json.Marshal(c.answer)
	if err != nil {
		return // writeAnswer will say it
	}
	var made map[string]struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &made) != nil {
		made = map[string]struct {
			ID string `json:"id"`
		}{}
	}
	var image struct { // Glance answers without an envelope
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &image) == nil {
		made["image"] = image
	}
	for _, object := range made {
		if object.ID != "" {
			s.late[object.ID] = s.now().Add(c.late)
		}
	}
}

// listed leaves out what lists do not show yet.
func listed[T any](s *Server, items []T, id func(T) string) []T {
	if len(s.late) == 0 {
		return items
	}
	now := s.now()
	for key, shown := range s.late {
		if !now.Before(shown) {
			delete(s.late, key)
		}
	}
	return slices.DeleteFunc(slices.Clone(items), func(item T) bool {
		_, hidden := s.late[id(item)]
		return hidden
	})
}
