package planner

import (
	"fmt"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// adopts tells that a step finds what it makes, and what it changes of it. What cannot be changed in place is refused.
func (p *planning) adopts(s *plan.Step, r *resource.Resource, found resource.Body) {
	d := p.threeWay(r.Body, found, found)
	p.refuse(r, d)
	var changed []string
	for _, c := range d.changes {
		switch {
		case c.Sensitive:
		case c.After == nil:
			changed = append(changed, fmt.Sprintf("%s goes (%v)", c.Path, c.Before))
		case c.Before == nil:
			changed = append(changed, fmt.Sprintf("%s becomes %v", c.Path, c.After))
		default:
			changed = append(changed, fmt.Sprintf("%s becomes %v (it is %v)", c.Path, c.After, c.Before))
		}
	}
	if password, path := resource.PasswordOf(r.Body); password != nil {
		changed = append(changed, path+" is set")
	}
	note := "exists already and will be adopted"
	if len(changed) > 0 {
		note += ": " + strings.Join(changed, ", ")
	}
	s.Notes = append(s.Notes, note)
}
