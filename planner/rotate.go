package planner

import (
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/state"
)

// rotations plans new keys for the guests that were named. It rests on the record alone: what the configuration asks for
// is another plan's.
func (p *planning) rotations() {
	for _, wanted := range p.opts.Rotate {
		if !slices.ContainsFunc(p.prior.Sorted(), func(r state.Record) bool { return named(r, wanted) }) {
			p.diags = append(p.diags, diag.Diagnostic{
				Severity: diag.Error, Code: "no-such-instance", Address: wanted.String(),
				Summary: fmt.Sprintf("%s is not an instance in the state", wanted), Hint: "`trovectl state list` lists what is.",
			})
		}
	}
	for _, record := range p.prior.Sorted() {
		if slices.ContainsFunc(p.opts.Rotate, func(wanted resource.Address) bool { return named(record, wanted) }) {
			p.rotation(record)
		}
	}
}

func named(r state.Record, wanted resource.Address) bool {
	return r.Address.Kind == resource.KindInstance && (r.Address == wanted || r.Address.Block() == wanted)
}

func (p *planning) rotation(record state.Record) {
	s := p.seen.Seen[record.Address]
	why := unseen(s)
	switch {
	case record.Status != state.Ready:
		why = fmt.Sprintf("it is not ready (%s)", record.Status)
	case s.Presence == Absent:
		why = "it is gone from the cloud"
	}
	if why != "" {
		p.diags = append(p.diags, diag.Diagnostic{
			Severity: diag.Error, Code: "no-rotation", Address: record.Address.String(),
			Summary: fmt.Sprintf("The keys of %s cannot be replaced now", record.Address), Detail: diag.Sentence(why),
			Hint: "Its guest has to answer: `trovectl doctor` looks at the way there. Nothing was changed.",
		})
		return
	}
	if s.Parts.Locked { // the generation is announced in the server's metadata
		p.serverLocked(diag.Error, record.Address, nil, "its keys are to be replaced")
		return
	}
	member := p.prior.Members[record.Member]
	next := member.Rotating
	if next == 0 {
		next = member.Generation + 1
	}
	step := &plan.Step{
		ID: string(plan.Update) + " " + record.Address.String(), Action: plan.Update, Address: record.Address,
		Reason: plan.Reason{Code: plan.ReasonRequested, Text: "its keys are to be replaced"}, Impact: resource.Online,
		Changes: []plan.Change{{
			Path: plan.PathKeys, Before: generation(member.Generation), After: generation(next), Impact: resource.Online,
		}},
		Before: plan.Body{Body: record.Body}, After: plan.Body{Body: record.Body},
		Protect: record.Protect, DependsOn: record.DependsOn, Member: string(record.Member),
	}
	p.facts(step, record, s, difference{}, record.Body)
	p.steps[record.Address] = step
}

func generation(n int) string { return fmt.Sprintf("generation %d", n) }
