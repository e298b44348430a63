package command

import (
	"fmt"
	"slices"

	"github.com/trovectl/trovectl/config/diag"
	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/planner/plan"
)

// missingConsent lists what an unattended run may not do without its flag.
func missingConsent(p *plan.Plan, f *flags, mode plan.Mode) diag.List {
	var list diag.List
	all := slices.Contains(f.allowDestroy, "all")
	if all && mode != plan.ModeDestroy {
		list = list.Errorf(nil, "-allow-destroy all is for destroy", "An apply names what it may destroy: -allow-destroy ADDRESS, once for each.")
		all = false
	}
	allowed, bad := addresses(f.allowDestroy, all)
	list = append(list, bad...)
	downtime, bad := addresses(f.allowDowntime, false)
	list = append(list, bad...)
	for _, s := range p.Steps {
		if len(s.Destroys) > 0 && !all && !slices.Contains(allowed, s.Address) && !slices.Contains(allowed, s.With) {
			list = append(list, destroyRefusal(s, mode))
		}
		if resource.Worse(s.Impact, resource.Reload) != resource.Reload && s.Action == plan.Update && !slices.Contains(downtime, s.Address) {
			list = append(list, diag.Diagnostic{
				Severity: diag.Error, Address: s.Address.String(), Summary: fmt.Sprintf("%s would be interrupted (%s)", s.Address, s.Impact),
				Detail: "An unattended run interrupts clients only with consent. Nothing was changed.",
				Hint:   fmt.Sprintf("Give -allow-downtime '%s', or apply in a terminal and approve there.", s.Address),
			})
		}
	}
	return list
}

func destroyRefusal(s plan.Step, mode plan.Mode) diag.Diagnostic {
	names := ""
	for _, address := range s.Destroys {
		names += "\n  - " + address.String()
	}
	hint := fmt.Sprintf("Give -allow-destroy '%s', or apply in a terminal and approve there.", s.Address)
	if mode == plan.ModeDestroy {
		hint = "Give -allow-destroy all to destroy everything that the plan lists, or -allow-destroy ADDRESS for each."
	}
	return diag.Diagnostic{
		Severity: diag.Error, Address: s.Address.String(), Summary: fmt.Sprintf("The data of %s would be destroyed", s.Address),
		Detail: "-auto-approve is no consent to destroy data. Nothing was changed. It would be lost:" + names, Hint: hint,
	}
}

func addresses(texts []string, all bool) ([]resource.Address, diag.List) {
	var out []resource.Address
	var list diag.List
	for _, text := range texts {
		if text == "all" {
			if !all {
				continue
			}
			continue
		}
		address, err := resource.ParseAddress(text)
		if err != nil {
			list = list.Errorf(nil, "A flag does not name a resource", "%v", err)
			continue
		}
		out = append(out, address)
	}
	return out, list
}
