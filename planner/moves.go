package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// Moved is a state as it is once the moves of a configuration are made, with those that there are to make, sorted by
// From. The look that a plan is made from MUST be a look at it, so that what was seen stands under the new addresses.
//
// A move whose From is not recorded was made already. Moves in a row (a to b, b to c) are a history of names: what is
// recorded as a goes to c. Where a name in between is declared, they are an exchange that happens at once; it is made only
// if what is recorded then fits what is declared better than before, so that what was exchanged stays so.
func Moved(desired *resource.Set, prior *state.Snapshot) (*state.Snapshot, []plan.Move, diag.List) {
	if desired == nil || len(desired.Moves) == 0 {
		return prior, nil, nil
	}
	m := &moving{desired: desired, now: prior, next: map[resource.Address]resource.Move{}}
	for _, move := range desired.Moves {
		m.next[move.From] = move
	}
	m.stillDeclared()
	all := m.resolve()
	if m.diags.HasErrors() {
		return prior, nil, m.diags
	}
	out := m.make(all)
	if m.diags.HasErrors() {
		return prior, nil, m.diags
	}
	return m.now, out, nil
}

// moving is the work of Moved.
type moving struct {
	desired *resource.Set
	now     *state.Snapshot
	next    map[resource.Address]resource.Move // by From
	like    *likeness                          // of now; nil: not needed yet
	diags   diag.List
}

// step is where one move takes an address: its own, or that of its whole block.
func (m *moving) step(a resource.Address) (resource.Address, bool) {
	if move, own := m.next[a]; own {
		return move.To, true
	}
	move, whole := m.next[a.Block()]
	if !whole || move.To.Key != resource.NoKey {
		return a, false
	}
	return resource.Address{Kind: move.To.Kind, Name: move.To.Name, Key: a.Key}, true
}

func (m *moving) rangeOf(a resource.Address) *diag.Range {
	if move, own := m.next[a]; own {
		return move.Range
	}
	return m.next[a.Block()].Range
}

// declares tells whether an address, or anything of a whole block, is declared.
func (m *moving) declares(a resource.Address) bool {
	_, one := m.desired.Resources[a]
	_, block := m.desired.Blocks[a]
	return one || block
}

// stillDeclared refuses a single move away from what is declared: a new one would be made there, by the next plan as well.
func (m *moving) stillDeclared() {
	filled := map[resource.Address]bool{}
	for _, move := range m.desired.Moves {
		filled[move.To] = true
	}
	for _, move := range m.desired.Moves {
		_, goesOn := m.next[move.To]
		if filled[move.From] || goesOn || !m.declares(move.From) {
			continue
		}
		m.diags = append(m.diags, diag.Diagnostic{
			Severity: diag.Error, Code: "moved-declared", Address: move.From.String(), Subject: move.Range,
			Summary: fmt.Sprintf("%s has moved and is still declared", move.From),
			Detail:  fmt.Sprintf("What is recorded as %s would be called %s, and a new %s would be made in its place.", move.From, move.To, move.From),
			Hint:    fmt.Sprintf("Give the block of %s its new label, or remove the moved block: once applied everywhere it is not needed any more.", move.From),
		})
	}
}

// resolve is where every recorded address goes.
func (m *moving) resolve() state.Renaming {
	all := state.Renaming{}
	for from := range m.now.Records {
		if to := m.end(from); to != from {
			all[from] = to
		}
	}
	return all
}

// collisions refuses to call two records the same.
func (m *moving) collisions(moves state.Renaming) {
	got := map[resource.Address]resource.Address{}
	for _, from := range sortedAddresses(moves) {
		to := moves[from]
		_, recorded := m.now.Records[to]
		_, leaves := moves[to]
		first, twice := got[to]
		switch {
		case recorded && !leaves:
			m.taken(from, to, "another resource is recorded there")
		case twice:
			m.taken(from, to, first.String()+" moves there as well")
		}
		got[to] = from
	}
}

// end follows the names that nothing is declared or recorded under.
func (m *moving) end(from resource.Address) resource.Address {
	at := from
	for range len(m.next) {
		to, moves := m.step(at)
		if !moves {
			return at
		}
		at = to
		_, declared := m.desired.Resources[at]
		if _, recorded := m.now.Records[at]; declared || recorded {
			return at
		}
	}
	return from // round in a circle
}

func (m *moving) taken(from, to resource.Address, why string) {
	m.diags = append(m.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "moved-taken", Address: from.String(), Subject: m.rangeOf(from),
		Summary: fmt.Sprintf("%s cannot move to %s", from, to), Detail: diag.Sentence(why),
		Hint: fmt.Sprintf("Remove the moved block if %s is what it is meant to be, or move that one away as well.", to),
	})
}

// make makes the moves, those of what other kinds live in first, since these follow.
func (m *moving) make(all state.Renaming) []plan.Move {
	var out []plan.Move
	for _, kind := range resource.Kinds {
		accepted := state.Renaming{}
		for _, chain := range chains(all, kind) {
			if !m.exchanges(chain) || m.better(chain) {
				maps.Copy(accepted, chain)
			}
		}
		if m.collisions(accepted); m.diags.HasErrors() {
			return nil
		}
		out = append(out, m.rename(accepted)...)
	}
	slices.SortFunc(out, func(a, b plan.Move) int { return a.From.Compare(b.From) })
	return out
}

func (m *moving) rename(to state.Renaming) []plan.Move {
	if len(to) == 0 {
		return nil
	}
	renamed, err := state.Renamed(m.now, to)
	if err != nil {
		m.diags = m.diags.Errorf(nil, "The moved blocks cannot be followed", "%v", err)
		return nil
	}
	m.now, m.like = renamed, nil
	var out []plan.Move
	for from, into := range to {
		out = append(out, plan.Move{From: from, To: into})
	}
	return out
}

// chains parts the moves of a kind into those that hang together, each from its beginning; circles are what is left.
func chains(all state.Renaming, kind resource.Kind) []state.Renaming {
	filled, done := map[resource.Address]bool{}, map[resource.Address]bool{}
	for _, to := range all {
		filled[to] = true
	}
	var out []state.Renaming
	walk := func(from resource.Address) {
		chain := state.Renaming{}
		for to, moves := all[from]; moves && !done[from]; to, moves = all[from] {
			chain[from], done[from] = to, true
			from = to
		}
		if len(chain) > 0 {
			out = append(out, chain)
		}
	}
	for _, circles := range []bool{false, true} {
		for _, from := range sortedAddresses(all) {
			if from.Kind == kind && (circles || !filled[from]) {
				walk(from)
			}
		}
	}
	return out
}

// exchanges tells whether something leaves an address that is declared: what comes there instead decides.
func (m *moving) exchanges(chain state.Renaming) bool {
	for from := range chain {
		if _, declared := m.desired.Resources[from]; declared {
			return true
		}
	}
	return false
}

// better tells whether what is recorded fits what is declared better after the moves than before.
func (m *moving) better(chain state.Renaming) bool {
	if m.like == nil {
		m.like = likenessOf(m.desired, m.now)
	}
	before, after := 0, 0
	places := map[resource.Address]bool{}
	for from, to := range chain {
		places[from], places[to] = true, true
		after += m.like.score(from, to)
	}
	for at := range places {
		before += m.like.score(at, at)
	}
	return after > before
}

// movedBlocks are the blocks to paste for moves.
func movedBlocks(moves ...plan.Move) string {
	var b strings.Builder
	for _, move := range moves {
		fmt.Fprintf(&b, "\n\nmoved {\n  from = %s\n  to   = %s\n}", move.From, move.To)
	}
	return b.String()
}

// movedHint tells the two ways to give a record its new address; the block works for every runner and every state.
func movedHint(from, to resource.Address) string {
	return movedBlocks(plan.Move{From: from, To: to}) + fmt.Sprintf("\n\nFor this state alone, `trovectl state mv '%s' '%s'` does it at once.", from, to)
}
