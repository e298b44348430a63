package state

import (
	"fmt"
	"maps"
	"slices"

	"github.com/trovectl/trovectl/config/resource"
)

// Forget is the batch that takes records out of a state and changes nothing else: an instance with the databases and users
// that are recorded in it. The machine of an instance stays as a released member, so that what it holds is neither taken
// for an orphan nor lost to `import`. An address without a record is an error.
func Forget(s *Snapshot, addresses []resource.Address) (Batch, error) {
	gone := map[resource.Address]bool{}
	for _, address := range addresses {
		if _, there := s.Records[address]; !there {
			return Batch{}, fmt.Errorf("%s is not in the state", address)
		}
		gone[address] = true
	}
	for address, r := range s.Records {
		if host, lives := r.Body.References()["instance"]; lives && gone[host] {
			gone[address] = true
		}
	}
	var b Batch
	b.DropRecords = slices.SortedFunc(maps.Keys(gone), resource.Address.Compare)
	left := map[MemberID]bool{}
	for _, address := range b.DropRecords {
		if r := s.Records[address]; address.Kind == resource.KindInstance && r.Member != "" {
			left[r.Member] = true
			b.DropRoles = append(b.DropRoles, r.Role)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.Intents)) {
		if in := s.Intents[id]; left[in.Member] || gone[in.Address] && in.Operation == OpCall {
			b.End = append(b.End, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		m := s.Members[id].Clone()
		m.Released = true
		b.PutMembers = append(b.PutMembers, m)
	}
	return b, nil
}
