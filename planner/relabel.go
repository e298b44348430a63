package planner

import (
	"fmt"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// relabels finds declared instances without a record that look like new labels for recorded ones whose blocks are gone:
// what was recorded in the old one is declared in the new one, or the server has the same name in the cloud, or one block
// uses another repetition. It tells each once, and remembers it, so that what lives there is not told to move.
func (p *planning) relabels() {
	p.relabel = map[resource.Address]resource.Address{}
	byName, byBlock := p.leftBehind()
	moved := map[resource.Address]resource.Address{} // where it is declared now, to where it was recorded
	for _, r := range p.desired.Sorted() {
		now, lives := hostOf(r.Body)
		if record, recorded := p.prior.Records[r.Address]; lives && recorded {
			if was, _ := hostOf(record.Body); was != now && p.left(was) {
				moved[now] = was
			}
		}
	}
	for _, r := range p.desired.Sorted() {
		body, ok := r.Body.(*resource.Instance)
		if _, recorded := p.prior.Records[r.Address]; !ok || recorded {
			continue
		}
		was, found := moved[r.Address]
		if !found {
			was, found = byName[body.Name]
		}
		if sameBlock := byBlock[r.Address.Block()]; !found && len(sameBlock) == 1 && p.alone(r.Address) {
			was, found = sameBlock[0], true
		}
		if found {
			p.relabel[r.Address] = was
			p.relabelledInstance(r, was)
		}
	}
}

// leftBehind indexes the recorded instances whose blocks are gone, by name and by block.
func (p *planning) leftBehind() (map[string]resource.Address, map[resource.Address][]resource.Address) {
	byName, byBlock := map[string]resource.Address{}, map[resource.Address][]resource.Address{}
	for _, record := range p.prior.Sorted() {
		if body, ok := record.Body.(*resource.Instance); ok && p.left(record.Address) {
			byName[body.Name] = record.Address
			byBlock[record.Address.Block()] = append(byBlock[record.Address.Block()], record.Address)
		}
	}
	return byName, byBlock
}

// left tells whether an instance is recorded and not declared any more, and something can be lost with it. One that is
// being deleted was given up by an earlier apply.
func (p *planning) left(address resource.Address) bool {
	record, recorded := p.prior.Records[address]
	_, declared := p.desired.Resources[address]
	return recorded && !declared && record.Status != state.Deleting && p.prior.Members[record.Member].MayHoldData
}

// alone tells whether an address is all that its block declares.
func (p *planning) alone(address resource.Address) bool {
	block := p.desired.Blocks[address.Block()]
	return address.Key == resource.NoKey || block.Mode == "count" && block.Count == 1
}

func (p *planning) relabelledInstance(r *resource.Resource, was resource.Address) {
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "relabelled", Address: r.Address.String(), Subject: r.Range,
		Summary: fmt.Sprintf("%s looks like a new label for %s", r.Address, was),
		Detail: fmt.Sprintf("An address names the server in the state, and %s is not in the configuration any more: the plan would remove it "+
			"with its data and build an empty server under the new address. Nothing was changed.", was),
		Hint: fmt.Sprintf("Keep the label %s. If a second server is really meant, remove the old block in an apply of its own. To give the "+
			"record its new address, add this to the configuration:", was) + movedHint(was, r.Address),
	})
}

// movesAlong tells whether a database or user is declared in an instance that was told to look like a new label: the
// instance is the mistake.
func (p *planning) movesAlong(r *resource.Resource) bool {
	host, _ := hostOf(r.Body)
	_, told := p.relabel[host]
	return told
}
