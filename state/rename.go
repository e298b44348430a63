package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
)

// Renaming says what recorded addresses are called from now on. All of it happens at once, so that records may exchange
// their addresses.
type Renaming map[resource.Address]resource.Address

// Carried is the renaming of what is recorded as `from`: of one address, or, where both are whole blocks, of everything
// that is recorded of the block, each under its own key. It is empty where nothing of it is recorded.
func Carried(s *Snapshot, from, to resource.Address) Renaming {
	out := Renaming{}
	for address := range s.Records {
		switch {
		case address == from:
			out[address] = to
		case from.Key == resource.NoKey && to.Key == resource.NoKey && address.Block() == from:
			out[address] = resource.Address{Kind: to.Kind, Name: to.Name, Key: address.Key}
		}
	}
	return out
}

// Renamed is a copy of a state in which records have new addresses, and everything that named them follows: the bodies
// and dependencies of other records, open intents and their slots. Nothing else changes, and the machines stay whose they
// were. An address that is not recorded, one of another kind, or one that another record has or gets is an error. The copy
// shares with the state what did not change.
func Renamed(s *Snapshot, to Renaming) (*Snapshot, error) {
	if err := to.fits(s); err != nil {
		return nil, err
	}
	out := *s
	out.Records, out.Intents = make(map[resource.Address]Record, len(s.Records)), make(map[IntentID]Intent, len(s.Intents))
	for _, r := range s.Records {
		r.Address, r.Body, r.DependsOn = to.of(r.Address), to.body(r.Body), slices.Clone(r.DependsOn)
		for i, on := range r.DependsOn {
			r.DependsOn[i] = to.of(on)
		}
		slices.SortFunc(r.DependsOn, resource.Address.Compare)
		out.Records[r.Address] = r
	}
	places := map[Place]IntentID{}
	for id, in := range s.Intents {
		in.Address, in.Slot = to.of(in.Address), to.slot(in.Slot)
		if other, taken := places[Place{in.Member, in.Slot}]; taken {
			return nil, fmt.Errorf("%s is under way by the intents %s and %s, which an apply has to end first", in.Slot, min(id, other), max(id, other))
		}
		places[Place{in.Member, in.Slot}] = id
		out.Intents[id] = in
	}
	return &out, nil
}

// RenameBatch is the transaction that makes Renamed of a state.
func RenameBatch(s *Snapshot, to Renaming) (Batch, error) {
	renamed, err := Renamed(s, to)
	if err != nil {
		return Batch{}, err
	}
	b, err := Difference(s, renamed)
	b.BeginRun = nil // a run that is open stays open
	return b, err
}

func (to Renaming) fits(s *Snapshot) error {
	got := map[resource.Address]resource.Address{}
	for _, from := range slices.SortedFunc(maps.Keys(to), resource.Address.Compare) {
		into := to[from]
		_, recorded := s.Records[from]
		_, taken := s.Records[into]
		_, leaves := to[into]
		first, twice := got[into]
		switch {
		case !recorded:
			return fmt.Errorf("there is no record of %s", from)
		case from.Kind != into.Kind:
			return fmt.Errorf("%s cannot be called %s: no %s becomes a %s", from, into, from.Kind, into.Kind)
		case taken && !leaves:
			return fmt.Errorf("%s cannot be called %s: another record has that address", from, into)
		case twice:
			return fmt.Errorf("%s and %s cannot both be called %s", first, from, into)
		}
		got[into] = from
	}
	return nil
}

func (to Renaming) of(a resource.Address) resource.Address {
	if into, moves := to[a]; moves {
		return into
	}
	return a
}

// slot follows an address that a slot ends in, as in "put_user/user.app".
func (to Renaming) slot(slot string) string {
	what, whom, found := strings.Cut(slot, "/")
	if a, err := resource.ParseAddress(whom); found && err == nil {
		return what + "/" + to.of(a).String()
	}
	return slot
}

// body is a copy of a body that names the same resources as before.
func (to Renaming) body(b resource.Body) resource.Body {
	switch b := b.(type) {
	case *resource.ConfigGroup:
		out := *b
		out.Datastore = to.of(b.Datastore)
		return &out
	case *resource.Instance:
		out := *b
		out.Datastore, out.ConfigGroup = to.of(b.Datastore), to.of(b.ConfigGroup)
		return &out
	case *resource.Database:
		out := *b
		out.Instance, out.Owner.Of = to.of(b.Instance), to.of(b.Owner.Of)
		return &out
	case *resource.User:
		out := *b
		out.Instance, out.Grants, out.Roles = to.of(b.Instance), slices.Clone(b.Grants), slices.Clone(b.Roles)
		for i := range out.Grants {
			out.Grants[i].Of = to.of(out.Grants[i].Of)
		}
		for i := range out.Roles {
			out.Roles[i].Of = to.of(out.Roles[i].Of)
		}
		return &out
	default: // a datastore names nothing
		return b
	}
}
