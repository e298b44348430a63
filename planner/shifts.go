package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// shifted refuses to compare by index what a count repeats, where the elements stand at other indexes than they were
// recorded with: one in the middle vanished, or came. It tells the moves that let the records follow their elements.
// Instances come first, since what lives in them follows. Where nothing tells the elements apart, nothing is known.
func (p *planning) shifted() bool {
	now, found := p.prior, false
	for _, kind := range []resource.Kind{resource.KindInstance, resource.KindDatabase, resource.KindUser} {
		all := state.Renaming{}
		for _, s := range p.suspects(kind, now) {
			moves := s.find()
			for _, move := range moves {
				all[move.From] = move.To
			}
			if len(moves) > 0 {
				p.tellShift(s, moves)
			}
		}
		if renamed, err := state.Renamed(now, all); err == nil { // else something is under way there, and has to end first
			now, found = renamed, found || len(all) > 0
		}
	}
	return found
}

// suspects lists what counts of a kind repeat, where more is recorded than is declared, or a name is not that of its index.
func (p *planning) suspects(kind resource.Kind, now *state.Snapshot) []*shift {
	had := map[resource.Address][]int{}
	for address, record := range now.Records {
		i, counted := address.Key.IsIndex()
		if counted && address.Kind == kind && p.desired.Blocks[address.Block()].Mode == "count" && record.Status != state.Deleting {
			had[address.Block()] = append(had[address.Block()], i)
		}
	}
	var out []*shift
	var like *likeness
	for _, block := range sortedAddresses(had) {
		s := &shift{block: block, count: p.desired.Blocks[block].Count, had: had[block]}
		slices.Sort(s.had)
		s.likeness = &likeness{desired: p.desired, prior: now}
		if s.had[len(s.had)-1] < s.count && !slices.ContainsFunc(s.had, s.renamed) {
			continue
		}
		if like == nil {
			like = likenessOf(p.desired, now)
		}
		s.likeness = like
		out = append(out, s)
	}
	return out
}

// shift is the comparison of what one count repeats with what was recorded of it.
type shift struct {
	*likeness
	block resource.Address
	count int
	had   []int        // recorded indexes, sorted
	from  map[int]int  // by declared index, the recorded one of the same element
	used  map[int]bool // recorded indexes that are in from
}

func (s *shift) at(i int) resource.Address {
	return resource.Address{Kind: s.block.Kind, Name: s.block.Name, Key: resource.IndexKey(i)}
}

func (s *shift) renamed(i int) bool {
	r, declared := s.desired.Resources[s.at(i)]
	if !declared {
		return false
	}
	had := s.prior.Records[s.at(i)].Body
	if instance, ok := had.(*resource.Instance); ok {
		return instance.Name != r.Body.(*resource.Instance).Name
	}
	return withoutHost(had) != withoutHost(r.Body)
}

// find lists the moves of the recorded elements; none where each is at its index.
func (s *shift) find() []plan.Move {
	s.match()
	var moves []plan.Move
	for i := range s.count {
		j, known := s.from[i]
		if !known || i == j {
			continue
		}
		if s.prior.Records[s.at(i)].Status == state.Deleting {
			return nil // what is removed there has to be gone first
		}
		moves = append(moves, plan.Move{From: s.at(j), To: s.at(i)})
	}
	if len(moves) == 0 {
		return nil
	}
	return append(moves, s.aside()...)
}

// match pairs declared elements with recorded ones that are like them in everything, then with those that have another
// name, which may follow from the index; each in order. What is left changed in place.
func (s *shift) match() {
	s.from, s.used = map[int]int{}, map[int]bool{}
	s.pair(true)
	s.pair(false)
	for _, i := range s.had {
		if _, known := s.from[i]; !known && !s.used[i] && i < s.count {
			s.from[i], s.used[i] = i, true
		}
	}
}

// pair matches what is not matched yet, by names or whatever the names are.
func (s *shift) pair(byName bool) {
	left := map[string][]int{}
	for _, j := range s.had {
		if key := s.key(s.prior.Records[s.at(j)].Body, s.holds[s.at(j)], byName); !s.used[j] {
			left[key] = append(left[key], j)
		}
	}
	for i := range s.count {
		r, declared := s.desired.Resources[s.at(i)]
		if _, known := s.from[i]; known || !declared {
			continue
		}
		key := s.key(r.Body, s.asked[s.at(i)], byName)
		if like := left[key]; len(like) > 0 {
			s.from[i], s.used[like[0]], left[key] = like[0], true, like[1:]
		}
	}
}

func (s *shift) key(body resource.Body, holds string, byName bool) string {
	key := essence(body) + "\n" + holds
	if instance, ok := body.(*resource.Instance); ok && byName {
		key += "\n" + instance.Name
	}
	return key
}

// aside moves what is declared no more behind the last index, where the plan removes it. What is there already stays.
func (s *shift) aside() []plan.Move {
	var moves []plan.Move
	next := s.count
	for _, j := range s.had {
		if s.used[j] || j >= s.count {
			continue
		}
		for s.stays(next) {
			next++
		}
		moves = append(moves, plan.Move{From: s.at(j), To: s.at(next)})
		next++
	}
	return moves
}

func (s *shift) stays(i int) bool {
	_, recorded := s.prior.Records[s.at(i)]
	return recorded && !s.used[i]
}

func (p *planning) tellShift(s *shift, moves []plan.Move) {
	first := moves[0]
	d := diag.Diagnostic{
		Severity: diag.Error, Code: "shifted", Address: s.block.String(),
		Summary: fmt.Sprintf("The elements of %s stand at other indexes", s.block),
		Detail: fmt.Sprintf("What is declared as %s is recorded as %s. Compared by index, one would be changed into the other%s. Nothing was changed.",
			first.To, first.From, s.instead()),
		Hint: "Add this to the configuration, so that the records follow their elements:" + movedBlocks(moves...) +
			"\n\nThe blocks can go once this is applied everywhere. With for_each in place of count, elements keep their address.",
	}
	if r, ok := p.desired.Resources[first.To]; ok {
		d.Subject = r.Range
	}
	p.diags = append(p.diags, d)
}

// instead says what would be removed by index, and what would be removed rightly.
func (s *shift) instead() string {
	var byIndex, rightly []string
	for _, j := range s.had {
		if j >= s.count {
			byIndex = append(byIndex, s.at(j).String())
		}
		if !s.used[j] {
			rightly = append(rightly, s.at(j).String())
		}
	}
	switch {
	case len(byIndex) == 0:
		return ""
	case len(rightly) == 0:
		return ", and " + strings.Join(byIndex, ", ") + " would be removed"
	default:
		return fmt.Sprintf(", and %s would be removed. What is declared no more is %s", strings.Join(byIndex, ", "), strings.Join(rightly, ", "))
	}
}
