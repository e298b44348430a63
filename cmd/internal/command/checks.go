package command

import (
	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// plannedChecks judges the conditions as far as they can be known before the apply: what a step touches may look different
// after it.
func (op *operation) plannedChecks(p *plan.Plan) ([]resource.Check, diag.List) {
	computed := op.computed()
	for _, s := range p.Steps {
		delete(computed, s.Address)
	}
	return op.config.Checks(computed)
}

// finalChecks judges the conditions after an apply. A postcondition that does not hold is an error; what was made stays.
func (op *operation) finalChecks() diag.List {
	if op.config.Set == nil {
		return nil
	}
	_, list := op.config.Checks(op.computed())
	return list
}
