package planner

import (
	"fmt"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
)

// released finds the servers of the machines that `state rm` took out of the record, by name.
func released(prior *state.Snapshot, seen Observation) map[string]Marked {
	out := map[string]Marked{}
	for _, m := range seen.Marked {
		ours := m.Lineage8 == prior.Lineage8() && m.Service == string(state.SlotServer)
		if ours && prior.Members[state.MemberID(m.Member)].Released {
			out[m.Name] = m
		}
	}
	return out
}

// secondMachine warns before an instance is made beside the one of the same name that was taken out of the record.
func (p *planning) secondMachine(r *resource.Resource, body *resource.Instance) {
	m, there := p.released[body.Name]
	if !there {
		return
	}
	p.diags = append(p.diags, diag.Diagnostic{
		Severity: diag.Warning, Code: "released", Address: r.Address.String(), Subject: r.Range,
		Summary: fmt.Sprintf("%s still runs, and nothing records it", body.Name),
		Detail: fmt.Sprintf("`state rm` took the server %s out of the record. The plan makes another, empty one of the same name for %s, and leaves that one as it is.",
			m.ID, r.Address),
		Hint: fmt.Sprintf("To take it back instead: trovectl import '%s' %s", r.Address, m.ID),
	})
}
